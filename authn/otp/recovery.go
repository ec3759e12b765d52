package otp

import (
	"context"
	"crypto/rand"
	"strings"
	"time"
	"unicode"
)

// RecoverySet is how many recovery codes somebody gets; RecoveryFew is with how
// many left they are told to make new ones.
const (
	RecoverySet = 10
	RecoveryFew = 3
)

// crockford are the signs of Crockford's base32, without I, L, O and U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// recoverySigns are the signs of a recovery code: 50 bits.
const recoverySigns = 10

// NewRecoveryCodes makes a set, each written as "XXXXX-XXXXX".
func NewRecoveryCodes() []string {
	codes := make([]string, RecoverySet)
	for i := range codes {
		b := make([]byte, recoverySigns)
		rand.Read(b)
		for j := range b {
			b[j] = crockford[b[j]%byte(len(crockford))] // 32 divides 256
		}
		codes[i] = string(b[:recoverySigns/2]) + "-" + string(b[recoverySigns/2:])
	}
	return codes
}

// ParseRecoveryCode reads a recovery code as people type it: in either case, with
// spaces and hyphens anywhere, O for 0, and I or L for 1. It returns the signs
// alone. What cannot be one is a [CodeError].
func ParseRecoveryCode(typed string) (string, error) {
	if len(typed) > maxTyped {
		return "", wrongLength("recovery_length", recoverySigns, "This is too long for a recovery code.")
	}
	code := make([]byte, 0, recoverySigns)
	for _, r := range typed {
		if separates(r) {
			continue
		}
		if d, ok := digit(r); ok {
			code = append(code, d)
			continue
		}
		switch r = unicode.ToUpper(r); {
		case r == 'O':
			code = append(code, '0')
		case r == 'I' || r == 'L':
			code = append(code, '1')
		case r <= unicode.MaxASCII && strings.IndexByte(crockford, byte(r)) >= 0:
			code = append(code, byte(r))
		default:
			return "", unlike("recovery_signs", "A recovery code has only the letters A to Z without U, and digits.")
		}
	}
	if len(code) != recoverySigns {
		return "", wrongLength("recovery_length", recoverySigns, "A recovery code has %d letters and digits; you typed %d.", recoverySigns, len(code))
	}
	return string(code), nil
}

// RecoveryCodes keeps the HMACs of recovery codes within one transaction.
type RecoveryCodes interface {
	// Replace puts a new set in place of all that the user has.
	Replace(ctx context.Context, user string, macs [][]byte) error
	// Use marks a code as used, and reports whether it was there and unused: of those
	// who use it at once exactly one is told so.
	Use(ctx context.Context, user string, mac []byte, now time.Time) (bool, error)
	// Left returns how many are unused.
	Left(ctx context.Context, user string) (int, error)
	// RemoveAll removes the user's.
	RemoveAll(ctx context.Context, user string) error
}

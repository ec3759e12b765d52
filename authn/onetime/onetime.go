// Package onetime is what works once: the link and the code of a message, the
// ticket between two steps of a sign-in, the challenge of a ceremony. It keeps
// hashes; whoever reads the store cannot use what is in it.
package onetime

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A Purpose says what a token is good for, and nothing else is it good for.
type Purpose string

// A Token works once, for one purpose, until it expires. Times have millisecond
// precision.
type Token struct {
	ID       string  // "otk_…", ordered by time
	Hash     []byte  // SHA-256 of the value; nothing else of it is kept
	CodeMAC  []byte  // of the short code that does the same, see [Codes]; nil = there is none
	User     string  // "" = nobody's: made for a name that does not exist, or before anybody said who they are
	Purpose  Purpose // what redeems it must ask for
	Target   string  // what it is about, such as an address; "" = nothing beside the user
	Data     []byte  // JSON of who made it; nil = none
	Position revoke.Position
	// Position of the log when the request began: what ended the user's credentials
	// after it ends the token.

	CreatedAt time.Time
	ExpiresAt time.Time
}

// Alive reports whether the token may still be redeemed.
func (t *Token) Alive(now time.Time) bool { return now.Before(t.ExpiresAt) }

// ErrNotFound means that there is no such token, or no longer.
var ErrNotFound = errors.New("no such one-time token")

// A Store keeps tokens within one transaction. One that expired may still be
// returned: ask [Token.Alive].
type Store interface {
	Create(ctx context.Context, t Token) error
	// ByHash returns the token of that purpose and hash.
	ByHash(ctx context.Context, p Purpose, hash []byte) (Token, error)
	// Newest returns the user's newest token of that purpose: the only one whose code
	// counts.
	Newest(ctx context.Context, user string, p Purpose) (Token, error)
	// SetData replaces the data of a token that is there: what a later step of the same
	// request has found.
	SetData(ctx context.Context, id string, data []byte) error
	// Consume removes the token and reports whether it was there and alive: true for
	// exactly one of those who try at once.
	Consume(ctx context.Context, id string, now time.Time) (bool, error)
	// EndAll removes the user's tokens of these purposes, or of all if none is named.
	EndAll(ctx context.Context, user string, purposes ...Purpose) error
}

// Codes are the short codes that people type. What is stored is an HMAC, since a
// code has too few bits for a hash.
type Codes struct {
	// Key is at least 16 bytes, secret, and used for nothing else.
	Key []byte
}

// MAC returns what is stored of a code, bound to what it is good for and whose it
// is: a code of another purpose or user never matches.
func (c Codes) MAC(p Purpose, user, code string) []byte {
	h := hmac.New(sha256.New, c.Key)
	for _, part := range []string{string(p), user, code} {
		h.Write([]byte{byte(len(part) >> 8), byte(len(part))})
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// Match reports whether code is that of t, in constant time.
func (c Codes) Match(t *Token, code string) bool {
	return len(t.CodeMAC) > 0 && subtle.ConstantTimeCompare(t.CodeMAC, c.MAC(t.Purpose, t.User, code)) == 1
}

// alphabet is Crockford's base 32: no I, L, O or U.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewCode returns a code of 8 characters that alone may open an account: 40 bits
// from random, of which 5 bytes are taken. [ShowCode] writes it for people.
func NewCode(random func([]byte)) string {
	var b [5]byte
	random(b[:])
	var n uint64
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	out := make([]byte, 8)
	for i := range out {
		out[i] = alphabet[n>>(35-5*i)&31]
	}
	return string(out)
}

// ShowCode writes a code in two groups.
func ShowCode(code string) string { return code[:4] + "-" + code[4:] }

// ParseCode reads a code as people type it: case, spaces and hyphens do not
// matter, O is 0, I and L are 1. It reports whether that is a code at all.
func ParseCode(typed string) (string, bool) {
	if len(typed) > 64 {
		return "", false
	}
	code := strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '-' || r == '\u00a0' || r == '\t' || r == '\u2010' || r == '\u2011':
			return -1
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		switch r {
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return r
	}, typed)
	return code, len(code) == 8 && strings.Trim(code, alphabet) == ""
}

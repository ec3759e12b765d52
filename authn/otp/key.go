package otp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

// An Algorithm is the hash below a key's HMAC, as an otpauth address names it.
type Algorithm string

// The algorithms of RFC 6238. What we make is SHA-1, the only one that every
// authenticator app knows; HMAC does not suffer from the collisions of SHA-1.
const (
	SHA1   Algorithm = "SHA1"
	SHA256 Algorithm = "SHA256"
	SHA512 Algorithm = "SHA512"
)

func (a Algorithm) new() func() hash.Hash {
	switch a {
	case SHA1:
		return sha1.New
	case SHA256:
		return sha256.New
	case SHA512:
		return sha512.New
	}
	return nil
}

// A Key is what an authenticator app and we share. Make one with [NewKey] or
// [Parse]; the zero Key makes no code and matches none.
type Key struct {
	Secret    []byte
	Algorithm Algorithm
	Digits    int           // 6 to 8
	Period    time.Duration // of a step: whole seconds
}

// Bounds of a key that somebody else made (RFC 4226 §4 asks for 128 bits; older
// programs handed out 80).
const (
	minSecret = 10
	maxSecret = 128
	minPeriod = 10 * time.Second
	maxPeriod = 5 * time.Minute
)

// NewKey makes a key as every app reads it: 160 bits (RFC 4226 §4), SHA-1, six
// digits, 30 seconds.
func NewKey() Key {
	k := Key{Secret: make([]byte, 20), Algorithm: SHA1, Digits: 6, Period: 30 * time.Second}
	rand.Read(k.Secret)
	return k
}

func (k Key) check() error {
	switch {
	case len(k.Secret) < minSecret || len(k.Secret) > maxSecret:
		return fmt.Errorf("a secret has %d to %d bytes, this one %d", minSecret, maxSecret, len(k.Secret))
	case k.Algorithm.new() == nil:
		return fmt.Errorf("algorithm %.20q is none of SHA1, SHA256 and SHA512", k.Algorithm)
	case k.Digits < 6 || k.Digits > 8:
		return fmt.Errorf("a code of %d digits; six to eight are possible", k.Digits)
	case k.Period < minPeriod || k.Period > maxPeriod || k.Period%time.Second != 0:
		return fmt.Errorf("a period of %v; whole seconds from %v to %v are possible", k.Period, minPeriod, maxPeriod)
	}
	return nil
}

// Step returns the number of the time step that t is in (RFC 6238 §4.2).
func (k Key) Step(t time.Time) int64 {
	if k.Period < time.Second {
		return 0
	}
	return t.Unix() / int64(k.Period/time.Second)
}

// Code returns the code of a step.
func (k Key) Code(step int64) string {
	if k.check() != nil {
		return ""
	}
	return k.code(step)
}

// code is RFC 4226 §5.3.
func (k Key) code(step int64) string {
	mac := hmac.New(k.Algorithm.new(), k.Secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	text := fmt.Sprintf("%010d", n)
	return text[len(text)-k.Digits:]
}

// Match looks for code, which [ParseCode] has read, in the step of now and the
// one on either side (RFC 6238 §5.2: a clock may be a little off). It returns the
// matching step and true. A step counts only after last, the step of the code
// that was used last: a code is good once. If code is one of those that are used
// up, step is its step all the same, and ok false; if it is none, step is zero.
//
// Two uses at once match both: the caller moves last on by compare-and-set, and
// only who moved it is let in.
func (k Key) Match(code string, now time.Time, last int64) (step int64, ok bool) {
	if k.check() != nil {
		return 0, false
	}
	middle := k.Step(now)
	for s := middle - 1; s <= middle+1; s++ {
		if s <= 0 || !secret.Equal([]byte(k.code(s)), []byte(code)) {
			continue
		}
		if s > last {
			return s, true
		}
		step = s
	}
	return step, false
}

// Text returns the secret as apps want it typed: base32 in groups of four.
func (k Key) Text() string {
	text := encoding.EncodeToString(k.Secret)
	var groups []string
	for len(text) > 4 {
		groups, text = append(groups, text[:4]), text[4:]
	}
	return strings.Join(append(groups, text), " ")
}

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

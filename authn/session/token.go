package session

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

// Timeouts end sessions. The zero Timeouts are the defaults.
type Timeouts struct {
	Idle     time.Duration // without a request; 0 = 7 days
	Absolute time.Duration // after sign-in, whatever happens; 0 = 30 days
}

const day = 24 * time.Hour

// IdleOrDefault returns the idle timeout in force.
func (t Timeouts) IdleOrDefault() time.Duration { return cmp.Or(t.Idle, 7*day) }

// AbsoluteOrDefault returns the absolute timeout in force.
func (t Timeouts) AbsoluteOrDefault() time.Duration { return cmp.Or(t.Absolute, 30*day) }

// New returns a session that begins now, and the value of its cookie: 256 random
// bits of which the session keeps the SHA-256 only. Position, AuthTime, AMR and
// AAL are for the caller to fill in.
func (t Timeouts) New(subject string, now time.Time) (s Session, cookie string) {
	cookie = secret.NewToken()
	return Session{
		ID: secret.NewID("ses"), TokenHash: secret.Hash(cookie), Subject: subject,
		CreatedAt: now, LastSeenAt: now,
		IdleExpiresAt: now.Add(t.IdleOrDefault()), ExpiresAt: now.Add(t.AbsoluteOrDefault()),
	}, cookie
}

const tokenSize = 43 // 256 bits in unpadded base64url

var strict = base64.RawURLEncoding.Strict()

// hashToken returns the SHA-256 of a cookie's value, if it can be one of ours.
func hashToken(value string) (hash [32]byte, ok bool) {
	if len(value) != tokenSize {
		return hash, false
	}
	var text [tokenSize]byte
	copy(text[:], value)
	var bits [32]byte
	if n, err := strict.Decode(bits[:], text[:]); err != nil || n != len(bits) { // it skips line breaks
		return hash, false
	}
	return sha256.Sum256(text[:]), true
}

// Package device is the browsers that somebody has signed in from before. A browser
// is known by a cookie of its own, which names nobody and outlives the session. It
// is no credential: it proves nothing but that a sign-in here has succeeded, which
// is worth a budget of failures apart from those of strangers, and, if its user
// asked for that, a second factor.
package device

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Device is one browser as one user's. Times have millisecond precision.
type Device struct {
	ID        string // "dev_…"
	User      string
	Hash      []byte // SHA-256 of the cookie's value; nothing else of it is kept
	UserAgent string
	Address   string // of the last sign-in; "" = unknown

	// TrustedUntil is until when a second factor is not asked for; zero = it is.
	// Trusted is the position at which that began: whatever ends the user's
	// credentials afterwards ends it.
	TrustedUntil time.Time
	Trusted      revoke.Position

	CreatedAt  time.Time
	LastSeenAt time.Time // of the last sign-in
	ExpiresAt  time.Time // Lifetime after it
}

// Lifetime is how long after its last sign-in a device is known, and Most how many
// are known of a user: of more, those that were not seen for longest are forgotten.
const (
	Lifetime = 365 * 24 * time.Hour
	Most     = 50
)

// ErrNotFound means that there is no such device, or no longer.
var ErrNotFound = errors.New("no such device")

// A Store keeps devices within one transaction. A device that expired may still be
// returned.
type Store interface {
	Create(ctx context.Context, d Device) error
	// ByHash returns the user's device with that hash, or ErrNotFound.
	ByHash(ctx context.Context, user string, hash []byte) (Device, error)
	// Update writes what may change: user agent, address, trust, last seen, expiry.
	Update(ctx context.Context, d Device) error
	// Rename gives the browser another cookie: for all its users.
	Rename(ctx context.Context, old, hash []byte) error
	// List returns the user's devices, the one that was seen last first.
	List(ctx context.Context, user string) ([]Device, error)
	// Remove removes one device of the user and reports whether it was there.
	Remove(ctx context.Context, user, id string) (bool, error)
	// RemoveOthers removes all devices of the user except one ("" = all).
	RemoveOthers(ctx context.Context, user, except string) error
	// EndTrust ends the trust in all devices of the user.
	EndTrust(ctx context.Context, user string) error
}

const size = 43 // 256 bits in unpadded base64url

var strict = base64.RawURLEncoding.Strict()

// Hash returns the SHA-256 of a cookie's value, nil if it cannot be one of ours.
func Hash(value string) []byte {
	if len(value) != size || strings.ContainsAny(value, "\r\n") { // which a decoder skips
		return nil
	}
	if b, err := strict.DecodeString(value); err != nil || len(b) != 32 {
		return nil
	}
	return secret.Hash(value)
}

// Likeness is what a client that keeps no cookies is known by: the same program on
// the same network. Anybody can look like that, so it spares its user a notice and
// nothing else. It is the hash of no cookie.
func Likeness(userAgent, network string) []byte {
	return secret.Hash("program\x00" + userAgent + "\x00" + network)
}

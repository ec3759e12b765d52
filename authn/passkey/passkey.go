// Package passkey is WebAuthn for passkeys: what a page needs to have a device make
// or use one, and whether what the page brings back is good. In this package an
// authenticator is called the device, as elsewhere it is our type.
package passkey

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

// A Passkey is what is kept of one: nothing that is secret. Times have millisecond
// precision.
type Passkey struct {
	ID           string // "pky_…"
	User         string // subject
	Handle       []byte // of the user, as the device was told; what it returns must be the same
	CredentialID []byte // chosen by the device
	PublicKey    []byte // COSE key
	SignCount    uint32 // of the last use; 0 = the device does not count
	AAGUID       [16]byte
	Transports   []string // as the browser said them

	// Synced passkeys may be copied to other devices: "backup eligible", which never
	// changes. BackedUp says whether that has been done.
	Synced   bool
	BackedUp bool
	// Unseen means that it came from a system that does not know whether it is synced:
	// its first use says.
	Unseen bool

	Name       string // for its owner
	CreatedAt  time.Time
	LastUsedAt time.Time // zero = never
}

const idPrefix = "pky"

// IsID reports whether s has the form of an identifier of a passkey.
func IsID(s string) bool { return secret.IsID(idPrefix, s) }

// What a caller does next depends on these.
var (
	// ErrNotFound means that there is no such passkey, or no longer.
	ErrNotFound = errors.New("no such passkey")
	// ErrTaken means that a passkey with that credential id is there already.
	ErrTaken = errors.New("passkey is there already")
	// ErrMalformed means that what came is no answer of a device at all.
	ErrMalformed = errors.New("malformed passkey response")
	// ErrRefused means that a device answered, and that it proves nothing here.
	ErrRefused = errors.New("passkey refused")
	// ErrCopied means that the counter of a device that cannot be copied went back: it
	// was copied, or something answers in its place.
	ErrCopied = errors.New("passkey counter went back")
)

// A Store keeps passkeys within one transaction.
type Store interface {
	Create(ctx context.Context, k Passkey) error // ErrTaken
	ByCredential(ctx context.Context, credentialID []byte) (Passkey, error)
	// List returns the user's passkeys, newest first.
	List(ctx context.Context, user string) ([]Passkey, error)
	// Use records a use. It returns ErrNotFound if the passkey is gone.
	Use(ctx context.Context, id string, u Use, now time.Time) error
	// Rename reports whether the user has that passkey.
	Rename(ctx context.Context, id, user, name string) (bool, error)
	// Remove removes a passkey of that user and reports whether it was there.
	Remove(ctx context.Context, id, user string) (bool, error)
	// RemoveAll removes all of the user's passkeys.
	RemoveAll(ctx context.Context, user string) error
}

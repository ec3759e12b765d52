package apikey

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A Key is an API key as it is kept: the secret itself is shown once, at
// creation, and never again. Times have millisecond precision.
type Key struct {
	ID         string
	Hash       []byte // SHA-256 of the whole key
	Owner      string // subject
	Org        string // in which it acts while the owner is a member; "" = none
	Name       string
	Scopes     []string // upper bound of what it may do; never nil
	Last4      string   // of the whole key, so that a person can tell keys apart
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero = never
	LastUsedAt time.Time // written at most once a minute; zero = never
}

// IDs are what a revocation may name. The organization is that of the key, also if
// its owner has left it: they may be asked back.
func (k *Key) IDs() revoke.IDs { return revoke.IDs{APIKey: k.ID, Subject: k.Owner, Org: k.Org} }

// ErrNotFound means that there is no such key, or no longer.
var ErrNotFound = errors.New("no such API key")

// A Store keeps API keys within one transaction.
type Store interface {
	Create(ctx context.Context, k Key) error
	// ByID returns a key whose owner exists and is active; others are not found.
	ByID(ctx context.Context, id string) (Key, error)
	// Touch records a use; it never moves the time back.
	Touch(ctx context.Context, id string, used time.Time) error
	// List returns the owner's keys, newest first.
	List(ctx context.Context, owner string) ([]Key, error)
	// Revoke removes a key of that owner ("" = any) and reports whether it was there.
	Revoke(ctx context.Context, id, owner string) (bool, error)
	// RevokeAll removes all keys of the owner and returns their ids.
	RevokeAll(ctx context.Context, owner string) ([]string, error)
}

package clientcert

import (
	"context"
	"errors"
	"time"
)

// A Mapping says whom a name of certificates stands for. Times have millisecond
// precision.
type Mapping struct {
	ID         string // "crt_…"
	Owner      string // subject
	Name       Name
	Label      string    // for people; "" = none
	Service    bool      // a program that acts for itself, not a person
	ExpiresAt  time.Time // of the mapping; zero = never
	CreatedAt  time.Time
	LastUsedAt time.Time // written at most once a minute; zero = never
}

// ErrNotFound means that there is no such mapping, or no longer; ErrTaken that the
// name stands for somebody already.
var (
	ErrNotFound = errors.New("it is mapped to nobody")
	ErrTaken    = errors.New("this name of certificates is mapped already")
)

// A Store keeps mappings within one transaction.
type Store interface {
	Create(ctx context.Context, m Mapping) error // ErrTaken
	// ByName returns a mapping whose owner exists and is active; others are not
	// found. One that has expired may be returned.
	ByName(ctx context.Context, n Name) (Mapping, error)
	// ByID returns a mapping whoever its owner is.
	ByID(ctx context.Context, id string) (Mapping, error)
	// Touch records a use; it never moves the time back.
	Touch(ctx context.Context, id string, used time.Time) error
	// List returns the owner's mappings, newest first.
	List(ctx context.Context, owner string) ([]Mapping, error)
	// Remove removes a mapping and reports whether it was there.
	Remove(ctx context.Context, id string) (bool, error)
	// RemoveAll removes all mappings of the owner.
	RemoveAll(ctx context.Context, owner string) error
}

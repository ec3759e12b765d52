package limit

import (
	"context"
	"time"
)

// Failures is what is remembered of one key: a name, an address, or both
// together. The zero Failures is a clean slate. Times have millisecond precision.
type Failures struct {
	Count       int
	FirstAt     time.Time // start of the window that Count counts
	LockedUntil time.Time // no attempt is looked at before; zero = none
}

// A Store keeps failures within one transaction.
type Store interface {
	// Lock returns what is remembered of key, the zero Failures if nothing, and
	// keeps every other transaction from the same key until this one ends.
	Lock(ctx context.Context, key []byte) (Failures, error)
	// Set remembers f under key, until it means nothing any more; the zero
	// Failures forgets the key.
	Set(ctx context.Context, key []byte, f Failures, until time.Time) error
}

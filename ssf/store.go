package ssf

import (
	"context"
	"time"
)

// Signals keeps what happened until everybody was told, within one transaction.
type Signals interface {
	// Append keeps the signals if there is a stream, and otherwise forgets them. It is
	// for who holds the counter row of the log, that is after revoke.Log.Append: then a
	// stream that is being made sees the signal, or is seen.
	Append(ctx context.Context, signals ...Signal) error
	// Read returns up to limit signals with Seq > after, in order.
	Read(ctx context.Context, after int64, limit int) ([]Signal, error)
}

// Streams keeps streams within one transaction.
type Streams interface {
	Create(ctx context.Context, s Stream) error
	ByID(ctx context.Context, id string) (Stream, error) // ErrNotFound
	// Lock is ByID that keeps other transactions from the stream until this one ends.
	Lock(ctx context.Context, id string) (Stream, error)
	// Of returns the owner's streams in order of id.
	Of(ctx context.Context, owner string) ([]Stream, error)
	// Update writes everything but ID, Owner and CreatedAt of a stream that this
	// transaction has locked.
	Update(ctx context.Context, s Stream) error
	// Delete reports whether the stream was there; DeleteOf removes all of an owner's.
	Delete(ctx context.Context, id string) (bool, error)
	DeleteOf(ctx context.Context, owner string) error
	// Due returns up to limit ids of streams that have something to be pushed by now
	// and that nobody pushes, those that have waited longest first.
	Due(ctx context.Context, now time.Time, limit int) ([]string, error)
	// Behind returns up to limit ids of streams, not disabled, that a signal from
	// before then still waits for.
	Behind(ctx context.Context, before time.Time, limit int) ([]string, error)
}

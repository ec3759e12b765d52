// Package store has what the SQL back ends below it have in common: the state
// of a database's schema, and what may be wrong with it when it is opened. The
// contract of every back end is account.Store, and storetest proves it.
package store

import (
	"errors"
	"time"
)

// A Migration is one step of the schema. Steps are applied in order and never
// taken back.
type Migration struct {
	Version   int64 // from 1, without gaps
	Name      string
	AppliedAt time.Time // zero = pending
}

// What may be wrong with a database. Errors that wrap one of them are one
// sentence that says which database it is.
var (
	// ErrNewer means that a newer release has migrated the database.
	ErrNewer = errors.New("database belongs to a newer release")
	// ErrPending means that migrations are to be applied first.
	ErrPending = errors.New("database needs to be migrated")
	// ErrEmpty means that this is because nothing has been set up yet, or that this was cut off. It
	// comes with ErrPending.
	ErrEmpty = errors.New("nothing has been set up in it yet")
	// ErrForeign means that somebody else's tables are where ours would be, or
	// that the file is not a database at all.
	ErrForeign = errors.New("not a database of Sallyport")
	// ErrClosed means that the store has been closed.
	ErrClosed = errors.New("store is closed")
	// ErrText means that a text cannot be stored: it contains NUL, or is not UTF-8.
	ErrText = errors.New("text contains NUL or is not valid UTF-8")
)

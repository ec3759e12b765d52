package sqlite

import (
	"context"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
)

// Transact runs f in a turn of the writer, with prepared statements.
func (db *DB) Transact(ctx context.Context, f func(sqldb.Conn) error) error { return db.update(ctx, f) }

// Reading runs f in a transaction that only reads, as View does.
func (db *DB) Reading(ctx context.Context, f func(sqldb.Conn) error) error {
	return db.readers.view(ctx, f)
}

var (
	Unnumbered = unnumbered
	Steady     = steady
)

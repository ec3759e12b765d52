package postgres

import (
	"context"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
)

// Transact runs f in a transaction.
func (db *DB) Transact(ctx context.Context, f func(sqldb.Conn) error) error { return db.update(ctx, f) }

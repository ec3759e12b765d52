package postgres

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
)

// Transact runs f in a transaction.
func (db *DB) Transact(ctx context.Context, f func(sqldb.Conn) error) error { return db.update(ctx, f) }

// TransactPlainly does so with a round trip for BEGIN, as most programs do.
func (db *DB) TransactPlainly(ctx context.Context, f func(sqldb.Conn) error) error {
	t := &tx{deadline: time.Now().Add(timeout)}
	return db.with(ctx, t, func(c sqldb.Conn) error {
		if _, err := c.Exec(ctx, "BEGIN"); err != nil {
			return err
		}
		return f(c)
	})
}

// SetQuiet sets how long a connection that listens may say nothing.
func (db *DB) SetQuiet(d time.Duration) { db.quiet = d }

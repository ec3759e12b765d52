package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/store"
)

// Text is compared byte by byte whatever the locale of the database, as on
// SQLite: the order of ids and the range of a prefix depend on it.
var dialect = sqldb.Dialect{
	Name: "postgres", Text: `TEXT COLLATE "C"`,
	Tables: `SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()`,
}

// migrationLock is the advisory lock of whoever migrates: "Sprt", then 1.
const migrationLock = 0x5370727400000001

// Migrate applies what is pending and returns it.
func Migrate(ctx context.Context, dsn string) ([]store.Migration, error) {
	return withDB(ctx, dsn, (*DB).migrate)
}

// MigrationStatus returns every migration that this release knows, and changes
// nothing.
func MigrationStatus(ctx context.Context, dsn string) ([]store.Migration, error) {
	return withDB(ctx, dsn, (*DB).check)
}

func withDB(ctx context.Context, dsn string, f func(*DB, context.Context) ([]store.Migration, error)) ([]store.Migration, error) {
	db, err := connect(ctx, Config{DSN: dsn, MaxConns: 1})
	if err != nil {
		return nil, err
	}
	out, err := f(db, ctx)
	return out, errors.Join(err, db.Close())
}

func (db *DB) check(ctx context.Context) (state []store.Migration, err error) {
	_, err = db.transact(ctx, readOnly, func(c sqldb.Conn) error {
		state, err = sqldb.Check(ctx, c, dialect)
		return err
	})
	return state, err
}

// migrate may take longer than other transactions, and waits for another node
// that migrates.
func (db *DB) migrate(ctx context.Context) (applied []store.Migration, err error) {
	t := &tx{begin: `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`, deadline: time.Now().Add(time.Hour)}
	err = db.with(ctx, t, func(c sqldb.Conn) error {
		if _, err := c.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
			return err
		}
		applied, err = sqldb.Migrate(ctx, c, dialect, time.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return applied, nil
}

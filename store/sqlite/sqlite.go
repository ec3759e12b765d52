// Package sqlite keeps everything in one SQLite file, which the program around
// it may use for tables of its own.
//
// One connection writes and all others read. Callers that wait to write are put
// into one transaction together, each within a savepoint of its own, so that one
// wait for the disk serves them all and one that fails fails alone. A caller is
// told that its change is kept when it is on the disk (synchronous=FULL), never
// before. The write-ahead log is copied into the database beside the writer.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
)

// Open opens the database file at path, makes it if there is none, and migrates
// it. Errors are one sentence; among them are those of package store.
func Open(path string) (*DB, error) { return Config{Path: path}.Open(context.Background()) }

// A Config says how to open a database. Path is required.
type Config struct {
	Path string
	// Readers is how many connections read for Sallyport, and how many for the
	// program around it. If zero, one per processor, and at least 4.
	Readers int
	// NoMigrate makes Open fail with store.ErrPending rather than migrate.
	NoMigrate bool
}

func (c *Config) readers() int {
	if c.Readers > 0 {
		return c.Readers
	}
	return max(4, runtime.GOMAXPROCS(0))
}

// A DB is an open database file. It is safe for concurrent use.
//
// The program around it keeps tables of its own in the same file: it reads
// through Read and writes through Write and Exec, in the turn of the one writer.
// It leaves to Sallyport the pragma application_id and the names of Sallyport's
// tables.
type DB struct {
	// Read has connections that only read. Rows that are not closed keep the
	// write-ahead log from being reused.
	Read *sql.DB

	path         string
	writer       *writer
	readers      *readers
	checkpointer *checkpointer
}

var (
	_ account.Store  = (*DB)(nil)
	_ account.Looker = (*DB)(nil)
)

// Open opens the database.
func (c Config) Open(ctx context.Context) (*DB, error) {
	f, err := openFile(ctx, c.Path, true)
	if err != nil {
		return nil, err
	}
	db, err := c.open(ctx, f)
	if err != nil {
		return nil, errors.Join(sentence(f.path, err), f.Close())
	}
	return db, nil
}

func (c Config) open(ctx context.Context, f *file) (*DB, error) {
	if err := c.prepare(ctx, f); err != nil {
		return nil, err
	}
	w, err := newWriter(ctx, f)
	if err != nil {
		return nil, err
	}
	r, err := openReaders(ctx, f.path, c.readers())
	if err != nil {
		return nil, err
	}
	read, err := sql.Open(driverName, readerDSN(f.path))
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	read.SetMaxOpenConns(c.readers())
	read.SetMaxIdleConns(c.readers())
	k, err := startCheckpointer(f.path, w)
	if err != nil {
		return nil, errors.Join(err, read.Close(), r.Close())
	}
	return &DB{Read: read, path: f.path, writer: w, readers: r, checkpointer: k}, nil
}

// prepare makes the file ours and up to date before anybody else uses it.
func (c Config) prepare(ctx context.Context, f *file) error {
	state, err := f.check(ctx)
	if err != nil {
		return err
	}
	if pending := sqldb.Pending(state); pending != nil {
		if c.NoMigrate {
			return pending
		}
		if _, err := f.migrate(ctx); err != nil {
			return err
		}
	}
	return f.tune(ctx)
}

// Path returns the absolute path of the file.
func (db *DB) Path() string { return db.path }

// View runs f in a transaction that reads one state of the database.
func (db *DB) View(ctx context.Context, f func(account.Tx) error) error {
	return db.readers.view(ctx, func(c sqldb.Conn) error { return f(sqldb.NewTx(c)) })
}

// Look implements [account.Looker].
func (db *DB) Look(ctx context.Context, f func(account.Tx) error) error {
	return db.readers.look(ctx, func(c sqldb.Conn) error { return f(sqldb.NewTx(c)) })
}

// Update runs f in a transaction and returns when it is on the disk. f runs in
// the goroutine of the caller and must not call Update, Write or Exec: it would
// wait for itself. If the disk fails, f's error may be replaced by that, because
// what made f fail may have been part of what is now undone.
func (db *DB) Update(ctx context.Context, f func(account.Tx) error) error {
	return db.update(ctx, func(c sqldb.Conn) error { return f(sqldb.NewTx(c)) })
}

func (db *DB) update(ctx context.Context, f func(sqldb.Conn) error) error {
	return db.writer.do(ctx, func(t *turn) error { return f(t) })
}

// Write runs f in a transaction beside Sallyport's own writes, as Update does.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error {
	return db.writer.do(ctx, func(t *turn) error { return f(&Tx{t}) })
}

// Exec is Write for one statement.
func (db *DB) Exec(ctx context.Context, query string, args ...any) error {
	return db.Write(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// Sweep deletes what has expired.
func (db *DB) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return sqldb.Sweep(ctx, db.update, now, limit)
}

// Ping reads from the file.
func (db *DB) Ping(ctx context.Context) error {
	return db.View(ctx, func(tx account.Tx) error {
		_, err := tx.Log.Head(ctx)
		return err
	})
}

// Close waits for transactions under way, and fails all later ones with
// store.ErrClosed.
func (db *DB) Close() error {
	err := errors.Join(db.checkpointer.Close(), db.Read.Close(), db.readers.Close(), db.writer.Close())
	if err != nil {
		return fmt.Errorf("closing %s: %w", db.path, err)
	}
	return nil
}

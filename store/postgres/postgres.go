// Package postgres keeps everything in a PostgreSQL database, which several
// nodes may share.
//
// Update runs at READ COMMITTED: what must not change under it is locked by an
// UPDATE of its row. View runs at REPEATABLE READ, READ ONLY, so that all its
// statements see one state; the head of the log and the entries up to it fit
// together. PostgreSQL itself writes commits that come together to the disk
// together.
package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/store"
)

// Open connects to the database that a URL or a keyword/value string names, and
// migrates it. Errors are one sentence; among them are those of package store.
// They never contain the password.
func Open(ctx context.Context, dsn string) (*DB, error) { return Config{DSN: dsn}.Open(ctx) }

// A Config says how to connect. DSN is required.
type Config struct {
	DSN string
	// MaxConns bounds the connections of this node. If zero, four per processor,
	// and at least 16.
	MaxConns int
	// NoMigrate makes Open fail with store.ErrPending rather than migrate.
	NoMigrate bool
}

func (c *Config) maxConns() int {
	if c.MaxConns > 0 {
		return c.MaxConns
	}
	return max(16, 4*runtime.GOMAXPROCS(0))
}

// A DB is a pool of connections to one database. It is safe for concurrent use.
type DB struct {
	pool   *sql.DB
	config *pgx.ConnConfig
	node   string        // what this node is called on the channel
	quiet  time.Duration // see the constant

	mu     sync.Mutex
	closed bool
	active sync.WaitGroup // transactions
}

var (
	_ account.Store  = (*DB)(nil)
	_ account.Looker = (*DB)(nil)
)

// Open connects.
func (c Config) Open(ctx context.Context) (*DB, error) {
	db, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the PostgreSQL database: %w", err), db.Close())
	}
	return db, nil
}

func (c Config) prepare(ctx context.Context, db *DB) error {
	state, err := db.check(ctx)
	if err != nil {
		return err
	}
	pending := sqldb.Pending(state)
	if pending == nil || c.NoMigrate {
		return pending
	}
	_, err = db.migrate(ctx)
	return err
}

// connect opens a pool, and one connection to see whether that works.
func connect(ctx context.Context, c Config) (*DB, error) {
	config, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return nil, oneLine(err)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "sallyport"
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(tune))
	pool.SetMaxOpenConns(c.maxConns())
	pool.SetMaxIdleConns(c.maxConns())
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(oneLine(err), pool.Close())
	}
	return &DB{pool: pool, config: config, node: rand.Text(), quiet: quiet}, nil
}

// tune refuses a database that cannot hold every text, and makes a commit wait
// for the disk even where the server's default is not to. A stricter setting,
// such as waiting for a standby, stays.
func tune(ctx context.Context, conn *pgx.Conn) error {
	var encoding string
	err := conn.QueryRow(ctx, `SELECT current_setting('server_encoding'),
		CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END`).Scan(&encoding, nil)
	if err == nil && encoding != "UTF8" {
		err = fmt.Errorf("%w: its encoding is %s and must be UTF8", store.ErrForeign, encoding)
	}
	return err
}

// oneLine joins the lines of an error of the driver, which has one per address.
func oneLine(err error) error {
	if strings.Contains(err.Error(), "\n") {
		return lineError{err}
	}
	return err
}

type lineError struct{ error }

func (e lineError) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }
func (e lineError) Unwrap() error { return e.error }

const readOnly = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`

// View runs f in a transaction that reads one state of the database.
func (db *DB) View(ctx context.Context, f func(account.Tx) error) error {
	_, err := db.transact(ctx, readOnly, func(c sqldb.Conn) error { return f(sqldb.NewTx(c)) })
	return err
}

// Look implements [account.Looker]: it saves a round trip.
func (db *DB) Look(ctx context.Context, f func(account.Tx) error) error {
	t := &tx{begin: readOnly, alone: true, deadline: time.Now().Add(timeout)}
	return db.with(ctx, t, func(c sqldb.Conn) error { return f(sqldb.NewTx(c)) })
}

// Update runs f in a transaction, and again if PostgreSQL asks for it: after a
// deadlock or a failed serialization.
func (db *DB) Update(ctx context.Context, f func(account.Tx) error) error {
	return db.update(ctx, func(c sqldb.Conn) error { return f(sqldb.NewTx(c)) })
}

// Sweep deletes what has expired.
func (db *DB) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return sqldb.Sweep(ctx, db.update, now, limit)
}

// Ping reads from the database.
func (db *DB) Ping(ctx context.Context) error {
	return db.View(ctx, func(tx account.Tx) error {
		_, err := tx.Log.Head(ctx)
		return err
	})
}

// Close waits for transactions under way, and fails all later ones with
// store.ErrClosed.
func (db *DB) Close() error {
	db.mu.Lock()
	db.closed = true
	db.mu.Unlock()
	db.active.Wait()
	return db.pool.Close()
}

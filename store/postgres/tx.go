package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/store"
)

const (
	// timeout bounds a transaction, so that a server that hangs ends in an error.
	timeout = 15 * time.Second
	// grace is how long a statement goes on after its caller gave up.
	grace = 100 * time.Millisecond
	// attempts bounds how often an update is tried.
	attempts = 10
)

func (db *DB) update(ctx context.Context, f func(sqldb.Conn) error) error {
	for i := 1; ; i++ {
		retry, err := db.transact(ctx, `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`, f)
		if !retry || i == attempts {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(i) * 5 * time.Millisecond)):
		case <-ctx.Done():
			return err
		}
	}
}

// transact runs f in one transaction, and reports whether PostgreSQL wants it
// to be tried again.
func (db *DB) transact(ctx context.Context, begin string, f func(sqldb.Conn) error) (retry bool, err error) {
	t := &tx{begin: begin, deadline: time.Now().Add(timeout)}
	err = db.with(ctx, t, f)
	return t.retry, err
}

// with runs f in t, on a connection of the pool.
func (db *DB) with(ctx context.Context, t *tx, f func(sqldb.Conn) error) error {
	if !db.enter() {
		return store.ErrClosed
	}
	defer db.active.Done()
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return oneLine(err)
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		t.conn = c.(*stdlib.Conn).Conn()
		return t.run(ctx, f)
	})
}

// enter reports whether the store is open, and counts who is in it.
func (db *DB) enter() bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.closed {
		db.active.Add(1)
	}
	return !db.closed
}

// A tx is one transaction. BEGIN goes out together with the first statement, in
// one round trip.
type tx struct {
	conn     *pgx.Conn
	begin    string // "" = sent
	alone    bool   // each statement is a transaction of its own, in one round trip
	deadline time.Time
	over     atomic.Bool
	retry    bool // a statement failed and may succeed in another transaction
}

func (t *tx) run(ctx context.Context, f func(sqldb.Conn) error) (err error) {
	done := false
	defer func() {
		t.over.Store(true)
		if !done {
			t.rollback(ctx)
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	done = true
	return t.commit(ctx)
}

func (t *tx) commit(ctx context.Context) error {
	if t.begin != "" {
		return nil
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	tag, err := t.conn.Exec(ctx, `COMMIT`)
	switch {
	case err != nil:
		return t.note(ctx, err)
	case tag.String() != "COMMIT":
		return errors.New("nothing was written: a statement of the transaction had failed")
	}
	return nil
}

// rollback leaves a connection on which it fails to the pool, which throws it
// away: it is not idle.
func (t *tx) rollback(ctx context.Context) {
	if t.conn.IsClosed() || t.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	t.conn.Exec(ctx, `ROLLBACK`)
}

// bounded returns a context that ends with the transaction's time only.
func (t *tx) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(ctx), t.deadline)
}

// patient returns the context that a statement runs under. When the caller gives
// up, it has grace to finish: interrupting it costs the connection, anybody can
// hang up, and most statements are done in a millisecond. What waits longer than
// that waits for a lock, or for a server that hangs.
func (t *tx) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	slow, cancel := t.bounded(ctx)
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
			cancel()
		case <-slow.Done():
		}
	})
	return slow, func() { stop(); cancel() }
}

var errOver = errors.New("statement after the end of its transaction")

func (t *tx) check(ctx context.Context) error {
	if t.over.Load() {
		return errOver
	}
	return ctx.Err()
}

// note remembers whether an error is one that PostgreSQL asks to be tried again.
// If the caller gave up, that is the error.
func (t *tx) note(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code == "40P01" || e.Code == "40001") { // deadlock, serialization
		t.retry = true
	}
	if t.conn.IsClosed() && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// Exec implements sqldb.Conn.
func (t *tx) Exec(ctx context.Context, stmt string, args ...any) (int64, error) {
	if err := t.check(ctx); err != nil {
		return 0, err
	}
	patient, cancel := t.patient(ctx)
	defer cancel()
	if t.begin != "" {
		n, err := t.first(patient, stmt, args)
		return n, t.note(ctx, err)
	}
	tag, err := t.conn.Exec(patient, stmt, args...)
	return tag.RowsAffected(), t.note(ctx, err)
}

// first runs BEGIN and a statement.
func (t *tx) first(ctx context.Context, stmt string, args []any) (int64, error) {
	results, err := t.open(ctx, stmt, args)
	if err != nil {
		return 0, err
	}
	tag, err := results.Exec()
	if e := results.Close(); err == nil { // else it only repeats err
		err = e
	}
	return tag.RowsAffected(), err
}

// open sends BEGIN and a statement, and COMMIT if that is all, and reads the answer to
// the first.
func (t *tx) open(ctx context.Context, stmt string, args []any) (pgx.BatchResults, error) {
	var b pgx.Batch
	b.Queue(t.begin)
	b.Queue(stmt, args...)
	if t.alone {
		b.Queue(`COMMIT`)
	} else {
		t.begin = ""
	}
	results := t.conn.SendBatch(ctx, &b)
	if _, err := results.Exec(); err != nil {
		results.Close() // its error only repeats err
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	return results, nil
}

// Query implements sqldb.Conn.
func (t *tx) Query(ctx context.Context, stmt string, args []any, f func(sqldb.Row) error) error {
	if err := t.check(ctx); err != nil {
		return err
	}
	patient, cancel := t.patient(ctx)
	defer cancel()
	if t.begin == "" {
		rows, err := t.conn.Query(patient, stmt, args...)
		return t.note(ctx, each(rows, err, f))
	}
	results, err := t.open(patient, stmt, args)
	if err != nil {
		return t.note(ctx, err)
	}
	defer results.Close() // its error is that of the rows
	rows, err := results.Query()
	return t.note(ctx, each(rows, err, f))
}

// each calls f for every row, and closes rows.
func each(rows pgx.Rows, err error, f func(sqldb.Row) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

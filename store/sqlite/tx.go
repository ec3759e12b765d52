package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
)

var errOver = errors.New("statement after the end of its transaction")

// A view is the connection while one View reads.
type view struct {
	conn *conn
	over atomic.Bool
}

func (v *view) check(ctx context.Context) error {
	if v.over.Load() {
		return errOver
	}
	return ctx.Err()
}

// Exec implements sqldb.Conn. The connection refuses to write.
func (v *view) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := v.check(ctx); err != nil {
		return 0, err
	}
	return v.conn.Exec(ctx, text, args...)
}

// Query implements sqldb.Conn.
func (v *view) Query(ctx context.Context, text string, args []any, f func(sqldb.Row) error) error {
	if err := v.check(ctx); err != nil {
		return err
	}
	return v.conn.Query(ctx, text, args, f)
}

// A turn is the writer while one caller has it.
type turn struct {
	w    *writer
	over atomic.Bool
	open []*sql.Rows // that the caller may have forgotten
}

// check also keeps statements from running once the transaction is lost, because
// each would then commit by itself.
func (t *turn) check(ctx context.Context) error {
	if t.over.Load() {
		return errOver
	}
	if t.w.lost {
		return errLost
	}
	return ctx.Err()
}

// note remembers why the transaction was lost.
func (t *turn) note(err error) {
	if err != nil && t.w.lost && t.w.cause == nil {
		t.w.cause = err
	}
}

// Exec implements sqldb.Conn.
func (t *turn) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := t.check(ctx); err != nil {
		return 0, err
	}
	n, err := t.w.conn.Exec(ctx, text, args...)
	t.note(err)
	return n, err
}

// Query implements sqldb.Conn.
func (t *turn) Query(ctx context.Context, text string, args []any, f func(sqldb.Row) error) error {
	if err := t.check(ctx); err != nil {
		return err
	}
	err := t.w.conn.Query(ctx, text, args, f)
	t.note(err)
	return err
}

func (t *turn) end() {
	t.over.Store(true)
	for _, r := range t.open {
		r.Close()
	}
}

// A Tx is the transaction of one Write. It is for the goroutine and the time of
// the function that it is passed to. There is no Commit: that is when the
// function returns nil. A statement that has begun is not interrupted when its
// context is cancelled.
type Tx struct{ turn *turn }

// ExecContext runs a statement, or several, that return no rows.
func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := tx.turn.check(ctx); err != nil {
		return nil, err
	}
	r, err := tx.turn.w.conn.sql.ExecContext(context.WithoutCancel(ctx), query, args...)
	tx.turn.note(err)
	return r, err
}

// QueryContext runs a statement that returns rows. They end with the function.
func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := tx.turn.check(ctx); err != nil {
		return nil, err
	}
	// Not a prepared one: the same query may run again while its rows are read.
	r, err := tx.turn.w.conn.sql.QueryContext(context.WithoutCancel(ctx), query, args...)
	tx.turn.note(err)
	if err == nil {
		tx.turn.open = append(tx.turn.open, r)
	}
	return r, err
}

// QueryRowContext runs a statement that returns at most one row.
func (tx *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *Row {
	r, err := tx.QueryContext(ctx, query, args...)
	return &Row{r, err}
}

// A Row is the first row of a query.
type Row struct {
	rows *sql.Rows
	err  error
}

// Scan copies the columns, or returns sql.ErrNoRows if there is no row.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return r.rows.Close()
}

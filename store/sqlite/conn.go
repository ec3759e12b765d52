package sqlite

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
)

// maxStmts is how many statements a connection keeps prepared: all of ours, and
// then some of the program's around us.
const maxStmts = 256

// A conn is one connection and its prepared statements. Its methods ignore that
// a context is cancelled: the driver would interrupt the statement, and SQLite
// would then undo the whole transaction, everybody else's part of it included.
type conn struct {
	sql   *sql.Conn
	stmts map[string]*sql.Stmt
	looks looks
}

func newConn(c *sql.Conn) *conn { return &conn{sql: c, stmts: map[string]*sql.Stmt{}} }

func (c *conn) close() error {
	for _, s := range c.stmts {
		s.Close() // its error is that of the connection, which is closed next
	}
	c.looks.close(c.sql)
	return c.sql.Close()
}

// prepared returns the statement, or nil if there are too many already.
func (c *conn) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := c.stmts[text]; s != nil || len(c.stmts) >= maxStmts {
		return s, nil
	}
	s, err := c.sql.PrepareContext(ctx, unnumbered(text))
	if err == nil {
		c.stmts[text] = s
	}
	return s, err
}

// unnumbered writes ? for $1, $2 and so on where each parameter stands once and in
// order. SQLite has a list of the names of parameters, in which the driver looks up
// each that it binds, from the beginning: for 64 rows at once that took longer than
// inserting them. A statement that may mean something else by a $ stays as it is.
func unnumbered(text string) string {
	if strings.ContainsAny(text, "'\"`[?") || strings.Contains(text, "--") || strings.Contains(text, "/*") {
		return text
	}
	var b strings.Builder
	rest := text
	for n := 1; ; n++ {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('?')
		rest, found = strings.CutPrefix(after, strconv.Itoa(n))
		if !found || rest != "" && !strings.Contains(" \t\n,);", rest[:1]) {
			return text
		}
	}
}

// exec runs a statement to its end.
func (c *conn) exec(ctx context.Context, text string, args []any) (sql.Result, error) {
	ctx = context.WithoutCancel(ctx)
	s, err := c.prepared(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.sql.ExecContext(ctx, text, args...)
	}
	return s.ExecContext(ctx, args...)
}

// Exec implements sqldb.Conn.
func (c *conn) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	r, err := c.exec(ctx, text, args)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Query implements sqldb.Conn. The rows must be closed before the next call with
// the same text.
func (c *conn) Query(ctx context.Context, text string, args ...any) (sqldb.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	s, err := c.prepared(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return rows(c.sql.QueryContext(ctx, text, args...))
	}
	return rows(s.QueryContext(ctx, args...))
}

// rows keeps a nil pointer from becoming an interface that is not nil.
func rows(r *sql.Rows, err error) (sqldb.Rows, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

// row scans the only row of a query.
func (c *conn) row(ctx context.Context, text string, dest ...any) error {
	return c.sql.QueryRowContext(context.WithoutCancel(ctx), text).Scan(dest...)
}

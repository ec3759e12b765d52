package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
)

// maxStmts is how many statements a connection keeps prepared: all of ours.
const maxStmts = 256

// A conn is one connection and its prepared statements. It goes past database/sql,
// which takes a third of the time that SQLite needs to find a row, and ignores that
// a context is cancelled: the driver would interrupt the statement, and SQLite would
// then undo the whole transaction, everybody else's part of it included.
type conn struct {
	sql   *sql.Conn
	stmts map[string]*stmt
	bound []driver.NamedValue // of the statement that runs
}

func newConn(c *sql.Conn) *conn { return &conn{sql: c, stmts: map[string]*stmt{}} }

func (c *conn) close() error {
	c.sql.Raw(func(any) error {
		for _, s := range c.stmts {
			s.Close() // its error is that of the connection, which is closed next
		}
		return nil
	})
	return c.sql.Close()
}

// with calls f with the statement and its arguments, which are int64, string and
// []byte: see [sqldb.Conn].
func (c *conn) with(text string, args []any, f func(*stmt, []driver.NamedValue) error) error {
	return c.sql.Raw(func(driverConn any) error {
		s := c.stmts[text]
		if s == nil {
			var err error
			if s, err = prepare(driverConn, unnumbered(steady(text))); err != nil {
				return err
			}
			if len(c.stmts) < maxStmts {
				c.stmts[text] = s
			} else {
				defer s.Close()
			}
		}
		c.bound = c.bound[:0]
		for i, a := range args {
			c.bound = append(c.bound, driver.NamedValue{Ordinal: i + 1, Value: a})
		}
		return f(s, c.bound)
	})
}

// Exec implements sqldb.Conn.
func (c *conn) Exec(_ context.Context, text string, args ...any) (n int64, err error) {
	err = c.with(text, args, func(s *stmt, args []driver.NamedValue) error {
		result, err := s.run.ExecContext(context.Background(), args)
		if err == nil {
			n, err = result.RowsAffected()
		}
		return err
	})
	return n, err
}

// Query implements sqldb.Conn.
func (c *conn) Query(_ context.Context, text string, args []any, f func(sqldb.Row) error) error {
	return c.with(text, args, func(s *stmt, args []driver.NamedValue) error { return s.each(args, f) })
}

// row scans the only row of a query that is asked once.
func (c *conn) row(ctx context.Context, text string, dest ...any) error {
	return c.sql.QueryRowContext(context.WithoutCancel(ctx), text).Scan(dest...)
}

// steady writes LIMIT +$2 for LIMIT $2. SQLite looks at the bound value of a parameter that
// is a limit when it plans, and so parses and plans the statement again each time that
// one is bound, be it the same: for a page of one row that took half of the time. At an
// expression it does not look.
func steady(text string) string { return strings.ReplaceAll(text, "LIMIT $", "LIMIT +$") }

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

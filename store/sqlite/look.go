package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
)

// looks are the statements of a connection that read past database/sql, which
// takes a third of the time that SQLite needs to find a row.
type looks struct {
	stmts map[string]*look
	bound []driver.NamedValue // of the statement that runs
}

// A look is a statement that reads. It is used, as everything of the driver, only
// while [sql.Conn.Raw] lends the driver's connection.
type look struct {
	stmt driver.Stmt
	run  driver.StmtQueryContext
	row  row
}

func (l *looks) close(c *sql.Conn) {
	c.Raw(func(any) error {
		for _, s := range l.stmts {
			s.stmt.Close() // its error is that of the connection, which is closed next
		}
		return nil
	})
}

// Look implements sqldb.Looker.
func (c *conn) Look(ctx context.Context, text string, args []any, f func(sqldb.Row) error) error {
	s := c.looks.stmts[text]
	if s == nil && len(c.looks.stmts) >= maxStmts {
		return c.each(ctx, text, args, f)
	}
	return c.sql.Raw(func(driverConn any) (err error) {
		if s == nil {
			if s, err = c.looks.prepare(driverConn, text); err != nil {
				return err
			}
		}
		return s.each(c.looks.bind(args), f)
	})
}

// each is Look by database/sql.
func (c *conn) each(ctx context.Context, text string, args []any, f func(sqldb.Row) error) error {
	found, err := c.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := f(found); err != nil {
			return err
		}
	}
	return found.Err()
}

func (l *looks) prepare(driverConn any, text string) (*look, error) {
	c, ok := driverConn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the SQLite driver cannot prepare")
	}
	stmt, err := c.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	run, ok := stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot query"), stmt.Close())
	}
	if l.stmts == nil {
		l.stmts = map[string]*look{}
	}
	s := &look{stmt: stmt, run: run}
	l.stmts[text] = s
	return s, nil
}

// bind returns the arguments as the driver takes them. They are int64, string and
// []byte: see sqldb.Conn.
func (l *looks) bind(args []any) []driver.NamedValue {
	l.bound = l.bound[:0]
	for i, a := range args {
		l.bound = append(l.bound, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return l.bound
}

// each ignores that a context is cancelled, as all of conn does.
func (s *look) each(args []driver.NamedValue, f func(sqldb.Row) error) (err error) {
	found, err := s.run.QueryContext(context.Background(), args)
	if err != nil {
		return err
	}
	defer func() {
		if e := found.Close(); err == nil {
			err = e
		}
	}()
	if s.row == nil {
		s.row = make(row, len(found.Columns()))
	}
	for {
		switch err := found.Next(s.row); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := f(s.row); err != nil {
			return err
		}
	}
}

// A row is a row as the driver returns it.
type row []driver.Value

// Scan implements sqldb.Row.
func (r row) Scan(dest ...any) error {
	if len(dest) != len(r) {
		return fmt.Errorf("scanning %d columns into %d", len(r), len(dest))
	}
	for i, to := range dest {
		ok := false
		switch to := to.(type) {
		case *string:
			*to, ok = r[i].(string)
		case *int64:
			*to, ok = r[i].(int64)
		case *[]byte:
			*to, ok = r[i].([]byte)
		}
		if !ok {
			return fmt.Errorf("scanning column %d, a %T, into a %T", i, r[i], to)
		}
	}
	return nil
}

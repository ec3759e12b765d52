package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
)

// A stmt is a prepared statement. It is used, as everything of the driver, only
// while [sql.Conn.Raw] lends the driver's connection.
type stmt struct {
	driver.Stmt
	run runner
	row row
}

type runner interface {
	driver.StmtExecContext
	driver.StmtQueryContext
}

func prepare(driverConn any, text string) (*stmt, error) {
	c, ok := driverConn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the SQLite driver cannot prepare")
	}
	s, err := c.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	run, ok := s.(runner)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot run what it prepared"), s.Close())
	}
	return &stmt{Stmt: s, run: run}, nil
}

// each calls f for every row.
func (s *stmt) each(args []driver.NamedValue, f func(sqldb.Row) error) (err error) {
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
		default:
			ok = set(reflect.ValueOf(to).Elem(), r[i])
		}
		if !ok {
			return fmt.Errorf("scanning column %d, a %T, into a %T", i, r[i], to)
		}
	}
	return nil
}

// set scans into a type that is a string or an int64 underneath.
func set(to reflect.Value, v driver.Value) bool {
	switch v := v.(type) {
	case string:
		if to.Kind() == reflect.String {
			to.SetString(v)
			return true
		}
	case int64:
		if to.Kind() == reflect.Int64 {
			to.SetInt(v)
			return true
		}
	}
	return false
}

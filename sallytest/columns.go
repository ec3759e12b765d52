package sallytest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-auth/sallyport"
)

// A Querier is a database, a connection or a transaction.
type Querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Columns compares what the attributes of r read with what their columns hold in
// r's row, and says of each that differs how. Where they differ, [sallyport.Gate]'s
// Filter lists other objects than Check permits: a test should call Columns for an
// object of each type that is full, and for one that is as empty as can be. from
// follows FROM: "posts p JOIN folders f ON f.id = p.folder_id".
func Columns(ctx context.Context, db Querier, from string, r sallyport.Resource) error {
	if r.IsZero() {
		return errors.New("no object")
	}
	columns := columnsOf(r)
	names, cells := make([]string, len(columns)), make([]any, len(columns))
	for i := range columns {
		names[i], cells[i] = columns[i].of.Column, &columns[i].cell
	}
	query := "SELECT " + strings.Join(names, ", ") + " FROM " + from + " WHERE " + r.Describe().Key() + " = $1"
	if err := db.QueryRowContext(ctx, query, r.ID()).Scan(cells...); err != nil {
		return fmt.Errorf("reading the row of %s: %w", r.UID(), err)
	}
	var found []error
	for _, c := range columns {
		if !c.fits() {
			found = append(found, fmt.Errorf("%s: %s is %s, but column %s holds %s", r.UID(), c.of.Name, c.want, c.of.Column, c.shown()))
		}
	}
	return errors.Join(found...)
}

// A column is what an attribute should be in its row, and what is there.
type column struct {
	of   sallyport.Attribute
	want sallyport.Value
	cell any
}

func columnsOf(r sallyport.Resource) []column {
	id := sallyport.Attribute{Name: "its id", Kind: sallyport.KindString, Column: r.Describe().Key()}
	columns := []column{{of: id, want: sallyport.StringValue(r.ID())}}
	for _, a := range r.Describe().Attributes() {
		if a.Column != "" {
			columns = append(columns, column{of: a, want: r.Attr(a.Name)})
		}
	}
	return columns
}

func (c *column) fits() bool {
	got, ok := valueOf(c.of, c.cell)
	return ok && (got.Equal(c.want) || !got.Known() && c.want.Kind() == sallyport.Absent)
}

func (c *column) shown() string {
	switch cell := c.cell.(type) {
	case nil:
		return "NULL"
	case []byte, string:
		return fmt.Sprintf("%q", cell)
	}
	return fmt.Sprint(c.cell)
}

// valueOf is what a cell says of the attribute, if it is of the attribute's kind.
func valueOf(a sallyport.Attribute, cell any) (sallyport.Value, bool) {
	if b, ok := cell.([]byte); ok {
		cell = string(b)
	}
	switch c := cell.(type) {
	case nil:
		return sallyport.AbsentValue(), true
	case bool:
		return sallyport.BoolValue(c), a.Kind == sallyport.KindBool
	case int64:
		return numberOf(a, c)
	case string:
		return textOf(a, c)
	}
	return sallyport.Value{}, false
}

func numberOf(a sallyport.Attribute, n int64) (sallyport.Value, bool) {
	switch a.Kind {
	case sallyport.KindBool: // as SQLite has it
		return sallyport.BoolValue(n == 1), n == 0 || n == 1
	case sallyport.KindInt:
		return sallyport.IntValue(n), true
	case sallyport.KindTime:
		return sallyport.TimeMillis(n), true
	case sallyport.KindDuration:
		return sallyport.DurationMillis(n), true
	}
	return textOf(a, fmt.Sprint(n)) // an identifier
}

func textOf(a sallyport.Attribute, s string) (sallyport.Value, bool) {
	switch {
	case a.Kind == sallyport.KindEntity && s == "":
		return sallyport.AbsentValue(), true
	case a.Kind == sallyport.KindEntity:
		return sallyport.EntityValue(sallyport.UID{Type: a.Entity, ID: s}), true
	}
	return sallyport.StringValue(s), a.Kind == sallyport.KindString
}

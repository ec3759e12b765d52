package where

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A term is what a value is on the rows where when holds: a constant, a column,
// or a sum with a column in it. Of the terms of one value at most one has its
// condition hold; where none has, the value is missing and to read it is an error.
type term struct {
	when   cond
	value  sallyport.Value // if col and linear are nil; not loaded: whatever the query will say
	hole   int             // of value, if it is one: its number from 1
	col    *col
	linear *linear
}

func constant(v sallyport.Value) term { return term{when: cond{op: always}, value: v} }

func column(c *col) term { return term{when: c.there(true), col: c} }

// unknown reports whether the term stands for what only the query will say: when
// a rule is checked before there is one.
func (t *term) unknown() bool {
	return t.col == nil && t.linear == nil && t.value.Kind() == sallyport.NotLoaded
}

// there is where the value is there: where it can be read without an error.
func (t *term) there() cond {
	if t.linear == nil {
		return t.when
	}
	return and(t.when, t.linear.bounds(t.linear.from, t.linear.to))
}

// kind returns the kind of the value, and the type of an entity.
func (t *term) kind() (sallyport.ValueKind, string) {
	switch {
	case t.linear != nil:
		return t.linear.kind, ""
	case t.col != nil:
		return t.col.kind, t.col.entity
	}
	return t.value.Kind(), t.value.EntityType()
}

// terms returns what e may be, nothing if to evaluate it is always an error.
func (w *writer) terms(e *rule.Expr) ([]term, error) {
	if w.early && !readsResource(e) {
		return []term{{when: cond{op: always}}}, nil
	}
	if followed, err := w.followed(e); followed || err != nil {
		return []term{{when: cond{op: always}}}, err
	}
	t, found, err := w.single(e)
	switch {
	case err != nil:
		return nil, err
	case found:
		return []term{t}, nil
	}
	switch e.Op {
	case rule.Const:
		return nil, nil // not known: to read it is an error
	case rule.If:
		return w.branches(e)
	case rule.Add, rule.Sub, rule.Mul, rule.Neg, rule.Call:
		return w.arithmetic(e)
	case rule.SetOf, rule.RecordOf:
		return nil, fmt.Errorf("%s: a set or record made of the object's attributes", e)
	case rule.Tag:
		return nil, fmt.Errorf("%s: tags are in no column", e)
	}
	return w.truths(e)
}

// single is e where it is one term, as it nearly always is.
func (w *writer) single(e *rule.Expr) (t term, found bool, err error) {
	switch {
	case e.Op == rule.Const && e.Value.Known():
		t = constant(e.Value)
		t.hole = 1 + slices.Index(w.holes, e)
		return t, true, nil
	case e.Op == rule.Resource:
		return column(w.key()), true, nil
	case e.Op == rule.Attr && e.Args[0].Op != rule.Resource:
		return t, false, fmt.Errorf("%s: it is no attribute of the object itself", e)
	case e.Op == rule.Attr:
		c, err := w.column(e.Name)
		if err != nil {
			return t, false, err
		}
		return column(c), true, nil
	}
	return t, false, nil
}

func (w *writer) branches(e *rule.Expr) ([]term, error) {
	var found []term
	for i, want := range []bool{true, false} {
		when, err := w.truth(e.Args[0], want)
		if err != nil {
			return nil, err
		}
		terms, err := w.terms(e.Args[i+1])
		if err != nil {
			return nil, err
		}
		for _, t := range terms {
			t.when = and(when, t.when)
			found = append(found, t)
		}
	}
	return found, nil
}

// truths is a condition as a value.
func (w *writer) truths(e *rule.Expr) ([]term, error) {
	found := make([]term, 2)
	for i, want := range []bool{true, false} {
		when, err := w.truth(e, want)
		if err != nil {
			return nil, err
		}
		found[i] = term{when: when, value: sallyport.BoolValue(want)}
	}
	return found, nil
}

// key is the column of the object's own identifier.
func (w *writer) key() *col {
	if w.id == nil {
		w.id = &col{sql: enclosed(w.t.Key()), kind: sallyport.KindEntity, entity: w.t.Name()}
	}
	return w.id
}

// column returns the column that holds an attribute of the object.
func (w *writer) column(name string) (*col, error) {
	for c := w.cols; c != nil; c = c.next {
		if c.name == name {
			return &c.col, nil
		}
	}
	attrs := w.t.Attributes()
	for i := range attrs {
		a := &attrs[i]
		switch {
		case a.Name != name:
			continue
		case !listable(a.Kind):
			return nil, fmt.Errorf("resource.%s: a value of kind %s is in no column", name, a.Kind)
		case a.Column == "":
			return nil, fmt.Errorf("resource.%s: the type %s names no column for it", name, w.t.Name())
		}
		w.cols = &namedCol{name, col{enclosed(a.Column), a.Kind, a.Entity, a.Nullable}, w.cols}
		return &w.cols.col, nil
	}
	return nil, fmt.Errorf("resource.%s: the type %s has no such attribute", name, w.t.Name())
}

// A namedCol is the column of an attribute.
type namedCol struct {
	name string
	col  col
	next *namedCol
}

func listable(k sallyport.ValueKind) bool {
	switch k {
	case sallyport.KindBool, sallyport.KindInt, sallyport.KindString, sallyport.KindEntity, sallyport.KindTime, sallyport.KindDuration:
		return true
	}
	return false
}

// enclosed puts SQL that is more than the name of a column between parentheses.
func enclosed(sql string) string {
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; {
		case c == '_', c == '.', c >= utf8.RuneSelf, c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		default:
			return "(" + sql + ")"
		}
	}
	return sql
}

// argument returns a constant as an argument of SQL.
func argument(v sallyport.Value) (any, error) {
	switch v.Kind() {
	case sallyport.KindString, sallyport.KindEntity:
		if err := writable(v.Text()); err != nil {
			return nil, err
		}
		return v.Text(), nil
	case sallyport.KindBool:
		return v.Bool(), nil
	}
	return v.Int(), nil
}

// writable refuses text that PostgreSQL would refuse.
func writable(s string) error {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return fmt.Errorf("the text %q is not valid in SQL", s)
	}
	return nil
}

// readsResource reports whether e depends on the object.
func readsResource(e *rule.Expr) bool {
	if e.Op == rule.Resource {
		return true
	}
	for _, a := range e.Args {
		if readsResource(a) {
			return true
		}
	}
	return false
}

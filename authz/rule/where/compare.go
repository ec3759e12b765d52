package where

import (
	"errors"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// mirrored is a comparison with its sides exchanged.
var mirrored = map[string]string{"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

var errTwoColumns = errors.New("a sum can be compared with a constant only")

// compare is where both values are there and a cmp b is sure, as rules compare:
// values of different kinds are not equal and have no order.
func (w *writer) compare(cmp string, a, b *term) (cond, error) {
	w.size++
	when := and(a.when, b.when)
	if when.op == never || a.unknown() || b.unknown() {
		return when, nil
	}
	kind, of := a.kind()
	if otherKind, otherOf := b.kind(); kind != otherKind || of != otherOf {
		return where(and(a.there(), b.there()), cmp == "<>"), nil
	}
	equality := cmp == "=" || cmp == "<>"
	if !equality && !ordered(kind) {
		return cond{}, nil
	}
	if a.col == nil && a.linear == nil {
		a, b, cmp = b, a, mirrored[cmp]
	}
	switch {
	case a.linear != nil && b.col == nil && b.linear == nil:
		return and(when, a.linear.where(cmp, b.value.Int())), nil
	case a.linear != nil || b.linear != nil:
		return cond{}, errTwoColumns
	case a.col == nil:
		return where(when, constantsCompare(cmp, a.value, b.value)), nil
	case b.col != nil:
		return and(when, cond{op: compare, cmp: cmp, col: a.col, other: b.col}), nil
	}
	return w.withConstant(when, cmp, a.col, b)
}

// where is when, if it counts.
func where(when cond, counts bool) cond {
	if counts {
		return when
	}
	return cond{}
}

// withConstant compares a column with a constant of its kind.
func (w *writer) withConstant(when cond, cmp string, c *col, t *term) (cond, error) {
	v := t.value
	if c.kind == sallyport.KindEntity && v.Text() == "" && c != w.id {
		return where(when, cmp == "<>"), nil // in a column of references "" is nothing
	}
	arg, err := argument(v)
	if err != nil {
		return cond{}, err
	}
	if b, ok := arg.(bool); ok && cmp == "<>" {
		cmp, arg = "=", !b
	}
	if t.hole > 0 {
		arg = hole(t.hole - 1)
	}
	return and(when, cond{op: compare, cmp: cmp, col: c, arg: arg}), nil
}

func ordered(k sallyport.ValueKind) bool {
	return k == sallyport.KindInt || k == sallyport.KindTime || k == sallyport.KindDuration
}

// constantsCompare compares two constants of the same kind.
func constantsCompare(cmp string, a, b sallyport.Value) bool {
	switch cmp {
	case "<":
		return a.Int() < b.Int()
	case "<=":
		return a.Int() <= b.Int()
	case ">":
		return a.Int() > b.Int()
	case ">=":
		return a.Int() >= b.Int()
	}
	v, err := rule.Eval(&rule.Expr{Op: rule.Equal, Args: []*rule.Expr{
		{Op: rule.Const, Value: a}, {Op: rule.Const, Value: b},
	}}, new(rule.Env))
	return err == nil && v.Bool() == (cmp == "=")
}

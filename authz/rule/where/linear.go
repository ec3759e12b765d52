package where

import (
	"fmt"
	"math"
	"math/big"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A linear is factor × col + offset. The condition of SQL never computes it, as
// each database overflows in its own way: whatever it is compared with is turned
// into bounds of the column. from and to bound the column to where no step of the
// calculation overflows. It is immutable.
type linear struct {
	col            *col
	kind           sallyport.ValueKind
	factor, offset *big.Int // factor is not 0
	from, to       *big.Int
}

var (
	minInt = big.NewInt(math.MinInt64)
	maxInt = big.NewInt(math.MaxInt64)
	zero   = new(big.Int)
	one    = big.NewInt(1)
)

// arithmetic is a calculation with at most one column.
func (w *writer) arithmetic(e *rule.Expr) ([]term, error) {
	sides := [2][]term{}
	for i, a := range e.Args {
		if i > 1 {
			return nil, fmt.Errorf("%s: it cannot be listed by", e)
		}
		terms, err := w.terms(a)
		if err != nil {
			return nil, err
		}
		sides[i] = terms
	}
	if len(e.Args) == 1 {
		sides[1] = []term{constant(sallyport.AbsentValue())}
	}
	var found []term
	for _, a := range sides[0] {
		for _, b := range sides[1] {
			t, ok, err := calculate(e, a, b)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e, err)
			}
			if ok && t.when.op != never {
				found = append(found, t)
			}
		}
	}
	return found, nil
}

// calculate is one step, ok false where it is always an error.
func calculate(e *rule.Expr, a, b term) (t term, ok bool, err error) {
	when := and(a.when, b.when)
	if a.value.Known() && (b.value.Known() || len(e.Args) == 1) {
		args := []*rule.Expr{{Op: rule.Const, Value: a.value}, {Op: rule.Const, Value: b.value}}
		v, err := rule.Eval(&rule.Expr{Op: e.Op, Name: e.Name, Args: args[:len(e.Args)]}, new(rule.Env))
		return term{when: when, value: v}, err == nil, nil
	}
	if a.unknown() || b.unknown() {
		return term{when: when}, true, nil // this may be too hopeful
	}
	kind, _ := a.kind()
	other, _ := b.kind()
	s, fits, known := step(e, kind, other)
	switch {
	case !known:
		return term{}, false, fmt.Errorf("it is not calculated in SQL")
	case !fits:
		return term{}, false, nil
	}
	l, err := s.apply(a, b)
	if err == nil && l.factor.Sign() == 0 { // × 0
		return term{when: and(when, l.bounds(l.from, l.to)), value: sallyport.IntValue(0)}, true, nil
	}
	return term{when: when, linear: l}, true, err
}

// A calculation is one that keeps to factors and offsets.
type calculation struct {
	op   rule.Op             // Add, Sub, Mul, Neg; Attr leaves the number as it is
	kind sallyport.ValueKind // of the result
}

// step finds the calculation for e. fits is false where the arguments are of the
// wrong kinds, known false where SQL cannot follow.
func step(e *rule.Expr, a, b sallyport.ValueKind) (c calculation, fits, known bool) {
	const integer, moment, span = sallyport.KindInt, sallyport.KindTime, sallyport.KindDuration
	switch {
	case e.Op == rule.Neg:
		return calculation{rule.Neg, integer}, a == integer, true
	case e.Op != rule.Call:
		return calculation{e.Op, integer}, a == integer && b == integer, true
	case e.Name == "offset":
		return calculation{rule.Add, moment}, a == moment && b == span, true
	case e.Name == "durationSince":
		return calculation{rule.Sub, span}, a == moment && b == moment, true
	case e.Name == "toMilliseconds":
		return calculation{rule.Attr, integer}, a == span, true
	}
	return calculation{}, false, false
}

// apply computes it on a column or sum and a constant, in either order.
func (c calculation) apply(a, b term) (*linear, error) {
	x, y := asLinear(a), asLinear(b)
	if x.col != nil && y.col != nil {
		return nil, errTwoColumns
	}
	r := linear{col: x.col, kind: c.kind, from: x.from, to: x.to, factor: x.factor, offset: x.offset}
	if x.col == nil {
		r.col, r.from, r.to = y.col, y.from, y.to
	}
	switch c.op {
	case rule.Add:
		r.factor, r.offset = add(x.factor, y.factor), add(x.offset, y.offset)
	case rule.Sub:
		r.factor, r.offset = sub(x.factor, y.factor), sub(x.offset, y.offset)
	case rule.Neg:
		r.factor, r.offset = sub(zero, x.factor), sub(zero, x.offset)
	case rule.Mul: // one of the factors is 0
		r.factor = add(mul(x.factor, y.offset), mul(y.factor, x.offset))
		r.offset = mul(x.offset, y.offset)
	}
	if r.factor.Sign() != 0 {
		r.from, r.to = r.solve(minInt, maxInt)
	}
	return &r, nil
}

// asLinear is a term as a sum; a constant is one without a column.
func asLinear(t term) *linear {
	switch {
	case t.linear != nil:
		return t.linear
	case t.col != nil:
		return &linear{col: t.col, factor: one, offset: zero, from: minInt, to: maxInt}
	}
	return &linear{factor: zero, offset: big.NewInt(t.value.Int())}
}

// solve returns the values of the column for which the sum is from low to high,
// and no step overflows.
func (l *linear) solve(low, high *big.Int) (from, to *big.Int) {
	a, b := sub(low, l.offset), sub(high, l.offset)
	factor := l.factor
	if factor.Sign() < 0 {
		factor, a, b = sub(zero, factor), sub(zero, b), sub(zero, a)
	}
	from = sub(zero, new(big.Int).Div(sub(zero, a), factor)) // Div rounds down, so this rounds up
	to = new(big.Int).Div(b, factor)
	if from.Cmp(l.from) < 0 {
		from = l.from
	}
	if to.Cmp(l.to) > 0 {
		to = l.to
	}
	return from, to
}

// where is where the sum compares with n.
func (l *linear) where(cmp string, n int64) cond {
	d := big.NewInt(n)
	below, above := sub(d, one), add(d, one)
	switch cmp {
	case "=":
		return l.bounds(l.solve(d, d))
	case "<":
		return l.bounds(l.solve(minInt, below))
	case "<=":
		return l.bounds(l.solve(minInt, d))
	case ">":
		return l.bounds(l.solve(above, maxInt))
	case ">=":
		return l.bounds(l.solve(d, maxInt))
	}
	return or(l.bounds(l.solve(minInt, below)), l.bounds(l.solve(above, maxInt)))
}

// bounds is where the column is from from to to.
func (l *linear) bounds(from, to *big.Int) cond {
	switch from.Cmp(to) {
	case 1:
		return cond{}
	case 0:
		return cond{op: compare, cmp: "=", col: l.col, arg: from.Int64()}
	}
	c := cond{op: always}
	if from.Cmp(minInt) > 0 {
		c = and(c, cond{op: compare, cmp: ">=", col: l.col, arg: from.Int64()})
	}
	if to.Cmp(maxInt) < 0 {
		c = and(c, cond{op: compare, cmp: "<=", col: l.col, arg: to.Int64()})
	}
	return c
}

func add(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
func sub(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
func mul(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }

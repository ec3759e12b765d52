package lint

import (
	"math"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// complete reports whether one of parts surely holds: one is the opposite of
// another.
func complete(parts []*rule.Expr) bool {
	seen := make(map[string]bool, len(parts))
	for _, p := range parts {
		seen[p.String()] = true
	}
	return slices.ContainsFunc(parts, func(p *rule.Expr) bool { return seen[opposite(p).String()] })
}

// contradict reports whether parts cannot hold together: one is the opposite of
// another, something is two values at once, or a number lies beyond its own
// bounds.
func contradict(parts []*rule.Expr) bool {
	return complete(parts) || twoValues(parts) || noNumber(parts)
}

func opposite(e *rule.Expr) *rule.Expr {
	if e.Op == rule.Not {
		return e.Args[0]
	}
	return &rule.Expr{Op: rule.Not, Args: []*rule.Expr{e}}
}

func twoValues(parts []*rule.Expr) bool {
	values := map[string]sallyport.Value{}
	for _, p := range parts {
		of, v, ok := equality(p)
		if !ok {
			continue
		}
		before, twice := values[of.String()]
		if twice && !before.Equal(v) {
			return true
		}
		values[of.String()] = v
	}
	return false
}

// equality returns what is equal to which constant, where e says that.
func equality(e *rule.Expr) (of *rule.Expr, v sallyport.Value, ok bool) {
	if e.Op != rule.Equal {
		return nil, sallyport.Value{}, false
	}
	a, b := e.Args[0], e.Args[1]
	if a.Op == rule.Const {
		a, b = b, a
	}
	return a, b.Value, b.Op == rule.Const && a.Op != rule.Const
}

// noNumber reports whether the comparisons with constants leave no number.
func noNumber(parts []*rule.Expr) bool {
	type bounds struct{ least, most int64 }
	found := map[string]bounds{}
	for _, p := range parts {
		of, least, most, ok := interval(p)
		if !ok {
			continue
		}
		b, there := found[of]
		if !there {
			b = bounds{math.MinInt64, math.MaxInt64}
		}
		b = bounds{max(b.least, least), min(b.most, most)}
		if b.least > b.most {
			return true
		}
		found[of] = b
	}
	return false
}

// interval is which numbers a comparison with a constant leaves: integers, or the
// milliseconds of moments and time spans.
func interval(e *rule.Expr) (of string, least, most int64, ok bool) {
	least, most = math.MinInt64, math.MaxInt64
	negated := e.Op == rule.Not
	if negated {
		e = e.Args[0]
	}
	if of, v, ok := equality(e); ok && !negated && v.Kind() == sallyport.KindInt {
		return of.String(), v.Int(), v.Int(), true
	}
	if e.Op != rule.Less && e.Op != rule.LessEqual {
		return "", 0, 0, false
	}
	left, right := e.Args[0], e.Args[1]
	below, strict := right.Op == rule.Const, e.Op == rule.Less // x < c; otherwise c < x
	bound := right
	if !below {
		left, bound = right, left
	}
	if bound.Op != rule.Const || left.Op == rule.Const {
		return "", 0, 0, false
	}
	n := bound.Value.Int()
	if negated { // !(x < c) is c <= x
		below, strict = !below, !strict
	}
	switch {
	case below && strict && n == math.MinInt64, !below && strict && n == math.MaxInt64:
		return left.String(), 0, -1, true
	case below && strict:
		most = n - 1
	case below:
		most = n
	case strict:
		least = n + 1
	default:
		least = n
	}
	return left.String(), least, most, true
}

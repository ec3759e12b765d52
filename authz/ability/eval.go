package ability

import (
	"math/big"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A state is what has become of a value.
type state uint8

const (
	known   state = iota
	failed        // to evaluate it is an error, whoever does it
	missing       // the browser lacks what it takes
)

// eval computes x from left to right, as Cedar does, with nothing of package rule
// but its words: it is there to be compared with.
func (a asked) eval(x *rule.Expr) (sallyport.Value, state) {
	switch x.Op {
	case rule.Const:
		if !x.Value.Known() {
			return x.Value, failed
		}
		return x.Value, known
	case rule.Resource:
		return a.itself()
	case rule.Attr:
		return a.attribute(x.Name)
	case rule.Has:
		v, state := a.attribute(x.Name)
		if state == missing || a.object == nil {
			return v, state
		}
		return sallyport.BoolValue(state == known), known
	case rule.And, rule.Or:
		v, state := a.boolean(x.Args[0])
		if state != known || v.Bool() == (x.Op == rule.Or) {
			return v, state
		}
		return a.boolean(x.Args[1])
	case rule.If:
		v, state := a.boolean(x.Args[0])
		switch {
		case state != known:
			return v, state
		case v.Bool():
			return a.eval(x.Args[1])
		}
		return a.eval(x.Args[2])
	}
	return a.strict(x)
}

func (a asked) boolean(x *rule.Expr) (sallyport.Value, state) {
	v, state := a.eval(x)
	if state == known && v.Kind() != sallyport.KindBool {
		state = failed
	}
	return v, state
}

// strict is an operator that fails where an argument does.
func (a asked) strict(x *rule.Expr) (sallyport.Value, state) {
	args := make([]sallyport.Value, len(x.Args))
	worst := known
	for i, arg := range x.Args {
		v, state := a.eval(arg)
		switch {
		case state == failed:
			return v, failed
		case state == missing:
			worst = missing
		}
		args[i] = v
	}
	if worst == missing {
		return sallyport.Value{}, missing
	}
	if x.Op == rule.In {
		return a.in(args[1])
	}
	v, ok := apply(x, args)
	if !ok {
		return v, failed
	}
	return v, known
}

// apply is an operator on known values, ok false where that is an error.
func apply(x *rule.Expr, args []sallyport.Value) (v sallyport.Value, ok bool) {
	first := args0(args)
	switch x.Op {
	case rule.Not:
		return sallyport.BoolValue(!first.Bool()), first.Kind() == sallyport.KindBool
	case rule.Equal:
		return sallyport.BoolValue(first.Equal(args[1])), true
	case rule.Less, rule.LessEqual:
		return order(x.Op, first, args[1])
	case rule.Is:
		return sallyport.BoolValue(first.EntityType() == x.Name), first.Kind() == sallyport.KindEntity
	case rule.Like:
		return sallyport.BoolValue(like(first.Text(), x.Pattern)), first.Kind() == sallyport.KindString
	case rule.SetOf:
		return sallyport.SetValue(args...), true
	case rule.Contains:
		return sallyport.BoolValue(first.Holds(args[1])), first.Kind() == sallyport.KindSet
	case rule.IsEmpty:
		return sallyport.BoolValue(len(first.Set()) == 0), first.Kind() == sallyport.KindSet
	case rule.ContainsAll:
		return sallyport.BoolValue(first.HoldsAll(args[1])), first.Kind() == sallyport.KindSet && args[1].Kind() == sallyport.KindSet
	case rule.ContainsAny:
		return sallyport.BoolValue(first.HoldsAny(args[1])), first.Kind() == sallyport.KindSet && args[1].Kind() == sallyport.KindSet
	}
	return calculate(x, args)
}

func args0(args []sallyport.Value) (v sallyport.Value) {
	if len(args) > 0 {
		v = args[0]
	}
	return v
}

func order(op rule.Op, a, b sallyport.Value) (sallyport.Value, bool) {
	switch a.Kind() {
	case sallyport.KindInt, sallyport.KindTime, sallyport.KindDuration:
		less := a.Int() < b.Int() || op == rule.LessEqual && a.Int() == b.Int()
		return sallyport.BoolValue(less), a.Kind() == b.Kind()
	}
	return sallyport.Value{}, false
}

// milliseconds are the units that a duration is told in.
var milliseconds = map[string]int64{
	"toMilliseconds": 1, "toSeconds": 1000, "toMinutes": 60_000, "toHours": 3_600_000, "toDays": 86_400_000,
}

// calculate is an operator on numbers. A result beyond 64 bits is an error.
func calculate(x *rule.Expr, args []sallyport.Value) (sallyport.Value, bool) {
	const integer, moment, span = sallyport.KindInt, sallyport.KindTime, sallyport.KindDuration
	a, b := args[0], sallyport.IntValue(0)
	if len(args) > 1 {
		b = args[1]
	}
	p, q := big.NewInt(a.Int()), big.NewInt(b.Int())
	integers := a.Kind() == integer && b.Kind() == integer
	switch {
	case x.Op == rule.Add && integers:
		return result(p.Add(p, q), sallyport.IntValue)
	case x.Op == rule.Sub && integers:
		return result(p.Sub(p, q), sallyport.IntValue)
	case x.Op == rule.Mul && integers:
		return result(p.Mul(p, q), sallyport.IntValue)
	case x.Op == rule.Neg && integers:
		return result(p.Neg(p), sallyport.IntValue)
	case x.Name == "offset" && a.Kind() == moment && b.Kind() == span:
		return result(p.Add(p, q), sallyport.TimeMillis)
	case x.Name == "durationSince" && a.Kind() == moment && b.Kind() == moment:
		return result(p.Sub(p, q), sallyport.DurationMillis)
	case milliseconds[x.Name] != 0 && a.Kind() == span:
		return sallyport.IntValue(a.Int() / milliseconds[x.Name]), true
	}
	return sallyport.Value{}, false
}

func result(n *big.Int, of func(int64) sallyport.Value) (sallyport.Value, bool) {
	if !n.IsInt64() {
		return sallyport.Value{}, false
	}
	return of(n.Int64()), true
}

// like matches s with a pattern, a wildcard between each piece and the next. It
// keeps every length of s that the pieces so far can have used up.
func like(s string, pieces rule.Pattern) bool {
	reached := make([]bool, len(s)+1)
	reached[0] = true
	for i, piece := range pieces {
		next := make([]bool, len(s)+1)
		for at, ok := range reached {
			if ok && len(s)-at >= len(piece) && s[at:at+len(piece)] == piece {
				next[at+len(piece)] = true
			}
		}
		if i < len(pieces)-1 { // a wildcard: from the first end on, everywhere
			for at := 1; at < len(next); at++ {
				next[at] = next[at] || next[at-1]
			}
		}
		reached = next
	}
	return reached[len(s)]
}

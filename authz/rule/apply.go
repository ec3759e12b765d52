package rule

import (
	"errors"
	"fmt"
	"math"

	"github.com/sallyport-auth/sallyport"
)

var (
	errOverflow = errors.New("integer overflow")
	errPartly   = errors.New("a part of a set or record is not known")
	errNoObject = errors.New("there is no object that the rule's limit on the resource could be held against")
)

// apply computes an operator whose result depends on its arguments alone. They
// are known values.
func apply(e *Expr, args []sallyport.Value) (sallyport.Value, error) {
	switch e.Op {
	case Equal:
		return truthValue(equality(args[0], args[1]), errPartly)
	case Less, LessEqual:
		return compare(e.Op, args[0], args[1])
	case Add, Sub, Mul:
		return arithmetic(e.Op, args[0], args[1])
	case Neg:
		return arithmetic(Sub, sallyport.IntValue(0), args[0])
	case Is:
		if args[0].Kind() != sallyport.KindEntity {
			return sallyport.Value{}, expected(sallyport.KindEntity, args[0])
		}
		return sallyport.BoolValue(args[0].EntityType() == e.Name), nil
	case Like:
		if args[0].Kind() != sallyport.KindString {
			return sallyport.Value{}, expected(sallyport.KindString, args[0])
		}
		return sallyport.BoolValue(e.Pattern.Match(args[0].Text())), nil
	case Contains, ContainsAll, ContainsAny, IsEmpty:
		return sets(e.Op, args)
	case Call:
		return call(e.Name, args)
	default:
		return sallyport.Value{}, fmt.Errorf("unknown operator %d", e.Op)
	}
}

func expected(kind sallyport.ValueKind, got sallyport.Value) error {
	return fmt.Errorf("expected %s, got %s", kind, got.Kind())
}

func truthValue(t Truth, neither error) (sallyport.Value, error) {
	if t == Neither {
		return sallyport.Value{}, neither
	}
	return sallyport.BoolValue(t == True), nil
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// equality compares two known values: neither, if one of them holds a value that is
// absent or not loaded. Values of different kinds are surely different.
func equality(a, b sallyport.Value) Truth {
	if a.Kind() != b.Kind() {
		return False
	}
	if !whole(a) || !whole(b) {
		return Neither
	}
	return truth(a.Equal(b))
}

// whole reports whether all of a set or record is known.
func whole(v sallyport.Value) bool {
	switch v.Kind() {
	case sallyport.KindSet:
		for _, e := range v.Set() {
			if !whole(e) {
				return false
			}
		}
	case sallyport.KindRecord:
		for _, f := range v.Record() {
			if !whole(f) {
				return false
			}
		}
	}
	return v.Known()
}

func compare(op Op, a, b sallyport.Value) (sallyport.Value, error) {
	t := ordered(op, &a, &b)
	if t == Neither {
		return sallyport.Value{}, fmt.Errorf("only two integers, times or durations can be compared, not %s with %s", a.Kind(), b.Kind())
	}
	return sallyport.BoolValue(t == True), nil
}

// ordered says whether a < b or a <= b: neither, if they have no order. Pointers
// save copying.
func ordered(op Op, a, b *sallyport.Value) Truth {
	if a.Kind() != b.Kind() {
		return Neither
	}
	switch a.Kind() {
	case sallyport.KindInt, sallyport.KindTime, sallyport.KindDuration:
		return truth(a.Int() < b.Int() || op == LessEqual && a.Int() == b.Int())
	default:
		return Neither
	}
}

func arithmetic(op Op, a, b sallyport.Value) (sallyport.Value, error) {
	if a.Kind() != sallyport.KindInt || b.Kind() != sallyport.KindInt {
		return sallyport.Value{}, fmt.Errorf("expected two integers, got %s and %s", a.Kind(), b.Kind())
	}
	n, ok := calculate(op, a.Int(), b.Int())
	if !ok {
		return sallyport.Value{}, errOverflow
	}
	return sallyport.IntValue(n), nil
}

// calculate adds, subtracts or multiplies, if the result is a 64-bit integer.
func calculate(op Op, a, b int64) (n int64, ok bool) {
	switch op {
	case Add:
		n = a + b
		return n, (n > a) == (b > 0)
	case Sub:
		n = a - b
		return n, (n < a) == (b > 0)
	default:
		if a == 0 || b == 0 {
			return 0, true
		}
		n = a * b
		return n, n/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64)
	}
}

// sets computes the methods of sets.
func sets(op Op, args []sallyport.Value) (sallyport.Value, error) {
	for i, a := range args {
		if a.Kind() != sallyport.KindSet && (i == 0 || op != Contains) {
			return sallyport.Value{}, expected(sallyport.KindSet, a)
		}
	}
	if op == IsEmpty {
		return sallyport.BoolValue(len(args[0].Set()) == 0), nil
	}
	return truthValue(contain(op, args[0], args[1]), errPartly)
}

// contain computes the methods of a set that take another value, which is a set
// but for Contains.
func contain(op Op, set, v sallyport.Value) Truth {
	if !whole(set) || !whole(v) {
		return Neither
	}
	if op == Contains {
		return truth(set.Holds(v))
	}
	for _, e := range v.Set() {
		if set.Holds(e) != (op == ContainsAll) {
			return truth(op == ContainsAny)
		}
	}
	return truth(op == ContainsAll)
}

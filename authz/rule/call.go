package rule

import (
	"fmt"

	"github.com/sallyport-auth/sallyport"
)

// A function is an extension function, or a method if its first argument is
// written before its name.
type function struct {
	args   []sallyport.ValueKind
	method bool
	apply  func(a, b sallyport.Value) (sallyport.Value, error) // b is not known if there is one argument
}

// The functions are looked up by name when a rule is compiled.
var functions = map[string]*function{
	"ip":       constructor(ParseIP),
	"decimal":  constructor(ParseDecimal),
	"datetime": constructor(ParseTime),
	"duration": constructor(ParseDuration),

	"isIpv4":      ipTest(isIPv4),
	"isIpv6":      ipTest(isIPv6),
	"isLoopback":  ipTest(isLoopback),
	"isMulticast": ipTest(isMulticast),
	"isInRange": method(func(a, b sallyport.Value) (sallyport.Value, error) {
		return sallyport.BoolValue(inRange(a.IP(), b.IP())), nil
	}, sallyport.KindIP, sallyport.KindIP),

	"lessThan":           decimalTest(func(a, b int64) bool { return a < b }),
	"lessThanOrEqual":    decimalTest(func(a, b int64) bool { return a <= b }),
	"greaterThan":        decimalTest(func(a, b int64) bool { return a > b }),
	"greaterThanOrEqual": decimalTest(func(a, b int64) bool { return a >= b }),

	"offset":        method(offset, sallyport.KindTime, sallyport.KindDuration),
	"durationSince": method(durationSince, sallyport.KindTime, sallyport.KindTime),
	"toDate":        method(toDate, sallyport.KindTime),
	"toTime":        method(toTime, sallyport.KindTime),

	"toMilliseconds": durationIn(1),
	"toSeconds":      durationIn(second),
	"toMinutes":      durationIn(minute),
	"toHours":        durationIn(hour),
	"toDays":         durationIn(day),
}

func constructor(parse func(string) (sallyport.Value, error)) *function {
	return &function{
		args:  []sallyport.ValueKind{sallyport.KindString},
		apply: func(a, _ sallyport.Value) (sallyport.Value, error) { return parse(a.Text()) },
	}
}

func method(apply func(a, b sallyport.Value) (sallyport.Value, error), args ...sallyport.ValueKind) *function {
	return &function{args: args, method: true, apply: apply}
}

// call computes an extension function of known values.
func call(name string, args []sallyport.Value) (sallyport.Value, error) {
	f := functions[name]
	if f == nil {
		return sallyport.Value{}, fmt.Errorf("there is no function %s", name)
	}
	if len(args) != len(f.args) {
		return sallyport.Value{}, fmt.Errorf("%s takes %d arguments, got %d", name, len(f.args), len(args))
	}
	var ab [2]sallyport.Value
	for i, a := range args {
		if a.Kind() != f.args[i] {
			return sallyport.Value{}, expected(f.args[i], a)
		}
		ab[i] = a
	}
	return f.apply(ab[0], ab[1])
}

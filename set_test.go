package sallyport_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport"
)

func TestSetsHold(t *testing.T) {
	one := sallyport.RecordValue(record{"a": num(1), "b": set(num(1), num(2))})
	turned := sallyport.RecordValue(record{"b": set(num(2), num(1), num(2)), "a": num(1)})
	for _, tt := range []struct {
		name     string
		v, w     sallyport.Value
		all, any bool // of w is in v
	}{
		{"nothing in nothing", set(), set(), true, false},
		{"nothing in something", set(num(1)), set(), true, false},
		{"something in nothing", set(), set(num(1)), false, false},
		{"the same", set(num(1), num(2)), set(num(2), num(1), num(2)), true, true},
		{"less", set(num(1), num(2)), set(num(2)), true, true},
		{"more", set(num(2)), set(num(1), num(2)), false, true},
		{"other", set(num(1)), set(num(2)), false, false},
		{"other kinds", set(num(1)), set(text("1")), false, false},
		{"few in many", set(numbers(0, 100)...), set(num(99)), true, true},
		{"many in few", set(num(99)), set(numbers(0, 100)...), false, true},
		{"many in many", set(numbers(0, 100)...), set(numbers(50, 100)...), true, true},
		{"many beside many", set(numbers(0, 100)...), set(numbers(99, 200)...), false, true},
		{"many apart from many", set(numbers(0, 100)...), set(numbers(100, 200)...), false, false},
		{"sets in sets", set(set(num(1), num(2)), set()), set(set(num(2), num(1))), true, true},
		{"other sets in sets", set(set(num(1)), set(num(2))), set(set(num(2), num(1))), false, false},
		{"sets among scalars", set(num(1)), set(set(num(1)), num(1)), false, true},
		{"records in sets", set(one, num(1)), set(turned), true, true},
		{"no set", num(1), set(), false, false},
		{"in no set", set(num(1)), num(1), false, false},
	} {
		if got := tt.v.HoldsAll(tt.w); got != tt.all {
			t.Errorf("%s: all %v", tt.name, got)
		}
		if got := tt.v.HoldsAny(tt.w); got != tt.any {
			t.Errorf("%s: any %v", tt.name, got)
		}
		for _, e := range tt.w.Set() {
			if got := tt.v.Holds(e); got != tt.v.HoldsAll(set(e)) {
				t.Errorf("%s: holds %v: %v", tt.name, e, got)
			}
		}
	}
	if !set(one).Holds(turned) || num(1).Holds(num(1)) {
		t.Error("a record by its fields, or a number in a number")
	}
}

// A client may send what a rule compares with itself. Without forms, these would
// take longer than anybody waits.
func TestComparingWhatAClientMadeUpEnds(t *testing.T) {
	deep := func() sallyport.Value {
		v := set()
		for range 64 {
			v = set(v)
		}
		return v
	}
	wide := func() sallyport.Value {
		v := num(1)
		for range 10 {
			v = set(v, set(v))
		}
		return v
	}
	many := func() sallyport.Value { return set(numbers(0, 50_000)...) }
	for name, make := range map[string]func() sallyport.Value{"deep": deep, "wide": wide, "many": many} {
		v, w := make(), make()
		if !v.Equal(w) || !v.HoldsAll(w) || !v.HoldsAny(w) || !set(v).Holds(w) || v.Equal(set(w)) {
			t.Errorf("%s: not equal", name)
		}
	}
}

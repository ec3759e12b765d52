package sallyport_test

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// Short names for what the tests of values are full of.
var (
	num  = sallyport.IntValue
	text = sallyport.StringValue
	set  = sallyport.SetValue
)

func ref(typ, id string) sallyport.Value {
	return sallyport.EntityValue(sallyport.UID{Type: typ, ID: id})
}

func network(s string) sallyport.Value {
	p := netip.MustParsePrefix(s)
	return sallyport.IPValue(&p)
}

type record = map[string]sallyport.Value

// distinct are values of which no two are equal, though many look alike.
func distinct() map[string]sallyport.Value {
	return map[string]sallyport.Value{
		"false":                              sallyport.BoolValue(false),
		"true":                               sallyport.BoolValue(true),
		"zero":                               num(0),
		"one":                                num(1),
		"a moment":                           sallyport.TimeMillis(1),
		"a time span":                        sallyport.DurationMillis(1),
		"a decimal":                          sallyport.DecimalValue(1),
		"no text":                            text(""),
		"text":                               text("1"),
		"another text":                       text("a"),
		"a user":                             ref("User", "1"),
		"another user":                       ref("User", "a"),
		"a user without id":                  ref("User", ""),
		"a service":                          ref("Service", "1"),
		"one whose type and id run together": ref("User1", ""),
		"an address":                         network("10.0.0.1/32"),
		"a network":                          network("10.0.0.0/8"),
		"a network by an address in it":      network("10.0.0.1/8"),
		"that address, written as IPv6":      network("::ffff:10.0.0.1/128"),
		"the empty set":                      set(),
		"a set":                              set(num(1)),
		"a set with more in it":              set(num(1), num(2)),
		"a set of texts":                     set(text("1")),
		"a set of a set":                     set(set(num(1))),
		"a set of two sets":                  set(set(num(1)), set(num(2))),
		"a set of a bigger set":              set(set(num(1), num(2))),
		"a set of the empty set":             set(set()),
		"a set of a record":                  set(sallyport.RecordValue(record{"a": num(1)})),
		"a set of another record":            set(sallyport.RecordValue(record{"b": num(1)})),
		"a set of all sorts":                 set(sallyport.BoolValue(true), network("10.0.0.0/8"), ref("User", "1"), text("a"), set()),
		"many":                               set(numbers(0, 100)...),
		"many others":                        set(numbers(1, 101)...),
		"one more than many":                 set(numbers(0, 101)...),
		"the empty record":                   sallyport.RecordValue(nil),
		"a record":                           sallyport.RecordValue(record{"a": num(1)}),
		"a record of another name":           sallyport.RecordValue(record{"b": num(1)}),
		"a record of another value":          sallyport.RecordValue(record{"a": text("1")}),
		"a record of two":                    sallyport.RecordValue(record{"a": num(1), "b": num(1)}),
		"a record of a record":               sallyport.RecordValue(record{"a": sallyport.RecordValue(record{"a": num(1)})}),
		"a record of a set":                  sallyport.RecordValue(record{"a": set(num(1))}),
		"a record whose name and text are turned": sallyport.RecordValue(record{"1": text("a")}),
	}
}

// numbers are the integers from a to b, without b.
func numbers(a, b int64) []sallyport.Value {
	var found []sallyport.Value
	for n := a; n < b; n++ {
		found = append(found, num(n))
	}
	return found
}

func TestEqualIsSameKindAndSameContent(t *testing.T) {
	left, right := distinct(), distinct()
	for a, v := range left {
		for b, w := range right {
			if got := v.Equal(w); got != (a == b) {
				t.Errorf("%s equals %s: %v", a, b, got)
			}
			// The same as elements, where big sets and sets of sets go another way.
			if got := set(v).Equal(set(w, w)); got != (a == b) {
				t.Errorf("a set of %s equals a set of %s: %v", a, b, got)
			}
			if got := set(append(numbers(500, 550), v)...).Equal(set(append(numbers(500, 550), w)...)); got != (a == b) {
				t.Errorf("a big set with %s equals one with %s: %v", a, b, got)
			}
		}
	}
}

func TestWhatIsNotThereEqualsNothing(t *testing.T) {
	for _, none := range []sallyport.Value{{}, sallyport.AbsentValue()} {
		big := append(numbers(0, 50), none)
		in := sallyport.RecordValue(record{"a": none, "b": num(1)})
		for name, v := range map[string]sallyport.Value{
			"itself": none, "in a set": set(none), "in a set beside others": set(num(1), none),
			"in a big set": set(big...), "in a set of sets": set(set(none)), "in a record": in, "in a set of records": set(in),
		} {
			if v.Equal(v) {
				t.Errorf("%s, %s: equal", none.Kind(), name)
			}
		}
		for name, v := range map[string]sallyport.Value{"a set": set(num(1), none), "a big set": set(big...), "a set of sets": set(set(none), none, num(1))} {
			if v.Holds(none) || v.HoldsAll(set(none)) || v.HoldsAny(set(none)) || v.HoldsAll(v) {
				t.Errorf("%s, %s: held", none.Kind(), name)
			}
			if !v.Holds(num(1)) || !v.HoldsAll(set(num(1))) || !v.HoldsAny(v) {
				t.Errorf("%s, %s: nothing else is held", none.Kind(), name)
			}
		}
		if v := set(set(none), set(num(1))); v.Holds(set(none)) || !v.Holds(set(num(1))) {
			t.Errorf("%s in a set of sets", none.Kind())
		}
	}
}

func TestTheZeroValueIsNotLoaded(t *testing.T) {
	var v sallyport.Value
	if v.Kind() != sallyport.NotLoaded || v.Known() || sallyport.AbsentValue().Known() || !num(0).Known() {
		t.Errorf("zero %s, known %v, %v, %v", v.Kind(), v.Known(), sallyport.AbsentValue().Known(), num(0).Known())
	}
}

func TestEveryKindHasAName(t *testing.T) {
	seen := make(map[string]bool)
	for k := sallyport.NotLoaded; k <= sallyport.KindRecord; k++ {
		seen[k.String()] = true
	}
	if len(seen) != 12 || seen["unknown"] || sallyport.ValueKind(99).String() != "unknown" {
		t.Errorf("names %v", slices.Sorted(maps.Keys(seen)))
	}
}

// What a value is asked for, and is not, is zero.
func TestAccessors(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_999_999, time.FixedZone("", 3600))
	for _, tt := range []struct {
		name string
		v    sallyport.Value
		kind sallyport.ValueKind
		b    bool
		n    int64
		text string
		uid  sallyport.UID
	}{
		{"not loaded", sallyport.Value{}, sallyport.NotLoaded, false, 0, "", sallyport.UID{}},
		{"absent", sallyport.AbsentValue(), sallyport.Absent, false, 0, "", sallyport.UID{}},
		{"true", sallyport.BoolValue(true), sallyport.KindBool, true, 0, "", sallyport.UID{}},
		{"false", sallyport.BoolValue(false), sallyport.KindBool, false, 0, "", sallyport.UID{}},
		{"an integer", num(1), sallyport.KindInt, false, 1, "", sallyport.UID{}},
		{"a text", text("a"), sallyport.KindString, false, 0, "a", sallyport.UID{}},
		{"an entity", ref("Post", "1"), sallyport.KindEntity, false, 0, "1", sallyport.UID{Type: "Post", ID: "1"}},
		{"a moment", sallyport.TimeValue(at), sallyport.KindTime, false, at.UnixMilli(), "", sallyport.UID{}},
		{"a time span", sallyport.DurationValue(1500 * time.Microsecond), sallyport.KindDuration, false, 1, "", sallyport.UID{}},
		{"a time span longer than Go's", sallyport.DurationMillis(math.MaxInt64), sallyport.KindDuration, false, math.MaxInt64, "", sallyport.UID{}},
		{"a decimal", sallyport.DecimalValue(12300), sallyport.KindDecimal, false, 12300, "", sallyport.UID{}},
		{"a network", network("10.0.0.0/8"), sallyport.KindIP, false, 0, "", sallyport.UID{}},
		{"no network", sallyport.IPValue(nil), sallyport.Absent, false, 0, "", sallyport.UID{}},
		{"an invalid network", sallyport.IPValue(new(netip.Prefix)), sallyport.Absent, false, 0, "", sallyport.UID{}},
		{"a set", set(num(1)), sallyport.KindSet, false, 0, "", sallyport.UID{}},
		{"a record", sallyport.RecordValue(record{"a": num(1)}), sallyport.KindRecord, false, 0, "", sallyport.UID{}},
	} {
		v := tt.v
		if v.Kind() != tt.kind || v.Bool() != tt.b || v.Int() != tt.n || v.Text() != tt.text || v.UID() != tt.uid || v.EntityType() != tt.uid.Type {
			t.Errorf("%s: %s, %v, %d, %q, %v, %q", tt.name, v.Kind(), v.Bool(), v.Int(), v.Text(), v.UID(), v.EntityType())
		}
		if (v.IP() != nil) != (tt.kind == sallyport.KindIP) || (v.Set() != nil) != (tt.kind == sallyport.KindSet) || (v.Record() != nil) != (tt.kind == sallyport.KindRecord) {
			t.Errorf("%s: %v, %v, %v", tt.name, v.IP(), v.Set(), v.Record())
		}
		want := time.Time{}
		if tt.kind == sallyport.KindTime {
			want = time.Date(2026, 1, 2, 2, 4, 5, 6_000_000, time.UTC)
		}
		if got := v.Time(); got != want {
			t.Errorf("%s: time %v", tt.name, got)
		}
	}
}

func TestValuesOfTypesThatSallyportKnowsDoNotAllocate(t *testing.T) {
	id := t.Name()
	for _, typ := range []string{
		sallyport.UserType, sallyport.ServiceType, sallyport.AnonymousType,
		sallyport.RoleType, sallyport.OrganizationType, sallyport.ActionType,
	} {
		if n := testing.AllocsPerRun(100, func() {
			if v := ref(typ, id); v.EntityType() != typ || !v.Equal(v) {
				t.Errorf("%s: %v", typ, v)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", typ, n)
		}
	}
}

func TestHandingOnAndComparingSmallValuesDoesNotAllocate(t *testing.T) {
	small := set(numbers(0, 16)...)
	big := set(numbers(0, 1000)...)
	values := []sallyport.Value{num(1), text("a"), ref("Post", "1"), network("10.0.0.0/8"), small, sallyport.RecordValue(record{"a": num(1)})}
	handed := make(chan sallyport.Value, 1)
	if n := testing.AllocsPerRun(100, func() {
		for _, v := range values {
			handed <- v
			if w := <-handed; !w.Equal(v) {
				t.Errorf("%v became %v", v, w)
			}
		}
		if !small.HoldsAll(small) || !small.HoldsAny(big) || !big.HoldsAll(small) || !big.Holds(num(999)) {
			t.Error("not held")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

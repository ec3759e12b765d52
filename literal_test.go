package sallyport_test

import (
	"math"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

func TestUIDsAreWrittenSoThatTheyCanBeReadBack(t *testing.T) {
	for _, tt := range []struct{ name, id, want string }{
		{"an id", "usr_1", `User::"usr_1"`},
		{"none", "", `User::""`},
		{"quotes and backslashes", `a"b\c'd`, `User::"a\"b\\c'd"`},
		{"lines", "\t\r\n", `User::"\t\r\n"`},
		{"controls", "\x00\x01\x1b\x7f\u0085", `User::"\0\u{1}\u{1b}\u{7f}\u{85}"`},
		{"a zero before a digit", "\x001", `User::"\01"`},
		{"any script", "Ölaf 漢字 😀", `User::"Ölaf 漢字 😀"`},
		{"what cannot be seen, or turns what can", "a\u00a0\u200b\u202e\ufeff\U000e0001", `User::"a\u{a0}\u{200b}\u{202e}\u{feff}\u{e0001}"`},
		{"what is not text", "a\xffb", `User::"a` + "\ufffd" + `b"`},
	} {
		if got := (sallyport.UID{Type: "User", ID: tt.id}).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestValuesAreWrittenAsInPolicies(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    sallyport.Value
		want string
	}{
		{"not loaded", sallyport.Value{}, "not loaded"},
		{"absent", sallyport.AbsentValue(), "absent"},
		{"a truth value", sallyport.BoolValue(true), "true"},
		{"an integer", num(math.MinInt64), "-9223372036854775808"},
		{"a text", text("a \"b\"\u202e"), `"a \"b\"\u{202e}"`},
		{"an entity", ref("School::Class", "1"), `School::Class::"1"`},
		{"a moment", sallyport.TimeMillis(1_767_323_045_000), `datetime("2026-01-02T03:04:05Z")`},
		{"a moment within a second", sallyport.TimeMillis(-1), `datetime("1969-12-31T23:59:59.999Z")`},
		{"a moment beyond the calendar", sallyport.TimeMillis(math.MaxInt64), `datetime("1970-01-01T00:00:00Z").offset(duration("106751991167d7h12m55s807ms"))`},
		{"a moment before the calendar", sallyport.TimeMillis(-62_167_219_200_001), `datetime("1970-01-01T00:00:00Z").offset(duration("-719528d1ms"))`},
		{"no time span", sallyport.DurationMillis(0), `duration("0ms")`},
		{"a time span of every unit", sallyport.DurationMillis(90_061_001), `duration("1d1h1m1s1ms")`},
		{"a negative time span", sallyport.DurationMillis(-1500), `duration("-1s500ms")`},
		{"the longest", sallyport.DurationMillis(math.MinInt64), `duration("-106751991167d7h12m55s808ms")`},
		{"zero", sallyport.DecimalValue(0), `decimal("0.0")`},
		{"a decimal", sallyport.DecimalValue(12300), `decimal("1.23")`},
		{"a decimal with zeros inside", sallyport.DecimalValue(-1), `decimal("-0.0001")`},
		{"the least decimal", sallyport.DecimalValue(math.MinInt64), `decimal("-922337203685477.5808")`},
		{"an address", network("10.0.0.1/32"), `ip("10.0.0.1")`},
		{"a network", network("2001:db8::/32"), `ip("2001:db8::/32")`},
		{"an IPv4 address as IPv6", network("::ffff:10.0.0.1/128"), `ip("::ffff:0a00:0001")`},
		{"a network of them", network("::ffff:10.0.0.0/104"), `ip("::ffff:0a00:0000/104")`},
		{"the empty set", set(), "[]"},
		{"a set", set(num(1), set(text("a"))), `[1, ["a"]]`},
		{"a record, by name", sallyport.RecordValue(record{"b c": num(2), "a": num(1)}), `{"a": 1, "b c": 2}`},
	} {
		if got := tt.v.String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

package authz_test

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

func ip(s string) sallyport.Value {
	p := netip.MustParsePrefix(s)
	return sallyport.IPValue(&p)
}

// values are of every kind, with the JSON that each has for ever: it is stored.
var values = []struct {
	name  string
	value sallyport.Value
	json  string
}{
	{"not loaded", sallyport.Value{}, `{"$unknown":true}`},
	{"absent", sallyport.AbsentValue(), `null`},
	{"true", sallyport.BoolValue(true), `true`},
	{"false", sallyport.BoolValue(false), `false`},
	{"zero", sallyport.IntValue(0), `0`},
	{"the greatest integer", sallyport.IntValue(math.MaxInt64), `9223372036854775807`},
	{"the least integer", sallyport.IntValue(math.MinInt64), `-9223372036854775808`},
	{"an integer that a float cannot hold", sallyport.IntValue(1<<53 + 1), `9007199254740993`},
	{"no text", sallyport.StringValue(""), `""`},
	{"text", sallyport.StringValue("<a> & \"b\"\n"), `"<a> & \"b\"\n"`},
	{"text with NUL", sallyport.StringValue("a\x00b"), `"a\u0000b"`},
	{"text that is not UTF-8", sallyport.StringValue("a\xff"), `{"$bytes":"Yf8="}`},
	{"text that looks like a value", sallyport.StringValue(`{"$time":1}`), `"{\"$time\":1}"`},
	{"an entity", sallyport.EntityValue(sallyport.UID{Type: "User", ID: "usr_1"}), `{"$entity":["User","usr_1"]}`},
	{"an entity whose id is not UTF-8", sallyport.EntityValue(sallyport.UID{Type: "User", ID: "\xff"}), `{"$entity":["User",{"$bytes":"/w=="}]}`},
	{"a moment", sallyport.TimeValue(time.UnixMilli(1234567890123)), `{"$time":1234567890123}`},
	{"a moment beyond what time.Time writes", sallyport.TimeMillis(math.MinInt64), `{"$time":-9223372036854775808}`},
	{"a time span", sallyport.DurationValue(90 * time.Second), `{"$duration":90000}`},
	{"a time span longer than time.Duration", sallyport.DurationMillis(math.MaxInt64), `{"$duration":9223372036854775807}`},
	{"a decimal", sallyport.DecimalValue(-12345), `{"$decimal":-12345}`},
	{"an address", ip("192.0.2.7/32"), `{"$ip":"192.0.2.7/32"}`},
	{"a range of addresses with bits of a host", ip("10.1.2.3/8"), `{"$ip":"10.1.2.3/8"}`},
	{"an address of version 6", ip("2001:db8::/64"), `{"$ip":"2001:db8::/64"}`},
	{"no elements", sallyport.SetValue(), `[]`},
	{"a set of many kinds", sallyport.SetValue(sallyport.IntValue(1), sallyport.StringValue("1"), sallyport.SetValue(sallyport.AbsentValue())), `[1,"1",[null]]`},
	{"no fields", sallyport.RecordValue(map[string]sallyport.Value{}), `{"$record":{}}`},
	{"a record that looks like a value", sallyport.RecordValue(map[string]sallyport.Value{"$time": sallyport.IntValue(1)}), `{"$record":{"$time":1}}`},
	{"a record", sallyport.RecordValue(map[string]sallyport.Value{"b": sallyport.BoolValue(true), "": {}, "a": sallyport.RecordValue(nil)}),
		`{"$record":{"":{"$unknown":true},"a":{"$record":{}},"b":true}}`},
}

func TestValuesComeBackOfTheSameKind(t *testing.T) {
	for _, c := range values {
		t.Run(c.name, func(t *testing.T) {
			text, err := authz.EncodeValue(c.value)
			if err != nil || string(text) != c.json {
				t.Fatalf("encoded to %s (%v), want %s", text, err, c.json)
			}
			back, err := authz.DecodeValue(text)
			if err != nil || back.Kind() != c.value.Kind() || back.String() != c.value.String() {
				t.Errorf("came back as %v %v (%v), want %v %v", back.Kind(), back, err, c.value.Kind(), c.value)
			}
			if c.value.Known() && c.value.Kind() < sallyport.KindSet && !back.Equal(c.value) {
				t.Errorf("came back as %v, which differs", back)
			}
			if again, err := authz.EncodeValue(back); err != nil || string(again) != c.json {
				t.Errorf("encoded again to %s (%v)", again, err)
			}
		})
	}
}

func TestEncodeValueRefuses(t *testing.T) {
	name := sallyport.RecordValue(map[string]sallyport.Value{"\xff": sallyport.BoolValue(true)})
	for what, v := range map[string]sallyport.Value{
		"a record": name, "a set of it": sallyport.SetValue(name), "a record of it": sallyport.RecordValue(map[string]sallyport.Value{"a": name}),
	} {
		if text, err := authz.EncodeValue(v); err == nil {
			t.Errorf("%s with a name that is not UTF-8: %s", what, text)
		}
	}
}

func TestDecodeValueRefuses(t *testing.T) {
	for _, text := range []string{
		"", "nul", `"`, `1 2`, `true false`, `1.0`, `1e3`, `9223372036854775808`, `{}`, `{"a":1}`, `{"$time":1,"$decimal":1}`,
		`{"$time":"1"}`, `{"$time":1.5}`, `{"$duration":null}`, `{"$decimal":true}`, `{"$unknown":false}`, `{"$bytes":1}`, `{"$bytes":"YQ=="}`, `{"$bytes":"/w"}`,
		`{"$entity":["User"]}`, `{"$entity":["User",1]}`, `{"$entity":"User"}`, `{"$ip":"10.0.0.1"}`, `{"$ip":"x/8"}`, `{"$ip":"010.0.0.1/8"}`, `{"$ip":8}`,
		`{"$record":[]}`, `{"$record":{"a":{}}}`, `[{}]`, `{"$Time":1}`,
	} {
		if v, err := authz.DecodeValue([]byte(text)); err == nil {
			t.Errorf("%s is read as %v", text, v)
		}
	}
}

// What is read can be written, and is read as the same again.
func FuzzDecodeValue(f *testing.F) {
	for _, c := range values {
		f.Add([]byte(c.json))
	}
	f.Add([]byte(`[-0, {"$ip":"::ffff:1.2.3.4/100"}]`))
	f.Add([]byte(`{"$record":{"a":1,"a":2}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := authz.DecodeValue(text)
		if err != nil {
			return
		}
		first, err := authz.EncodeValue(v)
		if err != nil {
			t.Fatalf("%v was read from %s and cannot be written: %v", v, text, err)
		}
		back, err := authz.DecodeValue(first)
		if err != nil || back.Kind() != v.Kind() {
			t.Fatalf("%s cannot be read again: %v", first, err)
		}
		if second, err := authz.EncodeValue(back); err != nil || string(second) != string(first) {
			t.Errorf("%s became %s", first, second)
		}
	})
}

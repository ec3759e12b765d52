package rule_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

func TestLiteralsOfExtensionTypes(t *testing.T) {
	parse := map[string]func(string) (sallyport.Value, error){
		"ip": rule.ParseIP, "decimal": rule.ParseDecimal, "datetime": rule.ParseTime, "duration": rule.ParseDuration,
	}
	for _, tt := range []struct {
		function, text string
		want           string // how the value is written, "" = an error
	}{
		{"ip", "127.0.0.1", "127.0.0.1"},
		{"ip", "10.0.0.0/8", "10.0.0.0/8"},
		{"ip", "10.1.2.3/32", "10.1.2.3"},
		{"ip", "10.1.2.3/8", "10.1.2.3/8"},
		{"ip", "::1", "::1"},
		{"ip", "::/0", "::/0"},
		{"ip", "2001:DB8::/32", "2001:db8::/32"},
		{"ip", "::ffff:7f00:1", "::ffff:7f00:1"},
		{"ip", "::ffff:0:0/96", "::ffff:0:0/96"},
		{"ip", "::ffff:127.0.0.1", ""},
		{"ip", "::1.2.3.4/96", ""},
		{"ip", "fe80::1%eth0", ""},
		{"ip", "fe80::1%eth0/64", ""},
		{"ip", "127.0.0.01", ""},
		{"ip", "127.0.0.1/33", ""},
		{"ip", "127.0.0.1/08", ""},
		{"ip", "127.0.0.1/+8", ""},
		{"ip", "127.0.0.1/", ""},
		{"ip", "/8", ""},
		{"ip", "::/129", ""},
		{"ip", "", ""},
		{"ip", " 127.0.0.1", ""},
		{"ip", "localhost", ""},

		{"decimal", "1.0", "1.0"},
		{"decimal", "-0.0", "0.0"},
		{"decimal", "-0.5", "-0.5"},
		{"decimal", "00.1234", "0.1234"},
		{"decimal", "12.3400", "12.34"},
		{"decimal", "922337203685477.5807", "922337203685477.5807"},
		{"decimal", "-922337203685477.5808", "-922337203685477.5808"},
		{"decimal", "922337203685477.5808", ""},
		{"decimal", "-922337203685477.5809", ""},
		{"decimal", "99999999999999999999.0", ""},
		{"decimal", "1", ""},
		{"decimal", "1.", ""},
		{"decimal", ".5", ""},
		{"decimal", "1.23456", ""},
		{"decimal", "1.00000", ""},
		{"decimal", "+1.0", ""},
		{"decimal", "--1.0", ""},
		{"decimal", "1.-5", ""},
		{"decimal", "1.2.3", ""},
		{"decimal", "1e3.0", ""},
		{"decimal", "1_0.0", ""},
		{"decimal", "", ""},

		{"datetime", "2024-10-15", "2024-10-15T00:00:00.000Z"},
		{"datetime", "2024-10-15T11:35:00Z", "2024-10-15T11:35:00.000Z"},
		{"datetime", "2024-10-15T11:35:00.123Z", "2024-10-15T11:35:00.123Z"},
		{"datetime", "2024-10-15T11:35:00+0100", "2024-10-15T10:35:00.000Z"},
		{"datetime", "2024-10-15T11:35:00.5-0130", ""},
		{"datetime", "2024-10-15T11:35:00.500-0130", "2024-10-15T13:05:00.500Z"},
		{"datetime", "2024-02-29", "2024-02-29T00:00:00.000Z"},
		{"datetime", "2023-02-29", ""},
		{"datetime", "2024-04-31", ""},
		{"datetime", "2024-13-01", ""},
		{"datetime", "2024-00-01", ""},
		{"datetime", "2024-01-00", ""},
		{"datetime", "2024-10-15T24:00:00Z", ""},
		{"datetime", "2024-10-15T23:60:00Z", ""},
		{"datetime", "2024-10-15T23:59:60Z", ""},
		{"datetime", "2024-10-15T11:35:00", ""},
		{"datetime", "2024-10-15T11:35Z", ""},
		{"datetime", "2024-10-15T11:35:00Z ", ""},
		{"datetime", "2024-10-15T11:35:00+01:00", ""},
		{"datetime", "2024-10-15T11:35:00+2400", ""},
		{"datetime", "2024-10-15T11:35:00+0160", ""},
		{"datetime", "2024-10-15 11:35:00Z", ""},
		{"datetime", "24-10-15", ""},
		{"datetime", "", ""},
		{"datetime", "0000-01-01", "0000-01-01T00:00:00.000Z"},
		{"datetime", "0000-01-01T00:00:00+2359", "-000000001-12-31T00:01:00.000Z"},
		{"datetime", "9999-12-31T23:59:59-2359", "+000010000-01-01T23:58:59.000Z"},
		{"datetime", "+000002024-10-15", "2024-10-15T00:00:00.000Z"},
		{"datetime", "+2024-10-15", ""},
		{"datetime", "+292278994-08-17T07:12:55.807Z", "+292278994-08-17T07:12:55.807Z"},
		{"datetime", "+292278994-08-17T07:12:55.808Z", ""},
		{"datetime", "+292278994-08-18", ""},
		{"datetime", "-292275055-05-16T16:47:04.192Z", "-292275055-05-16T16:47:04.192Z"},
		{"datetime", "-292275055-05-16T16:47:04.191Z", ""},
		{"datetime", "-292275055-05-16T15:47:04.192-0100", "-292275055-05-16T16:47:04.192Z"},
		{"datetime", "-292275055-05-15", ""},
		{"datetime", "+999999999-12-31", ""},

		{"duration", "1d2h3m4s5ms", "1d2h3m4s5ms"},
		{"duration", "90m", "1h30m"},
		{"duration", "-1h", "-1h"},
		{"duration", "0s", "0ms"},
		{"duration", "-0ms", "0ms"},
		{"duration", "0001d", "1d"},
		{"duration", "1d1ms", "1d1ms"},
		{"duration", "9223372036854775807ms", "106751991167d7h12m55s807ms"},
		{"duration", "-9223372036854775808ms", "-106751991167d7h12m55s808ms"},
		{"duration", "9223372036854775808ms", ""},
		{"duration", "-9223372036854775809ms", ""},
		{"duration", "106751991168d", ""},
		{"duration", "106751991167d24h", ""},
		{"duration", "99999999999999999999ms", ""},
		{"duration", "1h1d", ""},
		{"duration", "1h1h", ""},
		{"duration", "1ms1s", ""},
		{"duration", "1", ""},
		{"duration", "1d2", ""},
		{"duration", "d", ""},
		{"duration", "1x", ""},
		{"duration", "1d ", ""},
		{"duration", "1d-1h", ""},
		{"duration", "+1d", ""},
		{"duration", "1.5h", ""},
		{"duration", "-", ""},
		{"duration", "", ""},
	} {
		t.Run(tt.function+" "+tt.text, func(t *testing.T) {
			v, err := parse[tt.function](tt.text)
			if tt.want == "" {
				if err == nil {
					t.Fatalf("got %s, want an error", rule.ValueText(v))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := rule.ValueText(v), tt.function+`("`+tt.want+`")`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// FuzzLiterals: what is read can be written, and reads as the same value again.
func FuzzLiterals(f *testing.F) {
	for _, s := range []string{"127.0.0.1/8", "::ffff:7f00:1", "-12.34", "2024-10-15T11:35:00.123+0100", "-000000001-01-01", "-1d2h3m4s5ms"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, parse := range map[string]func(string) (sallyport.Value, error){
			"ip": rule.ParseIP, "decimal": rule.ParseDecimal, "datetime": rule.ParseTime, "duration": rule.ParseDuration,
		} {
			v, err := parse(s)
			if err != nil {
				continue
			}
			text := rule.ValueText(v)
			again, err := parse(text[len(name)+2 : len(text)-2])
			if err != nil || !again.Equal(v) {
				t.Errorf("%s(%q) is written as %s, which is %s, %v", name, s, text, rule.ValueText(again), err)
			}
		}
	})
}

package ssf_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/ssf"
)

func TestEventsDelivered(t *testing.T) {
	for _, tt := range []struct {
		name      string
		requested []string
		want      []string
	}{
		{"all, if none is asked for", nil, ssf.Supported},
		{"none of none", []string{}, []string{}},
		{"one", []string{ssf.CredentialChange}, []string{ssf.CredentialChange}},
		{"what is not known is ignored", []string{"urn:x", ssf.SessionRevoked}, []string{ssf.SessionRevoked}},
	} {
		st := ssf.Stream{Requested: tt.requested}
		if got := st.Delivered(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	for _, tt := range []struct {
		name, url     string
		public, local bool // taken by an installation on the internet, on loopback
	}{
		{"https", "https://a.example/events", true, true},
		{"https with a port and a query", "https://a.example:8443/events?x=1", true, true},
		{"a public address", "https://93.184.216.34/", true, true},
		{"http", "http://a.example/", false, false},
		{"http on loopback", "http://127.0.0.1:8080/", false, true},
		{"loopback", "https://127.0.0.1/", false, true},
		{"loopback by name", "https://localhost/", false, true},
		{"loopback by name with a dot", "https://LOCALHOST./", false, true},
		{"below localhost", "https://a.localhost/", false, true},
		{"IPv6 loopback", "https://[::1]/", false, true},
		{"IPv4 in IPv6", "https://[::ffff:10.0.0.1]/", false, true},
		{"a private network", "https://10.0.0.1/", false, true},
		{"the metadata service", "https://169.254.169.254/latest/", false, true},
		{"link-local with a zone", "https://[fe80::1%25eth0]/", false, true},
		{"a user", "https://ann:x@a.example/", false, false},
		{"a fragment", "https://a.example/#x", false, false},
		{"no host", "https:///x", false, false},
		{"a file", "file:///etc/passwd", false, false},
		{"gopher", "gopher://a.example/", false, false},
		{"nothing", "", false, false},
		{"too long", "https://a.example/" + strings.Repeat("x", 2048), false, false},
		{"a line break", "https://a.example/\nx", false, false},
	} {
		if err := ssf.CheckEndpoint(tt.url, false); (err == nil) != tt.public {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err := ssf.CheckEndpoint(tt.url, true); (err == nil) != tt.local {
			t.Errorf("%s, on loopback: %v", tt.name, err)
		}
	}
}

func TestChecks(t *testing.T) {
	long := func(n int) string { return strings.Repeat("ä", n) }
	for _, tt := range []struct {
		name string
		err  error
		ok   bool
	}{
		{"a description", ssf.CheckDescription(long(200)), true},
		{"a description too long", ssf.CheckDescription(long(201)), false},
		{"a description with a line break", ssf.CheckDescription("a\nb"), false},
		{"a reason", ssf.CheckReason("maintenance"), true},
		{"a reason that is no text", ssf.CheckReason("\xff"), false},
		{"a state", ssf.CheckState("VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo=\n"), true},
		{"a state too long", ssf.CheckState(long(513)), false},
		{"a state with NUL", ssf.CheckState("\x00"), false},
		{"events", ssf.CheckRequested([]string{"urn:x", ssf.SessionRevoked}), true},
		{"an event without a name", ssf.CheckRequested([]string{""}), false},
		{"too many events", ssf.CheckRequested(slices.Repeat([]string{"urn:x"}, 65)), false},
		{"an authorization", ssf.CheckAuthorization("Bearer abc"), true},
		{"no authorization", ssf.CheckAuthorization(""), true},
		{"an authorization with another header", ssf.CheckAuthorization("Bearer abc\r\nHost: x"), false},
		{"an authorization with spaces around", ssf.CheckAuthorization(" Bearer abc"), false},
		{"an authorization that is not ASCII", ssf.CheckAuthorization("Bearer ä"), false},
	} {
		if (tt.err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, tt.err)
		}
	}
}

// Whatever is acknowledged in whatever order, no signal is passed before it was, none
// is told again after, and what is kept is bounded.
func TestSettle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		st := ssf.Stream{ID: "stm_1", Requested: []string{ssf.SessionRevoked}, Status: ssf.Enabled}
		var all []ssf.Signal
		for seq := int64(1); len(all) < 40; seq += 1 + r.Int64N(3) {
			event := ssf.SessionRevoked
			if r.IntN(3) == 0 {
				event = ssf.CredentialChange
			}
			all = append(all, ssf.Signal{Seq: seq, ID: fmt.Sprint("sig_", seq), Event: event})
		}
		acked := map[int64]bool{}
		for step := 0; ; step++ {
			var after []ssf.Signal
			for _, s := range all {
				if s.Seq > st.Cursor {
					after = append(after, s)
				}
			}
			after = after[:min(10, len(after))]
			out := st.Outstanding(after)
			if len(out) == 0 {
				st.Settle(after, nil)
				if len(after) == 0 {
					break
				}
				continue
			}
			jtis := map[string]bool{"unknown": true}
			for _, s := range out {
				if acked[s.Seq] {
					t.Fatalf("%d is told again", s.Seq)
				}
				if r.IntN(2) == 0 {
					jtis[st.JTI(&s)], acked[s.Seq] = true, true
				}
			}
			if n := st.Settle(after, jtis); n != len(jtis)-1 {
				t.Fatalf("%d settled of %d", n, len(jtis)-1)
			}
			again := maps.Clone(jtis)
			if n := st.Settle(after, again); n != 0 {
				t.Fatalf("%d settled twice", n)
			}
			for _, s := range all {
				if s.Event == ssf.SessionRevoked && s.Seq <= st.Cursor && !acked[s.Seq] {
					t.Fatalf("%d was passed", s.Seq)
				}
			}
			if len(st.Acked) > 10 || !slices.IsSorted(st.Acked) {
				t.Fatalf("%v is kept", st.Acked)
			}
			if step > 1000 {
				t.Fatal("no end")
			}
		}
		if len(st.Acked) != 0 || st.Cursor != all[len(all)-1].Seq {
			t.Fatalf("in the end: cursor %d, acked %v", st.Cursor, st.Acked)
		}
	}
}

func TestSettleNotices(t *testing.T) {
	st := ssf.Stream{Notices: []ssf.Notice{{JTI: "a"}, {JTI: "b"}}}
	if n := st.Settle(nil, map[string]bool{"a": true, "x": true}); n != 1 || len(st.Notices) != 1 || st.Notices[0].JTI != "b" {
		t.Errorf("%d %v", n, st.Notices)
	}
}

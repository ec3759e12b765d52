package events_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/events"
)

var all = revoke.IDs{
	Token: "tok_1", Session: "ses_1", Grant: "gra_1", APIKey: "key_1", Subject: "usr_1", Client: "app_1", Org: "org_1", Key: "kid_1",
}

func TestTell(t *testing.T) {
	const kill, overlay, notice = revoke.Kill, revoke.Overlay, revoke.Notice
	for _, tt := range []struct {
		name     string
		progress revoke.Progress
		want     string
		others   string // what a stream is told that hangs on nothing
	}{
		{"nothing", revoke.Progress{Current: true}, "", ""},
		{"the session was ended", told(kill, revoke.Session, "ses_1"), "doubt roles ", ""},
		{"the session acts elsewhere", told(notice, revoke.Session, "ses_1"), "doubt roles ", ""},
		{"the subject was signed out", told(kill, revoke.Subject, "usr_1"), "doubt roles ", ""},
		{"the subject's roles", told(overlay, revoke.Subject, "usr_1"), "roles ", ""},
		{"the subject's plan", told(notice, revoke.Subject, "usr_1"), "roles ", ""},
		{"the organization is gone", told(kill, revoke.Org, "org_1"), "doubt roles ", ""},
		{"the organization's plan", told(notice, revoke.Org, "org_1"), "roles ", ""},
		{"the token", told(kill, revoke.Token, "tok_1"), "doubt roles ", ""},
		{"the grant", told(kill, revoke.Grant, "gra_1"), "doubt roles ", ""},
		{"the client", told(kill, revoke.Client, "app_1"), "doubt roles ", ""},
		{"the API key", told(kill, revoke.APIKey, "key_1"), "doubt roles ", ""},
		{"the signing key is compromised", told(kill, revoke.Key, "kid_1"), "doubt roles ", ""},
		{"the signing key is retired", told(notice, revoke.Key, "kid_1"), "", ""},
		{"a policy", told(notice, revoke.Policy, "version 2"), "policy ", "policy "},
		{"everything", told(kill, revoke.Global, ""), "doubt roles policy ", "doubt roles policy "},
		{"what only a newer version knows", told(notice, "moon", "phase"), "doubt roles policy ", "doubt roles policy "},
		{"the log is another", revoke.Progress{Reset: true}, "doubt roles policy ", "doubt roles policy "},
		{"an id of another kind", told(kill, revoke.Session, "usr_1"), "", ""},
		{"somebody else", told(kill, revoke.Subject, "usr_2"), "", ""},
		{"nobody", told(kill, revoke.Subject, ""), "", ""},
		{"several at once", revoke.Progress{Entries: []revoke.Entry{
			{Effect: overlay, Kind: revoke.Subject, ID: "usr_1"}, {Effect: notice, Kind: revoke.Policy}, {Effect: overlay, Kind: revoke.Subject, ID: "usr_1"},
		}}, "roles policy ", "policy "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := new(events.Streams)
			mine, leave, err := st.Enter("usr_1", all)
			if err != nil {
				t.Fatal(err)
			}
			none, leaveToo, err := st.Enter("usr_3", revoke.IDs{})
			if err != nil {
				t.Fatal(err)
			}
			st.Tell(tt.progress)
			if got := mine(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := mine(); got != "" {
				t.Errorf("told again: %q", got)
			}
			if got := none(); got != tt.others {
				t.Errorf("to a stream that hangs on nothing: %q", got)
			}
			leave()
			leaveToo()
			st.Tell(tt.progress)
			if !st.Empty() {
				t.Error("something is left")
			}
			st.Close()
		})
	}
}

func told(e revoke.Effect, k revoke.Kind, id string) revoke.Progress {
	return revoke.Progress{Entries: []revoke.Entry{{Effect: e, Kind: k, ID: id}}}
}

func TestHowManyStreams(t *testing.T) {
	st := &events.Streams{PerPrincipal: 2, Most: 3}
	status := func(subject string) (int, func()) {
		_, leave, err := st.Enter(subject, all)
		if err == nil {
			return 200, leave
		}
		p, ok := errors.AsType[*sallyport.Problem](err)
		if !ok || p.Header.Get("Retry-After") == "" {
			t.Fatal(err)
		}
		return p.Status, nil
	}
	var leave func()
	for _, tt := range []struct {
		subject string
		want    int
	}{{"ann", 200}, {"ann", 200}, {"ann", 429}, {"bob", 200}, {"bob", 503}, {"ann", 429}} {
		got, l := status(tt.subject)
		if got != tt.want {
			t.Errorf("%s: %d, want %d", tt.subject, got, tt.want)
		}
		if l != nil {
			leave = l
		}
	}
	leave()
	if got, _ := status("cem"); got != 200 {
		t.Errorf("after one left: %d", got)
	}
}

// FuzzTell holds the index against a look at every stream, whatever the log says
// and however streams come, go and move.
func FuzzTell(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte{200, 13, 77, 0, 0, 1, 255, 254, 3, 90, 91, 92})
	kinds := []revoke.Kind{revoke.Token, revoke.Session, revoke.Grant, revoke.APIKey, revoke.Subject, revoke.Client, revoke.Org, revoke.Key}
	f.Fuzz(func(t *testing.T, steps []byte) {
		type open struct {
			ids   [8]string
			told  func() string
			leave func()
		}
		st := &events.Streams{PerPrincipal: 1 << 20}
		var streams []open
		for i := 0; i+2 < len(steps); i += 3 {
			what, a, b := steps[i]%4, steps[i+1], steps[i+2]
			switch {
			case what == 0 && len(streams) < 20:
				var o open
				for k := range o.ids {
					if a>>k&1 == 1 {
						o.ids[k] = fmt.Sprint("id", b%4)
					}
				}
				var err error
				ids := revoke.IDs{Token: o.ids[0], Session: o.ids[1], Grant: o.ids[2], APIKey: o.ids[3], Subject: o.ids[4], Client: o.ids[5], Org: o.ids[6], Key: o.ids[7]}
				if o.told, o.leave, err = st.Enter("somebody", ids); err != nil {
					t.Fatal(err)
				}
				streams = append(streams, o)
			case what == 1 && len(streams) > 0:
				n := int(a) % len(streams)
				streams[n].leave()
				streams = append(streams[:n], streams[n+1:]...)
			default:
				kind, id := int(a)%len(kinds), fmt.Sprint("id", b%4)
				st.Tell(told(revoke.Kill, kinds[kind], id))
				for _, o := range streams {
					want := ""
					if o.ids[kind] == id {
						want = "doubt roles "
					}
					if got := o.told(); got != want {
						t.Fatalf("kill of %s %s told %q to %v", kinds[kind], id, got, o.ids)
					}
				}
			}
		}
		for _, o := range streams {
			o.leave()
		}
		if !st.Empty() {
			t.Error("something is left")
		}
	})
}

// BenchmarkTell is what an entry costs that names nobody here, and one that names one
// of many.
func BenchmarkTell(b *testing.B) {
	st := new(events.Streams)
	for i := range 10_000 {
		if _, _, err := st.Enter(fmt.Sprint("usr_", i), revoke.IDs{Subject: fmt.Sprint("usr_", i), Session: fmt.Sprint("ses_", i), Org: fmt.Sprint("org_", i%100)}); err != nil {
			b.Fatal(err)
		}
	}
	for name, p := range map[string]revoke.Progress{
		"nobody": told(revoke.Kill, revoke.Subject, "usr_x"), "one of 10,000": told(revoke.Kill, revoke.Subject, "usr_7"), "all 10,000": told(revoke.Notice, revoke.Policy, ""),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				st.Tell(p)
			}
		})
	}
}

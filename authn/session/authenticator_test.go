package session_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// answer is what door one makes of it.
func answer(p *sallyport.Principal, err error) string {
	switch {
	case errors.Is(err, sallyport.ErrNotMine):
		return "not mine"
	case errors.Is(err, sallyport.ErrInvalidCredential):
		return "401"
	case err != nil:
		return "503"
	}
	return p.Subject
}

func TestAuthenticate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		s, good := b.signIn()
		_, idle := b.signIn(func(s *session.Session) { s.IdleExpiresAt = time.Now() })
		_, over := b.signIn(func(s *session.Session) { s.ExpiresAt = time.Now() })
		_, unknown := session.Timeouts{}.New("usr_ann", time.Now())
		asked := b.asked
		for _, tt := range []struct {
			name       string
			credential sallyport.Credential
			want       string
			lookUps    int
		}{
			{"a session", cookie(good), "usr_ann", 1},
			{"one that idled out", cookie(idle), "401", 1},
			{"one past its absolute end", cookie(over), "401", 1},
			{"an unknown one", cookie(unknown), "401", 1},
			{"the id is no secret and opens nothing", cookie(s.ID), "401", 0},
			{"empty", cookie(""), "401", 0},
			{"one character less", cookie(good[1:]), "401", 0},
			{"one character more", cookie(good + "A"), "401", 0},
			{"another alphabet", cookie(strings.Repeat("+", 43)), "401", 0},
			{"bits that no encoder sets", cookie(strings.Repeat("A", 42) + "B"), "401", 0},
			{"a line break, which a lenient decoder skips", cookie(good[:42] + "\n"), "401", 0},
			{"a bearer token", sallyport.Credential{Scheme: sallyport.SchemeBearer, Value: good}, "not mine", 0},
			{"an API key", sallyport.Credential{Scheme: sallyport.SchemeAPIKey, Value: good}, "not mine", 0},
			{"a certificate", sallyport.Credential{Scheme: sallyport.SchemeCertificate}, "not mine", 0},
		} {
			p, err := b.authenticator(nil).Authenticate(t.Context(), tt.credential)
			if got := answer(p, err); got != tt.want {
				t.Errorf("%s: %s (%v), want %s", tt.name, got, err, tt.want)
			}
			if n := b.asked - asked; n != tt.lookUps {
				t.Errorf("%s: %d look-ups, want %d", tt.name, n, tt.lookUps)
			}
			asked = b.asked
			if err != nil && tt.credential.Value != "" && strings.Contains(err.Error(), tt.credential.Value) && tt.credential.Value != s.ID {
				t.Errorf("%s: the error gives the secret away: %v", tt.name, err)
			}
		}
	})
}

func TestPrincipal(t *testing.T) {
	b := newBook()
	s, value := b.signIn()
	p, err := b.authenticator(nil).Authenticate(t.Context(), cookie(value))
	want := &sallyport.Principal{
		Kind: sallyport.User, Subject: "usr_ann", Org: "org_a", Roles: []string{"member"}, OrgRoles: []string{"chief"}, Plan: "gold", Session: s.ID, Credential: "session",
		AuthTime: s.AuthTime, AMR: []string{"pwd"}, AAL: 1, Rev: "log.1",
	}
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v, %v\nwant %+v", p, err, want)
	}
	_, value = b.signIn(func(s *session.Session) { s.Position = revoke.Position{} })
	p, err = (&session.Authenticator{Sessions: b}).Authenticate(t.Context(), cookie(value))
	if err != nil || p.Roles != nil || p.Org != "" || p.Rev != "" {
		t.Errorf("nobody knows of roles, members or positions: %+v, %v", p, err)
	}
	b.left = true
	_, value = b.signIn()
	p, err = b.authenticator(nil).Authenticate(t.Context(), cookie(value))
	if err != nil || p.Org != "" || p.OrgRoles != nil || p.Plan != "free" || len(p.Roles) != 1 {
		t.Errorf("of an organization that the subject has left: %+v, %v", p, err)
	}
}

// Whatever happens to a session, its subject or its roles counts at the next request.
func TestCache(t *testing.T) {
	for _, tt := range []struct {
		name    string
		after   func(b *book, s session.Session) revoke.Position
		want    string
		lookUps int
	}{
		{"nothing happened", func(*book, session.Session) (p revoke.Position) { return }, "usr_ann member", 0},
		{"the session was ended", func(b *book, s session.Session) revoke.Position { return b.end(s) }, "401", 1},
		{"the subject was disabled", func(b *book, s session.Session) revoke.Position {
			return b.commit(func() { clear(b.rows) }, revoke.Kill, revoke.Subject, "usr_ann")
		}, "401", 1},
		{"the organization was ended", func(b *book, s session.Session) revoke.Position {
			return b.commit(func() { clear(b.rows) }, revoke.Kill, revoke.Org, "org_a")
		}, "401", 1},
		{"a role in the organization was changed", func(b *book, s session.Session) revoke.Position {
			return b.commit(func() { b.roles["usr_ann"] = []string{"other"} }, revoke.Notice, revoke.Org, "org_a")
		}, "usr_ann other", 1},
		{"a role was taken away", func(b *book, s session.Session) revoke.Position {
			return b.commit(func() { b.roles["usr_ann"] = nil }, revoke.Overlay, revoke.Subject, "usr_ann")
		}, "usr_ann ", 1},
		{"somebody else's session was ended", func(b *book, s session.Session) revoke.Position {
			return b.commit(nil, revoke.Kill, revoke.Session, "ses_other")
		}, "usr_ann member", 0},
		{"the cookie was rotated", func(b *book, s session.Session) revoke.Position {
			return b.commit(func() {
				delete(b.rows, string(s.TokenHash))
				s.TokenHash = hashOf("another")
				b.rows[string(s.TokenHash)] = s
			}, revoke.Notice, revoke.Session, s.ID)
		}, "401", 1},
		{"a minute passed", func(*book, session.Session) (p revoke.Position) { time.Sleep(time.Minute); return }, "usr_ann member", 1},
		{"almost a minute passed", func(*book, session.Session) (p revoke.Position) { time.Sleep(time.Minute - 1); return }, "usr_ann member", 0},
		{"the store went down a moment ago", func(b *book, s session.Session) (p revoke.Position) {
			b.set(func(b *book) { b.down = true })
			time.Sleep(time.Second)
			return
		}, "usr_ann member", 0},
		{"the log was not heard for longer than the bound", func(b *book, s session.Session) (p revoke.Position) {
			b.set(func(b *book) { b.down = true })
			time.Sleep(6 * time.Second)
			return
		}, "503", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				f := b.follow(t)
				a := b.authenticator(f)
				s, value := b.signIn()
				if p, err := a.Authenticate(t.Context(), cookie(value)); err != nil || p.Subject != "usr_ann" {
					t.Fatalf("at first: %v", err)
				}
				asked := b.asked
				if p := tt.after(b, s); !p.IsZero() {
					if err := f.CatchUp(t.Context(), p); err != nil {
						t.Fatal(err)
					}
				}
				p, err := a.Authenticate(t.Context(), cookie(value))
				got := answer(p, err)
				if err == nil {
					got += " " + strings.Join(p.Roles, " ")
				}
				if n := b.asked - asked; got != tt.want || n != tt.lookUps {
					t.Errorf("%q after %d look-ups (%v), want %q after %d", got, n, err, tt.want, tt.lookUps)
				}
			})
		})
	}
}

func TestCacheNeverOutlivesTheSession(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*session.Session)
	}{
		{"idle timeout", func(s *session.Session) { s.IdleExpiresAt = time.Now().Add(10 * time.Second) }},
		{"absolute end", func(s *session.Session) { s.ExpiresAt = time.Now().Add(10 * time.Second) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				a := b.authenticator(b.follow(t))
				_, value := b.signIn(tt.change)
				for _, want := range []string{"usr_ann", "usr_ann", "401"} {
					p, err := a.Authenticate(t.Context(), cookie(value))
					if got := answer(p, err); got != want {
						t.Errorf("%s, want %s", got, want)
					}
					time.Sleep(5 * time.Second)
				}
			})
		})
	}
}

// A session that is ended while it is being looked up must not get into the cache.
func TestAChangeBesideTheLookUpIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		f := b.follow(t)
		a := b.authenticator(f)
		s, value := b.signIn()
		b.during = func() {
			if err := f.CatchUp(t.Context(), b.end(s)); err != nil {
				t.Error(err)
			}
		}
		a.Authenticate(t.Context(), cookie(value)) // began before the end: either answer is right
		if p, err := a.Authenticate(t.Context(), cookie(value)); answer(p, err) != "401" {
			t.Errorf("afterwards: %s", answer(p, err))
		}
	})
}

func TestFailuresOfTheStoreAreNoRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		f := b.follow(t)
		_, value := b.signIn()
		b.noRoles = true
		for _, a := range []*session.Authenticator{b.authenticator(nil), b.authenticator(f)} {
			p, err := a.Authenticate(t.Context(), cookie(value))
			if answer(p, err) != "503" || !errors.Is(err, errDown) || p != nil {
				t.Errorf("roles: %v, %v", p, err)
			}
		}
		b.set(func(b *book) { b.down = true })
		p, err := b.authenticator(nil).Authenticate(t.Context(), cookie(value))
		if answer(p, err) != "503" || !errors.Is(err, errDown) {
			t.Errorf("sessions: %v, %v", p, err)
		}
		time.Sleep(6 * time.Second)
		p, err = b.authenticator(f).Authenticate(t.Context(), cookie(value))
		if answer(p, err) != "503" || !errors.Is(err, revoke.ErrStale) {
			t.Errorf("the log: %v, %v", p, err)
		}
	})
}

func TestSeenIsWrittenAtMostOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		f := b.follow(t)
		a := b.authenticator(f)
		_, value := b.signIn()
		for range 3 * 60 * 4 {
			if _, err := a.Authenticate(t.Context(), cookie(value)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(250 * time.Millisecond)
		}
		if b.seen != 2 { // in the first minute the sign-in itself counts
			t.Errorf("written %d times in three minutes", b.seen)
		}
	})
}

func TestTheIdleTimeoutMovesOnWithUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		a := b.authenticator(nil)
		_, value := b.signIn()
		for day := range 35 {
			p, err := a.Authenticate(t.Context(), cookie(value))
			want := "usr_ann"
			if day >= 30 { // the absolute end
				want = "401"
			}
			if got := answer(p, err); got != want {
				t.Fatalf("day %d: %s (%v)", day, got, err)
			}
			time.Sleep(24 * time.Hour)
		}
	})
}

func TestNobodyIsRefusedBecauseAUseCouldNotBeRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		a := b.authenticator(nil)
		var log bytes.Buffer
		a.Log = slog.New(slog.NewTextHandler(&log, nil))
		b.seenErr = errDown
		s, value := b.signIn()
		time.Sleep(2 * time.Minute)
		for range 3 {
			if p, err := a.Authenticate(t.Context(), cookie(value)); err != nil || p == nil {
				t.Fatal(err)
			}
		}
		if b.seen != 1 {
			t.Errorf("tried %d times", b.seen)
		}
		if line := log.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, s.ID) || !strings.Contains(line, errDown.Error()) {
			t.Errorf("log: %s", line)
		}
		if strings.Contains(log.String(), value) {
			t.Error("the cookie was logged")
		}
		log.Reset()
		time.Sleep(2 * time.Minute)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		a.Authenticate(gone, cookie(value))
		if b.seen != 2 || log.Len() > 0 {
			t.Errorf("a client that went away: %s", &log)
		}
	})
}

// Many requests while sessions end and roles change: once CatchUp has returned,
// no request is answered from before.
func TestManyAtOnce(t *testing.T) {
	b := newBook()
	f := b.follow(t)
	a := b.authenticator(f)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range testenv.Count(20, 1000) {
				s, value := b.signIn()
				if p, err := a.Authenticate(t.Context(), cookie(value)); err != nil || p.Session != s.ID {
					t.Errorf("alive: %+v, %v", p, err)
				}
				var readers sync.WaitGroup
				for range 3 {
					readers.Go(func() {
						for range 50 {
							if _, err := a.Authenticate(t.Context(), cookie(value)); err != nil && !errors.Is(err, sallyport.ErrInvalidCredential) {
								t.Error(err)
								return
							}
						}
					})
				}
				if err := f.CatchUp(t.Context(), b.end(s)); err != nil {
					t.Error(err)
				}
				for range 10 {
					if p, err := a.Authenticate(t.Context(), cookie(value)); answer(p, err) != "401" {
						t.Errorf("ended: %s", answer(p, err))
					}
				}
				readers.Wait()
			}
		})
	}
	wg.Wait()
}

// Whatever a cookie holds, only what could be ours reaches the store.
func FuzzAuthenticate(f *testing.F) {
	b := newBook()
	_, good := b.signIn()
	for _, s := range []string{good, "", good[1:], good + "=", strings.Repeat("_", 43), strings.Repeat("\n", 43), "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		before := b.asked
		p, err := b.authenticator(nil).Authenticate(t.Context(), cookie(value))
		if (err == nil) != (value == good) || err == nil && p.Subject != "usr_ann" || err != nil && answer(p, err) != "401" {
			t.Errorf("%q: %v, %v", value, p, err)
		}
		if b.asked != before && (len(value) != 43 || strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "") {
			t.Errorf("%q was looked up", value)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	book := newBook()
	_, value := book.signIn()
	for _, bb := range []struct {
		name string
		a    *session.Authenticator
	}{
		{"hit", book.authenticator(book.follow(b))},
		{"cold", book.authenticator(nil)}, // the store here is a map
	} {
		b.Run(bb.name, func(b *testing.B) {
			ctx, c := b.Context(), cookie(value)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bb.a.Authenticate(ctx, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

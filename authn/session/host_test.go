package session_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
)

// SessionByID implements [session.Sessions].
func (b *book) SessionByID(_ context.Context, id string) (session.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.down {
		return session.Session{}, errDown
	}
	for _, s := range b.rows {
		if s.ID == id {
			return s, nil
		}
	}
	return session.Session{}, session.ErrNotFound
}

// hostKey is what cookies of hosts are made with.
var hostKey = session.HostCookies{Key: bytes.Repeat([]byte{7}, 32)}

func (b *book) at(host string, cache *revoke.Cache[[32]byte, *sallyport.Principal]) *session.HostAuthenticator {
	return &session.HostAuthenticator{Host: host, Cookies: hostKey, Sessions: b, Complete: b.Complete, Cache: cache}
}

func TestACookieOfAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		s, own := b.signIn()
		idle, _ := b.signIn(func(s *session.Session) { s.IdleExpiresAt = time.Now() })
		ended, _ := b.signIn()
		b.end(ended)
		rotated := s
		rotated.TokenHash = bytes.Repeat([]byte{1}, 32)
		good := hostKey.New(&s, "a.example")
		id, proof, _ := strings.Cut(good, ".")
		other := session.HostCookies{Key: bytes.Repeat([]byte{8}, 32)}
		asked := b.asked
		for _, tt := range []struct {
			name       string
			credential sallyport.Credential
			want       string
			lookUps    int
		}{
			{"its own", cookie(good), "usr_ann", 1},
			{"that of another host", cookie(hostKey.New(&s, "b.example")), "401", 0},
			{"that of a host whose name begins so", cookie(hostKey.New(&s, "a.example.com")), "401", 0},
			{"under another key", cookie(other.New(&s, "a.example")), "401", 0},
			{"of a session that idled out", cookie(hostKey.New(&idle, "a.example")), "401", 1},
			{"of a session that has ended", cookie(hostKey.New(&ended, "a.example")), "401", 1},
			{"of before the session got another cookie", cookie(hostKey.New(&rotated, "a.example")), "401", 1},
			{"the session's own", cookie(own), "401", 0},
			{"the id alone", cookie(id), "401", 0},
			{"the proof alone", cookie("." + proof), "401", 0},
			{"the proof of another session", cookie(idle.ID + "." + proof), "401", 0},
			{"one character less", cookie(good[:len(good)-1]), "401", 0},
			{"one character more", cookie(good + "A"), "401", 0},
			{"another first character of the proof", cookie(id + "." + swap(proof)), "401", 0},
			{"a line break, which a lenient decoder skips", cookie(good[:len(good)-1] + "\n" + good[len(good)-1:]), "401", 0},
			{"empty", cookie(""), "401", 0},
			{"a long one", cookie(strings.Repeat("A", 8000)), "401", 0},
			{"a bearer token", sallyport.Credential{Scheme: sallyport.SchemeBearer, Value: good}, "not mine", 0},
		} {
			p, err := b.at("a.example", nil).Authenticate(t.Context(), tt.credential)
			if got := answer(p, err); got != tt.want {
				t.Errorf("%s: %s (%v), want %s", tt.name, got, err, tt.want)
			}
			if n := b.asked - asked; n != tt.lookUps {
				t.Errorf("%s: %d look-ups, want %d", tt.name, n, tt.lookUps)
			}
			asked = b.asked
		}
		b.set(func(b *book) { b.down = true })
		if p, err := b.at("a.example", nil).Authenticate(t.Context(), cookie(good)); answer(p, err) != "503" {
			t.Errorf("a store that is down: %v", err)
		}
	})
}

func swap(s string) string {
	c := byte('A')
	if s[0] == c {
		c = 'B'
	}
	return string(c) + s[1:]
}

// Hosts share what they remember, and still none takes another's cookie.
func TestHostsRememberTogether(t *testing.T) {
	b := newBook()
	s, _ := b.signIn()
	f := b.follow(t)
	cache := revoke.NewCache[[32]byte, *sallyport.Principal](f, 64)
	here, there := b.at("a.example", cache), b.at("b.example", cache)
	good := cookie(hostKey.New(&s, "a.example"))
	for range 3 {
		p, err := here.Authenticate(t.Context(), good)
		if answer(p, err) != "usr_ann" || p.Session != s.ID || p.Credential != "session" || p.Roles[0] != "member" {
			t.Fatalf("%+v, %v", p, err)
		}
		if p, err := there.Authenticate(t.Context(), good); answer(p, err) != "401" {
			t.Fatalf("at another host: %+v, %v", p, err)
		}
	}
	if b.asked != 1 {
		t.Errorf("%d look-ups", b.asked)
	}
	if err := f.CatchUp(t.Context(), b.end(s)); err != nil {
		t.Fatal(err)
	}
	if p, err := here.Authenticate(t.Context(), good); answer(p, err) != "401" {
		t.Errorf("after its end: %+v, %v", p, err)
	}
}

// A session that is used at another host only does not idle out.
func TestUseAtAHostIsUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		s, _ := b.signIn()
		a := b.at("a.example", nil)
		time.Sleep(2 * time.Minute)
		for range 3 {
			if p, err := a.Authenticate(t.Context(), cookie(hostKey.New(&s, "a.example"))); answer(p, err) != "usr_ann" {
				t.Fatal(err)
			}
		}
		if b.seen != 1 {
			t.Errorf("use recorded %d times", b.seen)
		}
	})
}

func FuzzHostCookie(f *testing.F) {
	b := newBook()
	s, _ := b.signIn()
	good := hostKey.New(&s, "a.example")
	for _, v := range []string{good, hostKey.New(&s, "b.example"), "", ".", s.ID + ".", good[:50]} {
		f.Add(v)
	}
	a := b.at("a.example", nil)
	f.Fuzz(func(t *testing.T, value string) {
		if _, err := a.Authenticate(t.Context(), cookie(value)); err == nil && value != good {
			t.Errorf("%q is taken", value)
		}
	})
}

package session_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
)

func TestCookieOnTheWire(t *testing.T) {
	refresh := session.Cookie{Name: "__Secure-refresh", Path: "/auth/refresh", SameSite: http.SameSiteStrictMode}
	for _, tt := range []struct {
		name   string
		cookie session.Cookie
		life   time.Duration
		want   string
	}{
		{"https", session.Cookie{}, 30 * 24 * time.Hour, "__Host-sallyport=v; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax"},
		{"http on loopback", session.Cookie{Insecure: true}, time.Hour, "sallyport=v; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		{"a part of a second counts as one", session.Cookie{}, 1500 * time.Millisecond, "__Host-sallyport=v; Path=/; Max-Age=2; HttpOnly; Secure; SameSite=Lax"},
		{"one of another name and path", refresh, time.Hour, "__Secure-refresh=v; Path=/auth/refresh; Max-Age=3600; HttpOnly; Secure; SameSite=Strict"},
		{"what has expired is cleared", session.Cookie{}, 0, "__Host-sallyport=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		{"what expired long ago is cleared", session.Cookie{}, -time.Hour, "__Host-sallyport=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := httptest.NewRecorder()
			tt.cookie.Set(w, "v", time.Now().Add(tt.life))
			if got := w.Header()["Set-Cookie"]; len(got) != 1 || got[0] != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: a cache may keep it", tt.name)
			}
		})
	}
}

func TestTheLastSetCookieOfANameCounts(t *testing.T) {
	w := httptest.NewRecorder()
	c := session.Cookie{}
	http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
	c.Set(w, "old", time.Now().Add(time.Hour))
	c.Set(w, "new", time.Now().Add(time.Hour))
	sent := func() []*http.Cookie { return (&http.Response{Header: w.Header()}).Cookies() }
	if got := sent(); len(got) != 2 || got[0].Name != "theme" || got[1].Value != "new" {
		t.Errorf("cookies %v", got)
	}
	c.Clear(w)
	if got := sent(); len(got) != 2 || got[1].Value != "" || got[1].MaxAge >= 0 {
		t.Errorf("cookies after Clear: %v", got)
	}
}

func TestReadCookie(t *testing.T) {
	for _, tt := range []struct{ name, header, want string }{
		{"the cookie", "a=b; __Host-sallyport=v; c=d", "v"},
		{"none", "a=b", ""},
		{"an empty one", "__Host-sallyport=", ""},
		{"two, of which one was planted", "__Host-sallyport=v; __Host-sallyport=w", ""},
		{"the name of plain http", "sallyport=v", ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", tt.header)
		if got, ok := (session.Cookie{}).Read(r); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %t", tt.name, got, ok)
		}
	}
}

func TestNewSession(t *testing.T) {
	now := time.Now()
	s, value := session.Timeouts{}.New("usr_ann", now)
	other, _ := session.Timeouts{}.New("usr_ann", now)
	bits, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(bits) != 32 || string(s.TokenHash) != string(hashOf(value)) {
		t.Errorf("cookie %q of %d bytes, hash %x", value, len(bits), s.TokenHash)
	}
	if s.ID == "" || s.ID == other.ID || string(s.TokenHash) == string(other.TokenHash) {
		t.Error("two sessions are alike")
	}
	if s.Subject != "usr_ann" || !s.CreatedAt.Equal(now) || !s.LastSeenAt.Equal(now) ||
		s.IdleExpiresAt.Sub(now) != 7*24*time.Hour || s.ExpiresAt.Sub(now) != 30*24*time.Hour {
		t.Errorf("%+v", s)
	}
	s, _ = session.Timeouts{Idle: time.Hour, Absolute: 8 * time.Hour}.New("usr_ann", now)
	if s.IdleExpiresAt.Sub(now) != time.Hour || s.ExpiresAt.Sub(now) != 8*time.Hour {
		t.Errorf("with timeouts of one's own: %+v", s)
	}
	if s.Alive(s.IdleExpiresAt) || !s.Alive(s.IdleExpiresAt.Add(-1)) {
		t.Error("a session ends when it says")
	}
}

// A browser, from sign-in to sign-out, over TLS.
func TestBrowser(t *testing.T) {
	b := newBook()
	f := b.follow(t)
	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{b.authenticator(f)}}
	var current session.Session
	rt := &sallyport.Routes{Gate: g}
	rt.Func("POST /login", sallyport.Public(), func(w http.ResponseWriter, r *http.Request) error {
		s, value := b.signIn()
		current = s
		session.Cookie{}.Set(w, value, s.ExpiresAt)
		return nil
	})
	rt.Func("POST /logout", sallyport.SignedIn(), func(w http.ResponseWriter, r *http.Request) error {
		session.Cookie{}.Clear(w)
		return f.CatchUp(r.Context(), b.end(current))
	})
	rt.Func("GET /me", sallyport.SignedIn(), func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprint(w, sallyport.From(r.Context()).Subject)
		return err
	})
	srv := httptest.NewTLSServer(rt)
	defer srv.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := srv.Client()
	browser.Jar = jar
	send := func(method, path string, cookies ...*http.Cookie) int {
		r, err := http.NewRequest(method, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cookies {
			r.AddCookie(c)
		}
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := send("GET", "/me"); got != 401 {
		t.Errorf("before: %d", got)
	}
	send("POST", "/login")
	r, _ := http.NewRequest("GET", srv.URL, nil)
	stolen := jar.Cookies(r.URL)
	if got := send("GET", "/me"); got != 200 || len(stolen) != 1 {
		t.Errorf("signed in: %d with %v", got, stolen)
	}
	if got := send("POST", "/logout"); got != 200 {
		t.Errorf("signing out: %d", got)
	}
	if got := send("GET", "/me"); got != 401 || len(jar.Cookies(r.URL)) != 0 {
		t.Errorf("afterwards: %d with %v", got, jar.Cookies(r.URL))
	}
	if got := send("GET", "/me", stolen...); got != 401 {
		t.Errorf("a copy of the cookie: %d", got)
	}
}

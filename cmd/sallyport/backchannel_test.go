package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// TestKilledServerTellsClients kills the server while it tells a client that a session has
// ended, before the client has answered, and ends another session while nobody serves.
// Whoever goes on tells of both, and of neither again once that was acknowledged.
func TestKilledServerTellsClients(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { killNotifiers(t) })
	t.Run("postgres", func(t *testing.T) { killNotifiers(t, "--database", testdb.PostgresDurable(t, "", nil)) })
}

// A logout is what a client reads of a token, without verifying it: other tests do.
type logout struct {
	ID      string `json:"jti"`
	Session string `json:"sid"`
	Subject string `json:"sub"`
}

func payloadOf(jwt string) (l logout, err error) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return l, http.ErrNotSupported
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, &l)
	}
	return l, err
}

func killNotifiers(t *testing.T, flags ...string) {
	t.Parallel()
	dir := t.TempDir()
	database := flags
	flags = append(flags, "--base-url", "http://localhost:8080")
	run := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(command(t, dir, environ(), append(args, database...)...))
	}
	var mu sync.Mutex
	acknowledged, cutOff := map[string]int{}, map[string]int{} // by sid
	kill := make(chan *process, 1)
	killed := make(chan bool)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, err := payloadOf(r.FormValue("logout_token"))
		if err != nil {
			t.Errorf("told %q: %v", r.FormValue("logout_token"), err)
		}
		select {
		case victim := <-kill:
			mu.Lock()
			cutOff[l.Session]++
			mu.Unlock()
			victim.kill()
			killed <- true
		default:
			mu.Lock()
			acknowledged[l.Session]++
			mu.Unlock()
		}
	}))
	defer app.Close()

	p := serving(t, dir, flags...)
	run("client", "add", "App", "--id", "app", "--public", "--first-party", "--redirect", "https://app.example/cb", "--backchannel-logout", app.URL+"/out")
	rounds := testenv.Count(1, 5)
	var told []string
	for range rounds {
		seen, offline := newGuest(t, p.url), newGuest(t, p.url)
		told = append(told, seen.sid, offline.sid)
		kill <- p
		if status, _ := seen.ask("POST", p.url+"/auth/logout", `{}`, "application/json"); status != http.StatusNoContent && status != 0 {
			t.Fatalf("signing out: %d", status)
		}
		<-killed
		run("user", "disable", offline.name)
		p = serving(t, dir, flags...)
	}
	waitFor(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged) == 2*rounds
	})
	// One more is told after all of them would have been told again.
	last := newGuest(t, p.url)
	run("user", "disable", last.name)
	waitFor(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return acknowledged[last.sid] == 1
	})
	mu.Lock()
	defer mu.Unlock()
	for i, sid := range told {
		if acknowledged[sid] != 1 || i%2 == 0 && cutOff[sid] != 1 {
			t.Errorf("session %d: acknowledged %d times, cut off %d times", i, acknowledged[sid], cutOff[sid])
		}
	}
}

// A guest is somebody with a browser, who is signed in at the app.
type guest struct {
	name, cookie, sid string
}

func newGuest(t *testing.T, server string) *guest {
	t.Helper()
	v := &guest{name: strings.ToLower("guest" + rand.Text())}
	status, header := v.ask("POST", server+"/auth/register", `{"username":"`+v.name+`","password":"plums ripen late in august","mode":"cookie"}`, "application/json")
	if status != http.StatusCreated {
		t.Fatalf("registering: %d", status)
	}
	for _, line := range header["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		v.cookie += pair + "; "
	}
	q := url.Values{
		"client_id": {"app"}, "response_type": {"code"}, "scope": {"openid"}, "code_challenge_method": {"S256"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, // of RFC 7636, appendix B
	}
	status, header = v.ask("GET", server+"/auth/oauth/authorize?"+q.Encode(), "", "")
	back, err := url.Parse(header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		t.Fatalf("authorizing: %d %v", status, header)
	}
	res, err := http.PostForm(server+"/auth/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"app"}, "code": {back.Query().Get("code")},
		"code_verifier": {"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var tokens struct {
		ID string `json:"id_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&tokens); err != nil {
		t.Fatal(err)
	}
	l, err := payloadOf(tokens.ID)
	if err != nil || l.Session == "" {
		t.Fatalf("the app got %d: %v", res.StatusCode, err)
	}
	v.sid = l.Session
	return v
}

// ask sends a request with the guest's cookies, and follows no redirect. 0 is no answer.
func (v *guest) ask(method, address, body, kind string) (status int, header http.Header) {
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if v.cookie != "" {
		r.Header.Set("Cookie", v.cookie)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	return res.StatusCode, res.Header
}

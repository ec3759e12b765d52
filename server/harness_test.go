package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// note is what the house's own routes are about: an object with an owner.
type note struct{ id, owner string }

var notes = sallyport.TypeOf("Note", func(n *note) string { return n.id })

const pass = "plums ripen late in august"

// A house is a whole server over TLS, with a few routes of an embedding program.
type house struct {
	*testing.T
	*server.Server
	URL   string
	http  *httptest.Server
	owner string // subject who owns note 1
	log   *lockedBuffer

	shared server.Shared // of its configuration

	checked *description // every exchange is held against it
	fillers atomic.Int64 // of names that nobody else has
}

// lockedBuffer collects the log of a server.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open starts a house on a fresh SQLite file. change may alter its configuration.
func open(t *testing.T, change ...func(*server.Config)) *house {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return openOn(t, db, change...)
}

func openOn(t *testing.T, db account.Store, change ...func(*server.Config)) *house {
	t.Helper()
	h := &house{T: t, log: &lockedBuffer{}}
	h.checked = describe(h)
	h.http = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.Server.ServeHTTP(w, r) }))
	h.http.StartTLS()
	t.Cleanup(h.http.Close)
	h.URL = h.http.URL
	c := server.Config{
		BaseURL: h.URL, Name: "House", Store: db, SealingKey: bytes.Repeat([]byte("0123456789abcdef"), secret.KeySize/16),
		Roles: map[string][]string{
			"member": {"note:read"}, "editor": {"note:write"}, "helpdesk": {"user:read", "user:disable", "role:assign", "role:write", "role:read"},
		},
		DefaultRoles: []string{"member"},
		Rules: []authz.Rule{authz.Permit(notes, func(_ context.Context, p *sallyport.Principal, action string, n *note) (bool, error) {
			return action == "note:delete" && n.owner == p.Subject, nil
		}).Named("owners delete")},
		Passwords: password.Params{Memory: 64, Time: 1, InsecureBelowMinimum: true},
		Log:       slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	h.shared = c.Shared
	var err error
	h.Server, err = server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Server.Close() })
	h.MountRoot()
	say := func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprint(w, "done for "+sallyport.From(r.Context()).Subject)
		return err
	}
	h.Routes.Func("GET /notes", sallyport.May("note:read"), say)
	h.Routes.Func("POST /notes", sallyport.May("note:write"), say)
	h.Routes.Func("DELETE /notes/{id}", notes.May("note:delete", func(r *http.Request) (*note, error) {
		if r.PathValue("id") != "1" {
			return nil, sallyport.ErrNotFound
		}
		return &note{"1", h.owner}, nil
	}), say)
	h.Routes.Func("DELETE /secrets/{id}", notes.May("note:delete", func(r *http.Request) (*note, error) {
		return &note{"1", h.owner}, nil
	}).Hide(), say)
	return h
}

// A caller is one client with its credentials: a cookie jar, or headers.
type caller struct {
	h      *house
	client *http.Client
	header http.Header
	id     string // subject, once registered
	tokens tokens
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	User    struct{ ID string }
}

// nobody is a caller without credentials.
func (h *house) nobody() *caller {
	h.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	transport := h.http.Client().Transport
	return &caller{h: h, client: &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}, header: http.Header{}}
}

// browser registers somebody who holds a session cookie.
func (h *house) browser(name string) *caller {
	h.Helper()
	c := h.nobody()
	a := c.do("POST", "/auth/register", `{"username":"`+name+`","password":"`+pass+`","mode":"cookie"}`)
	a.want(201)
	c.id = a.user()
	return c
}

// program registers somebody who holds an access and a refresh token.
func (h *house) program(name string) *caller {
	h.Helper()
	c := h.nobody()
	a := c.do("POST", "/auth/register", `{"username":"`+name+`","password":"`+pass+`"}`)
	a.want(201)
	a.into(&c.tokens)
	c.id = c.tokens.User.ID
	return c.bearer(c.tokens.Access)
}

// admin is a browser whose user administers.
func (h *house) admin() *caller {
	h.Helper()
	c := h.browser("boss")
	if err := h.Accounts.Assign(h.Context(), c.id, account.AdminRole, "", account.Origin{}); err != nil {
		h.Fatal(err)
	}
	return c
}

// bearer returns the caller with a token in the header instead of cookies.
func (c *caller) bearer(token string) *caller {
	n := *c
	n.client = c.h.nobody().client
	n.header = http.Header{"Authorization": {"Bearer " + token}}
	return &n
}

func (c *caller) with(name, value string) *caller {
	n := *c
	n.header = c.header.Clone()
	n.header.Set(name, value)
	return &n
}

// An answer is what came back, read to its end.
type answer struct {
	h      *house
	what   string
	status int
	header http.Header
	body   string
}

func (c *caller) do(method, path string, body ...string) *answer {
	c.h.Helper()
	r, err := http.NewRequest(method, c.h.URL+path, strings.NewReader(strings.Join(body, "")))
	if err != nil {
		c.h.Fatal(err)
	}
	r.Header = c.header.Clone()
	if len(body) > 0 && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client.Do(r)
	if err != nil {
		c.h.Fatal(err)
	}
	defer resp.Body.Close()
	var text []byte
	if method != "HEAD" && resp.Header.Get("Content-Type") == "text/event-stream" { // it does not end: the first event will do
		for !bytes.HasSuffix(text, []byte("\n\n")) && err == nil {
			text = append(text, 0)
			_, err = resp.Body.Read(text[len(text)-1:])
		}
	} else {
		text, err = io.ReadAll(resp.Body)
	}
	if err != nil {
		c.h.Fatal(err)
	}
	a := &answer{c.h, method + " " + path, resp.StatusCode, resp.Header, string(text)}
	c.h.checked.check(r, strings.Join(body, ""), a)
	return a
}

// want checks the status, and the problem code if one is named.
func (a *answer) want(status int, code ...string) *answer {
	a.h.Helper()
	if a.status != status {
		a.h.Fatalf("%s: got %d, want %d\n%s", a.what, a.status, status, a.body)
	}
	if len(code) > 0 {
		var p struct {
			Code   string
			Status int
			Trace  string `json:"trace_id"`
		}
		a.into(&p)
		if p.Code != code[0] || p.Status != status || len(p.Trace) != 32 {
			a.h.Fatalf("%s: got problem %+v, want code %s\n%s", a.what, p, code[0], a.body)
		}
		if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
			a.h.Errorf("%s: Content-Type %q", a.what, ct)
		}
	}
	if status == 401 && a.header.Get("WWW-Authenticate") == "" {
		a.h.Errorf("%s: 401 without a challenge", a.what)
	}
	return a
}

func (a *answer) into(v any) {
	a.h.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		a.h.Fatalf("%s: %v\n%s", a.what, err, a.body)
	}
}

func (a *answer) user() string {
	a.h.Helper()
	var v struct{ User struct{ ID string } }
	a.into(&v)
	return v.User.ID
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// cookieLine is the Set-Cookie of that name, "" if there is none.
func (a *answer) cookieLine(name string) string {
	for _, line := range a.header["Set-Cookie"] {
		if strings.HasPrefix(line, name+"=") {
			return line
		}
	}
	return ""
}

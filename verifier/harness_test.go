package verifier_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
	"github.com/sallyport-auth/sallyport/verifier"
)

const pass = "plums ripen late in august"

// An installation is an issuer over HTTP, on a SQLite file.
type installation struct {
	testing.TB
	*server.Server
	URL    string
	store  account.Store
	key    string       // API key that may read the feed and introspect
	down   atomic.Bool  // answers nothing but 502
	silent atomic.Bool  // the feed does
	asked  atomic.Int64 // introspections
	http   *httptest.Server

	config server.Config
}

func install(t testing.TB, change ...func(*server.Config)) *installation {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "issuer.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	in := &installation{TB: t, store: db}
	in.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/introspect") {
			in.asked.Add(1)
		}
		if in.down.Load() || in.silent.Load() && strings.HasSuffix(r.URL.Path, "/revocations") {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		in.ServeHTTP(w, r)
	}))
	t.Cleanup(in.http.Close)
	in.URL = in.http.URL
	c := server.Config{
		BaseURL: in.URL, Store: db, SealingKey: bytes.Repeat([]byte("0123456789abcdef"), secret.KeySize/16),
		Roles: map[string][]string{
			"member": {"note:read"}, "analyst": {"report:read"}, "service": {"revocation:read", "token:introspect"},
		},
		DefaultRoles: []string{"member"},
		Passwords:    password.Params{Memory: 64, Time: 1, InsecureBelowMinimum: true},
		Log:          quiet,
	}
	for _, f := range change {
		f(&c)
	}
	in.config = c
	in.start()
	t.Cleanup(func() { in.Server.Close() })
	t.Cleanup(in.http.CloseClientConnections)
	in.key = in.apiKey(in.user("service", "service"), "revocation:read", "token:introspect")
	return in
}

// start starts the issuer, again if need be: on the same database, and remembering
// nothing else.
func (in *installation) start() {
	in.Helper()
	if in.Server != nil {
		in.must(in.Server.Close())
	}
	var err error
	in.Server, err = server.Open(in.Context(), in.config)
	in.must(err)
}

var quiet = slog.New(slog.DiscardHandler)

// user registers somebody with a role and returns their id.
func (in *installation) user(name string, roles ...string) string {
	in.Helper()
	u, err := in.Accounts.Add(in.Context(), account.Registration{Username: name, Password: pass}, account.Origin{})
	if err != nil {
		in.Fatal(err)
	}
	for _, role := range roles {
		in.must(in.Accounts.Assign(in.Context(), u.ID, role, "", account.Origin{}))
	}
	return u.ID
}

func (in *installation) must(err error) {
	in.Helper()
	if err != nil {
		in.Fatal(err)
	}
}

func (in *installation) apiKey(owner string, scopes ...string) string {
	in.Helper()
	_, plain, err := in.Accounts.CreateKey(in.Context(), owner, account.NewKey{Name: "k", Scopes: scopes}, account.Origin{})
	in.must(err)
	return plain
}

// signIn returns what a sign-in gives.
func (in *installation) signIn(name, org string) *account.SignedIn {
	in.Helper()
	out, err := in.Accounts.SignIn(in.Context(), account.SignIn{Identifier: name, Password: pass, Org: org, WithTokens: true}, account.Origin{})
	in.must(err)
	return out
}

// head is the position of everything that has happened.
func (in *installation) head() (p revoke.Position) {
	in.Helper()
	in.must(in.store.View(in.Context(), func(tx account.Tx) error {
		head, err := tx.Log.Head(in.Context())
		p = head.Position
		return err
	}))
	return p
}

// A service verifies tokens of an installation.
type service struct {
	testing.TB
	*verifier.Verifier
	routes *sallyport.Routes
	log    *lockedBuffer
}

func (in *installation) service(change ...func(*verifier.Config)) *service {
	in.Helper()
	s := &service{TB: in.TB, log: &lockedBuffer{}}
	c := verifier.Config{Issuer: in.URL, Key: in.key, Log: slog.New(slog.NewTextHandler(s.log, nil))}
	for _, f := range change {
		f(&c)
	}
	var err error
	if s.Verifier, err = verifier.Open(in.Context(), c); err != nil {
		in.Fatal(err)
	}
	in.Cleanup(func() { s.Close() })
	s.routes = &sallyport.Routes{Gate: s.Gate}
	say := func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprint(w, sallyport.From(r.Context()).Subject)
		return err
	}
	s.routes.Func("GET /whoami", sallyport.SignedIn(), say)
	s.routes.Func("GET /reports", sallyport.May("report:read"), say)
	s.routes.Func("GET /notes", sallyport.May("note:read"), say)
	return s
}

// get asks with a bearer token.
func (s *service) get(path, token string) int {
	s.Helper()
	return s.do(path, "Authorization", "Bearer "+token).Code
}

func (s *service) do(path, name, value string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set(name, value)
	w := httptest.NewRecorder()
	s.routes.ServeHTTP(w, r)
	return w
}

// want asks until the answer is the one wanted by everything that has happened at
// the installation.
func (s *service) want(in *installation, path, token string, status int) {
	s.Helper()
	if err := s.CatchUp(s.Context(), in.head()); err != nil {
		s.Fatal(err)
	}
	if got := s.get(path, token); got != status {
		s.Errorf("%s: %d, want %d\n%s", path, got, status, s.log)
	}
}

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

func (l *lockedBuffer) holds(text string) bool { return strings.Contains(l.String(), text) }

func recorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func ruleFile(name, text string) rule.File { return rule.File{Name: name, Text: text} }

//go:build linux

package rivals

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/load"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/forward"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// sites are the servers that are compared: the same handler behind nothing, behind our doors, and behind what others use. Each has
// the paths that its row of [BenchmarkHTTP] needs.
var sites = map[string]load.Server{
	"bare":             bareSite,
	"sallyport":        ourSite,
	"behind a proxy":   ourSiteBehindProxy,
	"golang-jwt ES256": func(_, address string) (http.Handler, credentials, error) { return jwtSite(token.ES256, address) },
	"golang-jwt EdDSA": func(_, address string) (http.Handler, credentials, error) { return jwtSite(token.EdDSA, address) },
	"golang-jwt HS256": func(_, address string) (http.Handler, credentials, error) { return jwtSite(token.HS256, address) },
	"map by hand":      mapSite,
	"scs":              scsSite,
	"casbin":           casbinSite,
}

// credentials are headers of requests that get in, by name.
type credentials = map[string]http.Header

func TestMain(m *testing.M) { load.Main(m, sites) }

const (
	signedIn = "/signed-in/7"
	allowed  = "/allowed/7"
	denied   = "/denied/7"
	answers  = "/auth/forward"
)

const greeting = `{"id":"7","text":"hello"}`

// greet is the handler that is measured, with doors and without: as little work as a handler can do.
func greet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, greeting)
}

// identify answers a proxy as we do, without having looked at anything.
func identify(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for _, header := range [...][2]string{
		{"Cache-Control", "no-store"}, {"X-Auth-Subject", "usr_06h2vne54v4ce342x64ww69j8m"}, {"X-Auth-Username", "ann"}, {"X-Auth-Email", ""}, {"X-Auth-Roles", "member"},
		{"X-Auth-Scopes", ""}, {"X-Auth-Org", ""}, {"X-Auth-Org-Roles", ""}, {"X-Auth-Session", "ses_06h2vne54v4ce342x64ww69j8m"},
	} {
		h.Set(header[0], header[1])
	}
}

func bareSite(string, string) (http.Handler, credentials, error) {
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /signed-in/{id}", "GET /allowed/{id}", "GET /denied/{id}"} {
		mux.HandleFunc(pattern, greet)
	}
	mux.HandleFunc("GET "+answers, identify)
	return mux, nil, nil
}

// ourSite is a whole server, as a program mounts it, with somebody who has one credential of each kind. Its log is written at the
// default level, to nowhere.
func ourSite(folder, address string) (http.Handler, credentials, error) {
	s, c, err := openSite(folder, address, func(*server.Config) {})
	if err != nil {
		return nil, nil, err
	}
	handler := http.HandlerFunc(greet)
	s.Routes.Handle("GET /signed-in/{id}", sallyport.SignedIn(), handler)
	s.Routes.Handle("GET /allowed/{id}", sallyport.May("note:read"), handler)
	s.Routes.Handle("GET /denied/{id}", sallyport.May("note:delete"), handler)
	return s, c, nil
}

// ourSiteBehindProxy is one that proxies ask; the credentials are how they ask.
func ourSiteBehindProxy(folder, address string) (http.Handler, credentials, error) {
	s, c, err := openSite(folder, address, func(c *server.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Forward = []forward.Rule{{Host: guardedHost, Require: forward.SignedIn}, {Host: guardedHost, Path: "/public", Require: forward.Public}}
	})
	if err != nil {
		return nil, nil, err
	}
	session, err := atGuardedHost(s, c["session"])
	return s, credentials{"forward session": session, "forward token": inquiry(c["token"])}, err
}

func openSite(folder, address string, change func(*server.Config)) (*server.Server, credentials, error) {
	db, err := sqlite.Open(filepath.Join(folder, "site.db"))
	if err != nil {
		return nil, nil, err
	}
	ctx := context.Background()
	c := server.Config{
		BaseURL: "http://" + address, Store: db, SealingKey: bytes.Repeat([]byte("0123456789abcdef"), secret.KeySize/16),
		Roles: map[string][]string{"member": {"note:read"}}, DefaultRoles: []string{"member"},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	change(&c)
	s, err := server.Open(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	all, err := ourCredentials(ctx, s.Accounts)
	return s, all, err
}

// guardedHost is what a proxy guards.
const guardedHost = "wiki.example.com"

// inquiry is how a proxy asks about a request with that credential.
func inquiry(credential http.Header) http.Header {
	h := credential.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("X-Forwarded-Method", "GET")
	h.Set("X-Forwarded-Proto", "http")
	h.Set("X-Forwarded-Host", guardedHost)
	h.Set("X-Forwarded-Uri", "/page?x=1")
	return h
}

// atGuardedHost takes a session there, as a browser does, and returns how a proxy asks
// about it.
func atGuardedHost(s http.Handler, session http.Header) (http.Header, error) {
	get := func(path string, header http.Header) (*http.Response, error) {
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr, r.Header = "127.0.0.1:1", header
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusSeeOther {
			return nil, fmt.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Result(), nil
	}
	there := http.Header{"X-Forwarded-Host": {guardedHost}}
	begin, err := get("/.sallyport/begin", there)
	if err != nil {
		return nil, err
	}
	code, err := get(begin.Header.Get("Location"), session)
	if err != nil {
		return nil, err
	}
	there.Set("Cookie", begin.Cookies()[0].String())
	end, err := get(code.Header.Get("Location"), there)
	if err != nil {
		return nil, err
	}
	c := end.Cookies()[0]
	return inquiry(http.Header{"Cookie": {c.Name + "=" + c.Value}}), nil
}

func ourCredentials(ctx context.Context, accounts *account.Service) (credentials, error) {
	in := account.Registration{Username: "ann", Password: "plums ripen late in august"}
	browser, err := accounts.Register(ctx, in, account.SignIn{}, account.Origin{})
	if err != nil {
		return nil, err
	}
	program, err := accounts.SignIn(ctx, account.SignIn{Identifier: in.Username, Password: in.Password, WithTokens: true}, account.Origin{})
	if err != nil {
		return nil, err
	}
	_, key, err := accounts.CreateKey(ctx, browser.User.ID, account.NewKey{Name: "benchmark", Scopes: []string{"*"}}, account.Origin{})
	return credentials{
		"token":   {"Authorization": {"Bearer " + program.Tokens.Access}},
		"session": {"Cookie": {"sallyport=" + browser.Cookie}},
		"apikey":  {"X-Api-Key": {key}},
	}, err
}

// TestSites holds every server to what a guard must do, so that no rival is measured that lets everybody in.
func TestSites(t *testing.T) {
	for name, open := range sites {
		t.Run(name, func(t *testing.T) {
			handler, credentials, err := open(t.TempDir(), "127.0.0.1:1")
			if err != nil {
				t.Fatal(err)
			}
			for _, good := range credentials {
				if name == "behind a proxy" {
					expect(t, handler, answers, good, 200, "")
					expect(t, handler, answers, inquiry(nil), 401, "")
					continue
				}
				expect(t, handler, signedIn, good, 200, greeting)
				expect(t, handler, signedIn, nil, 401, "")
				for field, value := range good {
					spoiled := value[0][:len(value[0])-8] + "AAAAAAAA"
					expect(t, handler, signedIn, http.Header{field: {spoiled}}, 401, "")
				}
				if decides := name != "bare" && name != "scs"; decides {
					expect(t, handler, allowed, good, 200, greeting)
					expect(t, handler, denied, good, 403, `"code":"forbidden"`)
				}
			}
		})
	}
}

func expect(t *testing.T, handler http.Handler, path string, header http.Header, status int, body string) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.RemoteAddr, r.Header = "127.0.0.1:1", header
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != status || !strings.Contains(w.Body.String(), body) {
		t.Errorf("%s with %v: %d %s, want %d %s", path, header, w.Code, w.Body, status, body)
	}
}

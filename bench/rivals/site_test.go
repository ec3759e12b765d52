//go:build linux

package rivals

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/load"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// sites are the servers that are compared: the same handler behind nothing, behind our doors, and behind what others use. Each has
// the paths that its row of [BenchmarkHTTP] needs.
var sites = map[string]load.Server{
	"bare":             bareSite,
	"sallyport":        ourSite,
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
)

const greeting = `{"id":"7","text":"hello"}`

// greet is the handler that is measured, with doors and without: as little work as a handler can do.
func greet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, greeting)
}

func bareSite(string, string) (http.Handler, credentials, error) {
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /signed-in/{id}", "GET /allowed/{id}", "GET /denied/{id}"} {
		mux.HandleFunc(pattern, greet)
	}
	return mux, nil, nil
}

// ourSite is a whole server, as a program mounts it, with somebody who has one credential of each kind. Its log is written at the
// default level, to nowhere.
func ourSite(folder, address string) (http.Handler, credentials, error) {
	db, err := sqlite.Open(filepath.Join(folder, "site.db"))
	if err != nil {
		return nil, nil, err
	}
	ctx := context.Background()
	s, err := server.Open(ctx, server.Config{
		BaseURL: "http://" + address, Store: db, SealingKey: bytes.Repeat([]byte("0123456789abcdef"), secret.KeySize/16),
		Roles: map[string][]string{"member": {"note:read"}}, DefaultRoles: []string{"member"},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, nil, err
	}
	handler := http.HandlerFunc(greet)
	s.Routes.Handle("GET /signed-in/{id}", sallyport.SignedIn(), handler)
	s.Routes.Handle("GET /allowed/{id}", sallyport.May("note:read"), handler)
	s.Routes.Handle("GET /denied/{id}", sallyport.May("note:delete"), handler)
	c, err := ourCredentials(ctx, s.Accounts)
	return s, c, err
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
	r.Header = header
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != status || !strings.Contains(w.Body.String(), body) {
		t.Errorf("%s with %v: %d %s, want %d %s", path, header, w.Code, w.Body, status, body)
	}
}

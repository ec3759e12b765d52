//go:build linux

package rivals

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"
	"github.com/golang-jwt/jwt/v5"
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
	browser, err := accounts.Register(ctx, in, false, account.Origin{})
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

// who is what the doors of others hand to their handlers.
type who struct {
	subject string
	roles   []string
}

type whoKey struct{}

// asked passes on a request with who sent it.
func asked(next http.Handler, w http.ResponseWriter, r *http.Request, by who) {
	next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, by)))
}

// refuse answers as a program by hand would. It writes no log.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"code": code})
}

// may answers 403 unless one of the roles of who asks may do that.
func may(action string, allows check, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if by, _ := r.Context().Value(whoKey{}).(who); !allows(by.roles, action) {
			refuse(w, http.StatusForbidden, "forbidden")
			return
		}
		next(w, r)
	}
}

// jwtSite is golang-jwt behind a middleware as many write it, with everything made once that can be: the parser and the key.
func jwtSite(alg token.Alg, issuer string) (http.Handler, credentials, error) {
	signed, err := newSigned(alg, issuer)
	if err != nil {
		return nil, nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{string(alg)}), jwt.WithIssuer(issuer), jwt.WithAudience(issuer), jwt.WithExpirationRequired())
	key := func(*jwt.Token) (any, error) { return signed.public, nil }
	mux := guardedRoutes(byRoleMap())
	guarded := func(w http.ResponseWriter, r *http.Request) {
		bearer, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		var c jwtClaims
		if !found {
			refuse(w, http.StatusUnauthorized, "unauthenticated")
			return
		}
		if _, err := parser.ParseWithClaims(bearer, &c, key); err != nil {
			refuse(w, http.StatusUnauthorized, "unauthenticated")
			return
		}
		asked(mux, w, r, who{c.Subject, c.Roles})
	}
	return http.HandlerFunc(guarded), credentials{"token": {"Authorization": {"Bearer " + signed.good}}}, nil
}

// A check reports whether one of the roles may do that.
type check func(roles []string, action string) bool

// byRoleMap is written by hand: a map of maps.
func byRoleMap() check {
	may := permissionsByRole([]role{{"member", "note:read"}})
	return func(roles []string, action string) bool {
		for _, r := range roles {
			if may[r][action] {
				return true
			}
		}
		return false
	}
}

// guardedRoutes are what others serve once they know who asks.
func guardedRoutes(c check) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signed-in/{id}", greet)
	mux.HandleFunc("GET /allowed/{id}", may("note:read", c, greet))
	mux.HandleFunc("GET /denied/{id}", may("note:delete", c, greet))
	return mux
}

// mapSite keeps sessions in a map and checks roles in another.
func mapSite(string, string) (http.Handler, credentials, error) { return mapSessions(byRoleMap()) }

// casbinSite is mapSite with casbin for the decision.
func casbinSite(string, string) (http.Handler, credentials, error) {
	e, err := casbinRoles([]role{{"member", "note:read"}}).newEnforcer()
	if err != nil {
		return nil, nil, err
	}
	return mapSessions(func(roles []string, action string) bool {
		for _, r := range roles {
			if ok, err := e.Enforce(r, action); ok && err == nil {
				return true
			}
		}
		return false
	})
}

// scsSite is scs with its sessions in memory.
func scsSite(string, string) (http.Handler, credentials, error) {
	sessions := scs.New()
	ctx, err := sessions.Load(context.Background(), "")
	if err != nil {
		return nil, nil, err
	}
	sessions.Put(ctx, "subject", "usr_1")
	cookie, _, err := sessions.Commit(ctx)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signed-in/{id}", func(w http.ResponseWriter, r *http.Request) {
		if sessions.GetString(r.Context(), "subject") == "" {
			refuse(w, http.StatusUnauthorized, "unauthenticated")
			return
		}
		greet(w, r)
	})
	return sessions.LoadAndSave(mux), credentials{"session": {"Cookie": {sessions.Cookie.Name + "=" + cookie}}}, nil
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

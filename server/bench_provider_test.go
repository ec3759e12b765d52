package server_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// BenchmarkProvider is what clients do all day, without the network: a token for a client
// itself, a refresh, a code in exchange for tokens with an ID token by ES256, and an
// introspection. Stores wait for the disk. xsign is how many bare signatures with the
// same key would take as long.
func BenchmarkProvider(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		db, err := sqlite.Open(filepath.Join(b.TempDir(), "house.db"))
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		benchProvider(b, db)
	})
	b.Run("postgres", func(b *testing.B) {
		db := openPostgres(b, testdb.PostgresDurable(b, sqldb.Key(), migrate))
		benchProvider(b, db)
	})
}

func benchProvider(b *testing.B, db account.Store) {
	s, err := server.Open(b.Context(), server.Config{
		BaseURL: "https://id.example", Store: db, SealingKey: secret.NewKey(), Roles: map[string][]string{"member": {"note:read"}},
		Passwords: password.Params{Memory: 64, Time: 1, InsecureBelowMinimum: true}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	register := func(in account.ClientRegistration) (id, plain string) {
		c, plain, err := s.Accounts.AddClient(b.Context(), in, account.Origin{})
		if err != nil {
			b.Fatal(err)
		}
		return c.ID, plain
	}
	machineID, machineSecret := register(account.ClientRegistration{Roles: []string{"admin"}, Client: oauth.Client{
		Name: "Machine", Grants: []oauth.GrantType{oauth.ByCredentials}, Scopes: []string{"token:introspect"},
	}})
	appID, appSecret := register(account.ClientRegistration{Client: oauth.Client{
		Name: "App", Trusted: true, Redirects: []string{appURL}, Scopes: []string{"openid", "offline_access"}, IDTokenAlg: token.ES256,
	}})
	if _, err := s.Keyring.Maintain(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := s.Keyring.Reload(b.Context()); err != nil {
		b.Fatal(err)
	}
	do := func(method, target, body string, header http.Header) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "https://id.example"+target, strings.NewReader(body))
		for k, v := range header {
			r.Header[k] = v
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	ask := func(id, plain string, pairs ...string) got {
		f := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		w := do("POST", "/auth/oauth/token", f.Encode(), http.Header{
			"Content-Type":  {"application/x-www-form-urlencoded"},
			"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+plain))},
		})
		var g got
		if w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &g) != nil {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
		return g
	}
	signed := do("POST", "/auth/register", `{"username":"ann","password":"`+pass+`","mode":"cookie"}`, http.Header{"Content-Type": {"application/json"}})
	cookies := signed.Result().Cookies()
	request := "/auth/oauth/authorize?" + url.Values{
		"client_id": {appID}, "redirect_uri": {appURL}, "response_type": {"code"}, "scope": {"openid offline_access"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}.Encode()
	code := func() string {
		r := http.Header{}
		for _, c := range cookies {
			r.Add("Cookie", c.Name+"="+c.Value)
		}
		w := do("GET", request, "", r)
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil || u.Query().Get("code") == "" {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
		return u.Query().Get("code")
	}
	key, err := token.Generate(token.EdDSA)
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 500)
	const signatures = 5000
	began := time.Now()
	for range signatures {
		if _, err := key.Sign("JWT", payload); err != nil {
			b.Fatal(err)
		}
	}
	bare := time.Since(began).Nanoseconds() / signatures
	report := func(b *testing.B) {
		b.ReportMetric(float64(bare), "sign-ns")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(bare), "xsign")
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	}
	each := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			report(b)
		})
	}
	each("credentials", func() { ask(machineID, machineSecret, "grant_type", "client_credentials") })
	redeem := func(code string) got {
		return ask(appID, appSecret, "grant_type", "authorization_code", "code", code, "redirect_uri", appURL, "code_verifier", verifier)
	}
	b.Run("code", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			c := code()
			b.StartTimer()
			redeem(c)
		}
		report(b)
	})
	g := redeem(code())
	each("refresh", func() { g = ask(appID, appSecret, "grant_type", "refresh_token", "refresh_token", g.Refresh) })
	// From 32 callers the store commits for several at once.
	b.Run("refresh-32", func(b *testing.B) {
		grants := make(chan got, 32)
		for range cap(grants) {
			grants <- redeem(code())
		}
		var n atomic.Int64
		b.SetParallelism(16)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			mine := <-grants
			for pb.Next() {
				mine = ask(appID, appSecret, "grant_type", "refresh_token", "refresh_token", mine.Refresh)
				n.Add(1)
			}
			grants <- mine
		})
		b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "req/s")
	})
	asker := ask(machineID, machineSecret, "grant_type", "client_credentials")
	each("introspection", func() {
		w := do("POST", "/auth/oauth/introspect", "token="+g.Access, http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {"Bearer " + asker.Access},
		})
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"active":true`) {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}

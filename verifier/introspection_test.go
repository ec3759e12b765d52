package verifier_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/verifier"
)

func TestAPIKeysAreAskedAboutOnce(t *testing.T) {
	in := install(t)
	ann := in.user("ann", "analyst")
	s := in.service(func(c *verifier.Config) { c.APIKeys = true })
	key := in.apiKey(ann, "report:read")
	narrow := in.apiKey(ann, "note:read")

	for _, c := range []struct {
		name, path, key string
		want            int
	}{
		{"a key whose scope reaches", "/reports", key, 200},
		{"a key whose scope does not", "/reports", narrow, 403},
		{"no key of anybody", "/whoami", "sp_live_nonsense", 401},
		{"one letter changed", "/whoami", key[:len(key)-1] + other(key[len(key)-1]), 401},
	} {
		if got := s.do(c.path, "X-API-Key", c.key).Code; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if got := s.get(c.path, c.key); got != c.want {
			t.Errorf("%s, as a bearer token: %d, want %d", c.name, got, c.want)
		}
	}

	// It is remembered, and dropped when the feed says so: first of all that the keys were made.
	s.want(in, "/reports", key, 200)
	in.asked.Store(0)
	for range 10 {
		s.want(in, "/reports", key, 200)
	}
	if n := in.asked.Load(); n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
	in.must(in.Accounts.Unassign(t.Context(), ann, "analyst", "", account.Origin{}))
	s.want(in, "/reports", key, 403)
	in.must(in.Accounts.Assign(t.Context(), ann, "analyst", "", account.Origin{}))
	s.want(in, "/reports", key, 200)
	keys, err := in.Accounts.Keys(t.Context(), ann)
	in.must(err)
	for _, k := range keys {
		in.must(in.Accounts.RevokeKey(t.Context(), k.ID, ann, account.Origin{}))
	}
	s.want(in, "/reports", key, 401)

	in.down.Store(true)
	if got := s.get("/whoami", in.apiKey(ann, "note:read")); got != 503 {
		t.Errorf("a key that nobody can tell of: %d", got)
	}
}

// other is another letter.
func other(c byte) string {
	if c == 'x' {
		return "y"
	}
	return "x"
}

func TestWhileTheFeedIsCutOffTheIssuerIsAsked(t *testing.T) {
	in := install(t)
	ann := in.user("ann")
	s := in.service(func(c *verifier.Config) { c.Bound, c.Introspect = shortest, true })
	out := in.signIn("ann", "")
	s.want(in, "/whoami", out.Tokens.Access, 200)

	in.silent.Store(true) // the feed alone
	in.http.CloseClientConnections()
	await(t, func() bool { return s.Ready() != nil })
	for _, c := range []struct {
		name, token string
		want        int
	}{
		{"a good token", out.Tokens.Access, 200},
		{"garbage", "garbage", 401},
		{"a token of another issuer's key", out.Tokens.Access[:len(out.Tokens.Access)-4] + "AAAA", 401},
	} {
		if got := s.get("/whoami", c.token); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	in.must(in.Accounts.EndSession(t.Context(), out.Session.ID, ann, account.Origin{}))
	if got := s.get("/whoami", out.Tokens.Access); got != 401 {
		t.Errorf("signed out: %d", got)
	}
	in.down.Store(true)
	if got := s.get("/whoami", out.Tokens.Access); got != 503 {
		t.Errorf("neither feed nor issuer: %d", got)
	}
}

func TestTokensThatOnlyTheIssuerCanReadAreAskedAboutOnce(t *testing.T) {
	in := install(t)
	const api = "https://api.example"
	_, err := in.Accounts.SetResource(t.Context(), oauth.Resource{URI: api, Name: "API"}, nil, account.Origin{})
	in.must(err)
	c, _, err := in.Accounts.AddClient(t.Context(), account.ClientRegistration{
		Client: oauth.Client{
			Name: "Robot", Grants: []oauth.GrantType{oauth.ByCredentials}, Scopes: []string{"note:read", "report:read"}, Resources: []string{api}, Format: oauth.Opaque,
		}, Roles: []string{"member"},
	}, account.Origin{})
	in.must(err)
	issue := func(audience string, held token.Held) string {
		t.Helper()
		g, err := in.Accounts.ClientToken(t.Context(), c.ID, account.Ask{Scope: []string{"note:read", "report:read"}, Resources: []string{audience}, Held: held})
		in.must(err)
		if !strings.HasPrefix(g.Access, token.OpaquePrefix) {
			t.Fatalf("got %s", g.Access)
		}
		return g.Access
	}
	s := in.service(func(c *verifier.Config) { c.Audience, c.OpaqueTokens = api, true })
	mine := certificate(t)
	good, bound := issue(api, token.Held{}), issue(api, token.Held{X5T: sallyport.Thumbprint(mine)})
	for _, x := range []struct {
		name, path, token string
		want              int
	}{
		{"a good one", "/notes", good, 200},
		{"what its roles do not permit", "/reports", good, 403},
		{"for somebody else", "/notes", issue(in.URL, token.Held{}), 401},
		{"bound to a key", "/notes", issue(api, token.Held{JKT: "x"}), 401},
		{"bound to a certificate", "/notes", bound, 401},
		{"one letter changed", "/notes", good[:len(good)-1] + other(good[len(good)-1]), 401},
		{"nothing in it", "/notes", token.OpaquePrefix, 401},
		{"too long", "/notes", token.OpaquePrefix + strings.Repeat("a", token.MaxSize), 401},
		{"an API key, which is not asked for", "/notes", in.apiKey(in.user("ann"), "note:read"), 401},
	} {
		for range 2 {
			if got := s.get(x.path, x.token); got != x.want {
				t.Errorf("%s: %d, want %d", x.name, got, x.want)
			}
		}
	}
	for range 2 { // the second time it was seen before
		r := httptest.NewRequest("GET", "/notes", nil)
		r.Header.Set("Authorization", "Bearer "+bound)
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{mine}}
		w := recorder()
		if s.routes.ServeHTTP(w, r); w.Code != 200 {
			t.Errorf("with its certificate: %d", w.Code)
		}
	}
	if got := in.service(func(c *verifier.Config) { c.Audience = api }).get("/notes", good); got != 401 {
		t.Errorf("a service that does not ask: %d", got)
	}

	s.want(in, "/notes", good, 200)
	in.asked.Store(0)
	for range 10 {
		s.want(in, "/notes", good, 200)
	}
	if n := in.asked.Load(); n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
	_, err = in.Accounts.SetClient(t.Context(), account.ClientRegistration{Client: c, Roles: []string{}}, nil, account.Origin{})
	in.must(err)
	s.want(in, "/notes", good, 403)
	in.must(in.Accounts.RemoveClient(t.Context(), c.ID, account.Origin{}))
	s.want(in, "/notes", good, 401)
}

package oauth_test

import (
	"crypto/sha256"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

const issuer = "https://id.example"

func client(change ...func(*oauth.Client)) *oauth.Client {
	c := &oauth.Client{
		ID: "app", Name: "App", Redirects: []string{"https://app.example/cb"}, Scopes: []string{"openid", "note:read"}, Resources: []string{"https://api.example"},
	}
	for _, f := range change {
		f(c)
	}
	return c
}

// RFC 7636, appendix B.
const (
	rfcVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	rfcChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestPKCE(t *testing.T) {
	for verifier, good := range map[string]bool{
		rfcVerifier: true, rfcVerifier + "x": false, "": false, rfcChallenge: false, rfcVerifier[:42]: false, strings.Repeat("a", 129): false,
		rfcVerifier[:42] + "=": false,
	} {
		if oauth.Proves(verifier, rfcChallenge) != good {
			t.Errorf("%q", verifier)
		}
	}
}

func TestWhatIsReadOfARequest(t *testing.T) {
	c := client()
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	p, err := oauth.ParseParams("response_type=code&scope=note:read+openid+openid&state=s&nonce=n&code_challenge=" + rfcChallenge + "&code_challenge_method=S256" +
		"&resource=https%3A%2F%2Fapi.example&resource=https%3A%2F%2Fid.example&max_age=60&prompt=login+consent&acr_values=aal2&ui_locales=de+en&login_hint=ann&unknown=x")
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Where(p)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Authorize(issuer, p, w)
	if err != nil {
		t.Fatal(err)
	}
	if r.Redirect != "https://app.example/cb" || r.RedirectGiven || r.Mode != oauth.Query || r.State != "s" || r.Nonce != "n" || r.MaxAge != time.Minute ||
		!slices.Equal(r.Scope, []string{"note:read", "openid"}) || !slices.Equal(r.Resources, []string{"https://api.example", issuer}) ||
		!r.Asks("login") || !r.Asks("consent") || r.Asks("none") || !slices.Equal(r.ACR, []string{"aal2"}) || r.LoginHint != "ann" {
		t.Errorf("%+v", r)
	}
}

func TestWhereAnAnswerGoes(t *testing.T) {
	two := client(func(c *oauth.Client) { c.Redirects = append(c.Redirects, "https://app.example/2") })
	for query, want := range map[string]string{
		"redirect_uri=https://app.example/2": "https://app.example/2",
		"":                                   "",
		"redirect_uri=https://app.example/3": "",
		"redirect_uri=https://app.example/2&redirect_uri=https://app.example/cb": "",
		"redirect_uri=%ff": "",
	} {
		p, err := oauth.ParseParams(query)
		if err != nil {
			t.Fatal(err)
		}
		w, err := two.Where(p)
		if w.Redirect != want && err == nil || (err == nil) != (want != "") {
			t.Errorf("%s: %+v, %v", query, w, err)
		}
	}
}

func TestClients(t *testing.T) {
	key, err := token.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	private, _ := key.PrivateJWK()
	public, _ := key.Public().MarshalJSON()
	for _, tt := range []struct {
		field  string // "" = it is good
		change func(*oauth.Client)
	}{
		{"", func(*oauth.Client) {}},
		{"client_id", func(c *oauth.Client) { c.ID = "" }},
		{"client_id", func(c *oauth.Client) { c.ID = "a:b" }},
		{"client_id", func(c *oauth.Client) { c.ID = "a b" }},
		{"name", func(c *oauth.Client) { c.Name = " " }},
		{"name", func(c *oauth.Client) { c.Name = "App\u202egpj" }},
		{"name", func(c *oauth.Client) { c.Name = strings.Repeat("x", 101) }},
		{"scopes", func(c *oauth.Client) { c.Scopes = []string{`"`} }},
		{"scopes", func(c *oauth.Client) { c.Scopes = []string{"a", "a"} }},
		{"redirect_uris", func(c *oauth.Client) { c.Redirects = nil }},
		{"redirect_uris", func(c *oauth.Client) { c.Redirects = []string{"http://app.example"} }},
		{"post_logout_redirect_uris", func(c *oauth.Client) { c.LogoutRedirects = []string{"javascript:x"} }},
		{"resources", func(c *oauth.Client) { c.Resources = []string{"api"} }},
		{"logo_uri", func(c *oauth.Client) { c.Logo = "http://app.example/logo" }},
		{"token_endpoint_auth_method", func(c *oauth.Client) { c.Auth = "tls" }},
		{"grant_types", func(c *oauth.Client) { c.Grants = []oauth.GrantType{"password"} }},
		{"grant_types", func(c *oauth.Client) { c.Grants = []oauth.GrantType{} }},
		{"grant_types", func(c *oauth.Client) { c.Grants = []oauth.GrantType{oauth.ByRefresh, oauth.ByCredentials} }},
		{"grant_types", func(c *oauth.Client) { c.Auth, c.Grants = oauth.NoAuth, []oauth.GrantType{oauth.ByCredentials} }},
		{"allow_no_pkce", func(c *oauth.Client) { c.Auth, c.NoPKCE = oauth.NoAuth, true }},
		{"id_token_signed_response_alg", func(c *oauth.Client) { c.IDTokenAlg = "none" }},
		{"id_token_signed_response_alg", func(c *oauth.Client) { c.IDTokenAlg = token.HS256 }},
		{"jwks", func(c *oauth.Client) { c.Auth = oauth.PrivateKeyJWT }},
		{"jwks", func(c *oauth.Client) { c.JWKS = []byte(`{"keys":[]}`) }},
		{"jwks", func(c *oauth.Client) { c.JWKS = []byte(`{"keys":[` + string(private) + `]}`) }},
		{"jwks", func(c *oauth.Client) {
			c.JWKS, c.JWKSURI = []byte(`{"keys":[`+string(public)+`]}`), "https://app.example/jwks"
		}},
		{"", func(c *oauth.Client) {
			c.Auth, c.JWKS = oauth.PrivateKeyJWT, []byte(`{"keys":[`+string(public)+`]}`)
		}},
	} {
		c := client(tt.change)
		err := c.Complete()
		e, _ := errors.AsType[*oauth.FieldError](err)
		if got := e; (got == nil) != (tt.field == "") || got != nil && got.Field != tt.field {
			t.Errorf("%+v: %v, want a mistake in %q", c, err, tt.field)
		}
	}
}

func TestASecretCountsUntilItExpires(t *testing.T) {
	now := time.Now()
	c := oauth.Client{Secrets: []oauth.Secret{{Hash: sum("new")}, {Hash: sum("old"), ExpiresAt: now.Add(time.Minute)}}}
	for _, tt := range []struct {
		secret string
		at     time.Duration
		knows  bool
	}{{"new", 0, true}, {"new", time.Hour, true}, {"old", 0, true}, {"old", time.Minute, false}, {"", 0, false}, {"other", 0, false}} {
		if c.Knows(tt.secret, now.Add(tt.at)) != tt.knows {
			t.Errorf("%q after %v", tt.secret, tt.at)
		}
	}
}

func TestClaimsThatAreAskedForByName(t *testing.T) {
	c, err := oauth.ParseClaims(`{"id_token":{"sub":{"value":"usr_1"},"acr":{"essential":true,"values":["aal2","aal3"]},"email":null},"userinfo":{"name":{"essential":true}},"x":1}`)
	if err != nil || c.Subject != "usr_1" || !slices.Equal(c.ACR, []string{"aal2", "aal3"}) || !slices.Equal(c.IDToken, []string{"acr", "email", "sub"}) || !slices.Equal(c.UserInfo, []string{"name"}) {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := oauth.ParseClaims(`{"id_token":{"acr":{"value":"aal2"}}}`); err != nil || c.ACR != nil {
		t.Errorf("what is not essential is a wish: %+v, %v", c, err)
	}
	for _, bad := range []string{"", "[]", "{", `{"id_token":[]}`, `{"id_token":{"sub":{"value":1}}}`, `{"id_token":{"sub":{"value":""}}}`} {
		if _, err := oauth.ParseClaims(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if got := oauth.Names([]string{"openid", "email"}, []string{"name", "password"}); !slices.Equal(got, []string{"email", "email_verified", "name"}) {
		t.Errorf("%v", got)
	}
}

// FuzzRequest: whatever comes, the answer goes to the client's own address, and a mistake
// is one that can be told.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"response_type=code&scope=openid&code_challenge=" + rfcChallenge + "&code_challenge_method=S256",
		"response_type=code&redirect_uri=https://app.example/cb&claims={}", "scope=%00&max_age=x", "resource=a&resource=b", "prompt=none+login", "%zz", "a;b",
	} {
		f.Add(s)
	}
	c := client()
	if err := c.Complete(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		p, err := oauth.ParseParams(query)
		if err != nil {
			return
		}
		w, err := c.Where(p)
		if err != nil {
			return
		}
		if w.Redirect != "https://app.example/cb" {
			t.Fatalf("leads to %q", w.Redirect)
		}
		r, err := c.Authorize(issuer, p, w)
		if e, ok := errors.AsType[*oauth.Error](err); ok {
			for _, b := range []byte(e.Says) {
				if b < ' ' || b > '~' || b == '"' || b == '\\' {
					t.Errorf("%q cannot be an error_description", e.Says)
				}
			}
			return
		}
		if err != nil {
			t.Fatalf("%v is no Error", err)
		}
		if r.Challenge == "" || len(oauth.Beyond(r.Scope, c.Scopes)) > 0 || len(oauth.Beyond(r.Resources, append(c.Resources, issuer))) > 0 {
			t.Errorf("%+v", r)
		}
		if again, err := url.ParseQuery(p.Encode()); err != nil || len(again) != len(p) {
			t.Errorf("%q does not come back", p.Encode())
		}
	})
}

// FuzzAssertion: what is not signed by the client's key proves nothing.
func FuzzAssertion(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	key, err := token.Generate(token.EdDSA)
	if err != nil {
		f.Fatal(err)
	}
	good, err := key.Sign("JWT", []byte(`{"iss":"app","sub":"app","aud":"https://id.example","jti":"1","exp":4102444800}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	set, err := token.NewJWKS(key.Public())
	if err != nil {
		f.Fatal(err)
	}
	c, now := client(), time.Unix(4102444800-60, 0)
	find := func(h token.Header) ([]*token.Key, error) { return set.Candidates(h), nil }
	f.Fuzz(func(t *testing.T, jwt string) {
		oauth.AssertedClient(jwt)
		_, err := c.Prove(jwt, find, []string{issuer}, now)
		if e, ok := errors.AsType[*oauth.Error](err); err != nil && (!ok || e.Code != oauth.InvalidClient) {
			t.Errorf("%v", err)
		}
		if err == nil && jwt != good {
			t.Errorf("%q proves it", jwt)
		}
	})
}

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

const (
	appURL   = "https://app.example/cb"
	verifier = "a-verifier-that-is-long-enough-for-pkce-0123456789"
)

// challenge is S256 of verifier.
func challenge(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// A relyingParty is a client of the house.
type relyingParty struct {
	h      *house
	id     string
	secret string
}

// app registers a client, as changed.
func (h *house) app(change ...func(*account.ClientRegistration)) *relyingParty {
	h.Helper()
	in := account.ClientRegistration{Client: oauth.Client{
		Name: "App", Redirects: []string{appURL}, LogoutRedirects: []string{"https://app.example/bye"},
		Scopes: []string{"openid", "profile", "email", "offline_access", "note:read"}, IDTokenAlg: token.ES256,
	}}
	for _, f := range change {
		f(&in)
	}
	for _, uri := range in.Resources {
		if _, err := h.Accounts.Resource(h.Context(), uri); err == nil {
			continue
		}
		if _, err := h.Accounts.SetResource(h.Context(), oauth.Resource{URI: uri, Name: uri}, nil, account.Origin{}); err != nil {
			h.Fatal(err)
		}
	}
	c, secret, err := h.Accounts.AddClient(h.Context(), in, account.Origin{})
	if err != nil {
		h.Fatal(err)
	}
	if _, err := h.Keyring.Maintain(h.Context()); err != nil {
		h.Fatal(err)
	}
	if err := h.Keyring.Reload(h.Context()); err != nil {
		h.Fatal(err)
	}
	return &relyingParty{h, c.ID, secret}
}

func public(in *account.ClientRegistration) {
	in.Auth = oauth.NoAuth
	in.Grants = []oauth.GrantType{oauth.ByCode, oauth.ByRefresh, oauth.ByDevice}
}

func trusted(in *account.ClientRegistration) { in.Trusted = true }

func machine(in *account.ClientRegistration) {
	in.Grants, in.Redirects, in.Scopes = []oauth.GrantType{oauth.ByCredentials}, nil, []string{"note:read", "note:write"}
	in.Roles = []string{"member"}
}

// request is a good authorization request of the app, as changed: pairs of name and
// value, where an empty value takes the parameter away.
func (a *relyingParty) request(pairs ...string) url.Values {
	v := url.Values{
		"client_id": {a.id}, "redirect_uri": {appURL}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(pairs); i += 2 {
		v.Del(pairs[i])
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// authorize goes through the pages as a browser does, and allows what is asked for.
// It returns what the client is told.
func (c *caller) authorize(request url.Values) url.Values {
	c.h.Helper()
	a := c.do("GET", "/auth/oauth/authorize?"+request.Encode())
	if a.status == 200 {
		a = c.consent(a, "allow")
	}
	return a.told()
}

var carried = regexp.MustCompile(`name="request" value="([^"]*)"`)

// consent answers the page.
func (c *caller) consent(page *answer, decision string) *answer {
	c.h.Helper()
	m := carried.FindStringSubmatch(page.body)
	if m == nil {
		c.h.Fatalf("no form:\n%s", page.body)
	}
	f := url.Values{"request": {html.UnescapeString(m[1])}, "decision": {decision}}
	return form(c).do("POST", "/auth/oauth/consent", f.Encode())
}

// told is what a redirect to the client says.
func (a *answer) told() url.Values {
	a.h.Helper()
	a.want(303)
	u := mustURL(a.header.Get("Location"))
	if u.Host != "app.example" {
		a.h.Fatalf("%s: leads to %s", a.what, u)
	}
	v := u.Query()
	if u.Fragment != "" {
		v, _ = url.ParseQuery(u.Fragment)
	}
	if v.Get("iss") != a.h.URL {
		a.h.Errorf("%s: iss is %q", a.what, v.Get("iss"))
	}
	return v
}

// code lets the person give the app a code.
func (a *relyingParty) code(c *caller, pairs ...string) string {
	a.h.Helper()
	v := c.authorize(a.request(pairs...))
	if v.Get("code") == "" {
		a.h.Fatalf("no code: %v", v)
	}
	return v.Get("code")
}

// ask posts to an endpoint as the app. Without a secret it is a public client.
func (a *relyingParty) ask(path string, pairs ...string) *answer {
	a.h.Helper()
	return a.askWith("Accept", "application/json", path, pairs...)
}

// askWith is ask with a header.
func (a *relyingParty) askWith(name, value, path string, pairs ...string) *answer {
	a.h.Helper()
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	c := a.h.nobody().with("Content-Type", "application/x-www-form-urlencoded").with(name, value)
	if a.secret != "" {
		c = c.with("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(a.id)+":"+url.QueryEscape(a.secret))))
	} else {
		f.Set("client_id", a.id)
	}
	return c.do("POST", "/auth/oauth"+path, f.Encode())
}

// got are the tokens of a client.
type got struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Refresh string `json:"refresh_token"`
	Scope   string `json:"scope"`
	ID      string `json:"id_token"`
}

// redeem exchanges a code.
func (a *relyingParty) redeem(code string, pairs ...string) *answer {
	a.h.Helper()
	return a.ask("/token", append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", appURL, "code_verifier", verifier}, pairs...)...)
}

func (a *answer) tokens() (g got) {
	a.h.Helper()
	a.want(200).into(&g)
	if cc := a.header.Get("Cache-Control"); cc != "no-store" {
		a.h.Errorf("%s: Cache-Control %q", a.what, cc)
	}
	return g
}

// refused checks the code of RFC 6749 §5.2.
func (a *answer) refused(status int, code string) {
	a.h.Helper()
	a.want(status)
	var e struct{ Error, Error_description string }
	a.into(&e)
	if e.Error != code || e.Error_description == "" {
		a.h.Errorf("%s: got %+v, want %s", a.what, e, code)
	}
}

// claims are those of a token, unverified.
func claimsOf(t testing.TB, jwt string) (m map[string]any) {
	t.Helper()
	payload, err := token.UnverifiedPayload(jwt)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// The Go judge: coreos/go-oidc and x/oauth2 sign somebody in and call a guarded route.
func TestALibraryOfOthersSignsIn(t *testing.T) {
	for _, alg := range []token.Alg{token.RS256, token.ES256, token.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			h := open(t)
			a := h.app(func(in *account.ClientRegistration) { in.IDTokenAlg = alg })
			ann := h.browser("ann")
			ctx := oidc.ClientContext(t.Context(), h.http.Client())
			provider, err := oidc.NewProvider(ctx, h.URL)
			if err != nil {
				t.Fatal(err)
			}
			conf := oauth2.Config{
				ClientID: a.id, ClientSecret: a.secret, Endpoint: provider.Endpoint(), RedirectURL: appURL,
				Scopes: []string{oidc.ScopeOpenID, "profile", "offline_access", "note:read"},
			}
			v := oauth2.GenerateVerifier()
			request := mustURL(conf.AuthCodeURL("state", oidc.Nonce("nonce"), oauth2.S256ChallengeOption(v))).Query()
			back := ann.authorize(request)
			if back.Get("state") != "state" {
				t.Fatalf("came back with %v", back)
			}
			tokens, err := conf.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(v))
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := tokens.Extra("id_token").(string)
			id, err := provider.Verifier(&oidc.Config{ClientID: a.id, SupportedSigningAlgs: []string{string(alg)}}).Verify(ctx, raw)
			if err != nil {
				t.Fatal(err)
			}
			if id.Nonce != "nonce" || id.Subject != ann.id {
				t.Errorf("ID token of %s, nonce %q", id.Subject, id.Nonce)
			}
			if err := id.VerifyAccessToken(tokens.AccessToken); alg != token.EdDSA && err != nil { // go-oidc knows no hash for EdDSA
				t.Errorf("at_hash: %v", err)
			}
			info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
			if err != nil || info.Subject != ann.id {
				t.Errorf("userinfo: %v, %v", info, err)
			}
			// A guarded route, with a token that was refreshed.
			tokens.Expiry = time.Now().Add(-time.Hour)
			resp, err := conf.Client(ctx, tokens).Get(h.URL + "/notes")
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("guarded route: %v, %v", resp, err)
			}
		})
	}
}

func TestACodeIsGoodOnceForWhoAskedForIt(t *testing.T) {
	h := open(t)
	a, other := h.app(), h.app()
	ann := h.browser("ann")
	for _, tt := range []struct {
		name  string
		ask   func(code string) *answer
		error string
	}{
		{"by another client", func(code string) *answer { return other.redeem(code) }, "invalid_grant"},
		{"without the verifier", func(code string) *answer {
			return a.ask("/token", "grant_type", "authorization_code", "code", code, "redirect_uri", appURL)
		}, "invalid_grant"},
		{"with another verifier", func(code string) *answer {
			return a.ask("/token", "grant_type", "authorization_code", "code", code, "redirect_uri", appURL, "code_verifier", strings.Repeat("x", 43))
		}, "invalid_grant"},
		{"with another redirect_uri", func(code string) *answer {
			return a.ask("/token", "grant_type", "authorization_code", "code", code, "redirect_uri", appURL+"2", "code_verifier", verifier)
		}, "invalid_grant"},
		{"without the redirect_uri", func(code string) *answer {
			return a.ask("/token", "grant_type", "authorization_code", "code", code, "code_verifier", verifier)
		}, "invalid_grant"},
		{"with a made-up code", func(string) *answer { return a.redeem("made-up") }, "invalid_grant"},
		{"for a resource that was not asked for", func(code string) *answer { return a.redeem(code, "resource", "https://api.example") }, "invalid_target"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code := a.code(ann)
			tt.ask(code).refused(400, tt.error)
			a.redeem(code).tokens() // that did not use it up
		})
	}

	t.Run("a second time ends what came of the first", func(t *testing.T) {
		code := a.code(ann, "scope", "openid offline_access note:read")
		g := a.redeem(code).tokens()
		h.nobody().bearer(g.Access).do("GET", "/notes").want(200)
		a.redeem(code).refused(400, "invalid_grant")
		h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
		a.ask("/token", "grant_type", "refresh_token", "refresh_token", g.Refresh).refused(400, "invalid_grant")
		ann.do("GET", "/auth/me").want(200) // the person stays signed in
	})

	t.Run("of many at once one gets tokens, and loses them", func(t *testing.T) {
		code := a.code(ann)
		var wg sync.WaitGroup
		answers := make([]*answer, 8)
		for i := range answers {
			wg.Go(func() { answers[i] = a.redeem(code) })
		}
		wg.Wait()
		var good []got
		for _, x := range answers {
			if x.status == 200 {
				good = append(good, x.tokens())
			} else {
				x.refused(400, "invalid_grant")
			}
		}
		if len(good) != 1 {
			t.Fatalf("%d got tokens", len(good))
		}
		h.nobody().bearer(good[0].Access).do("GET", "/auth/me").want(401, "invalid_token")
	})
}

func TestWhatTheBrowserMayNotBeSentTo(t *testing.T) {
	h := open(t)
	a := h.app()
	ann := h.browser("ann")
	for name, uri := range map[string]string{
		"another path": "https://app.example/cb2", "a prefix": "https://app.example/c", "a longer path": appURL + "/more", "a query": appURL + "?x=1",
		"a user": "https://app.example@evil.example/cb", "a port": "https://app.example:8443/cb", "another host": "https://evil.example/cb",
		"an encoded path": "https://app.example/%63b", "a fragment": appURL + "#f", "dots": "https://app.example/x/../cb", "http": "http://app.example/cb",
		"capitals": "https://APP.example/cb", "a script": "javascript:alert(1)", "white space": appURL + " ", "a backslash": `https://app.example\@evil.example/cb`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []*caller{ann, h.nobody()} {
				x := c.with("Sec-Fetch-Mode", "navigate").with("Accept", "text/html").do("GET", "/auth/oauth/authorize?"+a.request("redirect_uri", uri).Encode())
				if x.want(400); x.header.Get("Location") != "" || !strings.Contains(x.header.Get("Content-Type"), "text/html") {
					t.Errorf("%v", x.header)
				}
			}
		})
	}
	x := ann.do("GET", "/auth/oauth/authorize?"+a.request("client_id", "nobody").Encode())
	x.want(400, "invalid_request")
	twice := a.request()
	twice.Add("redirect_uri", appURL)
	ann.do("GET", "/auth/oauth/authorize?"+twice.Encode()).want(400, "invalid_request")
}

func TestMistakesThatTheClientIsTold(t *testing.T) {
	h := open(t)
	a := h.app()
	ann := h.browser("ann")
	for _, tt := range []struct{ name, param, value, error string }{
		{"no response_type", "response_type", "", "invalid_request"},
		{"the implicit grant", "response_type", "token", "unsupported_response_type"},
		{"a hybrid", "response_type", "code id_token", "unsupported_response_type"},
		{"an unknown response_mode", "response_mode", "smoke", "invalid_request"},
		{"plain PKCE", "code_challenge_method", "plain", "invalid_request"},
		{"PKCE of no method", "code_challenge_method", "", "invalid_request"},
		{"no PKCE", "code_challenge", "", "invalid_request"},
		{"a short challenge", "code_challenge", "abc", "invalid_request"},
		{"a scope that is not the client's", "scope", "openid note:write", "invalid_scope"},
		{"a malformed scope", "scope", `"`, "invalid_scope"},
		{"a resource that is not the client's", "resource", "https://other.example", "invalid_target"},
		{"prompt none with another", "prompt", "none login", "invalid_request"},
		{"an unknown prompt", "prompt", "please", "invalid_request"},
		{"a max_age that is none", "max_age", "-1", "invalid_request"},
		{"claims that are no JSON", "claims", "{", "invalid_request"},
		{"a request object that is none", "request", "e30.e30.", "invalid_request_object"},
		{"a request_uri of others", "request_uri", "https://evil.example/r", "request_uri_not_supported"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := ann.do("GET", "/auth/oauth/authorize?"+a.request(tt.param, tt.value).Encode()).told()
			if v.Get("error") != tt.error || v.Get("error_description") == "" || v.Get("state") != "s" || v.Has("code") {
				t.Errorf("told %v", v)
			}
		})
	}
}

func TestPrompts(t *testing.T) {
	h := open(t)
	a, ours := h.app(), h.app(trusted)
	ann := h.browser("ann")
	get := func(c *caller, request url.Values) *answer {
		return c.do("GET", "/auth/oauth/authorize?"+request.Encode())
	}

	if v := get(h.nobody(), a.request("prompt", "none")).told(); v.Get("error") != "login_required" {
		t.Errorf("nobody is signed in: %v", v)
	}
	if v := get(ann, a.request("prompt", "none")).told(); v.Get("error") != "consent_required" {
		t.Errorf("nothing was allowed: %v", v)
	}
	if v := get(ann, ours.request("prompt", "none")).told(); v.Get("code") == "" {
		t.Errorf("one of ours: %v", v)
	}
	if v := ann.consent(get(ann, a.request()), "deny").told(); v.Get("error") != "access_denied" || v.Get("state") != "s" {
		t.Errorf("refused: %v", v)
	}
	if v := ann.authorize(a.request()); v.Get("code") == "" {
		t.Errorf("allowed: %v", v)
	}
	if v := get(ann, a.request("prompt", "none")).told(); v.Get("code") == "" {
		t.Errorf("allowed before: %v", v)
	}
	get(ann, a.request("scope", "openid profile email")).want(200) // more than before
	get(ann, a.request("prompt", "consent")).want(200)
	get(ann, ours.request("prompt", "select_account")).want(200)

	to := func(x *answer, page string) string {
		t.Helper()
		u := mustURL(x.want(303).header.Get("Location"))
		if u.Path != page {
			t.Fatalf("leads to %s, want %s", u, page)
		}
		return u.Query().Get("return_to")
	}
	to(get(h.nobody(), a.request()), "/auth/login")
	back := to(get(ann, ours.request("prompt", "login")), "/auth/step-up")
	to(ann.do("GET", back), "/auth/step-up") // as long as nothing was confirmed
	form(ann).do("POST", "/auth/step-up", "method=password&password="+typed).want(303)
	if v := ann.do("GET", back).told(); v.Get("code") == "" {
		t.Errorf("confirmed: %v", v)
	}
	forged := ours.request("prompt", "login", "sallyport_progress", "eyJzaW5jZSI6IjIwMDAtMDEtMDFUMDA6MDA6MDBaIn0.AAAA")
	to(get(ann, forged), "/auth/step-up")

	if v := get(ann, ours.request("prompt", "none", "max_age", "0")).told(); v.Get("error") != "login_required" {
		t.Errorf("max_age 0: %v", v)
	}
	if v := get(ann, ours.request("max_age", "3600")).told(); v.Get("code") == "" {
		t.Errorf("max_age 3600: %v", v)
	}
	if v := get(ann, ours.request("claims", `{"id_token":{"acr":{"essential":true,"value":"aal2"}}}`)).told(); v.Get("error") != "unmet_authentication_requirements" {
		t.Errorf("aal2 without a factor: %v", v)
	}
	if v := get(ann, ours.request("claims", `{"id_token":{"sub":{"value":"usr_other"}}}`, "prompt", "none")).told(); v.Get("error") != "login_required" {
		t.Errorf("somebody else: %v", v)
	}
	if v := get(ann, ours.request("acr_values", "aal2")).told(); v.Get("code") == "" {
		t.Errorf("a wish for aal2: %v", v)
	}
}

func TestWhatAnIDTokenSays(t *testing.T) {
	h := open(t)
	a := h.app()
	ann := h.browser("ann")
	g := a.redeem(a.code(ann, "scope", "openid profile note:read", "claims", `{"id_token":{"preferred_username":null},"userinfo":{"email":null}}`)).tokens()
	m := claimsOf(t, g.ID)
	for name, want := range map[string]any{"iss": h.URL, "sub": ann.id, "aud": a.id, "azp": a.id, "nonce": "n", "acr": "aal1", "preferred_username": "ann"} {
		if m[name] != want {
			t.Errorf("%s is %v, want %v", name, m[name], want)
		}
	}
	for _, name := range []string{"exp", "iat", "auth_time", "at_hash", "sid", "amr"} {
		if m[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	access := claimsOf(t, g.Access)
	if access["client_id"] != a.id || access["gid"] == nil || access["rev"] == nil || access["scope"] != "openid profile note:read" || access["aud"] != h.URL {
		t.Errorf("access token says %v", access)
	}
	var info map[string]any
	h.nobody().bearer(g.Access).do("GET", "/auth/oauth/userinfo").want(200).into(&info)
	h.nobody().bearer(g.Access).do("POST", "/auth/oauth/userinfo").want(200)
	if info["sub"] != ann.id || info["preferred_username"] != "ann" {
		t.Errorf("userinfo says %v", info)
	}
	h.nobody().bearer(g.ID).do("GET", "/auth/me").want(401, "invalid_token") // an ID token is no access token
}

func TestATokenOfAClientReachesNoFurtherThanItsScope(t *testing.T) {
	h := open(t)
	a := h.app()
	ann := h.browser("ann")
	none := a.redeem(a.code(ann, "scope", "")).tokens()
	h.nobody().bearer(none.Access).do("GET", "/notes").want(403, "insufficient_scope")
	h.nobody().bearer(none.Access).do("GET", "/auth/sessions").want(403, "insufficient_scope")
	h.nobody().bearer(none.Access).do("GET", "/auth/oauth/userinfo").want(403, "insufficient_scope")
	h.nobody().bearer(none.Access).do("POST", "/auth/oauth/userinfo").want(403, "insufficient_scope")
	some := a.redeem(a.code(ann, "scope", "note:read")).tokens()
	h.nobody().bearer(some.Access).do("GET", "/notes").want(200)
	h.nobody().bearer(some.Access).do("POST", "/notes").want(403)
}

func TestARefreshedGrant(t *testing.T) {
	h := open(t)
	h.define("https://one.example", "https://two.example")
	a, other := h.asksFor("https://one.example", "https://two.example"), h.app()
	ann := h.browser("ann")
	refresh := func(a *relyingParty, g got, pairs ...string) *answer {
		return a.ask("/token", append([]string{"grant_type", "refresh_token", "refresh_token", g.Refresh}, pairs...)...)
	}
	request := a.request("scope", "openid offline_access note:read")
	request["resource"] = []string{"https://one.example", h.URL}
	g := a.redeem(ann.authorize(request).Get("code")).tokens()
	refresh(other, g).refused(400, "invalid_grant")
	refresh(a, g, "scope", "openid email").refused(400, "invalid_scope")
	refresh(a, g, "resource", "https://two.example").refused(400, "invalid_target")
	next := refresh(a, g, "scope", "note:read", "resource", h.URL).tokens()
	if m := claimsOf(t, next.Access); m["scope"] != "note:read" || m["aud"] != h.URL {
		t.Errorf("narrower: %v", m)
	}
	again := refresh(a, next).tokens() // as wide as the grant
	if again.Scope != "openid offline_access note:read" || again.ID == "" {
		t.Errorf("the whole grant: %+v", again)
	}
	ann.do("POST", "/auth/logout", "{}").want(204) // offline_access outlives it
	last := refresh(a, again).tokens()

	refresh(a, g).refused(400, "invalid_grant") // reuse, two behind
	refresh(a, last).refused(400, "invalid_grant")
	h.nobody().bearer(last.Access).do("GET", "/notes").want(401, "invalid_token")
}

func TestWithoutOfflineAccessTokensEndWithTheSession(t *testing.T) {
	h := open(t)
	a := h.app()
	ann := h.browser("ann")
	g := a.redeem(a.code(ann, "scope", "openid note:read")).tokens()
	h.nobody().bearer(g.Access).do("GET", "/notes").want(200)
	ann.do("POST", "/auth/logout", "{}").want(204)
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
	a.ask("/token", "grant_type", "refresh_token", "refresh_token", g.Refresh).refused(400, "invalid_grant")
}

func TestWhatIsTakenBackEndsAtOnce(t *testing.T) {
	h := open(t)
	a := h.app()
	ann := h.browser("ann")
	g := a.redeem(a.code(ann, "scope", "openid offline_access note:read")).tokens()
	var list struct{ Items []struct{ Client_ID string } }
	ann.do("GET", "/auth/applications").want(200).into(&list)
	if len(list.Items) != 1 || list.Items[0].Client_ID != a.id {
		t.Errorf("applications: %+v", list)
	}
	ann.do("DELETE", "/auth/applications/"+a.id).want(204)
	ann.do("DELETE", "/auth/applications/"+a.id).want(404, "not_found")
	withdraw := "/auth/applications/" + a.id + "/withdraw"
	ann.do("POST", withdraw).want(404, "not_found")
	a.code(ann)
	form(ann).do("POST", withdraw, "").want(303)
	a.code(ann)
	ann.do("POST", withdraw).want(204)
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
	a.ask("/token", "grant_type", "refresh_token", "refresh_token", g.Refresh).refused(400, "invalid_grant")
	if v := ann.do("GET", "/auth/oauth/authorize?"+a.request("prompt", "none").Encode()).told(); v.Get("error") != "consent_required" {
		t.Errorf("asked again: %v", v)
	}
}

func TestHowClientsProveThemselves(t *testing.T) {
	h := open(t)
	basic := h.app(machine)
	post := h.app(machine, func(in *account.ClientRegistration) { in.Auth = oauth.SecretPost })
	key, err := token.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	jwk, _ := key.Public().MarshalJSON()
	signed := h.app(machine, func(in *account.ClientRegistration) {
		in.Auth, in.JWKS = oauth.PrivateKeyJWT, []byte(`{"keys":[`+string(jwk)+`]}`)
	})
	send := func(pairs ...string) *answer {
		f := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i < len(pairs); i += 2 {
			f.Add(pairs[i], pairs[i+1])
		}
		return h.nobody().with("Content-Type", "application/x-www-form-urlencoded").do("POST", "/auth/oauth/token", f.Encode())
	}
	g := basic.ask("/token", "grant_type", "client_credentials", "scope", "note:read").tokens()
	h.nobody().bearer(g.Access).do("GET", "/notes").want(200)
	if g.Refresh != "" || g.ID != "" {
		t.Errorf("a client for itself got %+v", g)
	}
	send("client_id", post.id, "client_secret", post.secret).tokens()
	send("client_id", basic.id, "client_secret", basic.secret).tokens()                        // the same credential in another place
	send("client_id", signed.id, "client_secret", basic.secret).refused(401, "invalid_client") // another credential than it is registered for
	send("client_id", basic.id).refused(401, "invalid_client")
	send("client_id", post.id, "client_secret", "wrong").refused(401, "invalid_client")
	send("client_id", post.id).refused(401, "invalid_client")
	send().refused(401, "invalid_client")
	(&relyingParty{h, basic.id, "wrong"}).ask("/token", "grant_type", "client_credentials").refused(401, "invalid_client")
	basic.ask("/token", "grant_type", "client_credentials", "client_secret", basic.secret).refused(400, "invalid_request")
	basic.ask("/token", "grant_type", "client_credentials", "scope", "note:delete").refused(400, "invalid_scope")
	basic.ask("/token", "grant_type", "password", "username", "ann", "password", pass).refused(400, "unsupported_grant_type")
	basic.ask("/token", "grant_type", "authorization_code", "code", "x").refused(400, "unauthorized_client")
	basic.ask("/token").refused(400, "invalid_request")

	now := time.Now().Unix()
	n := 0
	assert := func(change map[string]any) string {
		n++
		m := map[string]any{"iss": signed.id, "sub": signed.id, "aud": h.URL, "jti": string(rune('a' + n)), "iat": now, "exp": now + 60}
		for k, v := range change {
			if m[k] = v; v == nil {
				delete(m, k)
			}
		}
		payload, _ := json.Marshal(m)
		jwt, err := key.Sign("JWT", payload)
		if err != nil {
			t.Fatal(err)
		}
		return jwt
	}
	prove := func(jwt string) *answer {
		return send("client_assertion_type", oauth.JWTBearer, "client_assertion", jwt)
	}
	good := assert(nil)
	prove(good).tokens()
	prove(good).refused(401, "invalid_client") // replayed
	prove(assert(map[string]any{"aud": h.URL + "/auth/oauth/token"})).tokens()
	for name, change := range map[string]map[string]any{
		"another audience": {"aud": "https://other.example"}, "another issuer": {"iss": basic.id}, "another subject": {"sub": basic.id}, "no exp": {"exp": nil},
		"expired": {"exp": now - 120}, "good for a day": {"exp": now + 86400}, "no jti": {"jti": nil}, "from the future": {"iat": now + 600},
	} {
		t.Run(name, func(t *testing.T) { prove(assert(change)).refused(401, "invalid_client") })
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + strings.TrimLeft(assert(nil), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
	prove(none).refused(401, "invalid_client")
	prove(none[:strings.LastIndexByte(none, '.')+1]).refused(401, "invalid_client")
	stranger, _ := token.Generate(token.ES256)
	payload, _ := token.UnverifiedPayload(assert(nil))
	forged, _ := stranger.Sign("JWT", payload)
	prove(forged).refused(401, "invalid_client")
}

func TestAClientThatIsGoneIsGoneAtOnce(t *testing.T) {
	h := open(t)
	a, m := h.app(), h.app(machine)
	ann := h.browser("ann")
	g := a.redeem(a.code(ann, "scope", "openid offline_access note:read")).tokens()
	own := m.ask("/token", "grant_type", "client_credentials", "scope", "note:read").tokens()
	for _, id := range []string{a.id, m.id} {
		if err := h.Accounts.RemoveClient(h.Context(), id, account.Origin{}); err != nil {
			t.Fatal(err)
		}
	}
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
	h.nobody().bearer(own.Access).do("GET", "/notes").want(401, "invalid_token")
	a.ask("/token", "grant_type", "refresh_token", "refresh_token", g.Refresh).refused(401, "invalid_client")
	ann.do("GET", "/auth/oauth/authorize?"+a.request().Encode()).want(400, "invalid_request")
}

func TestPushedRequests(t *testing.T) {
	h := open(t)
	a := h.app(func(in *account.ClientRegistration) { in.PushOnly = true })
	other := h.app()
	ann := h.browser("ann")
	if v := ann.do("GET", "/auth/oauth/authorize?"+a.request().Encode()).told(); v.Get("error") != "invalid_request" {
		t.Errorf("not pushed: %v", v)
	}
	push := func(a *relyingParty, request url.Values) *answer {
		var pairs []string
		for k, v := range request {
			pairs = append(pairs, k, v[0])
		}
		return a.ask("/par", pairs...)
	}
	var pushed struct {
		URI string `json:"request_uri"`
	}
	push(a, a.request()).want(201).into(&pushed)
	with := func(a *relyingParty) url.Values { return url.Values{"client_id": {a.id}, "request_uri": {pushed.URI}} }
	ann.do("GET", "/auth/oauth/authorize?"+with(other).Encode()).want(400, "invalid_request")
	tampered := with(a)
	tampered.Set("scope", "openid email")
	tampered.Set("redirect_uri", "https://evil.example")
	code := ann.authorize(tampered).Get("code")
	if g := a.redeem(code).tokens(); g.Scope != "openid profile" {
		t.Errorf("granted %q", g.Scope)
	}
	ann.do("GET", "/auth/oauth/authorize?"+with(a).Encode()).want(400, "invalid_request") // used
	push(a, a.request("redirect_uri", "https://evil.example")).refused(400, "invalid_request")
	push(a, a.request("scope", "note:write")).refused(400, "invalid_scope")
	push(a, a.request("request_uri", pushed.URI)).refused(400, "invalid_request")
	(&relyingParty{h, a.id, "wrong"}).ask("/par").refused(401, "invalid_client")
}

func TestADeviceIsConnected(t *testing.T) {
	h := open(t)
	a, other := h.app(public), h.app(public)
	ann := h.browser("ann")
	var d struct {
		Device string `json:"device_code"`
		User   string `json:"user_code"`
		Page   string `json:"verification_uri_complete"`
	}
	begin := func() {
		a.ask("/device_authorization", "scope", "openid note:read").want(200).into(&d)
	}
	poll := func(a *relyingParty) *answer {
		return a.ask("/token", "grant_type", string(oauth.ByDevice), "device_code", d.Device)
	}
	begin()
	h.app().ask("/device_authorization").refused(400, "unauthorized_client")
	(&relyingParty{h, a.id, "wrong"}).ask("/device_authorization").refused(401, "invalid_client")
	poll(a).refused(400, "authorization_pending")
	poll(a).refused(400, "slow_down")
	poll(other).refused(400, "invalid_grant")
	ann.do("GET", "/auth/device?user_code="+d.User).want(200)
	form(h.nobody()).do("POST", "/auth/device", "user_code="+d.User+"&decision=allow").want(303) // to sign in
	ann.do("POST", "/auth/device", `{"user_code":"AAAA-AAAA","decision":"allow"}`).want(400, "invalid_request")
	ann.do("POST", "/auth/device", `{"user_code":"`+strings.ToLower(d.User)+`"}`).want(200)
	ann.do("POST", "/auth/device", `{"user_code":"`+d.User+`","decision":"allow"}`).want(204)
	ann.do("POST", "/auth/device", `{"user_code":"`+d.User+`","decision":"allow"}`).want(400, "invalid_request")
	g := poll(a).tokens()
	if m := claimsOf(t, g.Access); m["sub"] != ann.id {
		t.Errorf("tokens of %v", m["sub"])
	}
	h.nobody().bearer(g.Access).do("GET", "/notes").want(200)
	poll(a).refused(400, "invalid_grant") // once

	begin()
	form(ann).do("POST", "/auth/device", "user_code="+d.User+"&decision=deny").want(303)
	poll(a).refused(400, "access_denied")
}

func TestCodesOfDevicesAreNotGuessed(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	for range 5 {
		ann.do("POST", "/auth/device", `{"user_code":"ABCD-EFGH"}`).want(400, "invalid_request")
	}
	ann.do("POST", "/auth/device", `{"user_code":"ABCD-EFGH"}`).want(429, "rate_limited")
}

func TestNobodyFillsTheStoreWithRequests(t *testing.T) {
	h := open(t)
	a := h.app(public)
	for range 300 {
		a.ask("/device_authorization", "scope", "openid").want(200)
	}
	a.ask("/device_authorization", "scope", "openid").want(429, "rate_limited")
	a.ask("/par", "response_type", "code", "code_challenge", challenge(verifier), "code_challenge_method", "S256").want(429, "rate_limited")
}

func TestAClientEndsItsTokens(t *testing.T) {
	h := open(t)
	a, other := h.app(), h.app()
	ann := h.browser("ann")
	g := a.redeem(a.code(ann, "scope", "openid offline_access note:read")).tokens()
	other.ask("/revoke", "token", g.Access).want(200)
	other.ask("/revoke", "token", g.Refresh).want(200)
	h.nobody().bearer(g.Access).do("GET", "/notes").want(200)
	a.ask("/revoke", "token", g.Access).want(200)
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
	next := a.ask("/token", "grant_type", "refresh_token", "refresh_token", g.Refresh).tokens()
	a.ask("/revoke", "token", next.Refresh, "token_type_hint", "refresh_token").want(200)
	h.nobody().bearer(next.Access).do("GET", "/notes").want(401, "invalid_token")
	a.ask("/token", "grant_type", "refresh_token", "refresh_token", next.Refresh).refused(400, "invalid_grant")
	a.ask("/revoke", "token", "nonsense").want(200)
	a.ask("/revoke").refused(400, "invalid_request")
	(&relyingParty{h, a.id, "wrong"}).ask("/revoke", "token", g.Access).refused(401, "invalid_client")
}

func TestAClientAsksToSignOut(t *testing.T) {
	h := open(t)
	a := h.app(trusted)
	ann := h.browser("ann")
	g := a.redeem(a.code(ann, "scope", "openid offline_access")).tokens() // it outlives the session, and knows it all the same
	to := func(pairs ...string) url.Values {
		v := url.Values{"id_token_hint": {g.ID}, "post_logout_redirect_uri": {"https://app.example/bye"}, "state": {"s"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	for name, v := range map[string]url.Values{
		"a place that is not registered": to("post_logout_redirect_uri", "https://evil.example"),
		"a hint that is none":            to("id_token_hint", "x"), "an access token": to("id_token_hint", g.Access), "another client": to("client_id", "other"),
		"nobody's place": {"post_logout_redirect_uri": {"https://app.example/bye"}},
	} {
		if x := ann.do("GET", "/auth/oauth/logout?"+v.Encode()); x.status != 400 || x.header.Get("Location") != "" {
			t.Errorf("%s: %d", name, x.status)
		}
	}
	ann.do("GET", "/auth/oauth/logout?client_id="+a.id).want(200) // asks
	ann.do("GET", "/auth/me").want(200)
	x := form(h.nobody()).do("POST", "/auth/oauth/logout", to().Encode()).want(303)
	if x = ann.do("GET", x.header.Get("Location")).want(303); x.header.Get("Location") != "https://app.example/bye?state=s" {
		t.Errorf("leads to %s", x.header.Get("Location"))
	}
	ann.do("GET", "/auth/me").want(401)
	bob := h.browser("bob")
	page := bob.do("GET", "/auth/oauth/logout?"+to().Encode()).want(200) // a hint of somebody else
	m := carried.FindStringSubmatch(page.body)
	form(bob).do("POST", "/auth/oauth/logout/confirm", url.Values{"request": {html.UnescapeString(m[1])}, "decision": {"stay"}}.Encode()).want(303)
	bob.do("GET", "/auth/me").want(200)
	form(bob).do("POST", "/auth/oauth/logout/confirm", url.Values{"request": {html.UnescapeString(m[1])}, "decision": {"leave"}}.Encode()).want(303)
	bob.do("GET", "/auth/me").want(401)
}

func TestHowTheAnswerGetsToTheClient(t *testing.T) {
	h := open(t)
	a := h.app(trusted)
	ann := h.browser("ann")
	x := ann.do("GET", "/auth/oauth/authorize?"+a.request("response_mode", "fragment").Encode())
	if x.told().Get("code") == "" || !strings.Contains(x.header.Get("Location"), "#") || x.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("fragment: %v", x.header)
	}
	x = ann.do("GET", "/auth/oauth/authorize?"+a.request("response_mode", "form_post").Encode()).want(200)
	if !strings.Contains(x.body, `action="`+appURL+`"`) || !strings.Contains(x.body, `name="code"`) || !strings.Contains(x.header.Get("Content-Security-Policy"), "form-action 'self' https://app.example") {
		t.Errorf("form_post: %v\n%s", x.header, x.body)
	}
	// Posted from elsewhere, it is asked again as a GET.
	x = form(h.nobody()).do("POST", "/auth/oauth/authorize", a.request().Encode()).want(303)
	if v := ann.do("GET", x.header.Get("Location")).told(); v.Get("code") == "" {
		t.Errorf("posted: %v", v)
	}
	// The pages on the way may lead on to the client, and nowhere else.
	eve := h.nobody()
	at := mustURL(eve.do("GET", "/auth/oauth/authorize?"+a.request().Encode()).want(303).header.Get("Location"))
	if page := eve.do("GET", at.RequestURI()).want(200); !strings.Contains(page.header.Get("Content-Security-Policy"), "form-action 'self' https://app.example") {
		t.Errorf("%s", page.header.Get("Content-Security-Policy"))
	}
}

func TestDiscoveryIsForEverybody(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		var m map[string]any
		x := h.nobody().with("Origin", "https://anywhere.example").do("GET", path).want(200)
		x.into(&m)
		if m["issuer"] != h.URL || m["authorization_endpoint"] != h.URL+"/auth/oauth/authorize" || x.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", path, m)
		}
		for name, v := range m {
			if s, ok := v.(string); ok && strings.HasSuffix(name, "_endpoint") && !strings.HasPrefix(s, h.URL) {
				t.Errorf("%s is %s", name, s)
			}
		}
	}
}

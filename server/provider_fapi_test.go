package server_test

import (
	"crypto/tls"
	"net/url"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

// bank registers a client with the FAPI 2.0 Security Profile, which proves itself by k.
func bank(k *token.SigningKey) func(*account.ClientRegistration) {
	return func(in *account.ClientRegistration) {
		in.Profile, in.IDTokenAlg, in.Auth, in.JWKS = oauth.FAPI2, "", oauth.PrivateKeyJWT, []byte(`{"keys":[`+string(must(k.Public().MarshalJSON()))+`]}`)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// A profiled is a client of the profile, and the keys that it has.
type profiled struct {
	*relyingParty
	key    *token.SigningKey
	holder *holder
	nonce  string
}

// proves is ask with an assertion, and with a DPoP proof where it is known what that must
// hold.
func (b *profiled) proves(path string, pairs ...string) *answer {
	b.h.Helper()
	return b.provesWith(b.assertion(b.key, nil), path, pairs...)
}

func (b *profiled) provesWith(jwt, path string, pairs ...string) *answer {
	b.h.Helper()
	pairs = append(pairs, "client_assertion_type", oauth.JWTBearer, "client_assertion", jwt)
	return b.askWith("DPoP", b.holder.prove("POST", b.h.URL+"/auth/oauth"+path, "", b.nonce), path, pairs...)
}

// pushes pushes a request, as changed, and returns its name.
func (b *profiled) pushes(pairs ...string) *answer {
	b.h.Helper()
	var all []string
	for name, values := range b.request(pairs...) {
		all = append(all, name, values[0])
	}
	return b.proves("/par", all...)
}

func (b *profiled) pushed(pairs ...string) url.Values {
	b.h.Helper()
	var p struct {
		URI     string `json:"request_uri"`
		Expires int    `json:"expires_in"`
	}
	if b.pushes(pairs...).want(201).into(&p); p.Expires >= 600 {
		b.h.Errorf("kept for %d s", p.Expires) // §5.3.2.2
	}
	return url.Values{"client_id": {b.id}, "request_uri": {p.URI}}
}

func newProfiled(h *house, alg token.Alg, change ...func(*account.ClientRegistration)) *profiled {
	h.Helper()
	k := newKey(h.T, alg)
	b := &profiled{relyingParty: h.app(append([]func(*account.ClientRegistration){bank(k)}, change...)...), key: k, holder: newHolder(h.T)}
	b.nonce = b.proves("/token", "grant_type", "authorization_code", "code", "x").header.Get("DPoP-Nonce")
	return b
}

// After the plan fapi2-security-profile-final of the OpenID Foundation's conformance suite:
// its tests by what they try.
func TestTheFAPI2SecurityProfile(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	b := newProfiled(h, token.ES256)
	redeem := func(code string) []string {
		return []string{"grant_type", "authorization_code", "code", code, "redirect_uri", appURL, "code_verifier", verifier}
	}

	// happy flow
	back := ann.authorize(b.pushed("scope", "openid offline_access note:read"))
	code := back.Get("code")
	g := b.proves("/token", redeem(code)...).tokens()
	if g.Type != "DPoP" || back.Get("state") != "s" {
		t.Errorf("%+v, %v", g, back)
	}
	h.nobody().with("Authorization", "DPoP "+g.Access).with("DPoP", b.holder.prove("GET", h.URL+"/notes", g.Access, "")).do("GET", "/notes").want(200)
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
	for _, jwt := range []string{g.ID, g.Access} {
		head, err := token.ReadHeader(jwt)
		if err != nil || head.Alg == token.RS256 || head.Alg == token.HS256 {
			t.Errorf("signed with %s, %v", head.Alg, err)
		}
	}

	// attempt to reuse the authorization code: and everything of it ends
	b.proves("/token", redeem(code)...).refused(400, "invalid_grant")
	b.proves("/token", "grant_type", "refresh_token", "refresh_token", g.Refresh).refused(400, "invalid_grant")

	// refresh tokens are not rotated (§5.3.2.1), and still bound to the client and ended with the grant
	g = b.proves("/token", redeem(ann.authorize(b.pushed("scope", "openid offline_access note:read")).Get("code"))...).tokens()
	refresh := []string{"grant_type", "refresh_token", "refresh_token", g.Refresh}
	for range 3 {
		if next := b.proves("/token", refresh...).tokens(); next.Refresh != g.Refresh || next.Access == g.Access {
			t.Errorf("%+v", next)
		}
	}
	stranger := newProfiled(h, token.ES256)
	stranger.proves("/token", refresh...).refused(400, "invalid_grant")
	ann.do("DELETE", "/auth/applications/"+b.id).want(204)
	b.proves("/token", refresh...).refused(400, "invalid_grant")

	// an authorization request that was not pushed; one that is another client's; one that was used
	if v := ann.do("GET", "/auth/oauth/authorize?"+b.request().Encode()).told(); v.Get("error") != "invalid_request" {
		t.Errorf("%v", v)
	}
	once := b.pushed()
	foreign := url.Values{"client_id": {stranger.id}, "request_uri": {once.Get("request_uri")}}
	ann.do("GET", "/auth/oauth/authorize?"+foreign.Encode()).want(400, "invalid_request")
	ann.authorize(once)
	ann.do("GET", "/auth/oauth/authorize?"+once.Encode()).want(400, "invalid_request")

	for name, x := range map[string]struct {
		a      *answer
		status int
		error  string
	}{
		"no PKCE":                           {b.pushes("code_challenge", "", "code_challenge_method", ""), 400, "invalid_request"},
		"plain PKCE":                        {b.pushes("code_challenge_method", "plain"), 400, "invalid_request"},
		"no redirect_uri":                   {b.pushes("redirect_uri", ""), 400, "invalid_request"},
		"another redirect_uri":              {b.pushes("redirect_uri", "https://evil.example"), 400, "invalid_request"},
		"response_type token":               {b.pushes("response_type", "token"), 400, "unsupported_response_type"},
		"response_type code id_token":       {b.pushes("response_type", "code id_token"), 400, "unsupported_response_type"},
		"a request_uri":                     {b.pushes("request_uri", once.Get("request_uri")), 400, "invalid_request"},
		"no client authentication":          {b.ask("/par", "response_type", "code"), 401, "invalid_client"},
		"a secret":                          {(&relyingParty{h, b.id, "secret"}).ask("/par"), 401, "invalid_client"},
		"an assertion for another issuer":   {b.provesWith(b.assertion(b.key, map[string]any{"aud": "https://other.example"}), "/par"), 401, "invalid_client"},
		"an assertion for the endpoint":     {b.provesWith(b.assertion(b.key, map[string]any{"aud": h.URL + "/auth/oauth/par"}), "/par"), 401, "invalid_client"},
		"an assertion for many":             {b.provesWith(b.assertion(b.key, map[string]any{"aud": []string{h.URL, "https://other.example"}}), "/par"), 401, "invalid_client"},
		"an assertion that has expired":     {b.provesWith(b.assertion(b.key, map[string]any{"exp": time.Now().Unix() - 300}), "/par"), 401, "invalid_client"},
		"an assertion without exp":          {b.provesWith(b.assertion(b.key, map[string]any{"exp": nil}), "/par"), 401, "invalid_client"},
		"an assertion of another client":    {b.provesWith(stranger.assertion(stranger.key, nil), "/par"), 401, "invalid_client"},
		"an assertion from the far future":  {b.provesWith(b.assertion(b.key, map[string]any{"iat": time.Now().Unix() + 90}), "/par"), 401, "invalid_client"},
		"the same from 8 s in the future":   {b.provesWith(b.assertion(b.key, map[string]any{"iat": time.Now().Unix() + 8, "nbf": time.Now().Unix() + 8}), "/par"), 400, "invalid_request"},
		"no proof of a key at the token":    {b.ask("/token", append(redeem("x"), "client_assertion_type", oauth.JWTBearer, "client_assertion", b.assertion(b.key, nil))...), 400, "invalid_request"},
		"the grant type password":           {b.proves("/token", "grant_type", "password"), 400, "unsupported_grant_type"},
		"a grant type that it does not use": {b.proves("/token", "grant_type", "client_credentials"), 400, "unauthorized_client"},
	} {
		t.Run(name, func(t *testing.T) {
			h.T = t
			x.a.refused(x.status, x.error)
		})
	}
	h.T = t

	// a code that is bound to a key by dpop_jkt, or by the proof at PAR, is another key's no more
	thief := &profiled{relyingParty: b.relyingParty, key: b.key, holder: newHolder(t), nonce: b.nonce}
	thief.proves("/token", redeem(ann.authorize(b.pushed()).Get("code"))...).refused(400, "invalid_grant")

	// a code is good for a minute at most
	if oauth.CodeLife > time.Minute {
		t.Errorf("codes are good for %v", oauth.CodeLife)
	}
}

// §5.4.1: PS256, ES256 and EdDSA, and nothing else.
func TestAlgorithmsOfTheFAPI2SecurityProfile(t *testing.T) {
	h := open(t)
	for _, alg := range []token.Alg{token.PS256, token.ES256, token.EdDSA} {
		newProfiled(h, alg).pushes().want(201)
	}
	old := newKey(t, token.RS256)
	in := account.ClientRegistration{Client: oauth.Client{Name: "Old", Redirects: []string{appURL}}}
	bank(old)(&in)
	if _, _, err := h.Accounts.AddClient(t.Context(), in, account.Origin{}); err == nil {
		t.Error("a key for RS256 is taken")
	}
}

// By certificate, tokens are bound to that.
func TestTheFAPI2SecurityProfileByCertificate(t *testing.T) {
	ca := newAuthority(t)
	h := open(t, taking(ca))
	h.asking(ca)
	a := h.app(func(in *account.ClientRegistration) {
		in.Profile, in.IDTokenAlg, in.Auth, in.DNS = oauth.FAPI2, "", oauth.TLSAuth, "bank.example.org"
	})
	mine, thief := ca.client("bank.example.org"), ca.client("thief.example.org")
	ann := h.browser("ann")
	var p struct {
		URI string `json:"request_uri"`
	}
	push := func(c tls.Certificate) *answer {
		var all []string
		for name, values := range a.request() {
			if name != "client_id" {
				all = append(all, name, values[0])
			}
		}
		return a.shows(c, "/par", all...)
	}
	push(thief).refused(401, "invalid_client")
	push(mine).want(201).into(&p)
	code := ann.authorize(url.Values{"client_id": {a.id}, "request_uri": {p.URI}}).Get("code")
	redeem := []string{"grant_type", "authorization_code", "code", code, "redirect_uri", appURL, "code_verifier", verifier}
	a.shows(thief, "/token", redeem...).refused(401, "invalid_client")
	g := a.shows(mine, "/token", redeem...).tokens()
	h.showing(mine).with("Authorization", "Bearer "+g.Access).do("GET", "/auth/me").want(200)
	h.showing(thief).with("Authorization", "Bearer "+g.Access).do("GET", "/auth/me").want(401, "invalid_token")
	h.nobody().bearer(g.Access).do("GET", "/auth/me").want(401, "invalid_token")
}

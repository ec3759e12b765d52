package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
)

// RFC 9101 §6.3: what the client has signed counts, and nothing that came beside it.
func TestASignedRequest(t *testing.T) {
	h := open(t)
	k := newKey(t, token.ES256)
	a := h.app(func(in *account.ClientRegistration) { in.JWKS, in.SignedOnly = keySet(t, k), true })
	ann := h.browser("ann")
	with := func(jwt string, pairs ...string) url.Values {
		v := url.Values{"client_id": {a.id}, "request": {jwt}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	// Through consent and back, with nothing of it lost or taken in.
	beside := with(a.object(k, map[string]any{"claims": map[string]any{"id_token": map[string]any{"email": nil}}, "max_age": 3600}),
		"scope", "openid email note:read", "redirect_uri", "https://evil.example", "state", "other", "nonce", "other", "resource", "https://evil.example")
	back := ann.authorize(beside)
	if back.Get("state") != "s" {
		t.Errorf("%v", back)
	}
	g := a.redeem(back.Get("code")).tokens()
	if c := claimsOf(t, g.ID); g.Scope != "openid profile" || c["nonce"] != "n" {
		t.Errorf("%+v, %v", g, c)
	}
	// By way of the page to sign in.
	eve := h.nobody()
	at := mustURL(eve.do("GET", "/auth/oauth/authorize?"+with(a.object(k, nil)).Encode()).want(303).header.Get("Location"))
	onward := at.Query().Get("return_to")
	eve.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`","mode":"cookie"}`).want(200)
	if v := eve.do("GET", onward).told(); v.Get("code") == "" || v.Get("state") != "s" {
		t.Errorf("%v", v)
	}
	// On the way nothing of it can be changed.
	u := mustURL(onward)
	q := u.Query()
	q.Set("scope", "openid email")
	if v := eve.do("GET", u.Path+"?"+q.Encode()).told(); v.Get("error") != "invalid_request_object" {
		t.Errorf("tampered: %v", v)
	}
	if v := ann.do("GET", "/auth/oauth/authorize?"+a.request().Encode()).told(); v.Get("error") != "invalid_request_object" {
		t.Errorf("not signed: %v", v)
	}
	// Pushed.
	var pushed struct {
		URI string `json:"request_uri"`
	}
	a.ask("/par", "request", a.object(k, nil), "scope", "openid email").want(201).into(&pushed)
	code := ann.authorize(url.Values{"client_id": {a.id}, "request_uri": {pushed.URI}}).Get("code")
	if g := a.redeem(code).tokens(); g.Scope != "openid profile" {
		t.Errorf("%+v", g)
	}
	a.ask("/par", "response_type", "code", "code_challenge", challenge(verifier), "code_challenge_method", "S256").refused(400, "invalid_request_object")
	a.ask("/par", "request", "nonsense").refused(400, "invalid_request_object")
	a.ask("/par", "request", a.object(k, map[string]any{"scope": "note:write"})).refused(400, "invalid_scope")
	ann.do("GET", "/auth/oauth/authorize?"+with(a.object(k, nil), "request_uri", pushed.URI).Encode()).want(400, "invalid_request") // both
	var m map[string]any
	h.nobody().do("GET", "/.well-known/openid-configuration").want(200).into(&m)
	if m["request_parameter_supported"] != true || m["request_uri_parameter_supported"] != false || m["require_signed_request_object"] != false || len(m["request_object_signing_alg_values_supported"].([]any)) != 4 {
		t.Errorf("%v", m)
	}
}

// RFC 9101 §10: algorithms and contents by which others have been tricked.
func TestRequestsThatAreNotTheClients(t *testing.T) {
	h := open(t)
	k, foreign, rsa := newKey(t, token.ES256), newKey(t, token.ES256), newKey(t, token.RS256)
	a := h.app(func(in *account.ClientRegistration) { in.JWKS = keySet(t, k, rsa) })
	other := h.app(func(in *account.ClientRegistration) { in.JWKS = keySet(t, foreign) })
	keyless := h.app()
	ann := h.browser("ann")
	now := time.Now().Unix()
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	payload := strings.Split(a.object(k, nil), ".")[1]
	mac := func(head string, secret []byte) string {
		input := part(head) + "." + payload
		m := hmac.New(sha256.New, secret)
		m.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	public, _ := k.Public().MarshalJSON()
	rsaPublic, _ := rsa.Public().MarshalJSON()
	plain, err := token.UnverifiedPayload(a.object(k, nil))
	if err != nil {
		t.Fatal(err)
	}
	typed := func(typ string) string {
		jwt, err := k.Sign(typ, plain)
		if err != nil {
			t.Fatal(err)
		}
		return jwt
	}
	twice, err := k.Sign("oauth-authz-req+jwt", []byte(strings.TrimSuffix(string(plain), "}")+`,"scope":"note:read"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, jwt := range map[string]string{
		"nonsense":                       "nonsense",
		"alg none":                       part(`{"alg":"none","typ":"oauth-authz-req+jwt"}`) + "." + payload + ".",
		"alg None":                       part(`{"alg":"None","typ":"oauth-authz-req+jwt"}`) + "." + payload + ".",
		"alg none with a signature":      part(`{"alg":"none","typ":"oauth-authz-req+jwt"}`) + strings.TrimPrefix(a.object(k, nil), strings.Split(a.object(k, nil), ".")[0]),
		"HS256 with the client's secret": mac(`{"alg":"HS256","typ":"oauth-authz-req+jwt"}`, []byte(a.secret)),
		"HS256 with the public key":      mac(`{"alg":"HS256","typ":"oauth-authz-req+jwt","kid":"`+k.Public().ID()+`"}`, public),
		"HS256 with the RSA key":         mac(`{"alg":"HS256","typ":"oauth-authz-req+jwt","kid":"`+rsa.Public().ID()+`"}`, rsaPublic),
		"HS256 with nothing":             mac(`{"alg":"HS256","typ":"oauth-authz-req+jwt"}`, nil),
		"another's key":                  a.object(foreign, nil),
		"its own key in the header":      part(`{"alg":"ES256","typ":"oauth-authz-req+jwt","jwk":`+string(public)+`}`) + "." + payload + "." + strings.Split(a.object(k, nil), ".")[2],
		"a key elsewhere":                part(`{"alg":"ES256","typ":"oauth-authz-req+jwt","jku":"https://evil.example"}`) + "." + payload + "." + strings.Split(a.object(k, nil), ".")[2],
		"another alg of the same key":    part(`{"alg":"PS256","typ":"oauth-authz-req+jwt"}`) + "." + payload + "." + strings.Split(a.object(rsa, nil), ".")[2],
		"an extension":                   part(`{"alg":"ES256","typ":"oauth-authz-req+jwt","crit":["exp"]}`) + "." + payload + "." + strings.Split(a.object(k, nil), ".")[2],
		"an assertion":                   a.assertion(k, nil),
		"any JWT":                        typed("JWT"),
		"an access token's typ":          typed("at+jwt"),
		"no typ":                         typed(""),
		"an encrypted one":               "a.b.c.d.e",
		"another issuer":                 a.object(k, map[string]any{"iss": other.id}),
		"no issuer":                      a.object(k, map[string]any{"iss": nil}),
		"a subject":                      a.object(k, map[string]any{"sub": a.id}),
		"another audience":               a.object(k, map[string]any{"aud": "https://other.example"}),
		"no audience":                    a.object(k, map[string]any{"aud": nil}),
		"no exp":                         a.object(k, map[string]any{"exp": nil}),
		"expired":                        a.object(k, map[string]any{"exp": now - 120}),
		"good for a day":                 a.object(k, map[string]any{"exp": now + 86400}),
		"not yet":                        a.object(k, map[string]any{"nbf": now + 600}),
		"from the future":                a.object(k, map[string]any{"iat": now + 600}),
		"from yesterday":                 a.object(k, map[string]any{"nbf": now - 86400}),
		"another client_id":              a.object(k, map[string]any{"client_id": other.id}),
		"no client_id":                   a.object(k, map[string]any{"client_id": nil}),
		"a client_id that is a list":     a.object(k, map[string]any{"client_id": []string{a.id}}),
		"another one inside":             a.object(k, map[string]any{"request": a.object(k, nil)}),
		"a request_uri inside":           a.object(k, map[string]any{"request_uri": "https://evil.example"}),
		"a member twice":                 twice,
		"a member in capitals beside it": a.object(k, map[string]any{"ISS": a.id}),
		"longer than any":                a.object(k, map[string]any{"x": strings.Repeat("x", 5000)}) + strings.Repeat("A", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			h.T = t
			v := ann.do("GET", "/auth/oauth/authorize?"+a.request("request", jwt).Encode()).told()
			if v.Get("error") != "invalid_request_object" || v.Get("error_description") == "" || v.Has("code") {
				t.Errorf("told %v", v)
			}
			a.ask("/par", "request", jwt).refused(400, "invalid_request_object")
		})
	}
	h.T = t
	// The mistake is told at an address of the client's, or to the person.
	if x := ann.do("GET", "/auth/oauth/authorize?"+a.request("request", "nonsense", "redirect_uri", "https://evil.example").Encode()).want(400); x.header.Get("Location") != "" {
		t.Errorf("%v", x.header)
	}
	for name, change := range map[string]map[string]any{
		"an address of others": {"redirect_uri": "https://evil.example"}, "an address that is no text": {"redirect_uri": 1},
	} {
		if x := ann.do("GET", "/auth/oauth/authorize?"+a.request("request", a.object(k, change)).Encode()); x.status != 400 || x.header.Get("Location") != "" {
			t.Errorf("%s: %d %v", name, x.status, x.header)
		}
	}
	// A client without keys has signed nothing, and PS256 is not RS256.
	if v := ann.do("GET", "/auth/oauth/authorize?"+keyless.request("request", keyless.object(k, nil)).Encode()).told(); v.Get("error") != "invalid_request_object" {
		t.Errorf("told %v", v)
	}
	two := a.request()
	two["request"] = []string{a.object(k, nil), a.object(k, nil)}
	if v := ann.do("GET", "/auth/oauth/authorize?"+two.Encode()).told(); v.Get("error") != "invalid_request" {
		t.Errorf("told %v", v)
	}
	// Where it is not demanded, what is not signed is as good as before; and RS256 is one of its keys.
	if v := ann.authorize(a.request()); v.Get("code") == "" {
		t.Errorf("%v", v)
	}
	if v := ann.authorize(url.Values{"client_id": {a.id}, "request": {a.object(rsa, nil)}}); v.Get("code") == "" {
		t.Errorf("%v", v)
	}
}

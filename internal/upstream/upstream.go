// Package upstream is a provider that people sign in with elsewhere, for tests. It is an
// honest OpenID Connect provider, and speaks the dialects of the services that have
// their own, until a test makes it lie.
package upstream

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The client that it knows.
const (
	ClientID     = "the-client"
	ClientSecret = "between the two of us"
)

// Object is a JSON object.
type Object = map[string]any

// Lies are what a test changes. The zero Lies is an honest provider.
type Lies struct {
	Claims   Object           // over those of an honest ID token; nil as a value takes one away
	Header   Object           // over that of an honest ID token
	Raw      string           // in place of an ID token
	Metadata Object           // over the honest ones
	UserInfo Object           // over the person
	Back     func(url.Values) // changes what the browser is sent back with
	API      map[string]any   // answers of services that are no OpenID Connect provider, by path
	// Handlers replace an endpoint, by path.
	Handlers map[string]http.HandlerFunc
}

// A Provider listens on loopback. Its URL is its issuer. It is safe for concurrent use.
type Provider struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu       sync.Mutex
	person   Object
	lies     Lies
	attempts map[string]attempt // by code
	calls    map[string]int     // by path
	secret   func(string) bool
}

// An attempt is what came to the authorization endpoint.
type attempt struct{ nonce, challenge, redirect, client string }

// Start returns a provider at which Ann is signed in.
func Start() *Provider {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the curve is known
	}
	p := &Provider{key: key, attempts: map[string]attempt{}, calls: map[string]int{}, secret: func(s string) bool { return s == ClientSecret }}
	p.Person(Object{"sub": "ann-1", "name": "Ann Upstream", "preferred_username": "ann", "email": "ann@example.com", "email_verified": true})
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	return p
}

// Person says who is signed in there from now on.
func (p *Provider) Person(claims Object) { p.mu.Lock(); defer p.mu.Unlock(); p.person = claims }

// Lie makes the provider lie from now on.
func (p *Provider) Lie(l Lies) { p.mu.Lock(); defer p.mu.Unlock(); p.lies = l }

// Secrets says which client secrets are right.
func (p *Provider) Secrets(right func(string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secret = right
}

// Calls returns how often an endpoint was asked.
func (p *Provider) Calls(path string) int { p.mu.Lock(); defer p.mu.Unlock(); return p.calls[path] }

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.calls[r.URL.Path]++
	replaced, said := p.lies.Handlers[r.URL.Path], p.lies.API[r.URL.Path]
	p.mu.Unlock()
	switch {
	case replaced != nil:
		replaced(w, r)
	case said != nil:
		answer(w, http.StatusOK, said)
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		p.metadata(w, strings.TrimSuffix(r.URL.Path, "/.well-known/openid-configuration"))
	case r.URL.Path == "/jwks":
		answer(w, http.StatusOK, Object{"keys": []any{p.jwk()}})
	case strings.HasSuffix(r.URL.Path, "/authorize"), strings.HasSuffix(r.URL.Path, "/dialog/oauth"):
		p.authorize(w, r)
	case strings.HasSuffix(r.URL.Path, "/token"), strings.HasSuffix(r.URL.Path, "/access_token"):
		p.token(w, r)
	case r.URL.Path == "/userinfo":
		p.mu.Lock()
		defer p.mu.Unlock()
		answer(w, http.StatusOK, merged(p.person, p.lies.UserInfo))
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) metadata(w http.ResponseWriter, below string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer(w, http.StatusOK, merged(Object{
		"issuer": p.URL + below, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"jwks_uri": p.URL + "/jwks", "userinfo_endpoint": p.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"ES256"},
		"authorization_response_iss_parameter_supported": true,
	}, p.lies.Metadata))
}

// authorize sends the browser back at once: the person is signed in and agrees.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("client_id") != ClientID || q.Get("response_type") != "code" {
		http.Error(w, "PKCE, the client or the response type is missing", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.attempts[code] = attempt{q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri"), q.Get("client_id")}
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
	if p.lies.Back != nil {
		p.lies.Back(back)
	}
	p.mu.Unlock()
	if q.Get("response_mode") == "form_post" {
		w.Header().Set("X-Form-Post", back.Encode()) // a test posts it as a browser would
		return
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	} else {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if id != ClientID || !p.secret(secret) {
		answer(w, http.StatusBadRequest, Object{"error": "invalid_client"})
		return
	}
	a, ok := p.attempts[r.PostFormValue("code")]
	delete(p.attempts, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || a.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || a.redirect != r.PostFormValue("redirect_uri") {
		answer(w, http.StatusBadRequest, Object{"error": "invalid_grant"})
		return
	}
	now := time.Now()
	claims := merged(merged(p.person, Object{
		"iss": p.URL, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "nonce": a.nonce, "auth_time": now.Unix(),
	}), p.lies.Claims)
	answer(w, http.StatusOK, Object{
		"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": cmp.Or(p.lies.Raw, p.Sign(p.lies.Header, claims)),
	})
}

// Sign makes a token of claims. header may change its header.
func (p *Provider) Sign(header, claims Object) string {
	signed := encode(merged(Object{"alg": "ES256", "kid": "one", "typ": "JWT"}, header)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		panic(err) // the key is good
	}
	var b [64]byte
	r.FillBytes(b[:32])
	s.FillBytes(b[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(b[:])
}

func encode(o Object) string {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // a test put something odd into it
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (p *Provider) jwk() Object {
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		panic(err) // the curve is known
	}
	half := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	return Object{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one", "x": half(point[1:33]), "y": half(point[33:])}
}

// merged returns a with what b has over it.
func merged(a, b Object) Object {
	out := maps.Clone(a)
	for name, value := range b {
		if value == nil {
			delete(out, name)
			continue
		}
		out[name] = value
	}
	return out
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

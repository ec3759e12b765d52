package server_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server"
)

// taking makes the house's listener take any certificate, and the server look itself which
// ones count.
func taking(ca *authority) func(*server.Config) {
	return func(c *server.Config) { c.ClientCAs = ca.pool }
}

func (h *house) takesAny() { h.http.TLS.ClientAuth = tls.RequestClientCert }

// shows is ask over a connection that shows a certificate; without a secret.
func (a *relyingParty) shows(c tls.Certificate, path string, pairs ...string) *answer {
	a.h.Helper()
	f := url.Values{"client_id": {a.id}}
	for i := 0; i < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return a.h.showing(c).with("Content-Type", "application/x-www-form-urlencoded").do("POST", "/auth/oauth"+path, f.Encode())
}

// certificate is one of the authority's, made of a template.
func (a *authority) certificate(template *x509.Certificate) tls.Certificate {
	a.t.Helper()
	if template.ExtKeyUsage == nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	leaf, key := a.sign(template)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// selfSigned is a certificate that nobody else has signed.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	leaf, key := (&authority{t: t}).sign(&x509.Certificate{Subject: pkix.Name{CommonName: "self"}, IsCA: true, BasicConstraintsValid: true})
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// keysOf is the key set of a certificate, with the certificate itself if chained.
func keysOf(t *testing.T, c tls.Certificate, chained bool) json.RawMessage {
	t.Helper()
	point, err := c.Leaf.PublicKey.(interface{ Bytes() ([]byte, error) }).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{
		"kty": "EC", "crv": "P-256", "x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}
	if chained {
		jwk["x5c"] = []string{base64.StdEncoding.EncodeToString(c.Leaf.Raw)}
	}
	b, err := json.Marshal(map[string]any{"keys": []any{jwk}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 8705 §2.1: a certificate of a CA that counts, with exactly the name that is registered.
func TestAClientProvesItselfByACertificate(t *testing.T) {
	ca, foreign := newAuthority(t), newAuthority(t)
	for _, listener := range []string{"that verifies", "that takes any"} {
		t.Run("behind a listener "+listener, func(t *testing.T) {
			h := open(t, taking(ca))
			if listener == "that verifies" {
				h.asking(ca)
			} else {
				h.takesAny()
			}
			good := ca.certificate(&x509.Certificate{
				Subject: pkix.Name{CommonName: "robot", Organization: []string{"Example, Inc."}}, DNSNames: []string{"Robot.example.org", "*.wild.example.org"},
				URIs: []*url.URL{mustURL("https://robot.example.org/id")}, IPAddresses: []net.IP{net.ParseIP("192.0.2.7")}, EmailAddresses: []string{"robot@Example.org"},
			})
			other := ca.certificate(&x509.Certificate{
				Subject: pkix.Name{CommonName: "robot", Organization: []string{"Example"}}, DNSNames: []string{"robot.example.org.evil.example"},
				URIs: []*url.URL{mustURL("https://robot.example.org/id2")}, IPAddresses: []net.IP{net.ParseIP("192.0.2.8")}, EmailAddresses: []string{"Robot@example.org"},
			})
			get := []string{"grant_type", "client_credentials"}
			for name, n := range map[string]oauth.CertificateName{
				"the subject": {Subject: `O=Example\, Inc.,CN=robot`}, "a DNS name": {DNS: "robot.example.ORG"}, "a URI": {URI: "https://robot.example.org/id"},
				"an IP address": {IP: "::ffff:192.0.2.7"}, "an e-mail address": {Email: "robot@example.ORG"},
			} {
				t.Run(name, func(t *testing.T) {
					if n.Subject != "" { // as Go writes it
						n.Subject, _ = clientcert.SubjectOf(good.Leaf)
					}
					a := h.app(machine, func(in *account.ClientRegistration) { in.Auth, in.CertificateName = oauth.TLSAuth, n })
					a.shows(good, "/token", get...).tokens()
					a.shows(other, "/token", get...).refused(401, "invalid_client")
					a.ask("/token", get...).refused(401, "invalid_client") // without a certificate
				})
			}
			// A wildcard in a certificate is no name of what it would match.
			wild := h.app(machine, func(in *account.ClientRegistration) {
				in.Auth, in.DNS = oauth.TLSAuth, "a.wild.example.org"
			})
			wild.shows(good, "/token", get...).refused(401, "invalid_client")

			a := h.app(machine, func(in *account.ClientRegistration) { in.Auth, in.DNS = oauth.TLSAuth, "robot.example.org" })
			for name, c := range map[string]tls.Certificate{
				"of another CA": foreign.client("robot.example.org"), "its own CA": selfSigned(t),
				"expired":   ca.certificate(&x509.Certificate{DNSNames: []string{"robot.example.org"}, NotAfter: time.Now().Add(-time.Minute)}),
				"a servers": ca.certificate(&x509.Certificate{DNSNames: []string{"robot.example.org"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}),
			} {
				if listener == "that verifies" {
					break // the handshake ends there
				}
				t.Run(name, func(t *testing.T) { a.shows(c, "/token", get...).refused(401, "invalid_client") })
			}
			// A certificate takes no other's place, and nothing else takes its place.
			secret := h.app(machine)
			secret.shows(good, "/token", get...).refused(401, "invalid_client")
			a.shows(good, "/token", append(get, "client_secret", secret.secret)...).refused(401, "invalid_client")
			a.shows(good, "/token", append(get, "client_assertion_type", oauth.JWTBearer, "client_assertion", "a.b.c")...).refused(401, "invalid_client")
			boss := h.admin()
			boss.do("GET", api+"/clients/"+a.id).want(200)
		})
	}
}

// RFC 8705 §2.2: who signed the certificate says nothing, and that it is registered all.
func TestAClientProvesItselfByACertificateOfItsOwn(t *testing.T) {
	h := open(t)
	h.takesAny()
	mine, other := selfSigned(t), selfSigned(t)
	get := []string{"grant_type", "client_credentials"}
	for _, chained := range []bool{false, true} {
		a := h.app(machine, func(in *account.ClientRegistration) { in.Auth, in.JWKS = oauth.SelfSignedTLS, keysOf(t, mine, chained) })
		a.shows(mine, "/token", get...).tokens()
		a.shows(other, "/token", get...).refused(401, "invalid_client")
		a.ask("/token", get...).refused(401, "invalid_client")
		// Another certificate of the same key: where the certificate is registered, that is another one.
		leaf, err := x509.CreateCertificate(rand.Reader, mine.Leaf, mine.Leaf, mine.Leaf.PublicKey, mine.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		again := a.shows(tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: mine.PrivateKey}, "/token", get...)
		if chained {
			again.refused(401, "invalid_client")
		} else {
			again.tokens()
		}
	}
	late, key := (&authority{t: t}).sign(&x509.Certificate{Subject: pkix.Name{CommonName: "late"}, NotAfter: time.Now().Add(-time.Minute)})
	expired := tls.Certificate{Certificate: [][]byte{late.Raw}, PrivateKey: key, Leaf: late}
	a := h.app(machine, func(in *account.ClientRegistration) {
		in.Auth, in.JWKS = oauth.SelfSignedTLS, keysOf(t, expired, false)
	})
	a.shows(expired, "/token", get...).refused(401, "invalid_client")

	// It stands for nobody by itself, mapped or not.
	boss, robot := h.admin(), h.browser("robot")
	body, _ := json.Marshal(map[string]any{"certificate": asPEM(mine.Leaf), "service": true, "name": "pinned"})
	boss.do("POST", api+"/users/"+robot.id+"/certificates", string(body)).want(201)
	h.showing(mine).do("GET", "/notes").want(401, "unauthenticated")
}

// RFC 8705 §3: a token that is bound to a certificate is good for who shows that one.
func TestTokensThatAreBoundToACertificate(t *testing.T) {
	h := open(t)
	h.takesAny()
	mine, thief := selfSigned(t), selfSigned(t)
	a := h.app(machine, func(in *account.ClientRegistration) {
		in.Auth, in.JWKS, in.MTLS = oauth.SelfSignedTLS, keysOf(t, mine, false), true
	})
	g := a.shows(mine, "/token", "grant_type", "client_credentials").tokens()
	if cnf, _ := claimsOf(t, g.Access)["cnf"].(map[string]any); g.Type != "Bearer" || cnf["x5t#S256"] != sallyport.Thumbprint(mine.Leaf) || len(cnf) != 1 {
		t.Errorf("%+v, bound to %v", g, cnf)
	}
	notes := func(c *caller) *answer { return c.with("Authorization", "Bearer "+g.Access).do("GET", "/notes") }
	for range 2 { // the second time it is remembered
		notes(h.showing(thief)).want(401, "invalid_token")
		notes(h.nobody()).want(401, "invalid_token")
		notes(h.showing(mine)).want(200)
		notes(h.showing(thief)).want(401, "invalid_token")
		notes(h.nobody()).want(401, "invalid_token")
	}
	// Many at once: nobody gets in because somebody else just did.
	var wg sync.WaitGroup
	for i := range 16 {
		c, want := h.showing(mine), 200
		if i%2 == 1 {
			c, want = h.showing(thief), 401
		}
		wg.Go(func() {
			for range 20 {
				if x := notes(c); x.status != want {
					t.Errorf("%d, want %d", x.status, want)
				}
			}
		})
	}
	wg.Wait()

	service := h.service(h.admin())
	var in struct {
		Active     bool
		Token_type string
		Cnf        map[string]string
	}
	service.asks(g.Access).want(200).into(&in)
	if !in.Active || in.Token_type != "Bearer" || in.Cnf["x5t#S256"] != sallyport.Thumbprint(mine.Leaf) {
		t.Errorf("introspected: %+v", in)
	}
	// The certificate beside a token that is not bound changes nothing.
	free := h.app(machine).ask("/token", "grant_type", "client_credentials").tokens()
	h.showing(thief).with("Authorization", "Bearer "+free.Access).do("GET", "/notes").want(200)
	// As a DPoP token it is none.
	k := newHolder(t)
	h.showing(mine).with("Authorization", "DPoP "+g.Access).with("DPoP", k.prove("GET", h.URL+"/notes", g.Access, "")).do("GET", "/notes").want(401)
}

// RFC 8705 §4, §7.1: a client that can keep no secret has its refresh tokens bound, too.
func TestRefreshTokensThatAreBoundToACertificate(t *testing.T) {
	h := open(t)
	h.takesAny()
	mine, thief := selfSigned(t), selfSigned(t)
	a := h.app(public, func(in *account.ClientRegistration) { in.MTLS = true })
	ann := h.browser("ann")
	redeem := func(code string) []string {
		return []string{"grant_type", "authorization_code", "code", code, "redirect_uri", appURL, "code_verifier", verifier}
	}
	code := a.code(ann, "scope", "openid offline_access note:read")
	a.ask("/token", redeem(code)...).refused(400, "invalid_request")
	g := a.shows(mine, "/token", redeem(code)...).tokens()
	refresh := []string{"grant_type", "refresh_token", "refresh_token", g.Refresh}
	a.shows(thief, "/token", refresh...).refused(400, "invalid_grant")
	a.ask("/token", refresh...).refused(400, "invalid_request")
	next := a.shows(mine, "/token", refresh...).tokens()
	h.showing(mine).with("Authorization", "Bearer "+next.Access).do("GET", "/notes").want(200)
	h.showing(thief).with("Authorization", "Bearer "+next.Access).do("GET", "/notes").want(401, "invalid_token")

	// With a key beside it, both must be proved each time.
	k := newHolder(t)
	at := h.URL + "/auth/oauth/token"
	both := func(c tls.Certificate, nonce string, pairs ...string) *answer {
		f := url.Values{"client_id": {a.id}}
		for i := 0; i < len(pairs); i += 2 {
			f.Add(pairs[i], pairs[i+1])
		}
		return h.showing(c).with("Content-Type", "application/x-www-form-urlencoded").with("DPoP", k.prove("POST", at, "", nonce)).do("POST", "/auth/oauth/token", f.Encode())
	}
	code = a.code(ann, "scope", "openid offline_access note:read")
	nonce := both(mine, "", redeem(code)...).header.Get("DPoP-Nonce")
	two := both(mine, nonce, redeem(code)...).tokens()
	call := func(c *caller, proof string) *answer {
		return c.with("Authorization", "DPoP "+two.Access).with("DPoP", proof).do("GET", "/notes")
	}
	call(h.showing(mine), k.prove("GET", h.URL+"/notes", two.Access, "")).want(200)
	call(h.showing(thief), k.prove("GET", h.URL+"/notes", two.Access, "")).want(401, "invalid_token")
	call(h.nobody(), k.prove("GET", h.URL+"/notes", two.Access, "")).want(401, "invalid_token")
	h.showing(mine).with("Authorization", "Bearer "+two.Access).do("GET", "/notes").want(401, "invalid_token")
	a.shows(mine, "/token", "grant_type", "refresh_token", "refresh_token", two.Refresh).refused(400, "invalid_grant")
	both(mine, nonce, "grant_type", "refresh_token", "refresh_token", two.Refresh).tokens()
}

// Behind a proxy the header says which certificate it is, and nobody else does.
func TestBoundTokensBehindAProxy(t *testing.T) {
	for form, write := range forms {
		t.Run(string(form), func(t *testing.T) {
			ca := newAuthority(t)
			h := open(t, func(c *server.Config) {
				c.CertificateHeader, c.ClientCAs = form, ca.pool
				c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
			})
			a := h.app(machine, func(in *account.ClientRegistration) {
				in.Auth, in.DNS, in.MTLS = oauth.TLSAuth, "robot.example.org", true
			})
			good, own := ca.client("robot.example.org").Leaf, selfSigned(t).Leaf
			send := func(from, method, path, body, access string, c *x509.Certificate) *httptest.ResponseRecorder {
				r := httptest.NewRequest(method, h.URL+path, nil)
				if body != "" {
					r = httptest.NewRequest(method, h.URL+path, strings.NewReader(body))
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				r.RemoteAddr, r.TLS = from, &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{good}}, PeerCertificates: []*x509.Certificate{good}}
				if from == atStranger {
					r.TLS = &tls.ConnectionState{}
				}
				if c != nil {
					name, value := write(c)
					r.Header.Set(name, value)
				}
				if access != "" {
					r.Header.Set("Authorization", "Bearer "+access)
				}
				w := httptest.NewRecorder()
				h.Server.ServeHTTP(w, r)
				return w
			}
			ask := url.Values{"grant_type": {"client_credentials"}, "client_id": {a.id}}.Encode()
			w := send(atProxy, "POST", "/auth/oauth/token", ask, "", good)
			var g got
			if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil || w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			for name, x := range map[string]struct {
				from string
				c    *x509.Certificate
				want int
			}{
				"with it": {atProxy, good, 200}, "without": {atProxy, nil, 401}, "with another": {atProxy, ca.client("robot.example.org").Leaf, 401},
				"with one that nobody signed": {atProxy, own, 401}, "forged by a stranger": {atStranger, good, 401},
			} {
				if w := send(x.from, "GET", "/notes", "", g.Access, x.c); w.Code != x.want {
					t.Errorf("%s: %d, want %d", name, w.Code, x.want)
				}
			}
			for name, x := range map[string]struct {
				from string
				c    *x509.Certificate
			}{
				"without a certificate": {atProxy, nil}, "forged by a stranger": {atStranger, good}, "of nobody": {atProxy, own}, "of another": {atProxy, ca.client("other.example.org").Leaf},
			} {
				if w := send(x.from, "POST", "/auth/oauth/token", ask, "", x.c); w.Code != http.StatusUnauthorized {
					t.Errorf("the client, %s: %d", name, w.Code)
				}
			}
		})
	}
}

const atProxy, atStranger = "192.0.2.1:4711", "203.0.113.9:4711"

// RFC 8705 §5: metadata says where certificates are shown, if that is elsewhere.
func TestWhereCertificatesAreShown(t *testing.T) {
	var m struct {
		Aliases map[string]string `json:"mtls_endpoint_aliases"`
		Bound   bool              `json:"tls_client_certificate_bound_access_tokens"`
		Auth    []string          `json:"token_endpoint_auth_methods_supported"`
	}
	h := open(t)
	h.nobody().do("GET", "/.well-known/openid-configuration").want(200).into(&m)
	if m.Aliases != nil || !m.Bound {
		t.Errorf("%+v", m)
	}
	h = open(t, func(c *server.Config) { c.CertificateURL = "https://mtls.example" })
	h.takesAny()
	h.nobody().do("GET", "/.well-known/openid-configuration").want(200).into(&m)
	if m.Aliases["token_endpoint"] != "https://mtls.example/auth/oauth/token" || m.Aliases["introspection_endpoint"] != "https://mtls.example/auth/oauth/introspect" || len(m.Aliases) != 6 {
		t.Errorf("%+v", m)
	}
	// What is signed for an endpoint may name it by that address; nowhere else does another host count.
	key, err := token.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	jwk, _ := key.Public().MarshalJSON()
	a := h.app(machine, func(in *account.ClientRegistration) {
		in.Auth, in.JWKS = oauth.PrivateKeyJWT, []byte(`{"keys":[`+string(jwk)+`]}`)
	})
	for aud, status := range map[string]int{"https://mtls.example/auth/oauth/token": 200, "https://other.example/auth/oauth/token": 401, "/auth/oauth/token": 401} {
		jwt := a.assertion(key, map[string]any{"aud": aud})
		if x := a.ask("/token", "grant_type", "client_credentials", "client_assertion_type", oauth.JWTBearer, "client_assertion", jwt); x.status != status {
			t.Errorf("%s: %d, want %d", aud, x.status, status)
		}
	}
	for _, bad := range []string{"http://mtls.example", "https://mtls.example/x", "mtls.example", "https://"} {
		if _, err := server.Open(t.Context(), server.Config{BaseURL: h.URL, CertificateURL: bad}); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

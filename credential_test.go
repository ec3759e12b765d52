package sallyport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

// A request offers one credential, and what counts as one.
func TestCredentials(t *testing.T) {
	cookie := func(v string) string { return "Cookie: __Host-sallyport=" + v }
	signedIn := sallyport.SignedIn()
	for _, tt := range []struct {
		name   string
		door   sallyport.Door
		header []string
		status int
		code   string
	}{
		{"a cookie beside a bearer token is ignored", signedIn, []string{annBearer, cookie("expired")}, 200, ""},
		{"a cookie beside a malformed Authorization does not save it", signedIn, []string{"Authorization: nonsense", annCookie}, 401, "invalid_token"},
		{"two cookies beside a bearer token are ignored", signedIn, []string{annBearer, annCookie + "; __Host-sallyport=ann"}, 200, ""},
		{"two session cookies", signedIn, []string{annCookie + "; __Host-sallyport=ann"}, 401, "invalid_token"},
		{"the same session cookie in two headers", signedIn, []string{annCookie, annCookie}, 401, "invalid_token"},
		{"other cookies do not matter", signedIn, []string{"Cookie: theme=dark; a=b", annCookie}, 200, ""},
		{"a cookie of another name is no credential", signedIn, []string{"Cookie: sallyport=ann"}, 401, "unauthenticated"},
		{"an empty cookie", signedIn, []string{cookie("")}, 401, "invalid_token"},
		{"a cookie that no browser could hold", signedIn, []string{cookie("\xff")}, 401, "unauthenticated"},
		{"a cookie and an API key", signedIn, []string{annCookie, annKey}, 400, "invalid_request"},
		{"a bearer token and an API key", signedIn, []string{annBearer, annKey}, 400, "invalid_request"},
		{"two bearer tokens", signedIn, []string{annBearer, annBearer}, 400, "invalid_request"},
		{"two API keys", signedIn, []string{annKey, annKey}, 400, "invalid_request"},
		{"two proofs", signedIn, []string{annBearer, "DPoP: a", "DPoP: b"}, 400, "invalid_request"},
		{"two credentials on a public door", sallyport.Public(), []string{annBearer, annKey}, 400, "invalid_request"},
		{"a proof that is garbage", signedIn, []string{annBearer, "DPoP: \x01"}, 401, "invalid_token"},
		{"the scheme in another case", signedIn, []string{"Authorization: BEARER ann"}, 200, ""},
		{"several spaces", signedIn, []string{"Authorization: Bearer   ann"}, 200, ""},
		{"a scheme without a value", signedIn, []string{"Authorization: Bearer"}, 401, "invalid_token"},
		{"a value without a scheme", signedIn, []string{"Authorization:  ann"}, 401, "invalid_token"},
		{"an empty Authorization", signedIn, []string{"Authorization: "}, 401, "invalid_token"},
		{"an empty API key", signedIn, []string{"X-API-Key: "}, 401, "invalid_token"},
		{"no ASCII in the scheme", signedIn, []string{"Authorization: Bärer ann"}, 401, "invalid_token"},
		{"no ASCII in the value", signedIn, []string{"Authorization: Bearer änn"}, 401, "invalid_token"},
		{"8 KiB", signedIn, []string{"Authorization: Bearer ann-" + strings.Repeat("x", 8<<10-4)}, 200, ""},
		{"more than 8 KiB", signedIn, []string{"Authorization: Bearer ann-" + strings.Repeat("x", 8<<10-3)}, 401, "invalid_token"},
		{"a cookie's value in Authorization is no session", signedIn, []string{"Authorization: Cookie ann"}, 401, "invalid_token"},
		{"an API key by its internal name", signedIn, []string{"Authorization: ApiKey ann"}, 401, "invalid_token"},
		{"a certificate that is only claimed", signedIn, []string{"Authorization: Certificate ann"}, 401, "invalid_token"},
		{"a door that reads no cookie", signedIn.NoCookie(), []string{annCookie}, 401, "unauthenticated"},
		{"a door that reads no cookie takes tokens", signedIn.NoCookie(), []string{annCookie, annBearer}, 200, ""},
		{"a door that reads no cookie does not count it as a second credential", signedIn.NoCookie(), []string{annCookie, annKey}, 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGate()
			w := serve(g, tt.door, request("GET /", tt.header...))
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if tt.status != 200 && problem(t, w).Code != tt.code {
				t.Errorf("code %q, want %q", problem(t, w).Code, tt.code)
			}
		})
	}
}

// Garbage is found wherever it stands, before anybody is asked.
func TestOnlyPrintableASCIIReachesAnAuthenticator(t *testing.T) {
	for at := range 19 {
		for c := range 256 {
			value := []byte("abcdefghijklmnopqrs")
			value[at] = byte(c)
			r := request("GET /")
			r.Header["X-Api-Key"] = []string{string(value)}
			var asked asking
			g, _ := newGate()
			g.Authenticators = []sallyport.Authenticator{&asked}
			serve(g, sallyport.SignedIn(), r)
			if want := c >= 0x20 && c <= 0x7e; bool(asked) != want {
				t.Fatalf("byte %#x at %d: asked %v", c, at, asked)
			}
		}
	}
}

// asking remembers whether it was asked.
type asking bool

func (a *asking) Authenticate(context.Context, sallyport.Credential) (*sallyport.Principal, error) {
	*a = true
	return ann, nil
}

func TestTokensInTheQueryAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name, target string
		status       int
	}{
		{"a token", "/?access_token=ann", 400},
		{"an empty one", "/?a=b&access_token", 400},
		{"an escaped one", "/?%61ccess%5ftoken=ann", 400},
		{"even beside a good credential", "/?access_token=", 400},
		{"another parameter that ends alike", "/?my_access_token=1", 200},
		{"the word elsewhere", "/access_token?q=access_token", 200},
		{"an escape that is none", "/?q=%zz", 200},
	} {
		g, _ := newGate()
		if w := serve(g, sallyport.Public(), request("GET "+tt.target, annBearer)); w.Code != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, w.Code, tt.status)
		}
	}
}

// capture remembers the credential that it is asked about.
type capture struct{ got sallyport.Credential }

func (c *capture) Authenticate(_ context.Context, got sallyport.Credential) (*sallyport.Principal, error) {
	c.got = got
	return ann, nil
}

func TestCredentialSaysWhatItIsBoundTo(t *testing.T) {
	leaf := new(x509.Certificate)
	withCert := func(r *http.Request) *http.Request {
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, new(x509.Certificate)}}}
		return r
	}
	unverified := request("GET /", annBearer)
	unverified.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
	stripped := request("GET /api/a%2Fb?q=1", annBearer)
	stripped.URL.Path, stripped.URL.RawPath = "/a/b", "/a%2Fb"
	proxied := request("GET http://elsewhere.example/x?q", annBearer)
	addr := netip.MustParseAddr("192.0.2.1") // httptest's peer
	for _, tt := range []struct {
		name    string
		request *http.Request
		want    sallyport.Credential
	}{
		{"a bearer token", request("GET /x?q=1", "Authorization: Bearer a.b"), sallyport.Credential{Scheme: "bearer", Value: "a.b", URL: "https://a.example/x"}},
		{"a token bound to a key", request("GET /", "Authorization: DPoP a", "DPoP: p"), sallyport.Credential{Scheme: "dpop", Value: "a", Proof: "p", URL: "https://a.example/"}},
		{"a key", request("GET /", "X-API-Key: k"), sallyport.Credential{Scheme: "apikey", Value: "k", URL: "https://a.example/"}},
		{"a cookie", request("GET /", "Cookie: c=v"), sallyport.Credential{Scheme: "cookie", Value: "v", URL: "https://a.example/"}},
		{"a certificate when nothing else is offered", withCert(request("GET /")), sallyport.Credential{Scheme: "certificate", Peer: leaf, Shown: leaf, URL: "https://a.example/"}},
		{"a certificate beside a token is what it may be bound to", withCert(request("GET /", "Authorization: Bearer a")), sallyport.Credential{Scheme: "bearer", Value: "a", Peer: leaf, Shown: leaf, URL: "https://a.example/"}},
		{"a certificate that nobody verified says whose a token is, and no more", unverified, sallyport.Credential{Scheme: "bearer", Value: "ann-" + secretMarker, Shown: leaf, URL: "https://a.example/"}},
		{"the address before a prefix was stripped, as it was escaped", stripped, sallyport.Credential{Scheme: "bearer", Value: "ann-" + secretMarker, URL: "https://a.example/api/a%2Fb"}},
		{"never the host that the client names", proxied, sallyport.Credential{Scheme: "bearer", Value: "ann-" + secretMarker, URL: "https://a.example/x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := new(capture)
			serve(&sallyport.Gate{Authenticators: []sallyport.Authenticator{c}, Origin: "https://a.example", Cookie: "c"}, sallyport.SignedIn(), tt.request)
			tt.want.Method, tt.want.Addr = "GET", addr
			if c.got != tt.want {
				t.Errorf("got  %+v\nwant %+v", c.got, tt.want)
			}
		})
	}
}

// Nobody is somebody by a certificate that nobody has verified.
func TestACertificateThatNobodyVerifiedIsNoCredential(t *testing.T) {
	r := request("GET /")
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{new(x509.Certificate)}}
	c := new(capture)
	if w := serve(&sallyport.Gate{Authenticators: []sallyport.Authenticator{c}}, sallyport.SignedIn(), r); w.Code != 401 || c.got.Scheme != "" {
		t.Errorf("%d, asked about %+v", w.Code, c.got)
	}
}

// Which certificate a token may be bound to, and where that is found out.
func TestTheCertificateThatIsShown(t *testing.T) {
	own, proxied := &x509.Certificate{Raw: []byte("own")}, &x509.Certificate{Raw: []byte("proxied")}
	r := request("GET /", annBearer)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{own}}
	for name, tt := range map[string]struct {
		gate sallyport.Gate
		want *x509.Certificate
	}{
		"that of the connection":               {sallyport.Gate{}, own},
		"not that of a proxy's own connection": {sallyport.Gate{Peer: func(*http.Request) (*x509.Certificate, error) { return nil, nil }}, nil},
		"what the proxy says":                  {sallyport.Gate{Peer: func(*http.Request) (*x509.Certificate, error) { return proxied, nil }}, proxied},
		"what is found out elsewhere": {sallyport.Gate{
			Peer:  func(*http.Request) (*x509.Certificate, error) { return nil, nil },
			Shown: func(*http.Request) *x509.Certificate { return proxied },
		}, proxied},
	} {
		c := new(capture)
		tt.gate.Authenticators = []sallyport.Authenticator{c}
		serve(&tt.gate, sallyport.SignedIn(), r)
		if c.got.Shown != tt.want || c.got.Thumbprint() != sallyport.Thumbprint(tt.want) || (c.got.Thumbprint() == "") != (tt.want == nil) {
			t.Errorf("%s: %v", name, c.got.Shown)
		}
	}
}

// What stands behind a proxy is asked elsewhere who its peer is.
func TestPeerOfAProxy(t *testing.T) {
	leaf := new(x509.Certificate)
	bad := fmt.Errorf("%w: garbage", sallyport.ErrInvalidCredential)
	for _, tt := range []struct {
		name  string
		peer  *x509.Certificate
		err   error
		lines []string
		want  int
		of    *x509.Certificate
	}{
		{"a certificate", leaf, nil, nil, 200, leaf},
		{"none", nil, nil, nil, 401, nil},
		{"one that does not count", nil, bad, nil, 401, nil},
		{"one that does not count, beside a token", nil, bad, []string{annBearer}, 200, nil},
		{"nobody can tell", nil, errors.New("down"), nil, 503, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := new(capture)
			r := request("GET /", tt.lines...)
			r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{new(x509.Certificate)}}} // of the proxy
			g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{c}, Peer: func(*http.Request) (*x509.Certificate, error) { return tt.peer, tt.err }}
			if got := serve(g, sallyport.SignedIn(), r).Code; got != tt.want || c.got.Peer != tt.of {
				t.Errorf("%d, of %p, want %d, of %p", got, c.got.Peer, tt.want, tt.of)
			}
		})
	}
}

// The example of a thumbprint is a hash of DER, whatever the DER says.
func TestThumbprint(t *testing.T) {
	c := sallyport.Credential{Peer: &x509.Certificate{Raw: []byte("abc")}}
	if got := c.Thumbprint(); got != "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0" { // SHA-256 of "abc" (FIPS 180-4, example)
		t.Error(got)
	}
	if got := new(sallyport.Credential).Thumbprint(); got != "" {
		t.Error(got)
	}
}

func TestAddr(t *testing.T) {
	for _, tt := range []struct{ name, remote, want string }{
		{"IPv4", "192.0.2.1:1234", "192.0.2.1"},
		{"IPv6", "[2001:db8::1]:1234", "2001:db8::1"},
		{"IPv4 in IPv6 is IPv4", "[::ffff:192.0.2.1]:1234", "192.0.2.1"},
		{"a Unix socket has none", "@", "invalid IP"},
	} {
		r := request("GET /")
		r.RemoteAddr = tt.remote
		if got := new(sallyport.Gate).Addr(r).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	given := netip.MustParseAddr("203.0.113.9")
	p := new(words)
	g := &sallyport.Gate{Policy: p, ClientAddr: func(*http.Request) netip.Addr { return given }}
	if serve(g, sallyport.May("open"), request("GET /")); p.asked[0].Context.Addr != given {
		t.Errorf("the policy heard of %s", p.asked[0].Context.Addr)
	}
}

package sallyport_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

func TestCrossOrigin(t *testing.T) {
	certificate := func(r *http.Request) *http.Request {
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{new(x509.Certificate)}}}
		return r
	}
	trusting := http.NewCrossOriginProtection()
	if err := trusting.AddTrustedOrigin("https://app.example"); err != nil {
		t.Fatal(err)
	}
	public, signedIn := sallyport.Public(), sallyport.SignedIn()
	for _, tt := range []struct {
		name    string
		door    sallyport.Door
		request *http.Request
		status  int
	}{
		{"a page of our own posts with its cookie", signedIn, request("POST /", annCookie, "Sec-Fetch-Site: same-origin"), 200},
		{"a program posts with a cookie", signedIn, request("POST /", annCookie), 200},
		{"another site posts with our cookie", signedIn, request("POST /", annCookie, crossSite), 403},
		{"a sibling domain posts with our cookie", signedIn, request("POST /", annCookie, "Sec-Fetch-Site: same-site"), 403},
		{"an older browser posts from another origin", signedIn, request("POST /", annCookie, "Origin: https://evil.example"), 403},
		{"a sandboxed page posts", signedIn, request("POST /", annCookie, "Origin: null"), 403},
		{"another site deletes with our cookie", signedIn, request("DELETE /", annCookie, crossSite), 403},
		{"another site links to us", signedIn, request("GET /", annCookie, crossSite), 200},
		{"another site posts with two of our cookies", signedIn, request("POST /", annCookie, annCookie, crossSite), 403},
		{"another site signs its visitor in as somebody else", public, request("POST /login", crossSite), 403},
		{"another site posts a bearer token, which no browser lends", signedIn, request("POST /", annBearer, crossSite), 200},
		{"another site posts a bearer token and our cookie", signedIn, request("POST /", annBearer, annCookie, crossSite), 200},
		{"another site posts an API key", signedIn, request("POST /", annKey, crossSite), 200},
		{"another site uses the visitor's password for Basic", signedIn, request("POST /", "Authorization: Basic ann", crossSite), 403},
		{"another site uses the visitor's certificate", signedIn, certificate(request("POST /", crossSite)), 403},
		{"our page uses the visitor's certificate", signedIn, certificate(request("POST /", "Sec-Fetch-Site: same-origin")), 200},
		{"another site posts a bearer token over a certificate", signedIn, certificate(request("POST /", annBearer, crossSite)), 200},
		{"no cookie is read, so any site may post", public.NoCookie(), request("POST /token", annCookie, crossSite), 200},
		{"no cookie is read, but a certificate is still lent", public.NoCookie(), certificate(request("POST /token", crossSite)), 403},
		{"a trusted origin posts with our cookie", signedIn, request("POST /", annCookie, crossSite, "Origin: https://app.example"), 200},
		{"an origin that only looks trusted", signedIn, request("POST /", annCookie, crossSite, "Origin: https://app.example.evil.example"), 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGate()
			if strings.Contains(tt.request.Header.Get("Origin"), "app.example") {
				g.CrossOrigin = trusting
			}
			w := serve(g, tt.door, tt.request)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if tt.status == 403 && problem(t, w).Code != "cross_origin" {
				t.Errorf("code %q", problem(t, w).Code)
			}
		})
	}
}

func TestACrossOriginRequestReachesNoAuthenticator(t *testing.T) {
	d := new(desk)
	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{d}}
	serve(g, sallyport.SignedIn(), request("POST /", annCookie, crossSite))
	if d.asked != 0 {
		t.Error("the cookie was looked up")
	}
}

package sallyport_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

// Whatever is in the headers that the gate reads: no panic, and no 5xx, which
// would say that we are at fault.
func FuzzRequest(f *testing.F) {
	for _, s := range [][8]string{
		{},
		{"Bearer ann", "__Host-sallyport=ann", "ann", "proof", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "text/html", "navigate", "access_token=x"},
		{"bearer", "__Host-sallyport=\"", "\x00", "\xff", "00-", "*/*", "cors", "%"},
		{" ", ";;;=;__Host-sallyport", "", "", "-", "", "", "a=%zz&%61ccess_token"},
		{"Certificate x", "__Host-sallyport=a; __Host-sallyport=b", "", "", "", "", "", "?;&="},
		{"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n"},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7])
	}
	g := &sallyport.Gate{
		Authenticators: []sallyport.Authenticator{picky{}}, Policy: allow{}, SignIn: "/login", Origin: "https://a.example",
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	rt := &sallyport.Routes{Gate: g}
	for pattern, door := range map[string]sallyport.Door{
		"/public": sallyport.Public(), "/in": sallyport.SignedIn(), "/may": sallyport.May("x"),
		"/plain": sallyport.SignedIn().NoCookie(), "/post": posts.May("x", func(*http.Request) (*post, error) { return &post{}, nil }),
	} {
		rt.Handle(pattern, door, http.HandlerFunc(greet))
	}
	f.Fuzz(func(t *testing.T, authorization, cookie, key, proof, trace, accept, mode, query string) {
		for _, method := range []string{"GET", "POST"} {
			for _, path := range []string{"/public", "/in", "/may", "/plain", "/post", "/nowhere"} {
				r := &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}, Host: "a.example", RemoteAddr: accept}
				for name, value := range map[string]string{"Authorization": authorization, "Cookie": cookie, "X-Api-Key": key, "Dpop": proof,
					"Traceparent": trace, "Accept": accept, "Sec-Fetch-Mode": mode, "Sec-Fetch-Site": proof, "Origin": trace} {
					if value != "" {
						r.Header.Set(name, value)
					}
				}
				w := httptest.NewRecorder()
				rt.ServeHTTP(w, r)
				if w.Code >= 500 || w.Code == 200 && path != "/public" && path != "/may" && authorization+cookie+key == "" {
					t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
				}
				for _, values := range w.Header() {
					for _, v := range values {
						for _, c := range []byte(v) {
							if c < 0x20 || c == 0x7f {
								t.Errorf("control character in %q", v)
							}
						}
					}
				}
			}
		}
	})
}

// What the gate takes for the session cookie is what net/http reads.
func FuzzCookie(f *testing.F) {
	for _, s := range []string{
		"__Host-sallyport=ann", "a=b; __Host-sallyport=ann; c", "__Host-sallyport=\"ann\"", "__Host-sallyport=\"", "\t__Host-sallyport =\tann ;",
		"__Host-sallyport", "__Host-sallyport=a; __Host-sallyport=b", "__Host-sallyport=a\\;__Host-sallyport=b", ";;=;__host-sallyport=a",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if strings.Count(header, ";") > 1000 {
			t.Skip() // of 3000 cookies net/http reads none
		}
		r := &http.Request{Method: "GET", URL: &url.URL{Path: "/"}, Header: http.Header{"Cookie": {header}}}
		var got []string
		g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{listening(func(v string) { got = append(got, v) })}, Log: slog.New(slog.DiscardHandler)}
		w := httptest.NewRecorder()
		g.Through(sallyport.SignedIn())(http.HandlerFunc(greet)).ServeHTTP(w, r)
		cookies := r.CookiesNamed(g.CookieName())
		heard := len(cookies) == 1 && cookies[0].Value != "" && len(cookies[0].Value) <= 8<<10
		if heard != (len(got) == 1) || heard && got[0] != cookies[0].Value {
			t.Errorf("%q: the authenticator got %q, net/http reads %v", header, got, cookies)
		}
		if offered := strings.Contains(w.Body.String(), "invalid_token"); !heard && offered != (len(cookies) > 0) {
			t.Errorf("%q: %s, net/http reads %v", header, w.Body, cookies)
		}
	})
}

// listening is an authenticator that passes on what it is asked about.
type listening func(value string)

func (l listening) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	l(c.Value)
	return ann, nil
}

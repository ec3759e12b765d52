package sallyport_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
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

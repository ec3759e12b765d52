package sallyport_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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

// Equal and Holds take another way for big sets and for sets of sets: whatever the
// way, they find what a comparison one by one finds.
func FuzzEqual(f *testing.F) {
	for _, s := range [][2]string{
		{"", "1"}, {"(12)", "(21)"}, {"((1)(2))", "((2)(1)(1))"}, {"{1a}", "{a1}"}, {"(1a!)", "(1a!)"}, {"({1}{a})", "({a}{1})"},
		{"(0123456789abcdefghijk)", "(kjihgfedcba9876543210)"}, {"(0123456789abcdefghijk)", "(0123456789abcdefghijkl)"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 64 || len(b) > 64 {
			t.Skip("one by one takes too long")
		}
		v, _ := readValue(a, 4)
		w, _ := readValue(b, 4)
		if got, want := v.Equal(w), plainlyEqual(v, w); got != want || w.Equal(v) != want {
			t.Errorf("%v equals %v: %v, %v turned", v, w, got, w.Equal(v))
		}
		both := set(v, w)
		for _, e := range both.Set() {
			if got, want := both.Holds(e), plainlyHolds(both, e); got != want || both.HoldsAll(set(e)) != want || both.HoldsAny(set(e)) != want {
				t.Errorf("%v holds %v: %v", both, e, got)
			}
		}
	})
}

// readValue reads digits, letters, "!" for what is absent, sets in parentheses and
// records in braces, no deeper than depth.
func readValue(s string, depth int) (v sallyport.Value, rest string) {
	if s == "" {
		return v, ""
	}
	c, rest := s[0], s[1:]
	switch {
	case c == '!':
		return sallyport.AbsentValue(), rest
	case '0' <= c && c <= '9':
		return num(int64(c)), rest
	case c != '(' && c != '{' || depth == 0:
		return text(string(c)), rest
	}
	var elements []sallyport.Value
	for rest != "" && rest[0] != ')' && rest[0] != '}' {
		var e sallyport.Value
		e, rest = readValue(rest, depth-1)
		elements = append(elements, e)
	}
	rest = rest[min(1, len(rest)):]
	if c == '(' {
		return set(elements...), rest
	}
	fields := make(record)
	for i, e := range elements {
		fields[string(rune('a'+i))] = e
	}
	return sallyport.RecordValue(fields), rest
}

func plainlyEqual(v, w sallyport.Value) bool {
	switch {
	case v.Kind() != w.Kind() || !v.Known():
		return false
	case v.Kind() == sallyport.KindSet:
		missing := func(in sallyport.Value) func(sallyport.Value) bool {
			return func(e sallyport.Value) bool { return !plainlyHolds(in, e) }
		}
		return !slices.ContainsFunc(v.Set(), missing(w)) && !slices.ContainsFunc(w.Set(), missing(v))
	case v.Kind() == sallyport.KindRecord:
		return maps.EqualFunc(v.Record(), w.Record(), plainlyEqual)
	}
	return v.Int() == w.Int() && v.Text() == w.Text()
}

func plainlyHolds(v, w sallyport.Value) bool {
	return slices.ContainsFunc(v.Set(), func(e sallyport.Value) bool { return plainlyEqual(e, w) })
}

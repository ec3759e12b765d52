package sallyport_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

// picky takes one bearer token: the cheapest authenticator there can be.
type picky struct{}

func (picky) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if c.Scheme != sallyport.SchemeBearer || c.Value != "ann" {
		return nil, sallyport.ErrInvalidCredential
	}
	return ann, nil
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// What the doors add to a handler, beside the authenticator and the policy.
func BenchmarkThrough(b *testing.B) {
	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{picky{}}, Policy: allow{}}
	var handler http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	one := &post{ID: "1"}
	onPost := posts.May("read", func(*http.Request) (*post, error) { return one, nil })
	routed := &sallyport.Routes{Gate: g}
	routed.Handle("GET /posts/{id}", sallyport.SignedIn(), handler)
	mux := http.NewServeMux()
	mux.Handle("GET /posts/{id}", handler)
	for _, bb := range []struct {
		name    string
		handler http.Handler
	}{
		{"bare", handler},
		{"public", g.Through(sallyport.Public())(handler)},
		{"signed-in", g.Through(sallyport.SignedIn())(handler)},
		{"may", g.Through(sallyport.May("read"))(handler)},
		{"may-on-object", g.Through(onPost)(handler)},
		{"mux-bare", mux},
		{"routes-signed-in", routed},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := request("GET /posts/1", "Authorization: Bearer ann")
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				bb.handler.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkRefusal(b *testing.B) {
	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{picky{}}}
	h := g.Through(sallyport.SignedIn())(http.HandlerFunc(greet))
	r := request("GET /")
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(discard{http.Header{}}, r)
	}
}

// What a rule pays for an attribute of an object, and for comparing it.
func BenchmarkAttribute(b *testing.B) {
	r, author := invoices.Of(full), ref("User", "usr_ann")
	for _, name := range []string{"author", "title", "cents"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r.Attr(name).Equal(author) != (name == "author") {
					b.Fatal(name)
				}
			}
		})
	}
}

func BenchmarkEqualSets(b *testing.B) {
	for name, n := range map[string]int64{"few": 16, "many": 1000} {
		v, w := set(numbers(0, n)...), set(numbers(0, n)...)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !v.Equal(w) {
					b.Fatal("not equal")
				}
			}
		})
	}
}

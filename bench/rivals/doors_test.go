//go:build linux

package rivals

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
)

// silent is a ResponseWriter that costs next to nothing.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
func (s *silent) WriteHeader(status int)      { s.status = status }

// BenchmarkDoors is what [BenchmarkHTTP] measures, without HTTP: the time and memory that the doors themselves take of a request.
func BenchmarkDoors(b *testing.B) {
	doors, credentials, err := ourSite(b.TempDir(), "127.0.0.1:1")
	if err != nil {
		b.Fatal(err)
	}
	behind, proxied, err := ourSiteBehindProxy(b.TempDir(), "127.0.0.1:1")
	if err != nil {
		b.Fatal(err)
	}
	maps.Copy(credentials, proxied)
	bare, _, err := bareSite("", "")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, credential, path string
		handler                http.Handler
		status                 int
	}{
		{"bare", "token", signedIn, bare, 0},
		{"token", "token", signedIn, doors, 0},
		{"session", "session", signedIn, doors, 0},
		{"apikey", "apikey", signedIn, doors, 0},
		{"allowed", "token", allowed, doors, 0},
		{"denied", "token", denied, doors, 403},
		{"forward session", "forward session", answers, behind, 200},
		{"forward token", "forward token", answers, behind, 200},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", c.path, nil)
			r.RemoteAddr, r.Header = "127.0.0.1:1", credentials[c.credential]
			w := &silent{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				c.handler.ServeHTTP(w, r)
				if w.status != c.status {
					b.Fatal(w.status)
				}
			}
		})
	}
}

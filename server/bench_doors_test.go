//go:build linux

package server_test

import (
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

// BenchmarkDoors is what [BenchmarkHTTP] measures, without HTTP: the time and
// memory that the doors themselves take of a request.
func BenchmarkDoors(b *testing.B) {
	a := announcement{Address: "127.0.0.1:1"}
	doors, err := guarded(b.TempDir(), &a)
	if err != nil {
		b.Fatal(err)
	}
	bare := http.NewServeMux()
	bare.HandleFunc("GET /signed-in/{id}", greetBoard)
	bearer := http.Header{"Authorization": {"Bearer " + a.Token}}
	for _, c := range []struct {
		name, path string
		handler    http.Handler
		header     http.Header
		status     int
	}{
		{"bare", "/signed-in/7", bare, bearer, 0},
		{"token", "/signed-in/7", doors, bearer, 0},
		{"session", "/signed-in/7", doors, http.Header{"Cookie": {"sallyport=" + a.Cookie}}, 0},
		{"apikey", "/signed-in/7", doors, http.Header{"X-Api-Key": {a.Key}}, 0},
		{"allowed", "/allowed/7", doors, bearer, 0},
		{"denied", "/denied/7", doors, bearer, 403},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", c.path, nil)
			r.Header = c.header
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

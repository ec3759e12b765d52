//go:build linux

package server_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/server"
)

// openNode opens a node without HTTP that never polls, on a pool of its own.
func openNode(b *testing.B, store account.Store, shared server.Shared) *server.Server {
	b.Helper()
	c := server.Config{
		BaseURL: "http://127.0.0.1:1", Store: store, Shared: shared, SealingKey: bytes.Repeat([]byte("0123456789abcdef"), secret.KeySize/16),
		Passwords: password.Params{Memory: 64, Time: 1, InsecureBelowMinimum: true},
		Log:       slog.New(slog.DiscardHandler),
	}
	c.Poll(24 * time.Hour)
	s, err := server.Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	s.Routes.Func("GET /signed-in", sallyport.SignedIn(), func(http.ResponseWriter, *http.Request) error { return nil })
	return s
}

// BenchmarkBell measures how long after a session was ended on one node another one
// refuses it, woken by a bell: from the beginning of the call that ends it
// (p50-ms, p99-ms), and from its return (after-p50-ms, after-p99-ms), which is below
// zero if the other node was faster.
func BenchmarkBell(b *testing.B) {
	for _, with := range []string{"postgres", "redis", "both"} {
		b.Run(with, func(b *testing.B) {
			dsn, addr := testdb.PostgresDurable(b, sqldb.Key(), migrate), testdb.Redis(b)
			node := func() *server.Server {
				var store account.Store = openPostgres(b, dsn)
				var shared server.Shared
				if with != "postgres" {
					shared = openRedis(b, addr, usual)
				}
				if with == "redis" {
					store = deaf{store}
				}
				return openNode(b, store, shared)
			}
			one, two := node(), node()
			var whole, after []time.Duration
			for i := 0; b.Loop(); i++ {
				ann, err := one.Accounts.Register(b.Context(), account.Registration{Username: "ann" + secret.NewID("x"), Password: pass}, account.SignIn{}, account.Origin{})
				if err != nil {
					b.Fatal(err)
				}
				r := httptest.NewRequest("GET", "/signed-in", nil)
				r.Header.Set("Cookie", "sallyport="+ann.Cookie)
				ask := func() int {
					w := &silent{header: http.Header{}}
					two.Routes.ServeHTTP(w, r)
					return w.status
				}
				if status := ask(); status != 0 {
					b.Fatal(status)
				}
				refused := make(chan time.Time)
				go func() {
					for ask() == 0 {
						time.Sleep(50 * time.Microsecond) // PostgreSQL needs the processors too
					}
					refused <- time.Now()
				}()
				begun := time.Now()
				if err := one.Accounts.EndSession(b.Context(), ann.Session.ID, ann.User.ID, account.Origin{}); err != nil {
					b.Fatal(err)
				}
				returned := time.Now()
				at := <-refused
				whole, after = append(whole, at.Sub(begun)), append(after, at.Sub(returned))
			}
			report := func(name string, d []time.Duration) {
				slices.Sort(d)
				b.ReportMetric(d[len(d)/2].Seconds()*1000, name+"p50-ms")
				b.ReportMetric(d[len(d)*99/100].Seconds()*1000, name+"p99-ms")
			}
			report("", whole)
			report("after-", after)
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkFirstUse measures a session that a node does not remember: read from
// PostgreSQL, or from Redis.
func BenchmarkFirstUse(b *testing.B) {
	dsn := testdb.PostgresDurable(b, sqldb.Key(), migrate)
	plain := openNode(b, openPostgres(b, dsn), nil)
	ann, err := plain.Accounts.Register(b.Context(), account.Registration{Username: "ann", Password: pass}, account.SignIn{}, account.Origin{})
	if err != nil {
		b.Fatal(err)
	}
	hash := secret.Hash(ann.Cookie)
	measure := func(name string, s *server.Server) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.SessionSource().Session(b.Context(), hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	measure("postgres", plain)
	measure("redis", openNode(b, openPostgres(b, dsn), openRedis(b, testdb.Redis(b), usual)))
}

// silent is a ResponseWriter that costs next to nothing.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
func (s *silent) WriteHeader(status int)      { s.status = status }

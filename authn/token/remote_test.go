package token_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
)

var quiet = slog.New(slog.DiscardHandler)

// An issuerStub answers requests for its key set as its field says, and counts them. It is a RoundTripper, for tests whose clock is
// not the real one.
type issuerStub struct {
	mu     sync.Mutex
	answer func(*http.Request) (*http.Response, error)
	asked  atomic.Int64
}

func (s *issuerStub) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	return answer(r)
}

func (s *issuerStub) set(answer func(*http.Request) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func response(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func serves(body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return response(200, body, headers...), nil }
}

func down(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

func jwks(t testing.TB, list ...*token.SigningKey) string {
	t.Helper()
	var pub []*token.Key
	for _, k := range list {
		pub = append(pub, k.Public())
	}
	set, err := token.NewJWKS(pub...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func generate(t testing.TB) *token.SigningKey {
	t.Helper()
	k, err := token.Generate(token.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func remote(s *issuerStub) *token.RemoteKeySet {
	return &token.RemoteKeySet{Issuer: issuer, Client: &http.Client{Transport: s}, Log: quiet}
}

func TestRemoteKeysAreFetchedOnceAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := generate(t)
		var url string
		s := &issuerStub{answer: func(r *http.Request) (*http.Response, error) {
			url = r.URL.String()
			time.Sleep(time.Second)
			return response(200, jwks(t, k)), nil
		}}
		r := remote(s)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if got, err := r.Key(t.Context(), k.ID()); err != nil || !got.Equal(k.Public()) {
					t.Errorf("got %v, %v", got, err)
				}
			})
		}
		wg.Wait()
		if n := s.asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if url != issuer+"/.well-known/jwks.json" {
			t.Errorf("asked %s", url)
		}
		time.Sleep(8 * time.Minute)
		if _, err := r.Key(t.Context(), k.ID()); err != nil || s.asked.Load() != 1 {
			t.Errorf("%v, asked %d times", err, s.asked.Load())
		}
	})
}

func TestRemoteKeysFollowCacheHeaders(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []string
		life    time.Duration
	}{
		{"none", nil, 10 * time.Minute},
		{"max-age", []string{"Cache-Control", "public, max-age=300"}, 5 * time.Minute},
		{"max-age and Age", []string{"Cache-Control", "max-age=300", "Age", "120"}, 3 * time.Minute},
		{"max-age below the least", []string{"Cache-Control", "max-age=1"}, time.Minute},
		{"max-age above the most", []string{"Cache-Control", "max-age=99999999999999999999"}, time.Hour},
		{"negative max-age", []string{"Cache-Control", "max-age=-1"}, time.Minute},
		{"nonsense", []string{"Cache-Control", "max-age=soon"}, time.Minute},
		{"no-store", []string{"Cache-Control", "no-store", "Cache-Control", "max-age=300"}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				old, fresh := generate(t), generate(t)
				s := &issuerStub{answer: serves(jwks(t, old), c.headers...)}
				r := remote(s)
				if _, err := r.Key(t.Context(), old.ID()); err != nil {
					t.Fatal(err)
				}
				s.set(serves(jwks(t, fresh), c.headers...))
				time.Sleep(c.life*9/10 - time.Millisecond)
				if _, err := r.Key(t.Context(), old.ID()); err != nil || s.asked.Load() != 1 {
					t.Fatalf("within its life: %v, asked %d times", err, s.asked.Load())
				}
				// From nine tenths of the life on, a look-up renews without waiting.
				time.Sleep(2 * time.Millisecond)
				if _, err := r.Key(t.Context(), old.ID()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if _, err := r.Key(t.Context(), fresh.ID()); err != nil || s.asked.Load() != 2 {
					t.Fatalf("renewed: %v, asked %d times", err, s.asked.Load())
				}
				if _, err := r.Key(t.Context(), old.ID()); !errors.Is(err, token.ErrUnknownKey) {
					t.Fatalf("a key that the issuer withdrew: %v", err)
				}
			})
		})
	}
}

func TestAWithdrawnKeyIsNotTakenAfterASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh := generate(t), generate(t)
		s := &issuerStub{answer: serves(jwks(t, old))}
		r := remote(s)
		if _, err := r.Key(t.Context(), old.ID()); err != nil {
			t.Fatal(err)
		}
		s.set(serves(jwks(t, fresh)))
		time.Sleep(3 * time.Hour) // nobody asks
		if _, err := r.Key(t.Context(), old.ID()); !errors.Is(err, token.ErrUnknownKey) {
			t.Errorf("the first look-up after the silence took the withdrawn key: %v", err)
		}
	})
}

func TestANewKeyIsFoundAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh := generate(t), generate(t)
		s := &issuerStub{answer: serves(jwks(t, old))}
		r := remote(s)
		if _, err := r.Key(t.Context(), old.ID()); err != nil {
			t.Fatal(err)
		}
		s.set(serves(jwks(t, old, fresh)))
		if _, err := r.Key(t.Context(), fresh.ID()); err != nil {
			t.Error(err)
		}
	})
}

func TestUnknownKeysDoNotHammerTheIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := generate(t)
		s := &issuerStub{answer: func(*http.Request) (*http.Response, error) {
			time.Sleep(50 * time.Millisecond)
			return response(200, jwks(t, k), "Cache-Control", "max-age=3600"), nil
		}}
		r := remote(s)
		if _, err := r.Key(t.Context(), k.ID()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for g := range 50 {
			wg.Go(func() {
				for i := range 60 { // for a minute
					if _, err := r.Key(t.Context(), fmt.Sprint("made-up-", g, "-", i)); !errors.Is(err, token.ErrUnknownKey) {
						t.Errorf("got %v", err)
						return
					}
					time.Sleep(time.Second)
				}
			})
		}
		wg.Wait()
		if n := s.asked.Load(); n < 2 || n > 8 {
			t.Errorf("3,000 made-up ids in a minute made %d requests", n)
		}
		if _, err := r.Key(t.Context(), k.ID()); err != nil {
			t.Error(err)
		}
	})
}

func TestTheIssuerGoesDown(t *testing.T) {
	broken := map[string]func(*http.Request) (*http.Response, error){
		"no connection": down,
		"500":           func(*http.Request) (*http.Response, error) { return response(500, "{}"), nil },
		"404":           func(*http.Request) (*http.Response, error) { return response(404, `{"keys":[]}`), nil },
		"204":           func(*http.Request) (*http.Response, error) { return response(204, ""), nil },
		"HTML":          serves("<!doctype html><title>Login</title>", "Content-Type", "text/html"),
		"an empty body": serves(""),
		"no keys":       serves(`{"keys":[]}`),
		"only foreign":  serves(`{"keys":[{"kty":"AKP"}]}`),
		"a secret":      serves(`{"keys":[` + oct("") + `]}`),
		"a private key": serves(`{"keys":[` + okp(`,"d":"`+edD+`"`) + `]}`),
		"a redirect": func(*http.Request) (*http.Response, error) {
			return response(302, "", "Location", issuer+"/other"), nil
		},
		"304 without cause": func(*http.Request) (*http.Response, error) { return response(304, ""), nil },
		"more than 1 MiB":   serves(`{"keys":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`),
		"silence": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
	}
	for name, answer := range broken {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := generate(t)
				s := &issuerStub{answer: answer}
				r := remote(s)
				start := time.Now()
				if _, err := r.Key(t.Context(), k.ID()); !errors.Is(err, token.ErrKeysUnavailable) || errors.Is(err, token.ErrInvalid) {
					t.Fatalf("without any keys: %v", err)
				}
				if d := time.Since(start); d > 5*time.Second {
					t.Errorf("waited %v", d)
				}
				// It backs off: in ten minutes, with somebody asking every 100 ms, at most one request a minute once settled.
				s.asked.Store(0)
				for range 6000 {
					_, _ = r.Key(t.Context(), k.ID())
					time.Sleep(100 * time.Millisecond)
				}
				if n := s.asked.Load(); n > 20 {
					t.Errorf("asked %d times in ten minutes", n)
				}
				// It comes back by itself.
				s.set(serves(jwks(t, k)))
				time.Sleep(time.Minute)
				if _, err := r.Key(t.Context(), k.ID()); err != nil {
					t.Fatalf("after the issuer has come back: %v", err)
				}
				// It goes down again: the good keys serve on, nobody waits more than once, and only for so long.
				s.set(answer)
				slow := 0
				for range 23 {
					time.Sleep(time.Hour)
					start := time.Now()
					if _, err := r.Key(t.Context(), k.ID()); err != nil {
						t.Fatalf("good keys do not serve on: %v", err)
					}
					if time.Since(start) > 0 {
						slow++
					}
				}
				if slow > 1 {
					t.Errorf("%d look-ups waited for an issuer that is known to be down", slow)
				}
				if _, err := r.Key(t.Context(), "other"); !errors.Is(err, token.ErrKeysUnavailable) {
					t.Errorf("an unknown key while the issuer is down: %v", err)
				}
				time.Sleep(2 * time.Hour)
				if _, err := r.Key(t.Context(), k.ID()); !errors.Is(err, token.ErrKeysUnavailable) {
					t.Errorf("keys serve for longer than a day without the issuer: %v", err)
				}
				synctest.Wait()
				time.Sleep(10 * time.Second)
			})
		})
	}
}

func TestRemoteKeysAreRevalidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := generate(t)
		var tags []string
		s := &issuerStub{answer: func(r *http.Request) (*http.Response, error) {
			tags = append(tags, r.Header.Get("If-None-Match"))
			if len(tags) > 1 {
				return response(304, ""), nil
			}
			return response(200, jwks(t, k), "ETag", `"1"`), nil
		}}
		r := remote(s)
		for range 3 {
			if _, err := r.Key(t.Context(), k.ID()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(11 * time.Minute)
		}
		if fmt.Sprint(tags) != `[ "1" "1"]` {
			t.Errorf("tags %q", tags)
		}
	})
}

func TestACallerWhoGivesUpSpoilsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := generate(t)
		s := &issuerStub{answer: func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(2 * time.Second):
				return response(200, jwks(t, k)), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}}
		r := remote(s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := r.Key(ctx, k.ID()); !errors.Is(err, token.ErrKeysUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one who gave up: %v", err)
			}
		})
		wg.Go(func() {
			if _, err := r.Key(t.Context(), k.ID()); err != nil {
				t.Errorf("the one who waited: %v", err)
			}
		})
		wg.Wait()
		if s.asked.Load() != 1 {
			t.Errorf("asked %d times", s.asked.Load())
		}
	})
}

func TestRemoteConfiguration(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *token.RemoteKeySet
		ok   bool
	}{
		{"an issuer", &token.RemoteKeySet{Issuer: issuer + "/"}, true},
		{"an address", &token.RemoteKeySet{URL: "https://keys.example.com/jwks"}, true},
		{"http on loopback", &token.RemoteKeySet{Issuer: "http://127.0.0.1:8080"}, true},
		{"http on localhost", &token.RemoteKeySet{Issuer: "http://localhost:8080"}, true},
		{"http on IPv6 loopback", &token.RemoteKeySet{Issuer: "http://[::1]:8080"}, true},
		{"http allowed by name", &token.RemoteKeySet{Issuer: "http://id.internal", InsecureAllowHTTP: true}, true},
		{"nothing", &token.RemoteKeySet{}, false},
		{"http elsewhere", &token.RemoteKeySet{Issuer: "http://id.example.com"}, false},
		{"a name that begins like loopback", &token.RemoteKeySet{Issuer: "http://127.0.0.1.example.com"}, false},
		{"a file", &token.RemoteKeySet{URL: "file:///etc/passwd", InsecureAllowHTTP: true}, false},
		{"a user", &token.RemoteKeySet{URL: "https://user:password@example.com/"}, false},
		{"no host", &token.RemoteKeySet{URL: "https:///jwks"}, false},
		{"no address", &token.RemoteKeySet{URL: "://"}, false},
		{"a guard around somebody else's transport", &token.RemoteKeySet{Issuer: issuer, PublicOnly: true, Client: &http.Client{Transport: http.DefaultTransport}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.r.Log = quiet
			if c.ok && !c.r.PublicOnly { // do not go out: take the way of the transport away
				c.r.Client = &http.Client{Transport: &issuerStub{answer: serves(jwks(t, key(t, token.EdDSA)))}}
			}
			_, err := c.r.Key(t.Context(), key(t, token.EdDSA).ID())
			if (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
			if errors.Is(err, token.ErrInvalid) {
				t.Errorf("a mistake in the configuration is taken for a bad token: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "password") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// The same over real connections.
func TestRemoteOverTLS(t *testing.T) {
	k := generate(t)
	var answer atomic.Pointer[http.HandlerFunc]
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*answer.Load())(w, r) }))
	defer srv.Close()
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	good := jwks(t, k)
	for _, c := range []struct {
		name    string
		answer  http.HandlerFunc
		works   bool
		private bool // guard against private addresses
		untrust bool // without the server's certificate
	}{
		{"a good set", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, good) }, true, false, false},
		{"a guarded client does not reach loopback", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, good) }, false, true, false},
		{"a certificate that nobody trusts", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, good) }, false, false, true},
		{"an endless body", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"keys":[],"x":"`)
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
					return
				}
			}
		}, false, false, false},
		{"a small body that unpacks to a large one", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, `{"keys":[],"x":"`)
			for range 4 {
				z.Write(bytes.Repeat([]byte("x"), 1<<20))
			}
			z.Close()
		}, false, false, false},
		{"a body cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			io.WriteString(w, good)
			panic(http.ErrAbortHandler)
		}, false, false, false},
		{"a redirect to a good set", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/good" {
				io.WriteString(w, good)
				return
			}
			http.Redirect(w, r, "/good", http.StatusFound)
		}, false, false, false},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, false, false, false},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); io.WriteString(w, good) }, false, false, false},
		{"a huge header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 12<<20))
			io.WriteString(w, good)
		}, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer.Store(&c.answer)
			r := &token.RemoteKeySet{Issuer: srv.URL, Client: srv.Client(), Log: quiet}
			if c.private {
				r.Client, r.PublicOnly = nil, true
			}
			if c.untrust {
				r.Client = nil
			}
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					got, err := r.Key(t.Context(), k.ID())
					if c.works && (err != nil || !got.Equal(k.Public())) {
						t.Errorf("got %v, %v", got, err)
					}
					if !c.works && !errors.Is(err, token.ErrKeysUnavailable) {
						t.Errorf("got %v, %v", got, err)
					}
				})
			}
			wg.Wait()
			if c.private {
				if _, err := r.Key(t.Context(), k.ID()); !strings.Contains(err.Error(), "public internet") {
					t.Errorf("refused for another reason: %v", err)
				}
			}
		})
	}
}

// A whole verifier against a whole issuer that rotates its keys meanwhile.
func TestRemoteVerifierFollowsARotatingIssuer(t *testing.T) {
	r := newRing(t, token.Schedule{})
	r.plan()
	srv := httptest.NewTLSServer(&r.keys)
	defer srv.Close()
	set := &token.RemoteKeySet{Issuer: srv.URL, Client: srv.Client(), UnknownKeyInterval: time.Nanosecond, Log: quiet}
	v := &token.Verifier{Issuer: issuer, Keys: set}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				s, err := r.keys.AccessToken(claims())
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := v.Verify(t.Context(), s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 5 {
		time.Sleep(10 * time.Millisecond)
		r.apply(token.Rotate(r.rows, time.Now(), r.schedule, ""))
		r.load()
	}
	wg.Wait()
}

// Whoever answers for the issuer may name a key of his own like one that is known.
func TestASetWithAKeyThatIsNotNamedByItsThumbprint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known, other := generate(t), generate(t)
		lie := strings.ReplaceAll(jwks(t, other), other.ID(), known.ID())
		answer := jwks(t, known)
		s := &issuerStub{answer: func(*http.Request) (*http.Response, error) { return response(200, answer), nil }}
		strict, lax := remote(s), remote(s)
		strict.Thumbprints = true
		for name, tt := range map[string]struct {
			keys *token.RemoteKeySet
			want *token.SigningKey
		}{
			"an issuer that names keys by their thumbprints": {strict, known},
			"one that names them as it likes":                {lax, other},
		} {
			answer = jwks(t, known)
			if got, err := tt.keys.Key(t.Context(), known.ID()); err != nil || !got.Equal(known.Public()) {
				t.Fatalf("%s: %v, %v", name, got, err)
			}
			answer = lie
			time.Sleep(2 * time.Hour) // it is asked again
			got, err := tt.keys.Key(t.Context(), known.ID())
			if err != nil || got.Thumbprint() != tt.want.ID() {
				t.Errorf("%s: the key is %v, %v", name, got, err)
			}
		}
	})
}

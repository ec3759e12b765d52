package server_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/redis"
)

// counted is a client of Redis that counts what it found.
type counted struct {
	*redis.Client
	found atomic.Int64
}

func (c *counted) Get(ctx context.Context, key string) ([]byte, error) {
	v, err := c.Client.Get(ctx, key)
	if v != nil {
		c.found.Add(1)
	}
	return v, err
}

// openRedis returns a client that is connected. Without patience it counts a Redis as
// away as late as a minute: on a busy machine everything may take long.
func openRedis(t testing.TB, addr string, patience time.Duration) *counted {
	t.Helper()
	c, err := redis.Open(t.Context(), redis.Config{URL: "redis://" + addr, Patience: cmp.Or(patience, time.Minute), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	eventually(t, "Redis answers", func() bool { _, err := c.Get(t.Context(), "x"); return err == nil })
	return &counted{Client: c}
}

// sharing gives each node a client of one Redis.
func sharing(t testing.TB, addr string, patience ...time.Duration) func(*server.Config) {
	return func(c *server.Config) {
		c.Shared = openRedis(t, addr, append(patience, 0)[0])
		c.Limits = map[string]limit.Rate{"search": {Requests: 3, Per: time.Hour}, "much": {Requests: 1e6, Per: time.Minute}}
	}
}

// limited adds doors with limits.
func (h *house) limited() {
	for _, limit := range []string{"search", "much"} {
		h.Routes.Func("GET /"+limit, sallyport.SignedIn().Limit(limit), func(w http.ResponseWriter, r *http.Request) error {
			_, err := fmt.Fprint(w, "ok")
			return err
		})
	}
}

func TestTheBellOfRedisWakesTheOtherNode(t *testing.T) {
	dsn, addr := testdb.Postgres(t, sqldb.Key(), migrate), testdb.Redis(t)
	one := openOn(t, deaf{openPostgres(t, dsn)}, neverPoll, sharing(t, addr))
	two := openOn(t, deaf{openPostgres(t, dsn)}, neverPoll, sharing(t, addr), func(c *server.Config) { c.BaseURL = one.URL })
	for i := range testenv.Count(5, 50) {
		ann := one.browser(fmt.Sprint("ann", i))
		there := ann.at(two)
		there.do("GET", "/notes").want(200)
		ann.do("POST", "/auth/logout").want(204)
		there.until(401, "GET", "/notes")
	}
}

func TestNodesShareQuotasAndSessions(t *testing.T) {
	dsn, addr := testdb.Postgres(t, sqldb.Key(), migrate), testdb.Redis(t)
	one, two := twoNodes(t, dsn, sharing(t, addr))
	one.limited()
	two.limited()
	admin, ann := one.admin(), one.browser("ann")
	there := ann.at(two)
	ann.do("GET", "/search").want(200)
	there.do("GET", "/search").want(200)
	ann.do("GET", "/search").want(200)
	ann.do("GET", "/search").want(429, "rate_limited")
	there.do("GET", "/search").want(429, "rate_limited")

	three := openOn(t, openPostgres(t, dsn), sharing(t, addr), func(c *server.Config) { c.BaseURL = one.URL })
	ann.at(three).do("GET", "/notes").want(200)
	if n := three.found(); n != 1 {
		t.Errorf("a node that started a moment ago found %d sessions, want 1", n)
	}
	admin.do("POST", "/auth/admin/api/users/"+ann.id+"/disable").want(204)
	for _, h := range []*house{one, two, three} {
		ann.at(h).until(401, "GET", "/notes")
	}
}

// found counts what the node found in Redis.
func (h *house) found() int64 { return h.shared.(*counted).found.Load() }

// A raw connection to a Redis does what its owner could, or whoever got in.
type raw struct {
	testing.TB
	rueidis.Client
}

func breakInto(t testing.TB, addr string) raw {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return raw{t, c}
}

func (r raw) do(words ...string) rueidis.RedisResult {
	r.Helper()
	result := r.Do(r.Context(), r.B().Arbitrary(words...).Build())
	if err := result.Error(); err != nil && !rueidis.IsRedisNil(err) {
		r.Fatalf("%.40q: %v", words, err)
	}
	return result
}

// sessions returns everything kept of sessions.
func (r raw) sessions() map[string]string {
	r.Helper()
	all := map[string]string{}
	keys, err := r.do("KEYS", "sallyport:v:*").AsStrSlice()
	if err != nil {
		r.Fatal(err)
	}
	for _, k := range keys {
		all[k], _ = r.do("GET", k).ToString()
	}
	return all
}

// Whatever is in Redis, the living are let in and the ended are not.
func TestWhatIsInRedisRevivesNobody(t *testing.T) {
	dsn, addr := testdb.Postgres(t, sqldb.Key(), migrate), testdb.Redis(t)
	one, two := twoNodes(t, dsn, sharing(t, addr))
	r, admin := breakInto(t, addr), one.admin()
	for i, fault := range []struct {
		name string
		do   func(r raw, before map[string]string)
	}{
		{"it was flushed", func(r raw, _ map[string]string) { r.do("FLUSHALL") }},
		{"it was restored from an old dump", func(r raw, before map[string]string) {
			for k, v := range before {
				r.do("SET", k, v)
			}
		}},
		{"values were exchanged", func(r raw, before map[string]string) {
			for k := range before {
				for other, v := range before {
					if other != k {
						r.do("SET", k, v)
					}
				}
			}
		}},
		{"values were overwritten", func(r raw, before map[string]string) {
			for k := range before {
				r.do("SET", k, `{"Subject":"usr_boss","ID":"ses_x"}`)
			}
		}},
		{"a bit of each was changed", func(r raw, before map[string]string) {
			for k, v := range before {
				b := []byte(v)
				b[len(b)-1] ^= 1
				r.do("SET", k, string(b))
			}
		}},
		{"values were replaced by lists", func(r raw, before map[string]string) {
			for k := range before {
				r.do("DEL", k)
				r.do("LPUSH", k, "x")
			}
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			somebody := func(name string) *caller { return one.browser(fmt.Sprint(name, i)).copied() }
			living, ended, changed := somebody("ann"), somebody("bob"), somebody("cleo")
			for _, c := range []*caller{living, ended, changed} {
				c.at(two).do("GET", "/notes").want(200)
			}
			before := r.sessions()
			if len(before) < 3 {
				t.Fatalf("%d sessions are kept", len(before))
			}
			ended.do("POST", "/auth/logout").want(204)
			admin.do("PUT", "/auth/admin/api/users/"+changed.id+"/roles/editor").want(204)
			fault.do(r, before)
			cold := openOn(t, openPostgres(t, dsn), sharing(t, addr), func(c *server.Config) { c.BaseURL = one.URL })
			for _, h := range []*house{one, two, cold} {
				if err := h.Obey(t.Context()); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					living.at(h).do("GET", "/notes").want(200)
					living.at(h).do("POST", "/notes").want(403, "forbidden")
					changed.at(h).do("POST", "/notes").want(200)
					ended.at(h).do("GET", "/notes").want(401, "invalid_token")
				}
			}
		})
	}
}

// Two installations on one Redis do not meet.
func TestAnotherSealingKeyOpensNothing(t *testing.T) {
	addr := testdb.Redis(t)
	one := openOn(t, openPostgres(t, testdb.Postgres(t, sqldb.Key(), migrate)), sharing(t, addr))
	other := openOn(t, openPostgres(t, testdb.Postgres(t, sqldb.Key(), migrate)), sharing(t, addr), func(c *server.Config) {
		c.SealingKey = bytes.Repeat([]byte("another key 0123"), secret.KeySize/16)
	})
	ann := one.browser("ann")
	ann.do("GET", "/notes").want(200)
	ann.at(other).do("GET", "/notes").want(401, "invalid_token")
	ann.do("GET", "/notes").want(200)
	if n := other.found(); n != 0 {
		t.Errorf("it found %d values of the other", n)
	}
}

// A node with Redis says what a node without says, whatever happens.
func TestRedisNeverChangesAnAnswer(t *testing.T) {
	dsn, addr := testdb.Postgres(t, sqldb.Key(), migrate), testdb.Redis(t)
	plain := openOn(t, openPostgres(t, dsn))
	here := func(c *server.Config) { c.BaseURL = plain.URL }
	shared := []*house{openOn(t, openPostgres(t, dsn), here, sharing(t, addr)), openOn(t, openPostgres(t, dsn), here, sharing(t, addr))}
	thief := breakInto(t, addr)
	admin, r := plain.admin(), rand.New(rand.NewPCG(1, 2))
	var found int64
	var people []*caller
	for i := range 4 {
		people = append(people, plain.browser(fmt.Sprint("ann", i)).copied())
	}
	for step := range testenv.Count(30, 1500) {
		c := people[r.IntN(len(people))]
		user := "/auth/admin/api/users/" + c.id
		switch r.IntN(9) {
		case 0:
			c.do("POST", "/auth/logout")
		case 1:
			admin.do("PUT", user+"/roles/editor").want(204)
		case 2:
			admin.do("DELETE", user+"/roles/editor")
		case 3:
			admin.do("POST", user+"/disable").want(204)
		case 4:
			admin.do("POST", user+"/enable").want(204)
		case 5:
			people[r.IntN(len(people))] = plain.browser(fmt.Sprint("new", step)).copied()
		case 6: // a node restarts
			i := r.IntN(len(shared))
			found += shared[i].found()
			shared[i].Close()
			h := shared[i]
			h.must(h.store().Close()) // or the connections of hundreds of nodes would pile up
			shared[i] = openOn(t, openPostgres(t, dsn), here, sharing(t, addr))
		case 7:
			old := thief.sessions()
			c.do("POST", "/auth/logout")
			for k, v := range old {
				thief.do("SET", k, v)
			}
		case 8:
			thief.do("FLUSHALL")
		}
		for _, h := range shared {
			if err := h.Obey(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, c := range people {
				for _, method := range []string{"GET", "POST"} {
					if got, want := c.at(h).do(method, "/notes").status, c.do(method, "/notes").status; got != want {
						t.Fatalf("step %d, person %d: %d with Redis, %d without", step, i, got, want)
					}
				}
			}
		}
	}
	for _, h := range shared {
		found += h.found()
	}
	if found == 0 {
		t.Error("Redis was never used, so this test shows nothing")
	}
}

// usual is how long a request waits for Redis where nothing else is configured.
const usual = 250 * time.Millisecond

// A phase is how long requests took while Redis was in some state.
type phase struct {
	name string
	mu   sync.Mutex
	took []time.Duration
}

func (p *phase) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.Sort(p.took)
	n := len(p.took)
	if n == 0 {
		return p.name + ": nothing"
	}
	return fmt.Sprintf("%s: %d requests, p50 %v, p99 %v, longest %v", p.name, n, p.took[n/2], p.took[n*99/100], p.took[n-1])
}

// While Redis is lost, no request fails, nobody ended lives, and nobody waits once
// the loss is known.
func TestLosingRedisLosesNothing(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct {
		name      string
		fail, end func(*testdb.RedisServer)
	}{
		{"gone", (*testdb.RedisServer).Stop, (*testdb.RedisServer).Start},
		{"frozen", (*testdb.RedisServer).Freeze, (*testdb.RedisServer).Thaw},
	} {
		t.Run(fault.name, func(t *testing.T) {
			r := testdb.NewRedis(t)
			one, two := twoNodes(t, testdb.Postgres(t, sqldb.Key(), migrate), sharing(t, r.Addr, usual))
			one.limited()
			two.limited()
			var now atomic.Pointer[phase]
			begin := func(name string) *phase {
				last := now.Swap(&phase{name: name})
				if last != nil {
					t.Log(last)
				}
				return last
			}
			begin("before")
			done := make(chan struct{})
			var workers sync.WaitGroup
			var sessions atomic.Int64
			request := func(c *caller, path string, want int) {
				p, begun := now.Load(), time.Now()
				c.do("GET", path).want(want)
				p.mu.Lock()
				p.took = append(p.took, time.Since(begun))
				p.mu.Unlock()
			}
			for i := range 4 {
				here, there := one, two
				if i%2 == 1 {
					here, there = two, one
				}
				workers.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						ann := here.browser(fmt.Sprint("ann", sessions.Add(1)))
						elsewhere := ann.at(there)
						for range 5 {
							request(ann, "/much", 200)
							request(elsewhere, "/much", 200)
						}
						ann.do("POST", "/auth/logout").want(204)
						request(ann, "/much", 401)
						elsewhere.until(401, "GET", "/much")
						request(elsewhere, "/much", 401)
					}
				})
			}
			wait := func(d time.Duration) {
				n := sessions.Load()
				time.Sleep(d)
				eventually(t, "sessions begin", func() bool { return sessions.Load() >= n+8 })
			}
			for range testenv.Count(1, 10) {
				wait(300 * time.Millisecond)
				begin("as it is lost")
				fault.fail(r)
				wait(600 * time.Millisecond)
				begin("while it is away")
				wait(500 * time.Millisecond)
				if p := begin("as it comes back"); p.longest() > 5*time.Second {
					t.Errorf("requests wait although the loss is known: %v", p)
				}
				fault.end(r)
				client := one.shared.(*counted)
				eventually(t, "Redis is used again", func() bool { _, err := client.Get(t.Context(), "x"); return err == nil })
				wait(300 * time.Millisecond)
				begin("after")
			}
			close(done)
			workers.Wait()
			begin("end")
			t.Logf("%d sessions", sessions.Load())
		})
	}
}

func (p *phase) longest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.took) == 0 {
		return 0
	}
	return slices.Max(p.took)
}

// eventually waits until f is true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never happened that %s", what)
		}
	}
}

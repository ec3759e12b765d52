package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// A source is an EventSource (HTML Standard §9.2): it reads a stream as a browser
// does, and fails the test for whatever a browser would drop.
type source struct {
	*testing.T
	events chan string // closed when the stream ends
	close  func()
	header http.Header
	retry  atomic.Int64
	last   string // told
}

// listen opens a stream and waits for its first event.
func (c *caller) listen() *source {
	c.h.Helper()
	s, status := c.tryListen()
	if s == nil {
		c.h.Fatalf("GET /auth/events: %d", status)
	}
	s.want("hello")
	return s
}

func (c *caller) tryListen() (*source, int) {
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", c.h.URL+"/auth/events", nil)
	if err != nil {
		c.h.Fatal(err)
	}
	r.Header = c.header.Clone()
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Cache-Control", "no-cache")
	resp, err := c.client.Do(r)
	if err != nil {
		c.h.Errorf("opening a stream: %v", err)
		cancel()
		return nil, 0
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		cancel()
		return nil, resp.StatusCode
	}
	s := &source{T: c.h.T, events: make(chan string, 1000), close: cancel, header: resp.Header}
	s.Cleanup(cancel)
	go func() {
		defer resp.Body.Close()
		defer close(s.events)
		if err := s.parse(resp.Body); err != nil && !errors.Is(err, context.Canceled) {
			s.Errorf("reading the stream: %v", err)
		}
	}()
	return s, http.StatusOK
}

// parse interprets an event stream, line by line, as the standard says (§9.2.6).
func (s *source) parse(body io.Reader) error {
	lines := bufio.NewScanner(body)
	var name string
	var data []string
	for lines.Scan() {
		line := lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if name != "" && len(data) == 0 {
				s.Errorf("event %q has no data: a browser drops it", name)
			}
			if len(data) > 0 {
				if strings.Join(data, "\n") != "{}" {
					s.Errorf("event %q says %q", name, data)
				}
				s.events <- name
			}
			name, data = "", nil
		case field == "": // a comment
		case field == "event":
			name = value
		case field == "data":
			data = append(data, value)
		case field == "retry":
			n, err := strconv.Atoi(value)
			if err != nil {
				s.Errorf("retry: %q", value)
			}
			s.retry.Store(int64(n))
		default:
			s.Errorf("line %q", line)
		}
	}
	return lines.Err()
}

// want waits for these events and no others, in this order; the same twice in a row
// counts once, because what happens at once is told once or more.
func (s *source) want(names ...string) {
	s.Helper()
	for _, name := range names {
		got, ok := s.next()
		for ok && got == s.last && got != name {
			got, ok = s.next()
		}
		if !ok || got != name {
			s.Fatalf("got %q (open: %v), want %q", got, ok, name)
		}
		s.last = name
	}
}

func (s *source) next() (string, bool) {
	s.Helper()
	select {
	case name, ok := <-s.events:
		return name, ok
	case <-time.After(time.Minute):
		s.Fatal("nothing was told for a minute")
		return "", false
	}
}

// over waits for the end, with nothing more told.
func (s *source) over() {
	s.Helper()
	if name, ok := s.next(); ok {
		s.Fatalf("told %q, want the end", name)
	}
}

// silent makes sure that nothing has been told: up to now, because the log is in
// force once a change was answered, and a policy change of everybody's comes after
// whatever else there was.
func (s *source) silent(h *house) {
	s.Helper()
	h.everybody()
	s.want("policy")
}

// everybody changes what concerns everybody.
func (h *house) everybody() {
	h.Helper()
	n := fmt.Sprint("filler", h.fillers.Add(1))
	err := h.Accounts.EnsureRoles(h.Context(), []authz.Role{{Name: n, Permissions: []string{"note:read"}}})
	if err != nil {
		h.Fatal(err)
	}
}

func TestTheHeadersOfAStream(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	s := ann.listen()
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff",
		"Content-Encoding": "", "Content-Length": "",
	} {
		if got := s.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if n := s.retry.Load(); n < 2000 || n >= 6000 {
		t.Errorf("retry: %d", n)
	}
	ann.do("HEAD", "/auth/events").want(200)
	ann.do("GET", "/auth/events").want(200)
	h.nobody().do("GET", "/auth/events").want(401, "unauthenticated")
	h.nobody().bearer("garbage").do("GET", "/auth/events").want(401, "invalid_token")
}

// TestWhatIsTold: each change, to whom it is told, and what they can do afterwards.
func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	h := open(t)
	boss := h.admin()
	acme, beta := h.organization(boss, "acme"), h.organization(boss, "beta")
	for i, tt := range []struct {
		name   string
		change func(me, tab *caller) // tab is another tab of me's session
		cookie []string              // told to a stream by cookie; "" at the end: it ends
		token  []string
		key    []string
	}{
		{"signing out in another tab", func(me, tab *caller) { tab.do("POST", "/auth/logout").want(204) },
			[]string{"signed_out", ""}, nil, nil},
		{"signing out everywhere", func(me, tab *caller) { tab.do("POST", "/auth/logout", `{"everywhere":true}`).want(204) },
			[]string{"signed_out", ""}, []string{"signed_out", ""}, []string{"roles"}},
		{"ending the other sessions", func(me, tab *caller) { tab.do("DELETE", "/auth/sessions").want(204) },
			nil, []string{"signed_out", ""}, nil},
		{"a password change: the old cookie is no good, the session goes on", func(me, tab *caller) {
			tab.do("POST", "/auth/password", `{"current_password":"`+pass+`","new_password":"a lighthouse made of cork"}`).want(204)
		}, []string{""}, []string{"signed_out", ""}, nil},
		{"an account that is disabled", func(me, _ *caller) { boss.do("POST", api+"/users/"+me.id+"/disable").want(204) },
			[]string{"signed_out", ""}, []string{"signed_out", ""}, []string{"signed_out", ""}},
		{"an account that is deleted", func(me, _ *caller) { boss.do("DELETE", api+"/users/"+me.id).want(204) },
			[]string{"signed_out", ""}, []string{"signed_out", ""}, []string{"signed_out", ""}},
		{"a key that is revoked", func(me, tab *caller) {
			tab.do("DELETE", "/auth/api-keys/"+firstOf(tab.do("GET", "/auth/api-keys").want(200))).want(204)
		}, nil, nil, []string{"signed_out", ""}},
		{"a role that is given", func(me, _ *caller) {
			boss.do("PUT", api+"/users/"+me.id+"/roles/editor").want(204)
			me.do("POST", "/notes").want(200)
		}, []string{"roles"}, []string{"roles"}, []string{"roles"}},
		{"a role that is taken", func(me, _ *caller) { boss.do("DELETE", api+"/users/"+me.id+"/roles/member").want(204) },
			[]string{"roles"}, []string{"roles"}, []string{"roles"}},
		{"a plan", func(me, _ *caller) {
			if err := h.Accounts.SetPlan(h.Context(), me.id, "gold", account.Origin{}); err != nil {
				h.Fatal(err)
			}
		}, []string{"roles"}, []string{"roles"}, []string{"roles"}},
		{"a plan of the organization", func(*caller, *caller) {
			boss.do("PATCH", api+"/organizations/"+acme, `{"plan":"plan`+strconv.Itoa(len(acme))+`"}`).want(200)
		}, []string{"roles"}, []string{"roles"}, []string{"roles"}},
		{"a role in the organization", func(me, _ *caller) {
			boss.do("PUT", api+"/users/"+me.id+"/roles/clerk?org="+acme).want(204)
		}, []string{"roles"}, []string{"roles"}, []string{"roles"}},
		{"a membership that ends", func(me, _ *caller) {
			boss.do("DELETE", api+"/organizations/"+acme+"/members/"+me.id).want(204)
		}, []string{"roles"}, []string{"signed_out", ""}, []string{"roles"}},
		{"another organization", func(_, tab *caller) {
			tab.do("POST", "/auth/organization", `{"org":""}`).want(204)
		}, []string{"roles"}, nil, nil},
		{"a grant", func(me, _ *caller) {
			boss.do("PUT", api+"/grants", `{"subject":"`+me.id+`","resource":{"type":"Note","id":"1"},"permissions":["note:delete"]}`).want(204)
		}, []string{"roles"}, []string{"roles"}, []string{"roles"}},
		{"a policy", func(*caller, *caller) { boss.do("POST", api+"/policies", policy("// nothing")).want(201) },
			[]string{"policy"}, []string{"policy"}, []string{"policy"}},
		{"the definition of a role", func(*caller, *caller) {
			boss.do("PUT", api+"/roles/clerk", `{"permissions":["member:read","note:stamp"]}`).want(200)
		}, []string{"policy"}, []string{"policy"}, []string{"policy"}},
		{"a signing key that is compromised", func(*caller, *caller) {
			boss.do("DELETE", api+"/keys/"+firstOf(boss.do("GET", api+"/keys").want(200))).want(204)
		}, nil, []string{"signed_out", ""}, nil},
		{"a new signing key", func(*caller, *caller) { boss.do("POST", api+"/keys/rotate").want(204) }, nil, nil, nil},
		{"somebody else signing out", func(*caller, *caller) {
			h.browser(fmt.Sprint("zoe", h.fillers.Add(1))).do("POST", "/auth/logout").want(204)
		}, nil, nil, nil},
		{"somebody else's role", func(*caller, *caller) {
			boss.do("PUT", api+"/users/"+boss.id+"/roles/editor").want(204)
			boss.do("DELETE", api+"/users/"+boss.id+"/roles/editor").want(204)
		}, nil, nil, nil},
		{"somebody else's account", func(*caller, *caller) {
			boss.do("POST", api+"/users/"+h.browser(fmt.Sprint("zoe", h.fillers.Add(1))).id+"/disable").want(204)
		}, nil, nil, nil},
		{"somebody else's organization", func(*caller, *caller) {
			boss.do("PATCH", api+"/organizations/"+beta, `{"plan":"other"}`).want(200)
			boss.do("PUT", api+"/organizations/"+beta+"/members/"+boss.id).want(204)
			boss.do("DELETE", api+"/organizations/"+beta+"/members/"+boss.id).want(204)
		}, nil, nil, nil},
		{"somebody else in the same organization", func(*caller, *caller) {
			boss.do("PUT", api+"/organizations/"+acme+"/members/"+boss.id).want(204)
			boss.do("DELETE", api+"/organizations/"+acme+"/members/"+boss.id).want(204)
		}, nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.T = t
			name := fmt.Sprint("user", i)
			me := h.mailbox(name)
			boss.do("PUT", api+"/organizations/"+acme+"/members/"+me.id).want(204)
			me.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204)
			tab := *me // shares the jar
			signedIn := h.nobody()
			signedIn.do("POST", "/auth/login", `{"username":"`+name+`","password":"`+pass+`","org":"acme"}`).want(200).into(&signedIn.tokens)
			byKey := me.narrowed("note:read")
			streams := []*source{me.listen(), signedIn.bearer(signedIn.tokens.Access).listen(), byKey.listen()}
			tt.change(me, &tab)
			for i, want := range [][]string{tt.cookie, tt.token, tt.key} {
				s := streams[i]
				if n := len(want); n > 0 && want[n-1] == "" {
					s.want(want[:n-1]...)
					s.over()
					continue
				}
				s.want(want...)
				s.silent(h)
			}
		})
	}
}

// TestWhatIsToldIsInForce: the request that follows the event sees the change, on
// this node and on another.
func TestWhatIsToldIsInForce(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := openOn(t, db)
	boss, ann := h.admin(), h.browser("ann")
	role := api + "/users/" + ann.id + "/roles/editor"
	s := ann.listen()
	for range testenv.Count(8, 200) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			boss.do("PUT", role)
		}()
		s.want("roles")
		ann.do("POST", "/notes").want(200)
		<-done
		done = make(chan struct{})
		go func() {
			defer close(done)
			boss.do("DELETE", role)
		}()
		s.want("roles")
		ann.do("POST", "/notes").want(403, "forbidden")
		<-done
	}
}

func TestAStreamEndsWithItsCredential(t *testing.T) {
	t.Parallel()
	h := open(t)
	ann := h.browser("ann")
	sess := func() string {
		var me struct{ Session struct{ ID string } }
		ann.do("GET", "/auth/me").want(200).into(&me)
		return me.Session.ID
	}()
	t.Run("a token that expires: no sign-out", func(t *testing.T) {
		h.T = t
		value := signed(h, ann.id, func(c *token.Claims) { c.Session, c.Expiry = sess, time.Now().Add(3*time.Second) })
		h.nobody().bearer(value).listen().over()
	})
	t.Run("a cookie that is rotated: the browser comes back with the new one", func(t *testing.T) {
		h.T = t
		old := ann.listen()
		ann.do("POST", "/auth/password", `{"current_password":"`+pass+`","new_password":"a lighthouse made of cork"}`).want(204)
		old.over()
		ann.listen()
	})
	t.Run("a key that expires", func(t *testing.T) {
		h.T = t
		var key struct{ Key string }
		expires := time.Now().Add(3 * time.Second).UTC().Format(time.RFC3339Nano)
		ann.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["note:read"],"expires_at":"`+expires+`"}`).want(201).into(&key)
		s := h.nobody().bearer(key.Key).listen()
		s.want("signed_out")
		s.over()
	})
}

func TestASessionThatExpiresIsASignOut(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*server.Config){
		"absolutely": func(c *server.Config) { c.SessionMax = 8 * time.Second },
		"idle":       func(c *server.Config) { c.SessionIdle = 8 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, change)
			ann := h.browser("ann").copied() // no browser keeps the cookie that long
			s := ann.listen()
			s.want("signed_out")
			s.over()
			ann.do("GET", "/auth/events").want(401, "invalid_token")
		})
	}
}

func TestNobodyOpensTooManyStreams(t *testing.T) {
	h := open(t)
	ann, bob := h.browser("ann"), h.browser("bob")
	key := ann.narrowed("note:read")
	var open []*source
	for i := range 20 {
		who := ann
		if i%2 == 1 {
			who = key // whatever the credential, it is the same person
		}
		open = append(open, who.listen())
	}
	a := ann.do("GET", "/auth/events").want(429, "rate_limited")
	if a.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	bob.listen()
	open[0].close()
	for { // the server hears that it was closed
		if s, status := ann.tryListen(); s != nil {
			s.want("hello")
			break
		} else if status != 429 {
			t.Fatal(status)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// overHTTP2 has those who come from now on speak HTTP/2.
func (h *house) overHTTP2() {
	s := httptest.NewUnstartedServer(h.Server)
	s.EnableHTTP2 = true
	s.StartTLS()
	h.Cleanup(s.Close)
	h.http, h.URL = s, s.URL
}

// TestAThousandStreams: fifty people with twenty streams each hear of what is
// theirs, while people sign in and out.
func TestAThousandStreams(t *testing.T) {
	h := open(t)
	h.overHTTP2()
	boss := h.admin()
	const people, each = 50, 20
	who := make([]*caller, people)
	streams := make([][]*source, people)
	var wg sync.WaitGroup
	for i := range who {
		who[i] = h.browser(fmt.Sprint("user", i))
	}
	for i := range who {
		wg.Go(func() {
			for range each {
				s, status := who[i].tryListen()
				if s == nil {
					t.Errorf("stream of %d: %d", i, status)
					return
				}
				streams[i] = append(streams[i], s)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	all := func(f func(i int, s *source)) {
		for i := range streams {
			for _, s := range streams[i] {
				f(i, s)
			}
		}
	}
	all(func(_ int, s *source) { s.want("hello") })
	began := time.Now()
	h.everybody()
	all(func(_ int, s *source) { s.want("policy") })
	t.Logf("%d streams told in %v", people*each, time.Since(began))
	for i := range who {
		wg.Go(func() {
			if i%2 == 0 {
				boss.do("PUT", api+"/users/"+who[i].id+"/roles/editor").want(204)
			} else {
				who[i].do("POST", "/auth/logout").want(204)
			}
		})
	}
	wg.Wait()
	all(func(i int, s *source) {
		if i%2 == 0 {
			s.want("roles")
			return
		}
		s.want("signed_out")
		s.over()
	})
	h.everybody()
	all(func(i int, s *source) {
		if i%2 == 0 {
			s.want("policy")
		}
	})
}

// TestShutDown: streams do not keep a server from shutting down, whoever ends them.
func TestShutDown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		http2 bool
		end   func(h *house, ctx context.Context) error
	}{
		{"an HTTP/2 server shuts down by itself", true, func(h *house, ctx context.Context) error { return h.http.Config.Shutdown(ctx) }},
		{"the HTTP server shuts down by itself", false, func(h *house, ctx context.Context) error { return h.http.Config.Shutdown(ctx) }},
		{"ours is closed first", false, func(h *house, ctx context.Context) error {
			return errors.Join(h.Server.Close(), h.http.Config.Shutdown(ctx))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t)
			if tt.http2 {
				h.overHTTP2()
			}
			ann := h.browser("ann")
			s := []*source{ann.listen(), ann.listen()}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := tt.end(h, ctx); err != nil {
				t.Fatal(err)
			}
			for _, s := range s {
				s.over()
			}
			if err := h.Server.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("no stream begins afterwards", func(t *testing.T) {
		h := open(t)
		ann := h.browser("ann")
		h.EndStreams()
		ann.do("GET", "/auth/events").want(503, "unavailable")
	})
}

// TestAResetIsToldAsAChangeOfEverything: what happened in between cannot be told.
// Sessions and tokens of another log are no more, keys are.
func TestAResetIsToldAsAChangeOfEverything(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store := &replaced{Store: db}
	h := openOn(t, store)
	ann := h.browser("ann")
	program := h.program("bob")
	byKey := ann.narrowed("note:read").listen()
	s, p := ann.listen(), program.listen()
	store.id.Store("another")
	byKey.want("roles", "policy")
	for _, s := range []*source{s, p} {
		s.want("signed_out")
		s.over()
	}
}

// replaced is a store whose log can become another.
type replaced struct {
	account.Store
	id atomic.Value
}

func (r *replaced) View(ctx context.Context, f func(account.Tx) error) error {
	return r.Store.View(ctx, func(tx account.Tx) error {
		if id, ok := r.id.Load().(string); ok {
			tx.Log = otherLog{tx.Log, id}
		}
		return f(tx)
	})
}

type otherLog struct {
	revoke.Log
	id string
}

func (o otherLog) Head(ctx context.Context) (revoke.Head, error) {
	h, err := o.Log.Head(ctx)
	h.Position.Log = o.id
	return h, err
}

// driveEvents lets the streams give their answers.
func driveEvents(h *house) {
	h.Helper()
	kai := h.browser("kai")
	kai.do("GET", "/auth/events").want(200)
	for {
		if _, status := kai.tryListen(); status == 429 {
			break
		}
	}
	kai.do("GET", "/auth/events").want(429, "rate_limited")
}

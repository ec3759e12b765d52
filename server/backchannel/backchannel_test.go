package backchannel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/backchannel"
	"github.com/sallyport-auth/sallyport/store/memory"
)

// A world is a store of what is to be told, and the clients that are told.
type world struct {
	*testing.T
	store  *memory.Store
	sealer *secret.Sealer
	began  time.Time

	mu      sync.Mutex
	answers map[string]func(r *http.Request, attempt int) (*http.Response, error) // by host
	heard   map[string][]hearing
	reached map[string]int // requests that have come, by host
}

// A hearing is one request that was answered, by a client that listens.
type hearing struct {
	after   time.Duration
	jti     string
	claims  map[string]any
	alg     string
	attempt int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sealer, err := secret.New(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		T: t, store: memory.New(), sealer: sealer, began: time.Now(), heard: map[string][]hearing{}, reached: map[string]int{},
		answers: map[string]func(*http.Request, int) (*http.Response, error){},
	}
}

func says(status int) func(*http.Request, int) (*http.Response, error) {
	return func(*http.Request, int) (*http.Response, error) { return answer(status, ""), nil }
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// hangs is a client that takes the request and says nothing.
func hangs(r *http.Request, _ int) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// RoundTrip is every client.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form) != 1 || len(form["logout_token"]) != 1 || r.Method != "POST" || r.URL.Path != "/logout" ||
		r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		w.Errorf("%s %s: %s, %v", r.Method, r.URL, body, r.Header)
	}
	var signed struct {
		Alg, Typ string
		Payload  json.RawMessage
	}
	var claims map[string]any
	if err := errors.Join(json.Unmarshal([]byte(form.Get("logout_token")), &signed), json.Unmarshal(signed.Payload, &claims)); err != nil || signed.Typ != "logout+jwt" {
		w.Errorf("%s: %v", form, err)
	}
	host := r.URL.Host
	w.mu.Lock()
	w.reached[host]++
	attempt := w.reached[host]
	f := w.answers[host]
	w.mu.Unlock()
	resp, err := f(r, attempt)
	w.mu.Lock()
	defer w.mu.Unlock()
	jti, _ := claims["jti"].(string)
	w.heard[host] = append(w.heard[host], hearing{time.Since(w.began), jti, claims, signed.Alg, attempt})
	return resp, err
}

// client registers one that answers so.
func (w *world) client(id string, f func(*http.Request, int) (*http.Response, error)) {
	w.Helper()
	w.answers[id+".example"] = f
	w.register(id, "https://"+id+".example/logout")
}

func (w *world) register(id, address string) {
	w.Helper()
	c := oauth.Client{ID: id, Name: id, BackchannelLogout: address, IDTokenAlg: token.ES256, CreatedAt: w.began.Add(-time.Hour)}
	w.update(func(tx account.Tx) error { return tx.Clients.Create(w.Context(), c) })
}

// ended writes to a client that a session has ended.
func (w *world) ended(client, session string) string {
	w.Helper()
	m, err := outbox.New(w.sealer, outbox.SessionEnded, outbox.Letter{User: "usr_ann", To: client, Data: map[string]string{"session": session}}, time.Now())
	if err != nil {
		w.Fatal(err)
	}
	w.update(func(tx account.Tx) error { return tx.Outbox.Add(w.Context(), m) })
	return m.ID
}

func (w *world) update(f func(account.Tx) error) {
	w.Helper()
	if err := w.store.Update(w.Context(), f); err != nil {
		w.Fatal(err)
	}
}

// runs lets a node deliver what there is, until the returned function is called.
func (w *world) runs(change ...func(*backchannel.Config)) (stop func()) {
	w.Helper()
	c := backchannel.Config{
		Store: w.store, Sealer: w.sealer, Issuer: "https://id.example", Transport: w, Log: slog.New(slog.DiscardHandler),
		Sign: func(alg token.Alg, typ string, payload []byte) (string, error) {
			b, err := json.Marshal(map[string]any{"alg": alg, "typ": typ, "payload": json.RawMessage(payload)})
			return string(b), err
		},
	}
	for _, f := range change {
		f(&c)
	}
	n := backchannel.New(c)
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan struct{})
	go func() { defer close(done); n.Run(ctx) }()
	return func() { cancel(); <-done }
}

// heardBy is what a client has heard, all of it answered.
func (w *world) heardBy(id string) []hearing {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard[id+".example"]
}

// failures are the messages that were given up, with why.
func (w *world) failures() (all map[string]string) {
	w.Helper()
	all = map[string]string{}
	err := w.store.View(w.Context(), func(tx account.Tx) error {
		es, err := tx.Audit.List(w.Context(), audit.Filter{Action: "message.fail", Limit: 1000})
		for _, e := range es {
			all[e.Detail["message"]] = e.Detail["problem"]
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return all
}

func (w *world) waiting() (n int) {
	w.Helper()
	err := w.store.View(w.Context(), func(tx account.Tx) error {
		all, err := tx.Outbox.Waiting(w.Context(), 10_000)
		n = len(all)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// Back-Channel Logout 1.0 §2.4: what a logout token says, and what it does not.
func TestWhatALogoutTokenSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.client("app", says(200))
		id := w.ended("app", "ses_1")
		defer w.runs()()
		time.Sleep(time.Second)
		all := w.heardBy("app")
		if len(all) != 1 {
			t.Fatalf("told %d times", len(all))
		}
		c := all[0].claims
		iat, _ := c["iat"].(float64)
		exp, _ := c["exp"].(float64)
		for name, want := range map[string]any{"iss": "https://id.example", "sub": "usr_ann", "aud": "app", "jti": id, "sid": "ses_1"} {
			if c[name] != want {
				t.Errorf("%s is %v, want %v", name, c[name], want)
			}
		}
		if exp <= iat || exp-iat > 120 || int64(iat) > time.Now().Unix() {
			t.Errorf("good from %v to %v", iat, exp)
		}
		events, _ := c["events"].(map[string]any)
		event, ok := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
		if len(events) != 1 || !ok || len(event) != 0 {
			t.Errorf("events: %v", c["events"])
		}
		if len(c) != 8 || all[0].alg != "ES256" { // and so there is no nonce
			t.Errorf("signed with %s: %v", all[0].alg, c)
		}
	})
}

func TestWhatAClientAnswers(t *testing.T) {
	soon, later := 3*time.Minute, 25*time.Hour
	first := func(f func(*http.Request, int) (*http.Response, error)) func(*http.Request, int) (*http.Response, error) {
		return func(r *http.Request, attempt int) (*http.Response, error) {
			if attempt > 2 {
				return answer(200, ""), nil
			}
			return f(r, attempt)
		}
	}
	endless := func(status int) func(*http.Request, int) (*http.Response, error) {
		return func(*http.Request, int) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: &endlessBody{t: t}}, nil
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(*http.Request, int) (*http.Response, error)
		during time.Duration
		told   int    // how often
		gaveUp string // why; "" = the client has acknowledged it
	}{
		{"200 is that it did", says(200), later, 1, ""},
		{"204 is, too: frameworks answer so", says(204), later, 1, ""},
		{"400 is that it will not", says(400), later, 1, "the client answered 400"},
		{"500 may do better", first(says(500)), soon, 3, ""},
		{"503 may do better", first(says(503)), soon, 3, ""},
		{"404 may be a mistake of whoever stands before it", first(says(404)), soon, 3, ""},
		{"202 is no acknowledgement", first(says(202)), soon, 3, ""},
		{"a redirect is not followed", first(func(*http.Request, int) (*http.Response, error) {
			r := answer(302, "")
			r.Header.Set("Location", "https://elsewhere.example/logout")
			return r, nil
		}), soon, 3, ""},
		{"it cannot be reached", first(func(*http.Request, int) (*http.Response, error) { return nil, errors.New("no route to host") }), soon, 3, ""},
		{"it hangs", first(hangs), soon, 3, ""},
		{"it answers without end that it did", endless(200), soon, 1, ""},
		{"it answers without end that it will not", endless(400), soon, 1, "the client answered 400"},
		{"it fails for a day", says(500), later, -1, outbox.ErrExpired.Problem},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.client("app", tt.answer)
				id := w.ended("app", "ses_1")
				defer w.runs()()
				time.Sleep(tt.during)
				all := w.heardBy("app")
				if tt.told >= 0 && len(all) != tt.told || tt.told < 0 && (len(all) < 50 || len(all) > 200) {
					t.Errorf("told %d times", len(all))
				}
				for i, x := range all {
					if x.jti != id {
						t.Errorf("told of %s, want %s", x.jti, id)
					}
					if i > 0 && x.claims["iat"] == all[i-1].claims["iat"] {
						t.Error("an old token was sent again")
					}
				}
				if w.waiting() != 0 {
					t.Error("it still waits")
				}
				if got := w.failures()[id]; got != tt.gaveUp {
					t.Errorf("given up: %q, want %q", got, tt.gaveUp)
				}
			})
		})
	}
}

// endlessBody is an answer that nobody should read to its end.
type endlessBody struct {
	t *testing.T
	n int
}

func (b *endlessBody) Read(p []byte) (int, error) {
	if b.n += len(p); b.n > 1<<20 {
		b.t.Error("more than a megabyte was read")
		return 0, io.EOF
	}
	return len(p), nil
}

func (b *endlessBody) Close() error { return nil }

func TestAClientThatHangsKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 40 {
			dead := fmt.Sprint("dead", i)
			w.client(dead, hangs)
			for s := range 50 {
				w.ended(dead, fmt.Sprint("ses_", s))
			}
		}
		w.client("well", says(200))
		defer w.runs()()
		for s := range 100 {
			w.ended("well", fmt.Sprint("ses_", s))
			time.Sleep(time.Minute)
			all := w.heardBy("well")
			if len(all) != s+1 || all[s].after > time.Duration(s)*time.Minute+3*time.Second {
				t.Fatalf("%d told of %d sessions; the last after %v", len(all), s+1, all[len(all)-1].after)
			}
		}
		// Nor are those that hang asked all the time.
		if n := w.reached["dead1.example"]; n > 50*12 {
			t.Errorf("one that hangs was asked %d times", n)
		}
	})
}

// More clients hang than are told at once: the others get their turn all the same.
func TestManyThatHangKeepNobodyWaitingForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 300 {
			dead := fmt.Sprint("dead", i)
			w.client(dead, hangs)
			for s := range 20 {
				w.ended(dead, fmt.Sprint("ses_", s))
			}
		}
		w.client("well", says(200)) // after all of them, in every order
		w.ended("well", "ses_1")
		defer w.runs()()
		time.Sleep(time.Minute)
		if len(w.heardBy("well")) != 1 {
			t.Error("not told within a minute")
		}
	})
}

func TestAClientThatIsBackIsToldOfEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		back := w.began.Add(3 * time.Hour)
		w.client("app", func(*http.Request, int) (*http.Response, error) {
			if time.Now().Before(back) {
				return nil, errors.New("connection refused")
			}
			return answer(204, ""), nil
		})
		for s := range 200 {
			w.ended("app", fmt.Sprint("ses_", s))
		}
		defer w.runs()()
		time.Sleep(4 * time.Hour)
		if n := w.waiting(); n != 0 || len(w.failures()) != 0 {
			t.Errorf("%d wait, %d were given up", n, len(w.failures()))
		}
		good := map[string]int{}
		for _, x := range w.heardBy("app") {
			if x.after >= 3*time.Hour {
				good[x.jti]++
			}
		}
		for jti, n := range good {
			if n != 1 {
				t.Errorf("%s was acknowledged %d times", jti, n)
			}
		}
		if len(good) != 200 {
			t.Errorf("%d were told", len(good))
		}
	})
}

func TestWhatIsNotToldAnyMore(t *testing.T) {
	set := func(f func(*oauth.Client)) func(*testing.T, account.Tx) error {
		return func(t *testing.T, tx account.Tx) error {
			c, err := tx.Clients.ByID(t.Context(), "app")
			if err != nil {
				return err
			}
			was := c.UpdatedAt
			f(&c)
			return tx.Clients.Update(t.Context(), c, was)
		}
	}
	for name, change := range map[string]func(*testing.T, account.Tx) error{
		"to one that no longer wants to know": set(func(c *oauth.Client) { c.BackchannelLogout = "" }),
		"to one that is disabled":             set(func(c *oauth.Client) { c.Disabled = true }),
		"to one that is gone": func(t *testing.T, tx account.Tx) error {
			_, err := tx.Clients.Delete(t.Context(), "app")
			return err
		},
		"to another one of that name": func(t *testing.T, tx account.Tx) error {
			c, err := tx.Clients.ByID(t.Context(), "app")
			if err == nil {
				_, err = tx.Clients.Delete(t.Context(), "app")
			}
			c.CreatedAt = time.Now().Add(time.Second)
			return errors.Join(err, tx.Clients.Create(t.Context(), c))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.client("app", says(200))
				id := w.ended("app", "ses_1")
				w.update(func(tx account.Tx) error { return change(t, tx) })
				defer w.runs()()
				time.Sleep(time.Second)
				if n := len(w.heardBy("app")); n != 0 || w.failures()[id] == "" {
					t.Errorf("told %d times; given up: %v", n, w.failures())
				}
			})
		})
	}
}

// Nodes share the work: what one of them is told of is done once.
func TestOfManyNodesOneTells(t *testing.T) {
	w := newWorld(t)
	const clients, sessions = 20, 30
	for c := range clients {
		id := fmt.Sprint("app", c)
		w.client(id, says(200))
		for s := range sessions {
			w.ended(id, fmt.Sprint("ses_", s))
		}
	}
	for range 4 {
		defer w.runs(func(c *backchannel.Config) { c.Every = 5 * time.Millisecond })()
	}
	for deadline := time.Now().Add(time.Minute); w.waiting() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d wait", w.waiting())
		}
	}
	for c := range clients {
		seen := map[string]bool{}
		for _, x := range w.heardBy(fmt.Sprint("app", c)) {
			if seen[x.jti] {
				t.Errorf("%s was told twice", x.jti)
			}
			seen[x.jti] = true
		}
		if len(seen) != sessions {
			t.Errorf("app%d was told of %d sessions", c, len(seen))
		}
	}
}

// Who may register a client must not reach through us what only we can reach (server-side
// request forgery).
func TestNobodyIsToldOnAPrivateNetwork(t *testing.T) {
	inside := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer inside.Close()
	w := newWorld(t)
	w.register("app", inside.URL+"/logout")
	w.ended("app", "ses_1")
	defer w.runs(func(c *backchannel.Config) { c.Transport, c.Every = nil, 5*time.Millisecond })()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var problem string
		err := w.store.View(t.Context(), func(tx account.Tx) error {
			all, err := tx.Outbox.Waiting(t.Context(), 1)
			if len(all) > 0 {
				problem = all[0].Problem
			}
			return err
		})
		switch {
		case err != nil:
			t.Fatal(err)
		case problem != "":
			if problem != "address is not on the public internet" {
				t.Error(problem)
			}
			return
		case time.Now().After(deadline):
			t.Fatal("nobody tried")
		}
	}
}

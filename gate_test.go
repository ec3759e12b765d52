package sallyport_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// a post that load finds, by what the target asks for
func load(r *http.Request) (*post, error) {
	switch r.URL.Query().Get("post") {
	case "1":
		return &post{"1", "usr_ann"}, nil
	case "":
		return nil, nil
	case "unknown":
		return nil, fmt.Errorf("post: %w", sallyport.ErrNotFound)
	case "norow":
		return nil, fmt.Errorf("post: %w", sql.ErrNoRows)
	case "gone":
		return nil, &sallyport.Problem{Status: 410, Code: "gone"}
	}
	return nil, errStoreDown
}

const (
	bare         = `Bearer realm="desk"`
	invalidToken = `Bearer realm="desk", error="invalid_token"`
	narrow       = `Bearer realm="desk", error="insufficient_scope", scope="post:write"`
	stronger     = `Bearer realm="desk", error="insufficient_user_authentication", error_description="A fresher or stronger sign-in is required", acr_values="aal2 aal3"`
	fresher      = `Bearer realm="desk", error="insufficient_user_authentication", error_description="A fresher or stronger sign-in is required", max_age="300"`
)

// The table "situation → answer" of ARCHITECTURE.md.
func TestSituations(t *testing.T) {
	public, signedIn, may := sallyport.Public(), sallyport.SignedIn(), sallyport.May
	onPost := func(action string) sallyport.Door { return posts.May(action, load) }
	stale, robot := "Authorization: Bearer stale", "Authorization: Bearer robot"
	for _, tt := range []struct {
		name      string
		door      sallyport.Door
		request   *http.Request
		status    int
		code      string
		challenge string
	}{
		{"a public door takes anybody", public, request("GET /"), 200, "", ""},
		{"a public door knows who it is", public, request("GET /", annBearer), 200, "", ""},
		{"a public door takes an invalid credential as anonymous", public, request("GET /", "Authorization: Bearer expired"), 200, "", ""},
		{"a public door takes garbage as anonymous", public, request("GET /", "Authorization: \x00"), 200, "", ""},
		{"a public door cannot say who it is while the store is down", public, request("GET /", "Authorization: Bearer down"), 503, "unavailable", ""},
		{"no credential", signedIn, request("GET /"), 401, "unauthenticated", bare},
		{"no credential for an action", may("read"), request("GET /"), 401, "unauthenticated", bare},
		{"an action that is open to anonymous", may("open"), request("GET /"), 200, "", ""},
		{"an action that is open to anonymous, with a bad credential", may("open"), request("GET /", "Authorization: Bearer expired"), 401, "invalid_token", invalidToken},
		{"a bearer token", signedIn, request("GET /", annBearer), 200, "", ""},
		{"an API key", signedIn, request("GET /", annKey), 200, "", ""},
		{"a cookie", signedIn, request("GET /", annCookie), 200, "", ""},
		{"an expired credential", signedIn, request("GET /", "Authorization: Bearer expired"), 401, "invalid_token", invalidToken},
		{"an unknown credential", signedIn, request("GET /", "Authorization: Bearer xyz"), 401, "invalid_token", invalidToken},
		{"a scheme that nobody takes", signedIn, request("GET /", "Authorization: Hawk xyz"), 401, "invalid_token", invalidToken},
		{"an authenticator that names nobody", signedIn, request("GET /", "Authorization: Bearer nobody"), 401, "invalid_token", invalidToken},
		{"an authenticator that names anonymous", signedIn, request("GET /", "Authorization: Bearer anonymous"), 401, "invalid_token", invalidToken},
		{"an authenticator that names somebody without a subject", signedIn, request("GET /", "Authorization: Bearer nameless"), 401, "invalid_token", invalidToken},
		{"an authenticator's store is down", signedIn, request("GET /", "Authorization: Bearer down"), 503, "unavailable", ""},
		{"an authenticator's store misses a row", signedIn, request("GET /", "Authorization: Bearer norows"), 503, "unavailable", ""},
		{"an authenticator's store misses a row behind a public door", public, request("GET /", "Authorization: Bearer norows"), 503, "unavailable", ""},
		{"may", may("read"), request("GET /", annBearer), 200, "", ""},
		{"may not", may("write"), request("GET /", annBearer), 403, "forbidden", ""},
		{"an action that the policy does not know", may("fly"), request("GET /", annBearer), 403, "forbidden", ""},
		{"a scope too narrow", may("wide"), request("GET /", annBearer), 403, "insufficient_scope", narrow},
		{"a stronger sign-in would do", may("strong"), request("GET /", annBearer), 401, "step_up_required", stronger},
		{"a fresher sign-in would do", may("recent"), request("GET /", annBearer), 401, "step_up_required", fresher},
		{"the policy cannot tell", may("undecided"), request("GET /", annBearer), 503, "unavailable", ""},
		{"a fresh sign-in", signedIn.Fresh(5 * time.Minute), request("GET /", annBearer), 200, "", ""},
		{"a sign-in that is too old", signedIn.Fresh(5 * time.Minute), request("GET /", stale), 401, "step_up_required", fresher},
		{"a credential without a sign-in is never fresh", signedIn.Fresh(5 * time.Minute), request("GET /", robot), 401, "step_up_required", fresher},
		{"nobody is asked to be fresh who may not anyway", may("write").Fresh(5 * time.Minute), request("GET /", stale), 403, "forbidden", ""},
		{"anonymous is asked to sign in, not to do it again", public.Fresh(5 * time.Minute), request("GET /"), 401, "unauthenticated", bare},
		{"a bad credential is called that before it is called old", public.Fresh(5 * time.Minute), request("GET /", "Authorization: Bearer expired"), 401, "invalid_token", invalidToken},
		{"a quota with room", signedIn.Limit("plenty"), request("GET /", annBearer), 200, "", ""},
		{"over quota", signedIn.Limit("spent"), request("GET /", annBearer), 429, "rate_limited", ""},
		{"the quota is spent before the policy is asked", may("write").Limit("spent"), request("GET /", annBearer), 429, "rate_limited", ""},
		{"no quota is spent before door one", signedIn.Limit("spent"), request("GET /"), 401, "unauthenticated", bare},
		{"a quota that cannot be read", signedIn.Limit("broken"), request("GET /", annBearer), 503, "unavailable", ""},
		{"an object that is there", onPost("read"), request("GET /?post=1", annBearer), 200, "", ""},
		{"an object that one may not", onPost("write"), request("GET /?post=1", annBearer), 403, "forbidden", ""},
		{"an object whose existence is secret", onPost("write").Hide(), request("GET /?post=1", annBearer), 404, "not_found", ""},
		{"a secret object and a scope too narrow", onPost("wide").Hide(), request("GET /?post=1", annBearer), 404, "not_found", ""},
		{"a hidden action", may("write").Hide(), request("GET /", annBearer), 404, "not_found", ""},
		{"a secret object that one may", onPost("read").Hide(), request("GET /?post=1", annBearer), 200, "", ""},
		{"a secret object and a policy that cannot tell", onPost("undecided").Hide(), request("GET /?post=1", annBearer), 503, "unavailable", ""},
		{"an object that is nil", onPost("read"), request("GET /", annBearer), 404, "not_found", ""},
		{"an object that is not found", onPost("read"), request("GET /?post=unknown", annBearer), 404, "not_found", ""},
		{"an object without a row", onPost("read"), request("GET /?post=norow", annBearer), 404, "not_found", ""},
		{"an object that cannot be read", onPost("read"), request("GET /?post=down", annBearer), 503, "unavailable", ""},
		{"a loader with an answer of its own", onPost("read"), request("GET /?post=gone", annBearer), 410, "gone", ""},
		{"anonymous, and the object is there", onPost("open"), request("GET /?post=1"), 401, "unauthenticated", bare},
		{"anonymous, and the object is not there", onPost("open"), request("GET /?post=unknown"), 401, "unauthenticated", bare},
		{"anonymous, and the object cannot be read", onPost("open"), request("GET /?post=down"), 401, "unauthenticated", bare},
		{"anonymous, and the object is secret", onPost("open").Hide(), request("GET /?post=1"), 401, "unauthenticated", bare},
		{"a bad credential, and the object is not there", onPost("open"), request("GET /?post=unknown", "Authorization: Bearer expired"), 401, "invalid_token", invalidToken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGate()
			w := serve(g, tt.door, tt.request)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if got := strings.Join(w.Header()["Www-Authenticate"], "\n"); got != tt.challenge {
				t.Errorf("challenge\n%s, want\n%s", got, tt.challenge)
			}
			if tt.status == 200 {
				return
			}
			d := problem(t, w)
			if d.Code != tt.code || d.Status != tt.status || d.Type != "about:blank" || d.Title != http.StatusText(tt.status) || len(d.TraceID) != 32 {
				t.Errorf("document %+v", d)
			}
			if explained := d.DecisionID != ""; explained != (tt.status == 403) && d.Code != "step_up_required" {
				t.Errorf("decision id %q", d.DecisionID)
			}
			if got := w.Header().Get("Retry-After"); (got == "") == (tt.status == 503 || tt.status == 429) {
				t.Errorf("Retry-After %q", got)
			}
			if ct, cc := w.Header().Get("Content-Type"), w.Header().Get("Cache-Control"); ct != "application/problem+json" || cc != "no-store" {
				t.Errorf("Content-Type %q, Cache-Control %q", ct, cc)
			}
		})
	}
}

func TestNestedGates(t *testing.T) {
	signedIn := sallyport.SignedIn()
	d, other := new(desk), new(desk)
	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{d}, Policy: new(words)}
	g2 := &sallyport.Gate{Authenticators: []sallyport.Authenticator{other}}
	for _, tt := range []struct {
		name         string
		outer, inner func(http.Handler) http.Handler
		header       string
		status       int
		asked, other int
	}{
		{"the same gate asks once", g.Through(signedIn), g.Through(sallyport.May("read")), annBearer, 200, 1, 0},
		{"the inner door still refuses", g.Through(signedIn), g.Through(sallyport.May("write")), annBearer, 403, 1, 0},
		{"a public door outside remembers anonymous", g.Through(sallyport.Public()), g.Through(signedIn), "Accept: x", 401, 0, 0},
		{"a public door outside remembers that a credential was bad", g.Through(sallyport.Public()), g.Through(signedIn), "Authorization: Bearer expired", 401, 1, 0},
		{"a door that reads no cookie knows nothing for one that does", g.Through(sallyport.Public().NoCookie()), g.Through(signedIn), annCookie, 200, 1, 0},
		{"a door that reads cookies knows nothing for one that does not", g.Through(signedIn), g.Through(signedIn.NoCookie()), annCookie, 401, 1, 0},
		{"another gate asks for itself", g2.Through(signedIn), g.Through(signedIn), annBearer, 200, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.asked, other.asked = 0, 0
			w := httptest.NewRecorder()
			tt.outer(tt.inner(http.HandlerFunc(greet))).ServeHTTP(w, request("GET /", tt.header))
			if w.Code != tt.status || d.asked != tt.asked || other.asked != tt.other {
				t.Errorf("status %d, asked %d and %d times", w.Code, d.asked, other.asked)
			}
			if strings.Contains(tt.header, "expired") && !strings.Contains(w.Header().Get("WWW-Authenticate"), "invalid_token") {
				t.Errorf("challenge %q", w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

func TestCheckInsideAHandler(t *testing.T) {
	for _, tt := range []struct {
		name, header, action string
		status               int
		challenge            string
	}{
		{"may", annBearer, "read", 200, ""},
		{"may not", annBearer, "write", 403, ""},
		{"anonymous is told to sign in", "Accept: x", "write", 401, bare},
		{"a bad credential is called that", "Authorization: Bearer expired", "write", 401, invalidToken},
		{"the policy cannot tell", annBearer, "undecided", 503, ""},
	} {
		g, _ := newGate()
		rt := &sallyport.Routes{Gate: g}
		rt.Func("GET /", sallyport.Public(), func(w http.ResponseWriter, r *http.Request) error {
			return g.Check(r.Context(), tt.action, posts.Of(&post{"1", "usr_ann"}))
		})
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, request("GET /", tt.header))
		if got := w.Header().Get("WWW-Authenticate"); w.Code != tt.status || got != tt.challenge {
			t.Errorf("%s: %d %s", tt.name, w.Code, got)
		}
	}
}

func TestCheckOutsideARequest(t *testing.T) {
	g, _ := newGate()
	if err := g.Check(t.Context(), "read", sallyport.Resource{}); !errors.Is(err, sallyport.ErrNoCredential) {
		t.Errorf("nobody: %v", err)
	}
	ctx := sallyport.NewContext(t.Context(), ann)
	if err := g.Check(ctx, "read", sallyport.Resource{}); err != nil {
		t.Errorf("on behalf of ann: %v", err)
	}
	if err := g.Check(sallyport.NewContext(ctx, nil), "read", sallyport.Resource{}); !errors.Is(err, sallyport.ErrNoCredential) {
		t.Errorf("on behalf of nobody: %v", err)
	}
	var p *sallyport.Problem
	if err := new(sallyport.Gate).Check(ctx, "read", sallyport.Resource{}); !errors.As(err, &p) || p.Status != 403 {
		t.Errorf("a gate without a policy: %v", err)
	}
}

func TestPolicyIsAskedWhatTheDoorSays(t *testing.T) {
	p := new(words)
	g, _ := newGate()
	g.Policy = p
	serve(g, posts.May("read", load), request("GET /?post=1", annBearer))
	if len(p.asked) != 1 {
		t.Fatalf("asked %d times", len(p.asked))
	}
	q := p.asked[0]
	if q.Principal != ann || q.Action != "read" || q.Resource.Type() != "Post" || q.Resource.ID() != "1" || q.Context.Addr.String() != "192.0.2.1" {
		t.Errorf("asked %+v", q)
	}
}

func TestALimitWithoutALimiterIsNotUnlimited(t *testing.T) {
	g, _ := newGate()
	g.Limiter = nil
	if w := serve(g, sallyport.SignedIn().Limit("plenty"), request("GET /", annBearer)); w.Code != 503 {
		t.Errorf("status %d", w.Code)
	}
}

func TestLoaderIsNotCalledBeforeDoorOne(t *testing.T) {
	g, _ := newGate()
	for _, header := range []string{"Accept: x", "Authorization: Bearer expired", "Authorization: Bearer down", "Authorization: \x00"} {
		serve(g, posts.May("open", func(*http.Request) (*post, error) {
			t.Errorf("loaded for %q", header)
			return nil, nil
		}), request("GET /", header))
	}
}

func TestHiddenAndMissingLookAlike(t *testing.T) {
	g, _ := newGate()
	door := posts.May("write", load).Hide()
	hidden := serve(g, door, request("GET /?post=1", annBearer))
	missing := serve(g, door, request("GET /?post=unknown", annBearer))
	if fmt.Sprint(hidden.Header()) != fmt.Sprint(missing.Header()) {
		t.Errorf("headers differ: %v, %v", hidden.Header(), missing.Header())
	}
	a, b := problem(t, hidden), problem(t, missing)
	a.TraceID, b.TraceID = "", ""
	if a != b {
		t.Errorf("documents differ: %+v, %+v", a, b)
	}
}

func TestManyAtOnce(t *testing.T) {
	rt := &sallyport.Routes{Gate: &sallyport.Gate{Authenticators: []sallyport.Authenticator{concurrentDesk{}}, Policy: allow{}}}
	rt.Handle("GET /{id}", posts.May("read", func(r *http.Request) (*post, error) { return &post{ID: r.PathValue("id")}, nil }),
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, posts.From(r.Context()).ID) }))
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 50 {
				id := fmt.Sprintf("%d-%d", i, j)
				w := httptest.NewRecorder()
				rt.ServeHTTP(w, request("GET /"+id, annBearer))
				if w.Body.String() != id {
					t.Errorf("%s got %s", id, w.Body)
				}
			}
		})
	}
	wg.Wait()
}

type concurrentDesk struct{}

func (concurrentDesk) Authenticate(context.Context, sallyport.Credential) (*sallyport.Principal, error) {
	return ann, nil
}

type allow struct{}

func (allow) Decide(context.Context, sallyport.Query) (sallyport.Decision, error) {
	return sallyport.Decision{Allow: true}, nil
}

func TestMisuseIsFoundAtRegistration(t *testing.T) {
	g := new(sallyport.Gate)
	handler := http.HandlerFunc(greet)
	for _, tt := range []struct {
		name string
		do   func()
	}{
		{"a route without a door", func() { (&sallyport.Routes{Gate: g}).Handle("/", sallyport.Door{}, handler) }},
		{"a handler without a door", func() { g.Through(sallyport.Door{}) }},
		{"a modified zero door", func() { g.Through(sallyport.Door{}.NoCookie().Limit("x").Fresh(1)) }},
		{"a door without a gate", func() { (&sallyport.Routes{}).Handle("/", sallyport.Public(), handler) }},
		{"a door without a handler", func() { g.Through(sallyport.Public())(nil) }},
		{"no function", func() { (&sallyport.Routes{Gate: g}).Func("/", sallyport.Public(), nil) }},
		{"no action", func() { sallyport.May("") }},
		{"no action on an object", func() { posts.May("", load) }},
		{"no loader", func() { posts.May("read", nil) }},
		{"a type without a name", func() { sallyport.TypeOf("", func(p *post) string { return p.ID }) }},
		{"a type without an id", func() { sallyport.TypeOf[post]("Post", nil) }},
		{"nothing to hide on a public door", func() { sallyport.Public().Hide() }},
		{"nothing to hide without an action", func() { sallyport.SignedIn().Hide() }},
		{"a limit without a name", func() { sallyport.Public().Limit("") }},
		{"a sign-in that is never fresh enough", func() { sallyport.SignedIn().Fresh(0) }},
		{"two routes of one pattern", func() {
			rt := &sallyport.Routes{Gate: g}
			rt.Handle("GET /", sallyport.Public(), handler)
			rt.Handle("GET /", sallyport.SignedIn(), handler)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			tt.do()
		})
	}
}

func TestFrom(t *testing.T) {
	if p := sallyport.From(context.Background()); p == nil || p.Kind != sallyport.Anonymous {
		t.Errorf("outside a gate: %+v", p)
	}
	var kinds []string
	for _, k := range []sallyport.Kind{sallyport.Anonymous, sallyport.User, sallyport.Service, 99} {
		kinds = append(kinds, k.String())
	}
	if !slices.Equal(kinds, []string{"anonymous", "user", "service", "anonymous"}) {
		t.Errorf("kinds %v", kinds)
	}
}

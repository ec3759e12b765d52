package sallyport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// What a handler returns becomes its answer.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name          string
		err           error
		status        int
		code, retryIn string
	}{
		{"a problem is answered as it says", &sallyport.Problem{Status: 409, Code: "conflict"}, 409, "conflict", ""},
		{"a wrapped problem too", fmt.Errorf("saving: %w", &sallyport.Problem{Status: 409, Code: "conflict"}), 409, "conflict", ""},
		{"a failed sign-in", sallyport.Unauthenticated("invalid_credentials", "No."), 401, "invalid_credentials", ""},
		{"what no policy can permit", sallyport.Forbidden("too_much", "No."), 403, "too_much", ""},
		{"a problem without a status is not a success", &sallyport.Problem{Code: "forgotten"}, 500, "forgotten", ""},
		{"a problem that claims success", &sallyport.Problem{Status: 200, Code: "odd"}, 500, "odd", ""},
		{"a problem of no known class", &sallyport.Problem{Status: 600, Code: "odd"}, 500, "odd", ""},
		{"not found", fmt.Errorf("post: %w", sallyport.ErrNotFound), 404, "not_found", ""},
		{"no credential", sallyport.ErrNoCredential, 401, "unauthenticated", ""},
		{"an invalid credential", fmt.Errorf("key: %w", sallyport.ErrInvalidCredential), 401, "invalid_token", ""},
		{"a body over its limit", fmt.Errorf("reading: %w", &http.MaxBytesError{Limit: 64}), 413, "payload_too_large", ""},
		{"anything else", errors.New("boom"), 503, "unavailable", "1"},
		{"an error that knows how long, rounded up", fmt.Errorf("pool: %w", busy(1200*time.Millisecond)), 503, "unavailable", "2"},
		{"an error that says at once", busy(0), 503, "unavailable", "1"},
		{"no error at all is not a success", nil, 503, "unavailable", "1"},
		{"another authenticator's business that nobody minded", sallyport.ErrNotMine, 503, "unavailable", "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGate()
			w := httptest.NewRecorder()
			g.Error(w, request("GET /"), tt.err)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d", w.Code, tt.status)
			}
			if d := problem(t, w); d.Code != tt.code || d.Status != tt.status {
				t.Errorf("document %+v", d)
			}
			if got := w.Header().Get("Retry-After"); got != tt.retryIn {
				t.Errorf("Retry-After %q, want %q", got, tt.retryIn)
			}
			if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (tt.status == 401) {
				t.Errorf("challenge %q", w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

func TestProblemDocument(t *testing.T) {
	for _, tt := range []struct {
		name    string
		problem *sallyport.Problem
		want    string
	}{
		{"the least", &sallyport.Problem{Status: 409, Code: "conflict"},
			`{"code":"conflict","status":409,"title":"Conflict","type":"about:blank"}`},
		{"all of it", &sallyport.Problem{Type: "https://a.example/taken", Title: "Taken", Status: 409, Code: "taken", Detail: "Try \"ann2\".", Extra: map[string]any{"free": []string{"ann2"}}},
			`{"code":"taken","detail":"Try \"ann2\".","free":["ann2"],"status":409,"title":"Taken","type":"https://a.example/taken"}`},
		{"no member of its own hides a standard one", &sallyport.Problem{Status: 409, Code: "conflict", Extra: map[string]any{"status": 200, "code": "ok"}},
			`{"code":"conflict","status":409,"title":"Conflict","type":"about:blank"}`},
		{"any text and any value", &sallyport.Problem{Status: 409, Code: "conflict", Detail: "„a\u2028<b>&\\\n\xff", Extra: map[string]any{"a \"b\"": nil, "z": 1.5}},
			`{"a \"b\"":null,"code":"conflict","detail":"„a\u2028\u003cb\u003e\u0026\\\n\ufffd","status":409,"title":"Conflict","type":"about:blank","z":1.5}`},
	} {
		if got, err := json.Marshal(tt.problem); err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v", tt.name, got, err)
		}
	}
}

func TestAProblemIsNotChangedByBeingAnswered(t *testing.T) {
	shared := &sallyport.Problem{Status: 409, Code: "conflict", Extra: map[string]any{"a": 1}, Header: http.Header{"Retry-After": {"1"}}}
	g, _ := newGate()
	for range 2 {
		g.Error(httptest.NewRecorder(), request("GET /"), shared)
	}
	if len(shared.Extra) != 1 || len(shared.Header) != 1 {
		t.Errorf("%+v", shared)
	}
}

func TestAMemberThatJSONCannotHoldIsLeftOut(t *testing.T) {
	g, _ := newGate()
	w := httptest.NewRecorder()
	g.Error(w, request("GET /"), &sallyport.Problem{Status: 409, Code: "conflict", Detail: "Still here.", Extra: map[string]any{"f": func() {}}})
	if d := problem(t, w); d.Code != "conflict" || d.Detail != "Still here." || d.TraceID == "" {
		t.Errorf("document %+v", d)
	}
}

func TestDecisionExplainsItself(t *testing.T) {
	const plain = "You are signed in, but you may not do this."
	for _, tt := range []struct {
		name       string
		action     string
		showReason bool
		id, detail string // "" = any
	}{
		{"the policy's own id and reason", "write", true, "dec_1", "Members only read."},
		{"a reason that is not for everybody", "write", false, "dec_1", plain},
		{"a policy that says nothing", "fly", true, "", plain},
		{"a policy that says nothing to nobody", "fly", false, "", plain},
		{"a step-up that a decision asks for", "strong", false, "", ""},
		{"a scope that is missing", "wide", false, "", ""},
	} {
		g, _ := newGate()
		g.ShowReason = tt.showReason
		d := problem(t, serve(g, sallyport.May(tt.action), request("GET /", annBearer)))
		if !strings.HasPrefix(d.DecisionID, "dec_") || tt.id != "" && d.DecisionID != tt.id || d.Detail == "" || tt.detail != "" && d.Detail != tt.detail {
			t.Errorf("%s: %+v", tt.name, d)
		}
		if (d.Scope == "post:write") != (tt.action == "wide") {
			t.Errorf("%s: scope %q", tt.name, d.Scope)
		}
	}
}

// schemed is an authenticator of which only the challenge matters.
type schemed string

func (schemed) Authenticate(context.Context, sallyport.Credential) (*sallyport.Principal, error) {
	return nil, sallyport.ErrNotMine
}
func (s schemed) Challenge() string { return string(s) }

// mute is an authenticator without a challenge.
type mute struct{}

func (mute) Authenticate(context.Context, sallyport.Credential) (*sallyport.Principal, error) {
	return nil, sallyport.ErrNotMine
}

func TestChallenges(t *testing.T) {
	type list = []sallyport.Authenticator
	for _, tt := range []struct {
		name           string
		authenticators list
		absent         string
		invalid        string
	}{
		{"one for each scheme", list{schemed("Bearer"), schemed(`DPoP algs="ES256"`), schemed(`Basic realm="a"`)},
			`Bearer | DPoP algs="ES256" | Basic realm="a"`, `Bearer error="invalid_token" | DPoP algs="ES256", error="invalid_token" | Basic realm="a"`},
		{"two authenticators for one scheme", list{schemed(`Bearer realm="a"`), schemed(`bearer realm="b"`)},
			`Bearer realm="a"`, `Bearer realm="a", error="invalid_token"`},
		{"an authenticator that names none", list{mute{}, schemed("Bearer"), schemed("")}, `Bearer`, `Bearer error="invalid_token"`},
		{"there is always one", list{mute{}}, `Bearer realm="sallyport"`, `Bearer realm="sallyport", error="invalid_token"`},
		{"even without authenticators", nil, `Bearer realm="sallyport"`, `Bearer realm="sallyport", error="invalid_token"`},
	} {
		g := &sallyport.Gate{Authenticators: tt.authenticators}
		absent := serve(g, sallyport.SignedIn(), request("GET /")).Header()["Www-Authenticate"]
		invalid := serve(g, sallyport.SignedIn(), request("GET /", annBearer)).Header()["Www-Authenticate"]
		if got := strings.Join(absent, " | "); got != tt.absent {
			t.Errorf("%s, no credential: %s", tt.name, got)
		}
		if got := strings.Join(invalid, " | "); got != tt.invalid {
			t.Errorf("%s, invalid credential: %s", tt.name, got)
		}
	}
}

// needs is a policy that denies for want of something.
type needs sallyport.Need

func (n needs) Decide(context.Context, sallyport.Query) (sallyport.Decision, error) {
	need := sallyport.Need(n)
	return sallyport.Decision{Need: &need}, nil
}

func TestChallengeParametersCannotBreakOut(t *testing.T) {
	g, _ := newGate()
	g.Policy = needs{Scope: "a\" b\\\r\nSet-Cookie: x=yä"}
	got := serve(g, sallyport.May("x"), request("GET /", annBearer)).Header().Get("WWW-Authenticate")
	if want := `Bearer realm="desk", error="insufficient_scope", scope="a\" b\\Set-Cookie: x=y"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	g.Policy = needs{ACR: []string{"a"}, MaxAge: 90 * time.Second, Scope: "ignored: a sign-in comes first"}
	got = serve(g, sallyport.May("x"), request("GET /", annBearer)).Header().Get("WWW-Authenticate")
	if !strings.HasSuffix(got, `, acr_values="a", max_age="90"`) {
		t.Errorf("both a stronger and a fresher one: %s", got)
	}
	g.Policy = needs{}
	if w := serve(g, sallyport.May("x"), request("GET /", annBearer)); w.Code != 403 || problem(t, w).Code != "forbidden" {
		t.Errorf("an empty need is a denial: %d", w.Code)
	}
}

func TestHeadersOfTheAnswerThatWasNotGivenAreDropped(t *testing.T) {
	g, _ := newGate()
	rt := &sallyport.Routes{Gate: g}
	rt.Func("GET /", sallyport.Public(), func(w http.ResponseWriter, r *http.Request) error {
		for _, name := range []string{"Content-Length", "Content-Encoding", "ETag", "Last-Modified"} {
			w.Header().Set(name, "5")
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("X-Mine", "stays")
		return sallyport.ErrNotFound
	})
	srv := httptest.NewServer(rt)
	defer srv.Close()
	res, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || !json.Valid(body) {
		t.Errorf("body %q, %v", body, err)
	}
	h := res.Header
	if h.Get("ETag") != "" || h.Get("Last-Modified") != "" || h.Get("Content-Encoding") != "" || h.Get("Cache-Control") != "no-store" || h.Get("X-Mine") != "stays" {
		t.Errorf("header %v", h)
	}
}

func TestTraceID(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, tt := range []struct {
		name, header string
		want         bool
	}{
		{"a trace", "00-" + id + "-" + parent + "-01", true},
		{"a later version that says more", "cc-" + id + "-" + parent + "-01-what", true},
		{"a later version that says no more", "cc-" + id + "-" + parent + "-01", true},
		{"this version says no more", "00-" + id + "-" + parent + "-01-what", false},
		{"a later version that runs on", "cc-" + id + "-" + parent + "-01what", false},
		{"no version", "ff-" + id + "-" + parent + "-01", false},
		{"capitals", "00-" + strings.ToUpper(id) + "-" + parent + "-01", false},
		{"no hexadecimal", "00-" + strings.Replace(id, "b", "z", 1) + "-" + parent + "-01", false},
		{"flags that are none", "00-" + id + "-" + parent + "-0x", false},
		{"other separators", "00_" + id + "_" + parent + "_01", false},
		{"too short", "00-" + id + "-" + parent, false},
		{"no parent", "00-" + id + "-0000000000000000-01", false},
		{"no trace", "00-00000000000000000000000000000000-" + parent + "-01", false},
		{"empty", "", false},
	} {
		g, _ := newGate()
		got := problem(t, serve(g, sallyport.SignedIn(), request("GET /", "Traceparent: "+tt.header))).TraceID
		if (got == id) != tt.want || len(got) != 32 {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
	g, _ := newGate()
	two := request("GET /", "Traceparent: 00-"+id+"-"+parent+"-01", "Traceparent: 00-"+id+"-"+parent+"-01")
	if got := problem(t, serve(g, sallyport.SignedIn(), two)).TraceID; got == id {
		t.Error("two headers: one of them was believed")
	}
}

func TestTraceIDIsTheSameWheneverItIsAsked(t *testing.T) {
	g, log := newGate()
	var asked []string
	outer := g.Through(sallyport.Public())
	inner := g.Through(sallyport.SignedIn())
	h := outer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, sallyport.TraceID(r))
		inner(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, sallyport.TraceID(r))
			g.Error(w, r, sallyport.ErrNotFound)
		})).ServeHTTP(w, r)
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request("GET /", annBearer))
	if d := problem(t, w); asked[0] != asked[1] || asked[0] != d.TraceID || !strings.Contains(log.String(), d.TraceID) {
		t.Errorf("asked %v, answered %s, logged %s", asked, d.TraceID, log)
	}
	h.ServeHTTP(httptest.NewRecorder(), request("GET /", annBearer))
	if asked[2] == asked[0] {
		t.Error("two requests share a trace")
	}
}

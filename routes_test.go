package sallyport_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
)

func board(g *sallyport.Gate) *sallyport.Routes {
	rt := &sallyport.Routes{Gate: g}
	handler := http.HandlerFunc(greet)
	rt.Handle("GET /{$}", sallyport.Public(), handler)
	rt.Handle("POST /token", sallyport.Public().NoCookie().Limit("plenty"), handler)
	rt.Handle("GET /me", sallyport.SignedIn(), handler)
	rt.Handle("POST /me/password", sallyport.SignedIn().Fresh(15*time.Minute), handler)
	rt.Handle("POST /posts/{id}/pin", sallyport.May("read"), handler)
	rt.Handle("DELETE /posts/{id}", posts.May("write", load).Hide(), handler)
	rt.Handle("POST /projects", sallyport.May("read").InOrg(), handler)
	rt.Handle("GET /files/", sallyport.SignedIn(), handler)
	return rt
}

func TestRouteList(t *testing.T) {
	g, _ := newGate()
	rt := board(g)
	want := []sallyport.Route{
		{Pattern: "GET /{$}", Door: "public"},
		{Pattern: "POST /token", Door: "public", Limit: "plenty", NoCookie: true},
		{Pattern: "GET /me", Door: "signed-in"},
		{Pattern: "POST /me/password", Door: "signed-in", Fresh: 15 * time.Minute},
		{Pattern: "POST /posts/{id}/pin", Door: "may", Action: "read"},
		{Pattern: "DELETE /posts/{id}", Door: "may", Action: "write", Type: "Post", Hide: true},
		{Pattern: "POST /projects", Door: "may", Action: "read", InOrg: true},
		{Pattern: "GET /files/", Door: "signed-in"},
	}
	if got := slices.Collect(rt.All()); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	const table = `GET /{$}              public
POST /token           public limit plenty no cookie
GET /me               signed-in
POST /me/password     signed-in fresh 15m0s
POST /posts/{id}/pin  may read
DELETE /posts/{id}    may write on Post hidden
POST /projects        may read in organization
GET /files/           signed-in
`
	if got := rt.String(); got != table {
		t.Errorf("got\n%s", got)
	}
}

func TestUnroutedRequests(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		status     int
		code, also string // Allow or Location
	}{
		{"a route", "GET /", 200, "", ""},
		{"nothing there", "GET /nothing", 404, "not_found", ""},
		{"nothing there for programs that write", "POST /nothing", 404, "not_found", ""},
		{"another method", "PUT /token", 405, "method_not_allowed", "POST"},
		{"several other methods", "PUT /me", 405, "method_not_allowed", "GET, HEAD"},
		{"HEAD is GET", "HEAD /", 200, "", ""},
		{"a method that is none", "BREW /token", 405, "method_not_allowed", "POST"},
		{"an address to tidy up that leads nowhere", "GET /a/../nothing", 404, "not_found", ""},
		{"the whole server", "OPTIONS *", 404, "not_found", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGate()
			w := httptest.NewRecorder()
			board(g).ServeHTTP(w, request(tt.line))
			if w.Code != tt.status || w.Header().Get("Allow") != tt.also {
				t.Fatalf("%d, Allow %q: %s", w.Code, w.Header().Get("Allow"), w.Body)
			}
			if tt.status != 200 {
				if d := problem(t, w); d.Code != tt.code || d.TraceID == "" {
					t.Errorf("document %+v", d)
				}
			}
		})
	}
}

func TestTidiedAddressesAreRedirected(t *testing.T) {
	g, _ := newGate()
	for _, tt := range []struct{ line, want string }{
		{"GET /files", "/files/"},
		{"GET /files/../me", "/me"},
	} {
		w := httptest.NewRecorder()
		board(g).ServeHTTP(w, request(tt.line))
		if got := w.Header().Get("Location"); w.Code/100 != 3 || got != tt.want {
			t.Errorf("%s: %d %s", tt.line, w.Code, got)
		}
	}
}

// What a handler writes to is the server's own, with all that it can do: flush,
// hijack, copy a file without reading it.
func TestHandlersGetTheServersOwnWriter(t *testing.T) {
	g, _ := newGate()
	rt := &sallyport.Routes{Gate: g}
	var got http.ResponseWriter
	rt.Handle("GET /", sallyport.Public(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w }))
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, request("GET /"))
	if got != w {
		t.Errorf("got %T", got)
	}
}

// The object that the door loaded is the handler's, through whatever is nested.
func TestTypeFrom(t *testing.T) {
	drafts := sallyport.TypeOf("Draft", func(p *post) string { return p.ID })
	g, _ := newGate()
	inner := g.Through(drafts.May("read", func(*http.Request) (*post, error) { return &post{ID: "d"}, nil }))
	outer := g.Through(posts.May("read", func(r *http.Request) (*post, error) {
		if p := posts.From(r.Context()); p != nil {
			t.Errorf("in the loader: %v", p)
		}
		if sallyport.From(r.Context()) != ann {
			t.Error("the loader does not know who asks")
		}
		return &post{ID: "p"}, nil
	}))
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := sallyport.NewContext(r.Context(), nil)
		if p, d := posts.From(ctx), drafts.From(ctx); p.ID != "p" || d.ID != "d" {
			t.Errorf("post %v, draft %v", p, d)
		}
		if p := sallyport.TypeOf("Post", func(p *post) string { return p.ID }).From(ctx); p != nil {
			t.Errorf("another type of that name: %v", p)
		}
	})
	w := httptest.NewRecorder()
	outer(inner(handler)).ServeHTTP(w, request("GET /", annBearer))
	if w.Code != 200 {
		t.Errorf("status %d", w.Code)
	}
	if p := posts.From(t.Context()); p != nil {
		t.Errorf("outside a door: %v", p)
	}
}

// Routes below a prefix keep their doors, and sign-in finds its way back.
func TestSubRouterBelowAPrefix(t *testing.T) {
	g, _ := newGate()
	g.SignIn = "/auth/login"
	mux := http.NewServeMux()
	mux.Handle("/board/", http.StripPrefix("/board", board(g)))
	for _, tt := range []struct {
		name, line, header string
		status             int
		location           string
	}{
		{"signed in", "GET /board/me", annBearer, 200, ""},
		{"a program", "GET /board/me", "Accept: x", 401, ""},
		{"a browser comes back to the whole address", "GET /board/me?x=1", navigation, 303, "/auth/login?return_to=%2Fboard%2Fme%3Fx%3D1"},
		{"nothing there", "GET /board/nothing", annBearer, 404, ""},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, request(tt.line, tt.header))
		if got := w.Header().Get("Location"); w.Code != tt.status || got != tt.location {
			t.Errorf("%s: %d %s", tt.name, w.Code, got)
		}
	}
}

func TestFuncAnswersItsError(t *testing.T) {
	g, _ := newGate()
	rt := &sallyport.Routes{Gate: g}
	rt.Func("POST /", sallyport.Public(), func(w http.ResponseWriter, r *http.Request) error {
		var body struct{ Name string }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8)).Decode(&body); err != nil {
			return fmt.Errorf("reading body: %w", err)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
	for body, want := range map[string]int{`{}`: 204, `{"name":"much too long"}`: 413} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		rt.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
}

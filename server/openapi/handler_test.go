package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/internal/conform"
	"github.com/sallyport-auth/sallyport/server/openapi"
)

type thing struct{}

var things = sallyport.TypeOf("Thing", func(*thing) string { return "1" })

func load(*http.Request) (*thing, error) { return &thing{}, nil }

// operation is what the document says of a route behind the door.
type operation struct {
	Security   *[]map[string][]string
	Permission string                     `json:"x-permission"`
	Resource   string                     `json:"x-resource"`
	Fresh      int                        `json:"x-fresh-seconds"`
	Limit      string                     `json:"x-limit"`
	Responses  map[string]json.RawMessage `json:"responses"`
}

func describe(t *testing.T, pattern string, d sallyport.Door) (op operation) {
	t.Helper()
	rt := &sallyport.Routes{Gate: &sallyport.Gate{}}
	(&openapi.Handler{Base: "/id", Issuer: "https://id.example", Service: "House", SessionCookie: "s", RefreshCookie: "r"}).Mount(rt)
	rt.Handle(pattern, d, http.NotFoundHandler()) // later than ours, and described all the same
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, httptest.NewRequest("GET", "/id/openapi.json", nil))
	var doc struct {
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatalf("%v\n%s", err, w.Body)
	}
	method, path, _ := strings.Cut(pattern, " ")
	return doc.Paths[path][strings.ToLower(method)]
}

func TestWhatADoorSaysIsInTheDescription(t *testing.T) {
	for _, tt := range []struct {
		name     string
		pattern  string
		door     sallyport.Door
		want     string // security, permission, resource, freshness, limit
		statuses string
	}{
		{"a public door", "GET /id/me", sallyport.Public(), `[] "" "" 0 ""`, "200 400 503"},
		{"a door for everybody who is signed in", "GET /id/me", sallyport.SignedIn(), `any "" "" 0 ""`, "200 400 401 503"},
		{"a door with a permission", "GET /id/me", sallyport.May("me:read"), `any "me:read" "" 0 ""`, "200 400 401 403 503"},
		{"a door with an object", "GET /id/me", things.May("me:read", load), `any "me:read" "Thing" 0 ""`, "200 400 401 403 503"},
		{"a hidden door", "GET /id/me", sallyport.May("me:read").Hide(), `any "me:read" "" 0 ""`, "200 400 401 403 404 503"},
		{"a door with a limit", "GET /id/me", sallyport.SignedIn().Limit("few"), `any "" "" 0 "few"`, "200 400 401 429 503"},
		{"a door for fresh sign-ins takes no API key", "GET /id/me", sallyport.SignedIn().Fresh(time.Minute),
			`[map[session:[]] map[bearer:[]]] "" "" 60 ""`, "200 400 401 503"},
		{"a change can come from another site", "POST /id/logout", sallyport.SignedIn(), `any "" "" 0 ""`, "204 303 400 401 403 413 415 503"},
		{"unless no cookie counts", "POST /id/logout", sallyport.SignedIn().NoCookie(), `any "" "" 0 ""`, "204 303 400 401 413 415 503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op := describe(t, tt.pattern, tt.door)
			security := "any"
			if op.Security != nil {
				security = fmt.Sprint(*op.Security)
			}
			got := fmt.Sprintf("%s %q %q %d %q", security, op.Permission, op.Resource, op.Fresh, op.Limit)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := strings.Join(slices.Sorted(maps.Keys(op.Responses)), " "); got != tt.statuses {
				t.Errorf("answers %s, want %s", got, tt.statuses)
			}
		})
	}
}

func TestTheDescriptionIsADocumentWhateverRoutesThereAre(t *testing.T) {
	patterns := slices.Collect(openapi.Patterns("/id"))
	for _, described := range [][]string{nil, patterns[:1], patterns} {
		rt := &sallyport.Routes{Gate: &sallyport.Gate{}}
		(&openapi.Handler{Base: "/id", Issuer: "https://id.example", Service: "House", SessionCookie: "s", RefreshCookie: "r"}).Mount(rt)
		for _, p := range described {
			if !strings.HasSuffix(p, "/openapi.json") {
				rt.Handle(p, sallyport.SignedIn(), http.NotFoundHandler())
			}
		}
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, httptest.NewRequest("GET", "/id/openapi.json", nil))
		if _, err := conform.Parse(w.Body.Bytes()); err != nil {
			t.Errorf("%d routes:\n%v", len(described), err)
		}
	}
}

// TestManyServersDescribeThemselvesAtOnce: what is said of an operation is the same for all servers of a program, and shared by them.
func TestManyServersDescribeThemselvesAtOnce(t *testing.T) {
	patterns := slices.Collect(openapi.Patterns("/id"))
	begin := make(chan struct{})
	var servers sync.WaitGroup
	for range 16 {
		servers.Go(func() {
			rt := &sallyport.Routes{Gate: &sallyport.Gate{}}
			(&openapi.Handler{Base: "/id", Issuer: "https://id.example", Service: "House", SessionCookie: "s", RefreshCookie: "r"}).Mount(rt)
			for _, p := range patterns {
				if !strings.HasSuffix(p, "/openapi.json") {
					rt.Handle(p, sallyport.SignedIn(), http.NotFoundHandler())
				}
			}
			<-begin
			w := httptest.NewRecorder()
			rt.ServeHTTP(w, httptest.NewRequest("GET", "/id/openapi.json", nil))
			if w.Code != 200 {
				t.Error(w.Code)
			}
		})
	}
	close(begin)
	servers.Wait()
}

func TestEveryPatternIsDescribedOnce(t *testing.T) {
	seen := map[string]bool{}
	for p := range openapi.Patterns("/id") {
		if seen[p] {
			t.Errorf("%s is described twice", p)
		}
		seen[p] = true
	}
}

package sallytest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/sallytest"
)

var (
	ann = &sallyport.Principal{Kind: sallyport.User, Subject: "ann", Roles: []string{"editor"}}
	bob = &sallyport.Principal{Kind: sallyport.User, Subject: "bob"}
)

type editors struct{}

func (editors) Decide(_ context.Context, q sallyport.Query) (sallyport.Decision, error) {
	return sallyport.Decision{Allow: len(q.Principal.Roles) > 0 && q.Principal.Roles[0] == "editor"}, nil
}

// production is the program under test: it knows nothing of sallytest.
func production(g *sallyport.Gate) http.Handler {
	rt := &sallyport.Routes{Gate: g}
	rt.Func("PUT /page", sallyport.May("page:edit"), func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprint(w, "edited by ", sallyport.From(r.Context()).Subject)
		return err
	})
	return rt
}

func TestPeoplePassTheRealDoors(t *testing.T) {
	var people, strangers sallytest.People
	h := production(people.Gate(&sallyport.Gate{Policy: editors{}}))
	put := func() *http.Request { return httptest.NewRequest("PUT", "/page", nil) }
	for _, tt := range []struct {
		name    string
		request *http.Request
		want    int
	}{
		{"nobody", put(), 401},
		{"one who may", people.As(put(), ann), 200},
		{"one who may not", people.As(put(), bob), 403},
		{"signed in, then out again", people.As(people.As(put(), ann), nil), 401},
		{"signed in, then somebody else", people.As(people.As(put(), ann), bob), 403},
		{"somebody from another test", strangers.As(put(), ann), 401},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, tt.request)
		if w.Code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, w.Code, tt.want)
		}
	}
}

func TestProductionGateAdmitsNobodyFromATest(t *testing.T) {
	var people sallytest.People
	real := &sallyport.Gate{Policy: editors{}}
	people.Gate(real)
	w := httptest.NewRecorder()
	production(real).ServeHTTP(w, people.As(httptest.NewRequest("PUT", "/page", nil), ann))
	if w.Code != 401 || len(real.Authenticators) != 0 {
		t.Errorf("%d with %d authenticators", w.Code, len(real.Authenticators))
	}
}

func TestOtherCredentialsReachTheirAuthenticators(t *testing.T) {
	var people, other sallytest.People
	g := people.Gate(&sallyport.Gate{Authenticators: []sallyport.Authenticator{bearer{}}, Policy: editors{}})
	r := httptest.NewRequest("PUT", "/page", nil)
	r.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	production(other.Gate(g)).ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("status %d", w.Code)
	}
}

type bearer struct{}

func (bearer) Authenticate(context.Context, sallyport.Credential) (*sallyport.Principal, error) {
	return ann, nil
}

func TestClient(t *testing.T) {
	var people sallytest.People
	g := people.Gate(&sallyport.Gate{Policy: editors{}})
	plain, secure := httptest.NewServer(production(g)), httptest.NewTLSServer(production(g))
	defer plain.Close()
	defer secure.Close()
	trusting := secure.Client()
	trusting.Transport = people.Transport(trusting.Transport, ann)
	for _, tt := range []struct {
		name   string
		client *http.Client
		url    string
		status int
		body   string
	}{
		{"somebody", people.Client(ann), plain.URL, 200, "edited by ann"},
		{"nobody", people.Client(nil), plain.URL, 401, ""},
		{"over TLS", trusting, secure.URL, 200, "edited by ann"},
	} {
		r, err := http.NewRequest("PUT", tt.url+"/page", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := tt.client.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != tt.status || tt.body != "" && string(body) != tt.body {
			t.Errorf("%s: %d %s %v", tt.name, res.StatusCode, body, err)
		}
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s: the caller's request was changed", tt.name)
		}
	}
}

func TestManyTestsAtOnce(t *testing.T) {
	var people sallytest.People
	h := production(people.Gate(&sallyport.Gate{Policy: editors{}}))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			mine := &sallyport.Principal{Kind: sallyport.User, Subject: "x", Roles: []string{"editor"}}
			for range 50 {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, people.As(httptest.NewRequest("PUT", "/page", nil), mine))
				if w.Code != 200 {
					t.Errorf("status %d", w.Code)
				}
			}
		})
	}
	wg.Wait()
}

func TestAPrincipalWhomNoGateAdmitsIsRefusedHere(t *testing.T) {
	var people sallytest.People
	for _, who := range []*sallyport.Principal{{}, {Subject: "ann"}, {Kind: sallyport.User}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v: no panic", who)
				}
			}()
			people.As(httptest.NewRequest("GET", "/", nil), who)
		}()
	}
}

func Example() {
	var people sallytest.People
	app := production(people.Gate(&sallyport.Gate{Policy: editors{}}))

	editor := &sallyport.Principal{Kind: sallyport.User, Subject: "ann", Roles: []string{"editor"}}
	reader := &sallyport.Principal{Kind: sallyport.User, Subject: "bob"}
	for _, who := range []*sallyport.Principal{editor, reader, nil} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, people.As(httptest.NewRequest("PUT", "/page", nil), who))
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 403
	// 401
}

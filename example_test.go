package sallyport_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sallyport-auth/sallyport"
)

// staffKeys is an authenticator for bearer keys that are known beforehand.
type staffKeys map[string]*sallyport.Principal

func (k staffKeys) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if c.Scheme != sallyport.SchemeBearer {
		return nil, sallyport.ErrNotMine
	}
	if p := k[c.Value]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%w: unknown key", sallyport.ErrInvalidCredential)
}

// byRole permits an action to those who have the role.
type byRole map[string]string

func (p byRole) Decide(_ context.Context, q sallyport.Query) (sallyport.Decision, error) {
	return sallyport.Decision{Allow: slices.Contains(q.Principal.Roles, p[q.Action])}, nil
}

func staffGate() *sallyport.Gate {
	return &sallyport.Gate{
		Authenticators: []sallyport.Authenticator{staffKeys{
			"key-of-ann": {Kind: sallyport.User, Subject: "ann", Roles: []string{"editor"}},
			"key-of-bob": {Kind: sallyport.User, Subject: "bob"},
		}},
		Policy: byRole{"page:edit": "editor"},
	}
}

// ask prints the status of a request with that bearer key.
func ask(h http.Handler, method, path, key string) {
	r := httptest.NewRequest(method, path, nil)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(method, path, w.Code)
}

// A gate in front of the handlers of a plain ServeMux.
func ExampleGate_Through() {
	gate := staffGate()
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello", sallyport.From(r.Context()).Subject)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", gate.Through(sallyport.Public())(hello))
	mux.Handle("GET /desk", gate.Through(sallyport.SignedIn())(hello))
	mux.Handle("PUT /page", gate.Through(sallyport.May("page:edit"))(hello))

	ask(mux, "GET", "/", "")
	ask(mux, "GET", "/desk", "")
	ask(mux, "GET", "/desk", "key-of-bob")
	ask(mux, "PUT", "/page", "key-of-bob")
	ask(mux, "PUT", "/page", "key-of-ann")
	// Output:
	// GET / 200
	// GET /desk 401
	// GET /desk 200
	// PUT /page 403
	// PUT /page 200
}

// In chi, a door guards a group or a sub-router like any other middleware. Doors
// may be nested: the credential is checked once.
func ExampleGate_Through_chi() {
	gate := staffGate()
	ok := func(http.ResponseWriter, *http.Request) {}
	router := chi.NewRouter()
	router.With(gate.Through(sallyport.Public())).Get("/", ok)
	router.Route("/staff", func(staff chi.Router) {
		staff.Use(gate.Through(sallyport.SignedIn()))
		staff.Get("/desk", ok)
		staff.With(gate.Through(sallyport.May("page:edit"))).Put("/pages/{id}", ok)
	})

	ask(router, "GET", "/", "")
	ask(router, "GET", "/staff/desk", "")
	ask(router, "GET", "/staff/desk", "key-of-bob")
	ask(router, "PUT", "/staff/pages/1", "key-of-bob")
	ask(router, "PUT", "/staff/pages/1", "key-of-ann")
	// Output:
	// GET / 200
	// GET /staff/desk 401
	// GET /staff/desk 200
	// PUT /staff/pages/1 403
	// PUT /staff/pages/1 200
}

// Routes is a ServeMux that cannot hold a route without a door. Its list can be
// printed, and compared in a test, so that no route is unguarded by accident.
func ExampleRoutes() {
	type Page struct{ ID string }
	pages := sallyport.TypeOf("Page", func(p *Page) string { return p.ID })
	load := func(r *http.Request) (*Page, error) {
		if id := r.PathValue("id"); id == "1" {
			return &Page{id}, nil
		}
		return nil, sallyport.ErrNotFound // 404, but only after door one
	}

	routes := &sallyport.Routes{Gate: staffGate()}
	routes.Func("GET /{$}", sallyport.Public(), func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprintln(w, "welcome")
		return err
	})
	routes.Func("PUT /pages/{id}", pages.May("page:edit", load), func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprintln(w, "edited", pages.From(r.Context()).ID)
		return err
	})
	routes.Func("DELETE /account", sallyport.SignedIn().Fresh(15*time.Minute), func(w http.ResponseWriter, r *http.Request) error {
		return nil
	})

	ask(routes, "PUT", "/pages/9", "")
	ask(routes, "PUT", "/pages/9", "key-of-ann")
	ask(routes, "PUT", "/pages/1", "key-of-bob")
	ask(routes, "PUT", "/pages/1", "key-of-ann")
	fmt.Fprint(os.Stdout, routes)
	// Output:
	// PUT /pages/9 401
	// PUT /pages/9 404
	// PUT /pages/1 403
	// PUT /pages/1 200
	// GET /{$}         public
	// PUT /pages/{id}  may page:edit on Page
	// DELETE /account  signed-in fresh 15m0s
}

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

// A Page is what the examples of attributes are about.
type Page struct {
	ID, Folder, Author string
	Published          time.Time
}

// pages says once what policies, filters and schemas need to know of a Page.
var pages = sallyport.TypeOf("Page", func(p *Page) string { return p.ID },
	sallyport.Subject("author", func(p *Page) string { return p.Author }).Column("author_id"),
	sallyport.Entity("folder", "Folder", func(p *Page) string { return p.Folder }).Column("folder_id").Parent(),
	sallyport.Time("published", func(p *Page) time.Time { return p.Published }),
)

// What a policy sees of an object: attributes, of which some may be absent, and
// what the object is in.
func ExampleTypeOf() {
	draft := pages.Of(&Page{ID: "1", Folder: "news", Author: "ann"})
	fmt.Println(draft.UID(), "in", draft.Parents())
	for _, a := range draft.Describe().Attributes() {
		fmt.Println(a.Name, "is", draft.Attr(a.Name))
	}
	// Output:
	// Page::"1" in [Folder::"news"]
	// author is User::"ann"
	// folder is Folder::"news"
	// published is absent
}

// byAuthor permits authors what they wrote. It can decide on one object and say
// which ones, with the same answer.
type byAuthor struct{}

func (byAuthor) Decide(_ context.Context, q sallyport.Query) (sallyport.Decision, error) {
	author := q.Resource.Attr("author").UID()
	return sallyport.Decision{Allow: author == sallyport.UID{Type: sallyport.UserType, ID: q.Principal.Subject}}, nil
}

func (byAuthor) Filter(_ context.Context, q sallyport.Query, t sallyport.AnyType) (sallyport.Where, error) {
	for _, a := range t.Attributes() {
		if a.Name == "author" {
			return sallyport.NewWhere(func(_ sallyport.Dialect, first int) string {
				return fmt.Sprintf("%s = $%d", a.Column, first)
			}, q.Principal.Subject), nil
		}
	}
	return sallyport.Where{}, sallyport.ErrNotListable
}

// A list shows what its reader may read, and the database does the work: the
// condition goes into the program's own SELECT, beside its own conditions.
func ExampleGate_Filter() {
	gate := &sallyport.Gate{Policy: byAuthor{}}
	list := func(ctx context.Context, folder string) error {
		may, err := gate.Filter(ctx, "page:read", pages)
		if err != nil {
			return err
		}
		query := "SELECT id FROM pages WHERE folder_id = $1 AND " + may.SQL(sallyport.Postgres, 2)
		args := append([]any{folder}, may.Args()...)
		fmt.Println(query, args)
		return nil
	}
	ann := &sallyport.Principal{Kind: sallyport.User, Subject: "ann"}
	if err := list(sallyport.NewContext(context.Background(), ann), "news"); err != nil {
		fmt.Println(err)
	}
	// Output:
	// SELECT id FROM pages WHERE folder_id = $1 AND (author_id = $2) [news ann]
}

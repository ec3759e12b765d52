package sallyport

import (
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Routes is a [net/http.ServeMux] in which every pattern names its door. What
// is not registered is answered with a 404 or 405 problem. Register first, then
// serve: registration is not safe for concurrent use, serving is.
type Routes struct {
	Gate *Gate
	mux  http.ServeMux
	list []Route
}

// A Route is one line of the route list.
type Route struct {
	Pattern string        // as registered
	Door    string        // "public", "signed-in" or "may"
	Action  string        // what the policy is asked; empty unless Door is "may"
	Type    string        // name of the type of the loaded object, if any
	InOrg   bool          // the policy is asked about the organization that the principal acts in
	Limit   string        // name of the limit, if any
	Fresh   time.Duration // age that the sign-in may have; 0 = any
	Hide    bool          // refusals are answered with 404

	NoCookie bool // cookies do not count, and any origin may send requests
}

// Handle registers h behind the door. It panics on the zero Door and, like
// ServeMux, on a pattern that is malformed or conflicts with another.
func (rt *Routes) Handle(pattern string, d Door, h http.Handler) {
	rt.Gate.Through(d)(h) // panics if it must
	rt.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s := w.(*seeking)
		rt.Gate.serve(&d, h, s.client, r, &s.passage)
	})
	ro := Route{Pattern: pattern, Door: d.kind.String(), Action: d.action, InOrg: d.inOrg, Limit: d.limit, Fresh: d.fresh, Hide: d.hide, NoCookie: d.noCookie}
	if d.typ != nil {
		ro.Type = d.typ.Name()
	}
	rt.list = append(rt.list, ro)
}

// Func registers a handler that returns its error, which [Gate.Error] answers.
// The handler must not have written anything when it returns an error.
func (rt *Routes) Func(pattern string, d Door, f func(http.ResponseWriter, *http.Request) error) {
	if f == nil {
		panic("sallyport: door without a handler behind it")
	}
	rt.Handle(pattern, d, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			rt.Gate.Error(w, r, err)
		}
	}))
}

// ServeHTTP implements [net/http.Handler].
func (rt *Routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := &seeking{client: w, request: r}
	rt.mux.ServeHTTP(s, r)
	switch s.refused {
	case 0:
	case http.StatusMethodNotAllowed:
		rt.Gate.Error(w, r, &Problem{
			Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Detail: "This address does not take " + r.Method + ".",
			Header: http.Header{"Allow": s.header["Allow"]},
		})
	default:
		rt.Gate.Error(w, r, ErrNotFound)
	}
}

// seeking is what the mux writes to while it looks for the route. A route that
// was found gets the client's own writer; what the mux says by itself passes if
// it leads to a route (a redirect to the tidy path), and is withheld if not. To
// ask the mux first and serve then would match every request twice.
type seeking struct {
	client  http.ResponseWriter
	request *http.Request
	header  http.Header // of the mux's own answer
	refused int         // status of one that is withheld; 0 = none
	passage passage     // through the route that is found; here, so that a request has one allocation less
}

func (s *seeking) Header() http.Header {
	if s.header == nil {
		s.header = http.Header{}
	}
	return s.header
}

func (s *seeking) WriteHeader(status int) {
	if s.request.Pattern == "" {
		s.refused = status
		return
	}
	maps.Copy(s.client.Header(), s.header)
	s.client.WriteHeader(status)
}

func (s *seeking) Write(b []byte) (int, error) {
	if s.refused != 0 {
		return len(b), nil
	}
	return s.client.Write(b)
}

// All yields the routes in the order of their registration.
func (rt *Routes) All() iter.Seq[Route] { return slices.Values(rt.list) }

// String returns the route list as a table, one route a line.
func (rt *Routes) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, ro := range rt.list {
		fmt.Fprintf(w, "%s\t%s\n", ro.Pattern, ro.door())
	}
	w.Flush()
	return b.String()
}

// door writes the door as its declaration reads.
func (ro Route) door() string {
	words := []string{ro.Door}
	for _, w := range []struct {
		say  bool
		text string
	}{
		{ro.Action != "", ro.Action},
		{ro.Type != "", "on " + ro.Type},
		{ro.InOrg, "in organization"},
		{ro.Fresh != 0, "fresh " + ro.Fresh.String()},
		{ro.Limit != "", "limit " + ro.Limit},
		{ro.Hide, "hidden"},
		{ro.NoCookie, "no cookie"},
	} {
		if w.say {
			words = append(words, w.text)
		}
	}
	return strings.Join(words, " ")
}

// Package web renders the pages. They are made on the server and work without
// JavaScript.
//
// To add a page NAME with the words of an AREA of your own:
//
//   - templates/NAME.html defines "title" and "main", and "shape" if it is not the
//     narrow card; it says {{.T "AREA.KEY"}}, never words, and .Data is what the
//     handler gave. Parts that several pages share are in templates/parts.
//   - locales/en/AREA.json and locales/de/AREA.json hold the words: KEY to "words with
//     {name}", or to {"one": …, "other": …} for a {count}. The key problem_CODE is what
//     a problem with that code says, problem_CODE_REASON the same for a member "reason"
//     or "member" of it. German says Sie.
//   - The handler answers [Pages.Show], and [Pages.Failed] with the same data if the
//     form is refused: the page shows the problem at its top. A field has {{.Mark "NAME"}} among its
//     attributes, and its name as its id, in case the problem is about it.
//   - A page of the account has three more lines, and one in account.go: see there.
//   - ts/NAME.ts, if it must be, is bundled into assets/NAME.js (npm run build, in e2e)
//     and asked for by {{define "scripts"}}<script type="module" src="{{.Script "NAME"}}"></script>{{end}}.
//     It stands beside ts/page.ts, or, as "script", in its place, if it imports that.
//     Its words stand in data attributes of the page. ts/lib holds what scripts share.
//   - What was done is said on the next page: redirect to it with ?done=CODE, and give
//     a catalog the key done_CODE.
//
// Tests find what is missing in either language, and words in a template.
package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// A Config says what all pages have in common.
type Config struct {
	Base        string // prefix of all paths: "/auth"
	Service     string // name that people see
	PasswordMin int    // characters that a password needs
	Secure      bool   // people come by https
	Help        string // where a person finds help; "" = nowhere
	Terms       string // what a person accepts by registering; "" = nothing
	Theme       Theme
	Providers   []Provider // that people can sign in with
	Origin      string     // of all paths, which Base then begins with, for pages at other hosts; "" = the host of the page

	// Onward returns the origins to which the forms of a person may lead in the end, because
	// they sign in on the way to somewhere else; nil = to this server alone.
	Onward func(*http.Request) []string
}

// Pages renders pages. Make one with [New]; it is safe for concurrent use.
type Pages struct {
	config  Config
	pages   map[string]func() (*template.Template, error) // read when somebody first wants one: most are rarely seen
	locales map[string]*locale
	assets  *assets
	routes  *sallyport.Routes // where they are mounted
}

// New reads words and assets.
func New(c Config) (*Pages, error) {
	p := &Pages{config: c, pages: map[string]func() (*template.Template, error){}}
	var err error
	if p.locales, err = readLocales(files); err != nil {
		return nil, err
	}
	if p.assets, err = readAssets(files, c.Base+"/assets/", &c.Theme); err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" {
			continue
		}
		p.pages[name] = sync.OnceValues(func() (*template.Template, error) {
			return template.New("layout.html").ParseFS(files, "templates/layout.html", "templates/parts/*.html", file)
		})
	}
	return p, nil
}

// Mount registers what the pages need beside themselves.
func (p *Pages) Mount(rt *sallyport.Routes) {
	p.routes = rt
	rt.Func("GET "+p.config.Base+"/assets/{name}", sallyport.Public().NoCookie(), p.assets.serve)
}

// Show answers 200 with a page. Its forms lead to this server only; formsTo names other
// origins that they may lead to, or be redirected to.
func (p *Pages) Show(w http.ResponseWriter, r *http.Request, page string, data any, formsTo ...string) error {
	return p.render(w, r, http.StatusOK, page, data, nil, formsTo)
}

// Failed answers a page with its form again, with what was typed and what to do
// about it; a program, and what nobody can explain, gets the error, and so does who
// must confirm first who they are, which no form can mend. A form that was refused for
// what it says is 422; other refusals keep their status.
func (p *Pages) Failed(w http.ResponseWriter, r *http.Request, page string, err error, data any) error {
	err = exchange.Problem(err)
	problem, ok := errors.AsType[*sallyport.Problem](err)
	if !ok || !exchange.IsForm(r) || problem.Code == "step_up_required" {
		return err
	}
	for name, values := range problem.Header {
		w.Header()[name] = values
	}
	status := http.StatusUnprocessableEntity
	if problem.Status == http.StatusTooManyRequests || problem.Status >= 500 {
		status = problem.Status
	}
	return p.render(w, r, status, page, data, problem, nil)
}

// Problem shows a problem to a browser: see [sallyport.Gate].
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, problem *sallyport.Problem) {
	if err := p.render(w, r, problem.Status, "problem", problem, nil, nil); err != nil {
		http.Error(w, problem.Detail, problem.Status)
	}
}

// csp allows our own files and nothing else: no inline script or style, no frame
// around us, no form that leads elsewhere.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, page string, data any, problem *sallyport.Problem, formsTo []string) error {
	read, ok := p.pages[page]
	if !ok {
		return fmt.Errorf("there is no page %q", page)
	}
	t, err := read()
	if err != nil {
		return fmt.Errorf("reading page %s: %w", page, err)
	}
	v := p.view(w, r, data, problem)
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return fmt.Errorf("rendering page %s: %w", page, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang())
	if len(formsTo) == 0 && p.config.Onward != nil {
		formsTo = p.config.Onward(r)
	}
	policy := csp
	if p.config.Origin != "" {
		policy = strings.ReplaceAll(csp, "'self'", p.config.Origin)
	}
	h.Set("Content-Security-Policy", strings.Join(append([]string{policy}, formsTo...), " "))
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if p.config.Secure {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
	w.WriteHeader(status)
	w.Write(b.Bytes())
	return nil
}

// Locale returns the language of r's person, such as "de".
func (p *Pages) Locale(r *http.Request) string {
	chosen := ""
	if c, err := r.Cookie(localeCookie); err == nil {
		chosen = c.Value
	}
	return choose(r, chosen)
}

// localeCookie holds the language that somebody chose. It says nothing else.
const localeCookie = "sallyport-locale"

// Remember lets this browser keep a language. "" forgets it.
func (p *Pages) Remember(w http.ResponseWriter, language string) {
	c := &http.Cookie{
		Name: localeCookie, Value: language, Path: p.config.Base, Expires: time.Now().AddDate(1, 0, 0),
		Secure: p.config.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if language == "" {
		c.MaxAge, c.Expires = -1, time.Time{}
	}
	http.SetCookie(w, c)
}

// Package web renders the pages: sign-in, registration, set-up, account,
// invitation, errors.
// They are made on the server and work without JavaScript.
package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

//go:embed templates assets
var files embed.FS

// style is the one style sheet. Its name changes with its content, so that
// browsers keep it for ever.
var style, styleName = func() ([]byte, string) {
	css, err := files.ReadFile("assets/style.css")
	if err != nil {
		panic(err) // embedded by the line above
	}
	sum := sha256.Sum256(css)
	return css, "style-" + hex.EncodeToString(sum[:6]) + ".css"
}()

// Pages renders pages. Make one with [New]; it is safe for concurrent use.
type Pages struct {
	base, service string
	secure        bool
	pages         map[string]*template.Template
}

// New reads the templates. base is the prefix of all paths ("/auth"), service the
// name that people see, minimum the characters that a password needs, and secure
// says that people come by https.
func New(base, service string, minimum int, secure bool) (*Pages, error) {
	p := &Pages{base, service, secure, map[string]*template.Template{}}
	for _, name := range []string{"login", "register", "setup", "account", "invitation", "problem"} {
		t, err := template.New("layout.html").Funcs(template.FuncMap{
			"ago": ago, "minimum": func() int { return minimum },
		}).ParseFS(files, "templates/layout.html", "templates/person.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("reading page %s: %w", name, err)
		}
		p.pages[name] = t
	}
	return p, nil
}

// A Form is what a page with a form shows: what was typed before, except
// passwords, and what went wrong.
type Form struct {
	Identifier string
	Email      string
	ReturnTo   string
	Error      string
	SignedOut  bool
	StepUp     bool
	Closed     bool // nobody can register by themselves
}

// An Account is what the account page shows.
type Account struct {
	Username string
	Email    string
	Roles    []string
	Sessions []Session

	Organizations []Organization // that the person is a member of
}

// An Organization is one line of the account page.
type Organization struct {
	ID      string
	Name    string
	Current bool // the session acts in it
}

// An Invitation is what the page of an invitation shows.
type Invitation struct {
	Organization string // its name
	Role         string // "" = none
	ExpiresAt    time.Time
}

// A Session is one line of the account page.
type Session struct {
	Device   string
	Address  string
	LastSeen time.Time
	Current  bool
}

type view struct {
	Base, Service, Style string
	Data                 any
}

// Mount registers what the pages need beside themselves.
func (p *Pages) Mount(rt *sallyport.Routes) {
	rt.Func("GET "+p.base+"/assets/"+styleName, sallyport.Public().NoCookie(), func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", "text/css; charset=utf-8")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(style))
		return nil
	})
}

// Show answers 200 with a page.
func (p *Pages) Show(w http.ResponseWriter, page string, data any) error {
	return p.render(w, http.StatusOK, page, data)
}

// Failed answers a page with its form again, with what was typed and what to do
// about it; a program, and what nobody can explain, gets the error. A form that
// was refused for what it says is 422; other refusals keep their status.
func (p *Pages) Failed(w http.ResponseWriter, r *http.Request, page string, err error, f Form) error {
	err = exchange.Problem(err)
	problem, ok := errors.AsType[*sallyport.Problem](err)
	if !ok || !exchange.IsForm(r) {
		return err
	}
	for name, values := range problem.Header {
		w.Header()[name] = values
	}
	status := http.StatusUnprocessableEntity
	if problem.Status == http.StatusTooManyRequests || problem.Status >= 500 {
		status = problem.Status
	}
	f.Error = problem.Detail
	return p.render(w, status, page, f)
}

// Problem shows a problem to a browser: see [sallyport.Gate].
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, problem *sallyport.Problem) {
	shown := struct {
		*sallyport.Problem
		Name string
	}{problem, cmp.Or(problem.Title, http.StatusText(problem.Status))}
	if err := p.render(w, problem.Status, "problem", shown); err != nil {
		http.Error(w, problem.Detail, problem.Status)
	}
}

// csp allows our own files and nothing else: no inline script or style, no frame
// around us, no form that leads elsewhere.
const csp = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (p *Pages) render(w http.ResponseWriter, status int, page string, data any) error {
	var b bytes.Buffer
	err := p.pages[page].Execute(&b, view{p.base, p.service, p.base + "/assets/" + styleName, data})
	if err != nil {
		return fmt.Errorf("rendering page %s: %w", page, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", csp)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if p.secure {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
	w.WriteHeader(status)
	w.Write(b.Bytes())
	return nil
}

// ago says how long ago t was, as a person would.
func ago(t time.Time) string {
	switch d := time.Since(t); {
	case d < 2*time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	default:
		return t.UTC().Format("2 January 2006")
	}
}

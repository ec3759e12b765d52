package web

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// A view is what a template sees: the page's own Data, and methods for what all pages
// need.
type view struct {
	Data  any
	Error *fault // nil if nothing went wrong

	pages   *Pages
	locale  *locale
	request *http.Request
}

// A fault is what went wrong, for the person who reads the page.
type fault struct {
	Text  string
	Field string // name of the field that it is about, "" = none
}

func (p *Pages) view(w http.ResponseWriter, r *http.Request, data any, problem *sallyport.Problem) *view {
	tag := p.Locale(r)
	if r.URL.Query().Has("ui_locales") {
		p.Remember(w, tag) // the form on the page is answered in the same language
	}
	v := &view{Data: data, pages: p, locale: p.locales[tag], request: r}
	if problem != nil {
		field, _ := problem.Extra["member"].(string)
		if problem.Code == "weak_password" {
			field = "password"
		}
		v.Error = &fault{v.Explain(problem), field}
	}
	return v
}

// T returns the words of a key, with pairs of name and value in them.
func (v *view) T(key string, pairs ...any) string { return v.locale.say(key, pairs...) }

// Has reports whether there are words for a key that was put together.
func (v *view) Has(key string) bool { return v.locale.has(key) }

// Lang and Dir are the language of the page and where its lines begin.
func (v *view) Lang() string { return v.locale.tag }

// Dir is "ltr" or "rtl".
func (v *view) Dir() string { return v.locale.dir }

// Base is the prefix of all paths.
func (v *view) Base() string { return v.pages.config.Base }

// Service is the name that people see.
func (v *view) Service() string { return v.pages.config.Service }

// Help is where a person finds help, "" = nowhere.
func (v *view) Help() string { return v.pages.config.Help }

// Terms is where a person reads what they accept by registering, "" = nowhere.
func (v *view) Terms() string { return v.pages.config.Terms }

// PasswordMin is how many characters a password needs.
func (v *view) PasswordMin() int { return v.pages.config.PasswordMin }

// Style is the address of the one style sheet.
func (v *view) Style() string { return v.pages.assets.path("style.css") }

// Icon is the address of the favicon.
func (v *view) Icon() string { return v.pages.assets.image("favicon") }

// Logo is the address of the picture at the top, "" = the name is there.
func (v *view) Logo() string { return v.pages.assets.image("logo") }

// Script is the address of a script: of ts/NAME.ts.
func (v *view) Script(name string) (string, error) {
	if path := v.pages.assets.path(name + ".js"); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("there is no script %s", name)
}

// Ago says how long ago something was.
func (v *view) Ago(t time.Time) string { return v.locale.ago(t) }

// Date is a day, written out.
func (v *view) Date(t time.Time) string { return v.locale.date(t) }

// Moment is a day and a time.
func (v *view) Moment(t time.Time) string { return v.locale.moment(t) }

// ISO is a time for the attribute datetime.
func (v *view) ISO(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Mark are the attributes of the field that the error is about.
func (v *view) Mark(field string) template.HTMLAttr {
	if v.Error == nil || v.Error.Field != field {
		return ""
	}
	return ` aria-invalid="true" aria-errormessage="problem"`
}

// A choice is one language that the page can be read in.
type languageChoice struct {
	Tag, Name, Href string
	Current         bool
}

// names of the languages, each as it calls itself. They are the same on every page.
var names = map[string]string{"en": "English", "de": "Deutsch"}

// Languages are the languages that this page can be read in.
func (v *view) Languages() []languageChoice {
	var all []languageChoice
	for _, tag := range Languages() {
		q := v.request.URL.Query()
		q.Set("ui_locales", tag)
		all = append(all, languageChoice{tag, names[tag], "?" + q.Encode(), tag == v.locale.tag})
	}
	return all
}

// Explain says what a problem means: by its code, and by what it says more
// exactly. English has the sentence that programs get if nothing better is known;
// other languages say the general one.
func (v *view) Explain(p *sallyport.Problem) string {
	var pairs []any
	if limit, ok := p.Extra["limit"]; ok {
		pairs = append(pairs, "count", limit)
	}
	if s, err := strconv.Atoi(p.Header.Get("Retry-After")); err == nil {
		pairs = append(pairs, "wait", v.locale.wait(time.Duration(s)*time.Second))
	}
	general := "problems." + p.Code
	for _, member := range []string{"reason", "member"} {
		if value, ok := p.Extra[member].(string); ok && v.locale.has(general+"_"+value) {
			return v.T(general+"_"+value, pairs...)
		}
	}
	if own := v.locale.tag == offered[0].String() && p.Detail != ""; own || !v.locale.has(general) {
		return p.Detail
	}
	return v.T(general, pairs...)
}

// Name is the heading of a problem.
func (v *view) Name(p *sallyport.Problem) string {
	key := "problems.title_" + strconv.Itoa(p.Status)
	if !v.locale.has(key) {
		key = "problems.title_503"
	}
	return v.T(key)
}

// doneForm is what a page that was led to is told of what was done.
var doneForm = regexp.MustCompile(`^[a-z_]{1,40}$`)

// Done says what was just done, if the page's address says so (?done=CODE) and there
// are words for it: done_CODE of a catalog.
func (v *view) Done() string {
	code := v.Query("done")
	if v.Error != nil || !doneForm.MatchString(code) || !v.locale.has("done."+code) {
		return ""
	}
	return v.T("done." + code)
}

// Why says what somebody confirms that it is them for, by the page that it leads to; ""
// if that is none of ours.
func (v *view) Why(returnTo string) string {
	path, below := strings.CutPrefix(returnTo, v.Base()+"/")
	page, _, _ := strings.Cut(path, "?")
	page, _, _ = strings.Cut(page, "/")
	if key := "factor.why_" + strings.ReplaceAll(page, "-", "_"); below && v.locale.has(key) {
		return v.T(key)
	}
	return ""
}

// Query is a value of the page's own address.
func (v *view) Query(name string) string { return v.request.URL.Query().Get(name) }

// With is the path of a page with a return_to, if there is one.
func (v *view) With(path, returnTo string) string {
	path = v.Base() + path
	if returnTo == "" {
		return path
	}
	return path + "?" + url.Values{"return_to": {returnTo}}.Encode()
}

// In reports whether a list holds s.
func (v *view) In(list []string, s string) bool { return slices.Contains(list, s) }

package forward

import "net/http"

// A Reading is what a path is taken for.
type Reading struct{ Exact, Loose string }

// ReadPath is readPath.
func ReadPath(uri string) (Reading, bool) {
	r, ok := readPath(uri)
	return Reading{r.exact, r.loose}, ok
}

// FoldHost is foldHost.
func FoldHost(host, scheme string) (string, bool) { return foldHost(host, scheme) }

// Fold is fold.
func Fold(s string) string { return fold(s) }

// Safe is safe.
func Safe(s string) string { return safe(s) }

// Rules are compiled rules.
type Rules map[string]*site

// Compile is compile.
func Compile(issuer string, rules []Rule) (Rules, error) {
	sites, err := compile(issuer, rules)
	return sites, err
}

// Find returns what the rule for an address requires, "" if there is none and "?" if it
// could be several.
func (rs Rules) Find(host, uri string) string {
	s := rs[host]
	r, ok := readPath(uri)
	if s == nil || !ok {
		return "?"
	}
	switch l, sure := s.find(r); {
	case !sure:
		return "?"
	case l == nil:
		return ""
	default:
		return l.Require
	}
}

// An Original is what a proxy asks about.
type Original struct {
	Method, Scheme, Host, URI string
	Nginx                     bool
}

// ReadOriginal reads it as a server below /auth does.
func ReadOriginal(r *http.Request) (Original, error) {
	o, err := readOriginal(r, "/auth/forward/envoy")
	if err == nil {
		err = o.check()
	}
	return Original{o.method, o.scheme, o.host, o.uri, o.nginx}, err
}

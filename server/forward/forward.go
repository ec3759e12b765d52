// Package forward answers reverse proxies that ask, before they let a request through to
// a program of their own, who sends it and whether they may: nginx (auth_request), Traefik
// (forwardAuth), Caddy (forward_auth) and Envoy (ext_authz over HTTP).
//
// What was asked of the proxy goes through the two doors as if it had been asked of us:
// [Rule] says which door stands before which addresses. A host at which nobody signs in
// has a cookie of its own, which hangs on the session and comes there by a code that
// works once: see handshake.go.
package forward

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/oauth"
)

// A Config says what to guard and by what. All fields are required, unless they say
// otherwise.
type Config struct {
	Base     string // "/auth"
	Issuer   string // "https://example.com"
	Rules    []Rule
	Gate     *sallyport.Gate // of the issuer's own host
	Accounts *account.Service
	Follower *revoke.Follower
	Onward   *oauth.Onward

	// Asked reports whether a request comes from a proxy that is trusted.
	Asked func(*http.Request) bool
	// At returns what checks credentials at another host than the issuer's.
	At func(host, origin string) []sallyport.Authenticator
	// Page renders problems at other hosts; nil = JSON for browsers too.
	Page func(http.ResponseWriter, *http.Request, *sallyport.Problem)

	Cookie  session.Cookie      // of a session at another host
	Cookies session.HostCookies // that writes it
	Browser session.Cookie      // by which a browser is known there while its person signs in
}

// A Handler answers proxies. Make one with [New]; it is safe for concurrent use.
type Handler struct {
	Config
	sites  map[string]*guard
	gate   *sallyport.Gate // for what is before all doors
	terse  *sallyport.Gate // the same for nginx, which shows nothing of an answer
	scheme string
	envoy  string // what paths of Envoy begin with

	people *revoke.Cache[string, person]
	tokens *revoke.Cache[[2]string, string]
}

// A guard stands before one host.
type guard struct {
	site
	gate  *sallyport.Gate
	doors map[*lane]doors
}

// doors are those of one lane.
type doors struct {
	first, foreign http.Handler // foreign takes nothing that a browser lends: see [guard.door]
}

// New returns a handler for rules that [Check] finds nothing wrong with.
func New(c Config) (*Handler, error) {
	sites, err := compile(c.Issuer, c.Rules)
	if err != nil {
		return nil, err
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, err
	}
	h := &Handler{
		Config: c, sites: map[string]*guard{}, scheme: issuer.Scheme, envoy: c.Base + "/forward/envoy",
		people: revoke.NewCache[string, person](c.Follower, 1<<12),
		tokens: revoke.NewCache[[2]string, string](c.Follower, 1<<12),
	}
	for host, s := range sites {
		h.sites[host] = h.guard(*s)
	}
	gate, terse := *c.Gate, *c.Gate
	gate.SignIn, gate.StepUp, gate.Page = "", "", c.Page
	terse.SignIn, terse.StepUp, terse.Page = "", "", nil
	h.gate, h.terse = &gate, &terse
	return h, nil
}

// guard gives a host its gate. It is the issuer's, but that another host has credentials
// of its own, and people sign in elsewhere. Where they are led to is written out: Traefik
// takes an address without a host for one of whom it has asked.
func (h *Handler) guard(s site) *guard {
	gate := *h.Gate
	gate.SignIn, gate.StepUp = h.Issuer+gate.SignIn, h.Issuer+gate.StepUp
	if !s.own {
		gate.Authenticators, gate.Cookie, gate.Origin = h.At(s.host, s.origin), h.Cookie.Name, s.origin
		gate.SignIn, gate.StepUp, gate.Page = s.origin+beginPath, s.origin+beginPath+"?confirm=1", h.Page
		gate.ResourceMetadata = "" // that of the program is not ours to tell
	}
	g := &guard{site: s, gate: &gate, doors: map[*lane]doors{}}
	for _, l := range s.lanes {
		allow := h.allow(g, l)
		d := doors{first: gate.Through(l.door)(allow)}
		if l.public {
			d.foreign = gate.Through(l.door.NoCookie())(allow)
		}
		g.doors[l] = d
	}
	return g
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	anybody := sallyport.Public().NoCookie()
	rt.Handle("GET "+h.Base+"/forward", anybody, http.HandlerFunc(h.answer))
	rt.Handle("GET "+h.envoy+"/{path}", anybody, http.HandlerFunc(h.answer))
	rt.Func("GET "+h.Base+"/forward/begin", sallyport.Public(), h.begin)
	rt.Func("GET "+beginPath, anybody, h.depart)
	rt.Func("GET "+arrivePath, anybody, h.arrive)
}

// Serve answers r if a proxy asks with it, and reports whether it did. Such a request is
// not for the routes, although they list it: what it offers is for another host, its
// method with Envoy is that of the original, and its path must stay as it is.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) bool {
	if h == nil {
		return false
	}
	path := r.URL.Path
	if n := len(h.envoy); len(path) > n && path[:n] == h.envoy && path[n] == '/' {
		h.answer(w, r)
		return true
	}
	if path == h.envoy[:len(h.Base)+len("/forward")] && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		h.answer(w, r)
		return true
	}
	return false
}

// answer is what a proxy gets: 200 with who it is, or what its client is to be told.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request) {
	o, err := h.read(r)
	var g *guard
	var l *lane
	if err == nil {
		g, l, err = h.find(&o)
	}
	if err == nil {
		err = unforged(r, l)
	}
	switch {
	case err == nil && o.nginx:
		p := &plain{ResponseWriter: w}
		g.pass(l, p, asked(r, &o, l))
		h.finish(p, r)
	case err == nil:
		g.pass(l, w, asked(r, &o, l))
	case o.nginx:
		h.terse.Error(w, r, known(err))
	default:
		h.gate.Error(w, r, err)
	}
}

// known makes of a request that cannot be understood one that is refused, for nginx.
func known(err error) error {
	if p, ok := errors.AsType[*sallyport.Problem](err); ok && p.Status == http.StatusBadRequest {
		return sallyport.Forbidden(p.Code, p.Detail)
	}
	return err
}

// read finds what r is about, if it comes from whom we believe that.
func (h *Handler) read(r *http.Request) (original, error) {
	if !h.Asked(r) {
		return original{}, untrusted(r)
	}
	o, err := readOriginal(r, h.envoy)
	if err == nil {
		err = o.check()
	}
	return o, err
}

// untrusted is the answer to who is no proxy that we know.
func untrusted(r *http.Request) error {
	return sallyport.Forbidden("untrusted_proxy", fmt.Sprintf("This is for reverse proxies, and %s is not among trusted_proxies.", r.RemoteAddr))
}

// site returns the guard of a host as it was written.
func (h *Handler) site(host string) (*guard, error) {
	if g := h.sites[host]; g != nil {
		return g, nil
	}
	folded, ok := foldHost(host, h.scheme)
	if !ok {
		return nil, unreadable("The host of the original request is none.")
	}
	if g := h.sites[folded]; g != nil {
		return g, nil
	}
	return nil, sallyport.Forbidden("forbidden", fmt.Sprintf("No rule is for the host %s.", folded))
}

// find returns the rule for what is asked.
func (h *Handler) find(o *original) (*guard, *lane, error) {
	g, err := h.site(o.host)
	if err != nil {
		return nil, nil, err
	}
	if !o.speaks(h.scheme) {
		return nil, nil, unreadable(fmt.Sprintf("The host %s is guarded on %s, and the proxy was asked by %.10q.", g.host, h.scheme, o.scheme))
	}
	path, ok := readPath(o.uri)
	if !ok {
		return nil, nil, unreadable("This address can be understood in several ways.")
	}
	l, sure := g.find(path)
	switch {
	case !sure:
		return nil, nil, unreadable("This address can be understood in several ways.")
	case l == nil:
		return nil, nil, sallyport.Forbidden("forbidden", "No rule is for this address.")
	}
	return g, l, nil
}

// asked is the original request, with the headers of its client.
func asked(r *http.Request, o *original, l *lane) *http.Request {
	a := &struct { // one allocation
		request http.Request
		url     url.URL
	}{request: *r, url: url.URL{Path: l.path}} // a query is for the program behind the proxy
	asked := &a.request
	asked.Method, asked.Host, asked.RequestURI, asked.Body = o.method, o.host, o.uri, http.NoBody
	asked.URL, asked.Pattern = &a.url, l.pattern
	return asked
}

// pass puts the original request through the door of a rule. What a browser was made to
// send by another site, which would be refused if it came to us, comes without what
// browsers lend: a public address takes it.
func (g *guard) pass(l *lane, w http.ResponseWriter, r *http.Request) {
	d := g.doors[l]
	if d.foreign != nil && g.gate.CheckOrigin(r) != nil {
		d.foreign.ServeHTTP(w, r)
		return
	}
	d.first.ServeHTTP(w, r)
}

// plain is the answer to nginx, which makes 500 of every status but 200, 401 and 403. A
// redirect becomes a 401 with the same Location.
type plain struct {
	http.ResponseWriter
	held int // status that nginx does not know; 0 = none
}

// WriteHeader implements [http.ResponseWriter]. 503 and its like stay what they are.
func (p *plain) WriteHeader(status int) {
	if status >= 300 && status < 500 && status != http.StatusUnauthorized && status != http.StatusForbidden {
		p.held = status
		return
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (p *plain) Write(b []byte) (int, error) {
	if p.held != 0 {
		return len(b), nil
	}
	return p.ResponseWriter.Write(b)
}

// finish answers in place of what was held.
func (h *Handler) finish(p *plain, r *http.Request) {
	switch p.held {
	case 0:
	case http.StatusSeeOther:
		h.terse.Error(p.ResponseWriter, r, sallyport.ErrNoCredential)
	default:
		h.terse.Error(p.ResponseWriter, r, sallyport.Forbidden("invalid_request", "The request cannot be understood."))
	}
}

// allow is the handler behind the doors: the proxy may let the request through.
func (h *Handler) allow(g *guard, l *lane) http.Handler {
	answer := func(w http.ResponseWriter, r *http.Request) error { return h.identify(w, r, g, l) }
	if l.Require == SignedIn {
		answer = exchange.Within(enter, answer)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := answer(w, r); err != nil {
			g.gate.Error(w, r, err)
		}
	})
}

// remember is how long what is read of a person serves, unless the log says otherwise.
const remember = time.Minute

package forward

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// How a guarded host gets its cookie:
//
//  1. A browser that is refused there is sent to beginPath of that host, which the proxy
//     hands to us. It gets a cookie of that host by which it is known (depart).
//  2. It goes to the issuer, with the hash of that cookie. There its person signs in,
//     unless they have, and it gets a code (begin).
//  3. It brings the code to arrivePath of the host, and gets the cookie of the session
//     (arrive).
//
// The code works once, for a minute, at that host, and in the browser that holds the
// cookie of step 1: nobody is signed in with a code that somebody else got for them, and
// who reads one in an address has no use for it.
const (
	beginPath  = "/.sallyport/begin"
	arrivePath = "/.sallyport/callback"
)

// browserLife is how long a person may take to sign in.
const browserLife = time.Hour

// depart begins at the guarded host.
func (h *Handler) depart(w http.ResponseWriter, r *http.Request) error {
	g, err := h.here(r)
	if err != nil {
		return err
	}
	browser, ok := h.Browser.Read(r)
	if !ok || len(browser) != len(secret.NewToken()) {
		browser = secret.NewToken() // one that is there serves several pages that are opened at once
	}
	h.Browser.Set(w, browser, time.Now().Add(browserLife))
	in := r.URL.Query()
	q := url.Values{"host": {g.host}, "browser": {hashed(browser)}, "return_to": {exchange.ReturnTo(in.Get("return_to"), "/")}}
	for _, name := range []string{"confirm", "acr"} {
		if v := in.Get(name); v != "" {
			q.Set(name, v)
		}
	}
	return h.lead(w, r, h.Issuer+h.Base+"/forward/begin?"+q.Encode())
}

// begin goes on at the issuer: with signing in, or with a code.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	g, ok := h.sites[q.Get("host")]
	if !ok || g.own {
		return exchange.Invalid("The host is not one that is guarded from here.")
	}
	browser, err := base64.RawURLEncoding.Strict().DecodeString(q.Get("browser"))
	if err != nil || len(browser) != sha256.Size {
		return exchange.Invalid("Begin at the page that you wanted to see.")
	}
	to := account.Handover{Host: g.host, Browser: browser, ReturnTo: exchange.ReturnTo(q.Get("return_to"), "/")}
	p := sallyport.From(r.Context())
	switch {
	case p.Credential != "session":
		return h.toSignIn(w, r, g, "/login", to)
	case q.Has("confirm"):
		return h.toSignIn(w, r, g, "/step-up", to)
	}
	code, err := h.Accounts.HandOver(r.Context(), p, to)
	if errors.Is(err, account.ErrNoSession) {
		return h.toSignIn(w, r, g, "/login", to)
	}
	if err != nil {
		return err
	}
	h.Onward.Clear(w)
	return h.lead(w, r, g.origin+arrivePath+"?"+url.Values{"code": {code}}.Encode())
}

// toSignIn leads to a page, and from there back to begin. The form on it leads to the
// guarded host in the end.
func (h *Handler) toSignIn(w http.ResponseWriter, r *http.Request, g *guard, page string, to account.Handover) error {
	back := url.Values{"host": {to.Host}, "browser": {base64.RawURLEncoding.EncodeToString(to.Browser)}, "return_to": {to.ReturnTo}}
	q := url.Values{"return_to": {h.Base + "/forward/begin?" + back.Encode()}}
	if acr := r.URL.Query().Get("acr"); acr != "" && page == "/step-up" {
		q.Set("acr", acr)
	}
	h.Onward.Set(w, g.origin)
	return exchange.See(w, r, h.Base+page+"?"+q.Encode())
}

// arrive gives the guarded host its cookie.
func (h *Handler) arrive(w http.ResponseWriter, r *http.Request) error {
	g, err := h.here(r)
	if err != nil {
		return err
	}
	browser, ok := h.Browser.Read(r)
	if !ok {
		return errArrival
	}
	hash := sha256.Sum256([]byte(browser))
	s, returnTo, err := h.Accounts.TakeOver(r.Context(), r.URL.Query().Get("code"), g.host, hash[:], exchange.Origin(h.Gate, r))
	switch {
	case errors.Is(err, account.ErrHandover):
		return errArrival
	case err != nil:
		return err
	}
	h.Cookie.Set(w, h.Cookies.New(&s, g.host), s.ExpiresAt)
	return h.lead(w, r, exchange.ReturnTo(returnTo, "/"))
}

// errArrival is the answer to a code that does nothing here. It leads nowhere: a browser
// without cookies would go round in circles.
var errArrival = &sallyport.Problem{
	Status: http.StatusBadRequest, Code: "sign_in_refused",
	Detail: "This sign-in belongs to another browser or another address, was used already, or came too late. Go back to the page that you wanted to see.",
}

// here returns the guard of the host that a proxy hands r on for.
func (h *Handler) here(r *http.Request) (*guard, error) {
	if !h.Asked(r) {
		return nil, untrusted(r)
	}
	host, err := single(r.Header, forwardedHost, false)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = r.Host
	}
	g, err := h.site(host)
	if err == nil && g.own {
		err = sallyport.ErrNotFound
	}
	return g, err
}

// lead redirects, and does not tell the next page from where.
func (h *Handler) lead(w http.ResponseWriter, r *http.Request, target string) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	return exchange.See(w, r, target)
}

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

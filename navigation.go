package sallyport

import (
	"net/http"
	"net/url"
	"strings"
)

// Navigation reports whether a browser sent r to show its answer as a page.
// Browsers say so (Fetch Metadata); of older ones an Accept that asks for HTML
// counts. Programs are not meant by it: they get their status code.
func Navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// sendToSignIn answers a browser that navigates and must sign in with a redirect
// to the sign-in page, and back afterwards. A program gets its 401, and so does
// one that sent a credential in a header. A failed form, which has a code of its
// own, is not sent round in circles.
func (g *Gate) sendToSignIn(w http.ResponseWriter, r *http.Request, p *Problem) bool {
	if p.Status != http.StatusUnauthorized || g.SignIn == "" || !Navigation(r) || r.Header.Get("Authorization") != "" {
		return false
	}
	q, target := url.Values{}, g.SignIn
	switch p.Code {
	case "unauthenticated", "invalid_token":
	case "step_up_required":
		q, target = g.confirm(p)
	default:
		return false
	}
	if back := returnTo(r); back != "" {
		q.Set("return_to", back)
	}
	if len(q) > 0 {
		mark := "?"
		if strings.Contains(target, "?") {
			mark = "&"
		}
		target += mark + q.Encode()
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
	return true
}

// confirm says where somebody who is signed in confirms that it is them, and what
// is asked for: RFC 9470's acr_values, if a stronger sign-in is.
func (g *Gate) confirm(p *Problem) (q url.Values, target string) {
	if g.StepUp == "" {
		return url.Values{"step_up": {"1"}}, g.SignIn
	}
	q = url.Values{}
	for i := 0; i+1 < len(p.challenge); i += 2 {
		if p.challenge[i] == "acr_values" {
			q.Set("acr", p.challenge[i+1])
		}
	}
	return q, g.StepUp
}

// returnTo is the address that r asked for, before any StripPrefix. A form that was
// posted is not sent again: what counts is the page that it stands on, "" if nobody
// says. It has one slash at its start: two would make it an address on another host.
func returnTo(r *http.Request) string {
	uri := r.RequestURI
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		page, err := url.Parse(r.Referer())
		if err != nil || page.Host != r.Host {
			return ""
		}
		uri = page.RequestURI()
	}
	if !strings.HasPrefix(uri, "/") {
		uri = r.URL.RequestURI()
	}
	return "/" + strings.TrimLeft(uri, `/\`)
}

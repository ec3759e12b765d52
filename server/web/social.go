package web

import (
	"net/http"
	"net/url"
	"time"
)

// A Provider is one that people can sign in with.
type Provider struct{ ID, Name string }

// lastCookie holds the way in which this browser was signed in last, such as "google":
// nothing of the person.
const lastCookie = "sallyport-last"

// Used lets this browser remember in which way it was signed in.
func (p *Pages) Used(w http.ResponseWriter, way string) {
	http.SetCookie(w, &http.Cookie{
		Name: lastCookie, Value: way, Path: p.config.Base, Expires: time.Now().AddDate(0, 6, 0),
		Secure: p.config.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// A socialButton leads to a provider.
type socialButton struct {
	Provider
	Href string
	Last bool // this browser was signed in by it last
}

// Social are the buttons of the sign-in page; returnTo is where a sign-in leads.
func (v *view) Social(returnTo string) []socialButton {
	last := ""
	if c, err := v.request.Cookie(lastCookie); err == nil {
		last = c.Value
	}
	var all []socialButton
	for _, p := range v.pages.config.Providers {
		href := v.Base() + "/social/" + p.ID
		if returnTo != "" {
			href += "?" + url.Values{"return_to": {returnTo}}.Encode()
		}
		all = append(all, socialButton{p, href, p.ID == last})
	}
	return all
}

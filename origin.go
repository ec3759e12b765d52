package sallyport

import (
	"cmp"
	"net/http"
)

// lentByBrowser reports whether a browser adds the credential by itself, also to
// a request that another site made it send. No credential counts as well where
// cookies are read: a request that sets our cookie (sign-in) is checked like one
// that sends it.
func lentByBrowser(d *Door, scheme string) bool {
	switch scheme {
	case SchemeCookie, "":
		return !d.noCookie
	case SchemeCertificate, "basic", "digest", "negotiate", "ntlm":
		return true
	}
	return false
}

// sameOrigin is the protection of a gate that names no trusted origin.
var sameOrigin http.CrossOriginProtection

// CheckOrigin refuses a state-changing request that a browser sent from another
// origin, with a 403 problem. Every request that reads or sets the session
// cookie passes it at door one; a handler calls it before it reads or sets a
// cookie of its own behind a [Door.NoCookie].
func (g *Gate) CheckOrigin(r *http.Request) error {
	if err := cmp.Or(g.CrossOrigin, &sameOrigin).Check(r); err != nil {
		return &Problem{
			Status: http.StatusForbidden, Code: "cross_origin", cause: err,
			Detail: "A browser sent this request from another site, and it is not among the trusted origins.",
		}
	}
	return nil
}

package exchange

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
)

// Origin says who sends r and from where.
func Origin(g *sallyport.Gate, r *http.Request) account.Origin {
	p := sallyport.From(r.Context())
	o := account.Origin{
		Actor: p.Subject, Address: g.Addr(r),
		UserAgent: r.UserAgent(), Trace: sallyport.TraceID(r), Giver: p,
	}
	if c := r.CookiesNamed(DeviceCookie(g)); len(c) == 1 { // of two somebody has planted one
		o.Device = c[0].Value
	}
	if o.Actor == "" {
		o.Actor = "anonymous"
	}
	return o
}

// DeviceCookie returns the name of the cookie by which a device is known. It names
// nobody, and outlives sessions.
func DeviceCookie(g *sallyport.Gate) string { return g.CookieName() + "-device" }

// ReturnTo returns target if it is a path on this server, and otherwise home: a
// redirect must not lead a person who just signed in somewhere else.
func ReturnTo(target, home string) string {
	u, err := url.Parse(target)
	switch {
	case err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "":
		return home
	case !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") || strings.ContainsAny(target, "\\\t\r\n"):
		return home
	case strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\"):
		return home
	}
	return target
}

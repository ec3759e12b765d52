package session

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Cookie writes and reads one cookie of a browser, which scripts cannot read
// (HttpOnly). The zero Cookie is the session's on https: "__Host-sallyport", whose
// prefix makes browsers insist on Secure, on Path=/ and on no Domain, so that no
// other host plants one.
type Cookie struct {
	Name     string        // "" = "__Host-sallyport", or "sallyport" if Insecure
	Path     string        // "" = "/"
	SameSite http.SameSite // 0 = Lax
	Insecure bool          // without Secure, for plain http on loopback only
}

func (c Cookie) name() string {
	if c.Insecure {
		return cmp.Or(c.Name, "sallyport")
	}
	return cmp.Or(c.Name, "__Host-sallyport")
}

// Set sends the value to the browser, which keeps it until expires, and forbids
// caches to keep the answer. If expires has passed, it clears the cookie.
func (c Cookie) Set(w http.ResponseWriter, value string, expires time.Time) {
	// Rounded up: a browser that is a moment late is refused here, one that is
	// early would sign its user out.
	age := (time.Until(expires) + time.Second - 1) / time.Second
	if age <= 0 {
		c.Clear(w)
		return
	}
	c.send(w, value, int(age))
}

// Clear makes the browser forget the cookie.
func (c Cookie) Clear(w http.ResponseWriter) { c.send(w, "", -1) }

// send replaces what an earlier call set on the same answer (RFC 6265 §4.1.1: one
// Set-Cookie of a name).
func (c Cookie) send(w http.ResponseWriter, value string, maxAge int) {
	sameSite := c.SameSite
	if sameSite == 0 {
		sameSite = http.SameSiteLaxMode
	}
	cookie := &http.Cookie{
		Name: c.name(), Value: value, Path: cmp.Or(c.Path, "/"), MaxAge: maxAge,
		Secure: !c.Insecure, HttpOnly: true, SameSite: sameSite,
	}
	h, ours := w.Header(), c.name()+"="
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool { return strings.HasPrefix(line, ours) })
	h.Add("Set-Cookie", cookie.String())
	h.Set("Cache-Control", "no-store")
}

// Read returns the value that r offers. Two cookies of the name mean that
// somebody planted one: neither counts.
func (c Cookie) Read(r *http.Request) (value string, ok bool) {
	cookies := r.CookiesNamed(c.name())
	if len(cookies) != 1 || cookies[0].Value == "" {
		return "", false
	}
	return cookies[0].Value, true
}

package oauth

import (
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/authn/session"
)

// Onward remembers, while a person signs in on a client's behalf, to which origin the
// last of our forms will lead: browsers hold form-action of a content security policy
// against redirects, too. The origin was validated, and nobody else can write one.
type Onward struct {
	Cookie session.Cookie
	Key    []byte
}

const (
	onward     = "onward" // what the stamp is about
	onwardLife = 30 * time.Minute
)

// Set remembers an origin.
func (o *Onward) Set(w http.ResponseWriter, origin string) {
	o.Cookie.Set(w, stamp(o.Key, onward, []byte(origin)), time.Now().Add(onwardLife))
}

// Clear forgets it.
func (o *Onward) Clear(w http.ResponseWriter) { o.Cookie.Clear(w) }

// Of returns what the browser of r is on its way to, as sources of a policy.
func (o *Onward) Of(r *http.Request) []string {
	value, _ := o.Cookie.Read(r)
	origin, ok := unstamp(o.Key, onward, value)
	if !ok || len(origin) == 0 {
		return nil
	}
	return []string{string(origin)}
}

package federation

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// errNoCookie means that the browser holds nothing that fits.
var errNoCookie = errors.New("this browser has begun nothing of the kind")

// maxCookie is how long a cookie may be so that every browser keeps it, its name and
// attributes left out (RFC 6265 §6.1).
const maxCookie = 3800

// A keep is a cookie with something sealed in it, which its browser can neither read nor
// change, until it expires.
type keep struct {
	session.Cookie
	sealer  *secret.Sealer
	purpose string
}

// kept is what is sealed. Browsers are not relied on to forget in time.
type kept struct {
	Until time.Time       `json:"until"`
	Value json.RawMessage `json:"value"`
}

func (h *Handler) keep(name, purpose string) keep {
	if h.Insecure {
		return keep{session.Cookie{Name: "sallyport-" + name, Insecure: true}, h.Sealer, purpose}
	}
	return keep{session.Cookie{Name: "__Host-sallyport-" + name}, h.Sealer, purpose}
}

// attempts keeps what belongs to an attempt.
func (h *Handler) attempts() keep { return h.keep("social", "social attempt") }

// answers keeps a posted answer on its way to the GET that looks at it.
func (h *Handler) answers(p *federation.Provider) keep {
	return h.keep("social-answer", "social answer "+p.ID())
}

// newcomers keeps who has proved who they are, until they have chosen a name.
func (h *Handler) newcomers(p *federation.Provider) keep {
	return h.keep("social-new", "social newcomer "+p.ID())
}

func (k keep) put(w http.ResponseWriter, v any, until time.Time) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(kept{until, value})
	if err != nil {
		return err
	}
	text := base64.RawURLEncoding.EncodeToString(k.sealer.Seal(k.purpose, "", plain))
	if len(text) > maxCookie {
		return fmt.Errorf("%w: a cookie of %d bytes", federation.ErrRefused, len(text))
	}
	k.Set(w, text, until)
	return nil
}

func (k keep) clear(w http.ResponseWriter) { k.Clear(w) }

// read fills v with what was put, or fails with errNoCookie.
func (k keep) read(r *http.Request, v any) error {
	text, ok := k.Read(r)
	if !ok {
		return errNoCookie
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return errNoCookie
	}
	plain, err := k.sealer.Open(k.purpose, "", box)
	if err != nil {
		return errNoCookie
	}
	var in kept
	if err := json.Unmarshal(plain, &in); err != nil || !time.Now().Before(in.Until) {
		return errNoCookie
	}
	return json.Unmarshal(in.Value, v)
}

// take reads, and clears the cookie.
func (k keep) take(w http.ResponseWriter, r *http.Request, v any) error {
	k.clear(w)
	return k.read(r, v)
}

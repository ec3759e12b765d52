package passkeys

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

// page shows a person's passkeys.
func (h *Handler) page(w http.ResponseWriter, r *http.Request) error {
	data, err := h.shown(r)
	if err != nil {
		return exchange.Problem(err)
	}
	return h.Pages.Show(w, r, "passkeys", data)
}

// newPage is where who needs a factor makes a passkey.
func (h *Handler) newPage(w http.ResponseWriter, r *http.Request) error {
	return h.enroller(w, r, "", func(w http.ResponseWriter, r *http.Request, who account.Enroller) error {
		return h.Pages.Show(w, r, "passkey_new", web.Passkeys{Ticket: who.Ticket != ""})
	})
}

// refused shows the page again, with what is wrong.
func (h *Handler) refused(w http.ResponseWriter, r *http.Request, err error) error {
	if !exchange.IsForm(r) {
		return exchange.Problem(err)
	}
	data, failed := h.shown(r)
	if failed != nil {
		return exchange.Problem(failed)
	}
	return h.Pages.Failed(w, r, "passkeys", err, data)
}

func (h *Handler) shown(r *http.Request) (web.Passkeys, error) {
	all, err := h.Accounts.PasskeysOf(r.Context(), sallyport.From(r.Context()).Subject)
	data := web.Passkeys{RP: h.Accounts.Passkeys.ID}
	var ids []string
	for _, k := range all {
		data.Items = append(data.Items, web.Passkey{ID: k.ID, Name: k.Name, Synced: k.Synced, CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt})
		ids = append(ids, encode(k.CredentialID))
	}
	if handle, ok := oneHandle(all); ok {
		data.Handle, data.IDs = encode(handle), strings.Join(ids, " ")
	}
	return data, err
}

// oneHandle returns what devices know the person by, if all know the same.
func oneHandle(all []passkey.Passkey) ([]byte, bool) {
	for _, k := range all {
		if string(k.Handle) != string(all[0].Handle) {
			return nil, false
		}
	}
	if len(all) == 0 {
		return nil, false
	}
	return all[0].Handle, true
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// The cookie of a browser that wants to hear nothing of passkeys for a while. It says
// nothing else.
const (
	dismissed = "sallyport-passkey-offer"
	quiet     = 30 * 24 * time.Hour
)

// Offer reports whether the page of an account may offer a first passkey to whoever
// looks at it: who signed in without one, and has not said no lately.
func (h *Handler) Offer(r *http.Request) (bool, error) {
	if _, err := r.Cookie(dismissed); err == nil {
		return false, nil
	}
	all, err := h.Accounts.PasskeysOf(r.Context(), sallyport.From(r.Context()).Subject)
	return len(all) == 0, err
}

func (h *Handler) dismiss(w http.ResponseWriter, r *http.Request) error {
	if err := exchange.Read(w, r, new(struct{})); err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{
		Name: dismissed, Value: "no", Path: h.Base, MaxAge: int(quiet / time.Second),
		Secure: !h.Answer.Session.Insecure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	if exchange.IsForm(r) {
		http.Redirect(w, r, h.Base+"/", http.StatusSeeOther)
		return nil
	}
	return exchange.Done(w)
}

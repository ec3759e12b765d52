package me

import (
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

func (h *Handler) passwordPage(w http.ResponseWriter, r *http.Request) error {
	return h.Pages.Show(w, r, "password", nil)
}

type passwordRequest struct {
	Current string `json:"current_password"`
	New     string `json:"new_password"`
}

func (h *Handler) changePassword(w http.ResponseWriter, r *http.Request) error {
	var in passwordRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	sess, cookie, err := h.Accounts.ChangePassword(r.Context(), p, in.Current, in.New, exchange.Origin(h.Gate, r))
	if err != nil {
		return h.Pages.Failed(w, r, "password", exchange.WrongPassword(err, "current_password"), nil)
	}
	if p.Credential == "session" {
		h.Cookie.Set(w, cookie, sess.ExpiresAt)
	}
	return done(w, r, h.Base+"/password?done=password_changed")
}

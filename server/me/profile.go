package me

import (
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

type profileBody struct {
	DisplayName string `json:"display_name"`
	Locale      string `json:"locale"`
}

func (h *Handler) profile(w http.ResponseWriter, r *http.Request) error {
	u, err := h.Accounts.User(r.Context(), sallyport.From(r.Context()).Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	body := profileBody{u.DisplayName, u.Locale}
	if sallyport.Navigation(r) {
		body.Locale, _ = web.Language(u.Locale)
		return h.Pages.Show(w, r, "profile", struct {
			profileBody
			Username string
		}{body, u.Username})
	}
	return exchange.JSON(w, http.StatusOK, body)
}

// changeProfile replaces the whole profile. The language is kept by the browser, too,
// which then has it before it signs in.
func (h *Handler) changeProfile(w http.ResponseWriter, r *http.Request) error {
	var in profileBody
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	err := h.Accounts.ChangeProfile(r.Context(), p.Subject, account.Profile(in), exchange.Origin(h.Gate, r))
	if err != nil {
		return h.Pages.Failed(w, r, "profile", err, struct {
			profileBody
			Username string
		}{in, ""})
	}
	if exchange.IsForm(r) {
		language, _ := web.Language(in.Locale)
		h.Pages.Remember(w, language)
	}
	return done(w, r, h.Base+"/profile?done=profile_saved")
}

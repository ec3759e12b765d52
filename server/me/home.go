package me

import (
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// A home is what the account page shows: a line of each page that it leads to.
type home struct {
	Name, Username, Email string
	Verified              bool
	Roles                 []string
	Sessions, Keys        int
	Organizations         int
	Method                []string // of the sign-in
	OfferPasskey          bool     // a first one, where the browser can make one
}

func (h *Handler) home(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	u, err := h.Accounts.User(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	sessions, err := h.Accounts.Sessions(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	keys, err := h.Accounts.Keys(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	memberships, err := h.Accounts.Memberships(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	offer, err := h.OfferPasskey(r)
	if err != nil {
		return exchange.Problem(err)
	}
	return h.Pages.Show(w, r, "account", home{
		u.DisplayName, u.Username, u.Email, u.EmailVerified, p.Roles, len(sessions), len(keys), len(memberships), p.AMR, offer,
	})
}

func (h *Handler) signOutPage(w http.ResponseWriter, r *http.Request) error {
	return h.Pages.Show(w, r, "sign-out", nil)
}

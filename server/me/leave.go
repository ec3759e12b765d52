package me

import (
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

type leaving struct {
	Days int
}

func (h *Handler) leavePage(w http.ResponseWriter, r *http.Request) error {
	return h.Pages.Show(w, r, "leave", leaving{leavingDays})
}

const leavingDays = int(account.LeavingPeriod / (24 * time.Hour))

// leave plans the deletion of the caller's account: what was the caller's session ends
// with all others.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request) error {
	if err := nothing(w, r); err != nil {
		return err
	}
	at, err := h.Accounts.Leave(r.Context(), sallyport.From(r.Context()), exchange.Origin(h.Gate, r))
	if err != nil {
		return h.Pages.Failed(w, r, "leave", err, leaving{leavingDays})
	}
	h.Cookie.Clear(w)
	h.Refresh.Clear(w)
	if exchange.IsForm(r) {
		return exchange.See(w, r, h.Base+"/login?"+url.Values{"done": {"left"}}.Encode())
	}
	return exchange.JSON(w, http.StatusOK, struct {
		DeleteAt time.Time `json:"delete_at"`
	}{at.UTC()})
}

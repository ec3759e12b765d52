package admin

import (
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// initialTokens lists what programs may register themselves by (RFC 7591 §1.2).
func (h *Handler) initialTokens(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := pageOf(r)
	if err != nil {
		return err
	}
	all, err := h.Accounts.InitialTokens(r.Context(), cursor, limit+1)
	if err != nil {
		return exchange.Problem(err)
	}
	page := make([]shown.InitialToken, 0, len(all))
	for _, t := range all {
		page = append(page, shown.NewInitialToken(t, ""))
	}
	return exchange.JSON(w, http.StatusOK, exchange.NewPage(page, limit, func(t shown.InitialToken) string { return t.ID }))
}

type initialTokenRequest struct {
	Name    string   `json:"name"`
	Scopes  []string `json:"scopes"`
	Uses    *int     `json:"uses"`
	Seconds int64    `json:"expires_in"`
}

// initialLife is how long a token lives that is not said to live for another time.
const initialLife = 24 * time.Hour

func (h *Handler) addInitialToken(w http.ResponseWriter, r *http.Request) error {
	var in initialTokenRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	want := account.NewInitialToken{Name: in.Name, Scopes: in.Scopes, Life: initialLife}
	switch {
	case in.Seconds < 0 || in.Seconds > 365*24*3600:
		return exchange.Invalid("The member expires_in is a number of seconds, of a year at most.")
	case in.Seconds > 0:
		want.Life = time.Duration(in.Seconds) * time.Second
	}
	if in.Uses != nil {
		if want.Uses = *in.Uses; want.Uses < 1 {
			return exchange.Invalid("The member uses is 1 at least.")
		}
	}
	t, plain, err := h.Accounts.AddInitialToken(r.Context(), want, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusCreated, shown.NewInitialToken(t, plain))
}

func (h *Handler) deleteInitialToken(w http.ResponseWriter, r *http.Request) error {
	if err := h.Accounts.RevokeInitialToken(r.Context(), r.PathValue("id"), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

package admin

import (
	"net/http"

	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) sessions(w http.ResponseWriter, r *http.Request) error {
	user := r.URL.Query().Get("user")
	if user == "" {
		return exchange.Invalid("Name a user: ?user=id.")
	}
	sessions, err := h.Accounts.Sessions(r.Context(), user)
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[shown.Session]{Items: make([]shown.Session, 0, len(sessions))}
	for _, s := range sessions {
		out.Items = append(out.Items, shown.NewSession(s))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

func (h *Handler) endSession(w http.ResponseWriter, r *http.Request) error {
	if err := h.Accounts.EndSession(r.Context(), r.PathValue("id"), "", exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

func (h *Handler) endSessions(w http.ResponseWriter, r *http.Request) error {
	user := r.URL.Query().Get("user")
	if user == "" {
		return exchange.Invalid("Name a user: ?user=id.")
	}
	if err := h.Accounts.EndOtherSessions(r.Context(), user, "", exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

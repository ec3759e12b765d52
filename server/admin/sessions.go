package admin

import (
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/server/exchange"
)

type shownSession struct {
	ID        string    `json:"id"`
	User      string    `json:"user"`
	Device    string    `json:"device"`
	Address   string    `json:"address"`
	AMR       []string  `json:"amr"`
	AAL       int       `json:"aal"`
	CreatedAt time.Time `json:"created_at"`
	LastSeen  time.Time `json:"last_seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (h *Handler) sessions(w http.ResponseWriter, r *http.Request) error {
	user := r.URL.Query().Get("user")
	if user == "" {
		return exchange.Invalid("Name a user: ?user=id.")
	}
	sessions, err := h.Accounts.Sessions(r.Context(), user)
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[shownSession]{Items: make([]shownSession, 0, len(sessions))}
	for _, s := range sessions {
		out.Items = append(out.Items, shownSession{
			s.ID, s.Subject, s.UserAgent, s.Address, s.AMR, s.AAL, s.CreatedAt.UTC(), s.LastSeenAt.UTC(), s.ExpiresAt.UTC(),
		})
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

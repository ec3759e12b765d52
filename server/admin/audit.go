package admin

import (
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

type shownEntry struct {
	ID      string            `json:"id"`
	At      time.Time         `json:"at"`
	Actor   string            `json:"actor"`
	Action  string            `json:"action"`
	Target  string            `json:"target,omitempty"`
	Org     string            `json:"org,omitempty"`
	Outcome audit.Outcome     `json:"outcome"`
	Address string            `json:"address,omitempty"`
	Trace   string            `json:"trace_id,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
}

func (h *Handler) audit(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := pageOf(r, "actor", "action", "target")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	entries, err := h.Accounts.Audit(r.Context(), audit.Filter{
		Actor: q.Get("actor"), Action: q.Get("action"), Target: q.Get("target"), Before: cursor, Limit: limit + 1,
	})
	if err != nil {
		return exchange.Problem(err)
	}
	shown := make([]shownEntry, 0, len(entries))
	for _, e := range entries {
		shown = append(shown, shownEntry{e.ID, e.At.UTC(), e.Actor, e.Action, e.Target, e.Org, e.Outcome, e.Address, e.Trace, e.Detail})
	}
	return exchange.JSON(w, http.StatusOK, exchange.NewPage(shown, limit, func(e shownEntry) string { return e.ID }))
}

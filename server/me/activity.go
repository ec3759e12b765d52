package me

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// An event is how an entry of the audit log is shown to whom it is about. Of others who
// acted, such as administrators, it says neither who they are nor where.
type event struct {
	ID      string            `json:"id"`
	At      time.Time         `json:"at"`
	Action  string            `json:"action"`
	By      string            `json:"by"`
	Outcome audit.Outcome     `json:"outcome"`
	Address string            `json:"address,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
}

// Who acted.
const (
	byYou    = "you"
	byNobody = "anonymous" // nobody who had signed in
	bySystem = "system"
	byOther  = "other"
)

func newEvent(e audit.Entry, subject string) event {
	out := event{ID: e.ID, At: e.At.UTC(), Action: e.Action, By: byOther, Outcome: e.Outcome}
	switch e.Actor {
	case subject:
		out.By, out.Address, out.Detail = byYou, e.Address, e.Detail
	case "anonymous":
		out.By, out.Address = byNobody, e.Address
	case "system", "cli":
		out.By = bySystem
	}
	return out
}

const (
	activityPage = 50
	activityMost = 200
)

// activity lists what happened to the account, newest first.
func (h *Handler) activity(w http.ResponseWriter, r *http.Request) error {
	q, limit, subject := r.URL.Query(), activityPage, sallyport.From(r.Context()).Subject
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > activityMost {
			return exchange.Invalid("The limit is a number from 1 to 200.")
		}
		limit = n
	}
	entries, err := h.Accounts.Activity(r.Context(), subject, q.Get("cursor"), limit+1)
	if err != nil {
		return exchange.Problem(err)
	}
	events := make([]event, 0, len(entries))
	for _, e := range entries {
		events = append(events, newEvent(e, subject))
	}
	page := exchange.NewPage(events, limit, func(e event) string { return e.ID })
	if sallyport.Navigation(r) {
		return h.Pages.Show(w, r, "activity", page)
	}
	return exchange.JSON(w, http.StatusOK, page)
}

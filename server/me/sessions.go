package me

import (
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// A sessionShown is one line of the page.
type sessionShown struct {
	ID, Browser, System, Address string
	CreatedAt, LastSeen          time.Time
	Current                      bool
}

// sessionsShown puts the session that the request came by first.
func sessionsShown(all []session.Session, current string) []sessionShown {
	lines := make([]sessionShown, 0, len(all))
	for _, s := range all {
		browser, system := shown.Browser(s.UserAgent)
		line := sessionShown{s.ID, browser, system, s.Address, s.CreatedAt, s.LastSeenAt, s.ID == current}
		if line.Current {
			lines = append([]sessionShown{line}, lines...)
		} else {
			lines = append(lines, line)
		}
	}
	return lines
}

// done answers a change: a page goes on to the next one.
func done(w http.ResponseWriter, r *http.Request, next string) error {
	if exchange.IsForm(r) {
		return exchange.See(w, r, next)
	}
	return exchange.Done(w)
}

func (h *Handler) sessions(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	all, err := h.Accounts.Sessions(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	if sallyport.Navigation(r) {
		return h.Pages.Show(w, r, "sessions", sessionsShown(all, p.Session))
	}
	out := exchange.List[shown.OwnSession]{Items: make([]shown.OwnSession, 0, len(all))}
	for _, s := range all {
		out.Items = append(out.Items, shown.NewOwnSession(s, p.Session))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

// nothing reads a body that says nothing, as a page posts it.
func nothing(w http.ResponseWriter, r *http.Request) error {
	var none struct{}
	return exchange.Read(w, r, &none)
}

func (h *Handler) endSession(w http.ResponseWriter, r *http.Request) error {
	if err := nothing(w, r); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	err := h.Accounts.EndSession(r.Context(), r.PathValue("id"), p.Subject, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return done(w, r, h.Base+"/sessions?done=session_ended")
}

func (h *Handler) endOthers(w http.ResponseWriter, r *http.Request) error {
	if err := nothing(w, r); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	if err := h.Accounts.EndOtherSessions(r.Context(), p.Subject, p.Session, exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return done(w, r, h.Base+"/sessions?done=sessions_ended")
}

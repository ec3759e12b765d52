package federation

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// welcome makes an account for who has none: at once if the provider knows a name that
// is free here, and otherwise on the page that asks for one.
func (h *Handler) welcome(w http.ResponseWriter, r *http.Request, p *federation.Provider, n newcomer) error {
	if h.Closed {
		return sallyport.Forbidden("registration_closed", "Nobody can register here by themselves, and this sign-in is not connected with an account. "+
			"If you have one, sign in to it first, and connect it there.")
	}
	unproved, err := h.Accounts.Unproved(r.Context(), n.Who)
	if err != nil {
		return h.registered(w, r, p, n, nil, err)
	}
	if n.Who.Username != "" && !unproved {
		out, err := h.Accounts.RegisterElsewhere(r.Context(), n.Begun, n.Who, n.Who.Username, false, n.in(), exchange.Origin(h.Gate, r))
		if !asks(err) {
			return h.registered(w, r, p, n, out, err)
		}
	}
	const aWhile = 10 * time.Minute
	if err := h.newcomers(p).put(w, n, time.Now().Add(aWhile)); err != nil {
		return err
	}
	return redirect(w, r, h.path(p, "/register"))
}

// asks reports whether an account could not be made without asking the person.
func asks(err error) bool {
	_, invalid := errors.AsType[*account.InvalidError](err)
	return invalid || errors.Is(err, account.ErrTaken) || errors.Is(err, account.ErrUnproved)
}

// registered answers the attempt to make an account.
func (h *Handler) registered(w http.ResponseWriter, r *http.Request, p *federation.Provider, n newcomer, out *account.SignedIn, err error) error {
	switch {
	case errors.Is(err, account.ErrConnected): // in another tab, meanwhile
		return h.signIn(w, r, p, n)
	case errors.Is(err, account.ErrAddressTaken):
		return &sallyport.Problem{
			Status: http.StatusConflict, Code: "address_taken", Extra: map[string]any{"provider": p.Name()},
			Detail: "There is an account with your address already. Sign in to it as you always do, and connect " + p.Name() + " there.",
		}
	}
	return h.finish(w, r, p, out, err)
}

// A newcomerPage is what the page that asks for a name shows.
type newcomerPage struct {
	Provider string // its name
	Path     string
	Username string // as suggested, or typed
	Email    string // that the account will have; "" = none
	Unproved bool   // there is an account with this address that never proved it
}

func (h *Handler) asking(p *federation.Provider, n *newcomer, username string, unproved bool) newcomerPage {
	page := newcomerPage{Provider: p.Name(), Path: h.path(p, "/register"), Username: username, Unproved: unproved}
	if n.Who.EmailVerified {
		page.Email = n.Who.Email
	}
	return page
}

func (h *Handler) newcomerPage(w http.ResponseWriter, r *http.Request) error {
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	var n newcomer
	if err := h.newcomers(p).read(r, &n); err != nil {
		return h.explain(r.Context(), p, err)
	}
	unproved, err := h.Accounts.Unproved(r.Context(), n.Who)
	if err != nil {
		return h.registered(w, r, p, n, nil, err)
	}
	return h.Pages.Show(w, r, "newcomer", h.asking(p, &n, suggested(n.Who), unproved))
}

// suggested is a user name that a person may like, if it is free.
func suggested(who account.Elsewhere) string {
	if who.Username != "" {
		return who.Username
	}
	local, _, _ := strings.Cut(who.Email, "@")
	return local
}

type newcomerRequest struct {
	Username string `json:"username"`
	Claim    string `json:"claim"` // "yes": close the accounts that have the address unproved
}

func (h *Handler) newcomer(w http.ResponseWriter, r *http.Request) error {
	var in newcomerRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	var n newcomer
	if err := h.newcomers(p).read(r, &n); err != nil {
		return h.explain(r.Context(), p, err)
	}
	out, err := h.Accounts.RegisterElsewhere(r.Context(), n.Begun, n.Who, in.Username, in.Claim == "yes", n.in(), exchange.Origin(h.Gate, r))
	if asks(err) {
		unproved := errors.Is(err, account.ErrUnproved)
		if unproved {
			err = &sallyport.Problem{Status: http.StatusConflict, Code: "address_unproved", Detail: "Another account has this address and never proved that it is its own. " +
				"If it is yours, sign in to it first. Otherwise say so, and it will be closed."}
		}
		return h.Pages.Failed(w, r, "newcomer", err, h.asking(p, &n, in.Username, unproved || in.Claim == "yes"))
	}
	if errors.Is(err, account.ErrConnected) { // this was done already
		err = errReplayed
	}
	h.newcomers(p).clear(w)
	return h.registered(w, r, p, n, out, err)
}

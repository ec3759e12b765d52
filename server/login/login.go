// Package login is the way in and out: register, sign in, refresh, sign out. A
// program posts JSON and gets tokens or a cookie; a page posts a form and gets
// the next page. Both go through the same code.
package login

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/server/entry"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Handler serves the flow below Base.
type Handler struct {
	Base     string // "/auth"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Answer   *entry.Answer
	Pages    *web.Pages
	Closed   bool // nobody can register by themselves
	// Registration holds the ticket of a registration by address, for the page to prove it.
	Registration session.Cookie
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	rt.Func("GET "+h.Base+"/login", sallyport.Public(), h.signInPage)
	rt.Func("POST "+h.Base+"/login", sallyport.Public(), h.signIn)
	if !h.Closed {
		rt.Func("GET "+h.Base+"/register", sallyport.Public(), h.registerPage)
		rt.Func("POST "+h.Base+"/register", sallyport.Public(), h.register)
	}
	rt.Func("GET "+h.Base+"/mfa", sallyport.Public(), h.factorPage)
	rt.Func("POST "+h.Base+"/mfa", sallyport.Public(), h.factor)
	rt.Func("GET "+h.Base+"/step-up", sallyport.SignedIn(), h.stepUpPage)
	rt.Func("POST "+h.Base+"/step-up", sallyport.SignedIn(), h.stepUp)
	rt.Func("POST "+h.Base+"/refresh", sallyport.Public().NoCookie(), h.refresh)
	rt.Func("POST "+h.Base+"/logout", sallyport.SignedIn(), h.signOut)
}

type signInRequest struct {
	Identifier string `json:"identifier"`
	Username   string `json:"username"`
	Email      string `json:"email"`
	Password   string `json:"password"`
	Org        string `json:"org"` // slug or id
	Mode       string `json:"mode"`
	ReturnTo   string `json:"return_to"` // of the page
}

func (in *signInRequest) identifier() (string, error) {
	given := 0
	for _, s := range []string{in.Identifier, in.Username, in.Email} {
		if s != "" {
			given++
		}
	}
	if given != 1 {
		return "", exchange.Invalid("Name exactly one of identifier, username and email.")
	}
	return cmp.Or(in.Identifier, in.Username, in.Email), nil
}

func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) error {
	var in signInRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	as, err := entry.SignIn(r, in.Mode, in.ReturnTo)
	if err != nil {
		return err
	}
	again := web.Form{Identifier: cmp.Or(in.Identifier, in.Username, in.Email), ReturnTo: in.ReturnTo, Closed: h.Closed}
	name, err := in.identifier()
	if err != nil {
		return h.Pages.Failed(w, r, "login", err, again)
	}
	as.Identifier, as.Password, as.Org = name, in.Password, in.Org
	out, err := h.Accounts.SignIn(r.Context(), as, exchange.Origin(h.Gate, r))
	if err != nil {
		if err = h.Answer.Refused(w, r, err); err != nil {
			err = h.Pages.Failed(w, r, "login", err, again)
		}
		return err
	}
	return h.Answer.SignedIn(w, r, out, http.StatusOK)
}

type registerRequest struct {
	Username string `json:"username"`
	Email    string `json:"email"`
	Password string `json:"password"`
	Mode     string `json:"mode"`
	ReturnTo string `json:"return_to"`
}

func (h *Handler) register(w http.ResponseWriter, r *http.Request) error {
	var in registerRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	as, err := entry.SignIn(r, in.Mode, in.ReturnTo)
	if err != nil {
		return err
	}
	who := account.Registration{Username: in.Username, Email: in.Email, Password: in.Password, Locale: h.Pages.Locale(r)}
	if h.Accounts.EmailIsName {
		return h.registerByEmail(w, r, who, in.ReturnTo)
	}
	out, err := h.Accounts.Register(r.Context(), who, as, exchange.Origin(h.Gate, r))
	if err != nil {
		if err = h.Answer.Refused(w, r, err); err != nil {
			err = h.Pages.Failed(w, r, "register", err, web.Form{Identifier: in.Username, Email: in.Email, ReturnTo: in.ReturnTo})
		}
		return err
	}
	return h.Answer.SignedIn(w, r, out, http.StatusCreated)
}

// registerByEmail answers the same whether the address is somebody's or not: 202, and
// the mailbox says the rest.
func (h *Handler) registerByEmail(w http.ResponseWriter, r *http.Request, who account.Registration, returnTo string) error {
	again := web.Form{Email: who.Email, ReturnTo: returnTo, EmailIsName: true}
	if who.Username != "" {
		return h.Pages.Failed(w, r, "register", &account.InvalidError{Member: "username", Reason: "is not used here"}, again)
	}
	ticket, err := h.Accounts.RegisterByEmail(r.Context(), who, exchange.Origin(h.Gate, r))
	if err != nil {
		return h.Pages.Failed(w, r, "register", err, again)
	}
	if exchange.IsForm(r) {
		h.Registration.Set(w, ticket, time.Now().Add(outbox.CodeLifetime))
		return exchange.See(w, r, h.Base+"/email/verify?sent=1")
	}
	return exchange.JSON(w, http.StatusAccepted, struct {
		Status string `json:"status"`
		Ticket string `json:"ticket"`
	}{"verification_sent", ticket})
}

type refreshRequest struct {
	RefreshToken string `json:"refresh_token"`
}

func (h *Handler) refresh(w http.ResponseWriter, r *http.Request) error {
	var in refreshRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	mode := entry.Tokens
	if in.RefreshToken == "" {
		value, ok := h.Answer.Refresh.Read(r)
		if !ok {
			return sallyport.ErrNoCredential
		}
		if err := h.Gate.CheckOrigin(r); err != nil {
			return err
		}
		in.RefreshToken, mode = value, entry.RefreshCookie
	}
	// A refusal leaves the cookie alone: the loser of a race must not throw away
	// what the winner just got.
	t, err := h.Accounts.Refresh(r.Context(), in.RefreshToken, account.FirstParty, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusOK, struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int    `json:"expires_in"`
		RefreshToken string `json:"refresh_token,omitempty"`
	}{t.Access, "Bearer", int(t.ExpiresIn / time.Second), h.Answer.HandOut(w, t, mode)})
}

type signOutRequest struct {
	Everywhere exchange.Flag `json:"everywhere"`
}

func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) error {
	var in signOutRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if err := h.Accounts.SignOut(r.Context(), sallyport.From(r.Context()), bool(in.Everywhere), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	h.Answer.Session.Clear(w)
	h.Answer.Refresh.Clear(w)
	if exchange.IsForm(r) {
		http.Redirect(w, r, h.Base+"/login?"+url.Values{"signed_out": {"1"}}.Encode(), http.StatusSeeOther)
		return nil
	}
	return exchange.Done(w)
}

func (h *Handler) signInPage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	return h.Pages.Show(w, r, "login", web.Form{
		ReturnTo:  exchange.ReturnTo(q.Get("return_to"), ""),
		SignedOut: q.Has("signed_out"), StepUp: q.Has("step_up"), Closed: h.Closed,
	})
}

func (h *Handler) registerPage(w http.ResponseWriter, r *http.Request) error {
	return h.Pages.Show(w, r, "register", web.Form{
		ReturnTo: exchange.ReturnTo(r.URL.Query().Get("return_to"), ""), EmailIsName: h.Accounts.EmailIsName,
	})
}

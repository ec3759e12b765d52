// Package login is the way in and out: register, sign in, refresh, sign out. A
// program posts JSON and gets tokens or a cookie; a page posts a form and gets
// the next page. Both go through the same code.
package login

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Handler serves the flow below Base.
type Handler struct {
	Base     string // "/auth"
	Home     string // where a page leads after sign-in
	Gate     *sallyport.Gate
	Accounts *account.Service
	Cookie   session.Cookie
	Refresh  session.Cookie // holds the refresh token, sent to Base/refresh only
	Pages    *web.Pages
	Closed   bool // nobody can register by themselves
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	rt.Func("GET "+h.Base+"/login", sallyport.Public(), h.signInPage)
	rt.Func("POST "+h.Base+"/login", sallyport.Public(), h.signIn)
	if !h.Closed {
		rt.Func("GET "+h.Base+"/register", sallyport.Public(), h.registerPage)
		rt.Func("POST "+h.Base+"/register", sallyport.Public(), h.register)
	}
	rt.Func("POST "+h.Base+"/refresh", sallyport.Public().NoCookie(), h.refresh)
	rt.Func("POST "+h.Base+"/logout", sallyport.SignedIn(), h.signOut)
}

// The modes say how the caller wants to hold its credentials.
const (
	modeTokens        = ""               // access and refresh token in the body
	modeCookie        = "cookie"         // session cookie, no tokens
	modeRefreshCookie = "refresh_cookie" // access token in the body, refresh token in a cookie
)

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

// checkMode settles the mode: a page always gets a cookie.
func checkMode(r *http.Request, mode *string) error {
	if exchange.IsForm(r) {
		*mode = modeCookie
	}
	switch *mode {
	case modeTokens, modeCookie, modeRefreshCookie:
		return nil
	}
	return exchange.Invalid(`The mode is one of "cookie" and "refresh_cookie", or left out.`)
}

func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) error {
	var in signInRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if err := checkMode(r, &in.Mode); err != nil {
		return err
	}
	again := web.Form{Identifier: cmp.Or(in.Identifier, in.Username, in.Email), ReturnTo: in.ReturnTo, Closed: h.Closed}
	name, err := in.identifier()
	if err != nil {
		return h.Pages.Failed(w, r, "login", err, again)
	}
	out, err := h.Accounts.SignIn(r.Context(), account.SignIn{
		Identifier: name, Password: in.Password, Org: in.Org, WithTokens: in.Mode != modeCookie,
	}, exchange.Origin(h.Gate, r))
	if errors.Is(err, org.ErrNotMember) {
		err = sallyport.Forbidden("forbidden", "You are not a member of this organization, or there is none.")
	}
	if err != nil {
		return h.Pages.Failed(w, r, "login", err, again)
	}
	return h.signedIn(w, r, out, in.Mode, in.ReturnTo, http.StatusOK)
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
	if err := checkMode(r, &in.Mode); err != nil {
		return err
	}
	out, err := h.Accounts.Register(r.Context(), account.Registration{
		Username: in.Username, Email: in.Email, Password: in.Password,
	}, in.Mode != modeCookie, exchange.Origin(h.Gate, r))
	if err != nil {
		return h.Pages.Failed(w, r, "register", err, web.Form{Identifier: in.Username, Email: in.Email, ReturnTo: in.ReturnTo})
	}
	return h.signedIn(w, r, out, in.Mode, in.ReturnTo, http.StatusCreated)
}

type signedIn struct {
	Status       string     `json:"status"`
	User         shown.User `json:"user"`
	AccessToken  string     `json:"access_token,omitempty"`
	TokenType    string     `json:"token_type,omitempty"`
	ExpiresIn    int        `json:"expires_in,omitempty"`
	RefreshToken string     `json:"refresh_token,omitempty"`
}

// signedIn answers a finished sign-in: 303 to the next page for a form, the
// credentials in the way that mode asks for otherwise.
func (h *Handler) signedIn(w http.ResponseWriter, r *http.Request, out *account.SignedIn, mode, returnTo string, status int) error {
	if err := h.endReplaced(r); err != nil {
		return err
	}
	if mode == modeCookie {
		h.Cookie.Set(w, out.Cookie, out.Session.ExpiresAt)
	}
	if exchange.IsForm(r) {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, exchange.ReturnTo(returnTo, h.Home), http.StatusSeeOther)
		return nil
	}
	answer := signedIn{Status: "signed_in", User: shown.NewUser(out.User, out.Roles)}
	if t := out.Tokens; t != nil {
		answer.AccessToken, answer.TokenType, answer.ExpiresIn = t.Access, "Bearer", int(t.ExpiresIn/time.Second)
		answer.RefreshToken = h.handOut(w, t, mode)
	}
	return exchange.JSON(w, status, answer)
}

// handOut puts the refresh token into its cookie, or returns it for the body.
func (h *Handler) handOut(w http.ResponseWriter, t *account.Tokens, mode string) string {
	if mode != modeRefreshCookie {
		return t.Refresh
	}
	h.Refresh.Set(w, t.Refresh, t.ExpiresAt)
	return ""
}

// endReplaced ends the session that the browser had until now: a sign-in never
// goes on with an old session.
func (h *Handler) endReplaced(r *http.Request) error {
	p := sallyport.From(r.Context())
	if p.Credential != "session" {
		return nil
	}
	return h.Accounts.SignOut(r.Context(), p, false, exchange.Origin(h.Gate, r))
}

type refreshRequest struct {
	RefreshToken string `json:"refresh_token"`
}

func (h *Handler) refresh(w http.ResponseWriter, r *http.Request) error {
	var in refreshRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	mode := modeTokens
	if in.RefreshToken == "" {
		value, ok := h.Refresh.Read(r)
		if !ok {
			return sallyport.ErrNoCredential
		}
		if err := h.Gate.CheckOrigin(r); err != nil {
			return err
		}
		in.RefreshToken, mode = value, modeRefreshCookie
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
	}{t.Access, "Bearer", int(t.ExpiresIn / time.Second), h.handOut(w, t, mode)})
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
	h.Cookie.Clear(w)
	h.Refresh.Clear(w)
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
	return h.Pages.Show(w, r, "register", web.Form{ReturnTo: exchange.ReturnTo(r.URL.Query().Get("return_to"), "")})
}

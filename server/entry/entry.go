// Package entry answers a sign-in, whichever way somebody proved who they are:
// with tokens, a cookie, or the ticket for a second factor.
package entry

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// The modes say how the caller wants to hold its credentials.
const (
	Tokens        = ""               // access and refresh token in the body
	Cookie        = "cookie"         // session cookie, no tokens
	RefreshCookie = "refresh_cookie" // access token in the body, refresh token in a cookie
)

// An Answer is how this server answers sign-ins. Fill its fields before first use;
// it is then safe for concurrent use.
type Answer struct {
	Base     string // "/auth"
	Home     string // where a page leads after sign-in
	Gate     *sallyport.Gate
	Accounts *account.Service
	Session  session.Cookie
	Refresh  session.Cookie // holds the refresh token, sent to Base/refresh only
	Ticket   session.Cookie // holds the ticket between two steps of a page
	Device   session.Cookie // by which the device is known
	// Remember lets the browser keep a language: that of who signs in, for the pages
	// before the next sign-in.
	Remember func(w http.ResponseWriter, locale string)
}

// SignIn is what a request of that mode asks the account service for: a page
// always gets a cookie.
func SignIn(r *http.Request, mode, returnTo string) (account.SignIn, error) {
	if exchange.IsForm(r) {
		mode = Cookie
	}
	switch mode {
	case Tokens, Cookie, RefreshCookie:
		return account.SignIn{Mode: mode, ReturnTo: returnTo, WithTokens: mode != Cookie, Browser: mode != Tokens}, nil
	}
	return account.SignIn{}, exchange.Invalid(`The mode is one of "cookie" and "refresh_cookie", or left out.`)
}

// Refused turns what a sign-in ends with into an answer, if it is one: a second
// factor is asked for. Any other error is returned, as a problem where it is one.
func (a *Answer) Refused(w http.ResponseWriter, r *http.Request, err error) error {
	if need, ok := errors.AsType[*account.NeedsFactorError](err); ok {
		return a.needsFactor(w, r, need)
	}
	if errors.Is(err, org.ErrNotMember) {
		return sallyport.Forbidden("forbidden", "You are not a member of this organization, or there is none.")
	}
	return exchange.Problem(err)
}

type needsFactor struct {
	Status  string           `json:"status"`
	Ticket  string           `json:"ticket"`
	Methods []account.Method `json:"methods"`
}

func (a *Answer) needsFactor(w http.ResponseWriter, r *http.Request, need *account.NeedsFactorError) error {
	if a.byPage(r) {
		a.Ticket.Set(w, need.Ticket, need.ExpiresAt)
		http.Redirect(w, r, a.Base+"/mfa", http.StatusSeeOther)
		return nil
	}
	status := "mfa_required"
	if need.Enrol {
		status = "mfa_enrolment_required"
	}
	return exchange.JSON(w, http.StatusOK, needsFactor{status, need.Ticket, need.Methods})
}

// byPage reports whether the answer is a page: to a form, or to a browser that
// comes back from elsewhere.
func (a *Answer) byPage(r *http.Request) bool {
	return exchange.IsForm(r) || r.Method == http.MethodGet && sallyport.Navigation(r)
}

type signedIn struct {
	Status       string     `json:"status"`
	User         shown.User `json:"user"`
	AccessToken  string     `json:"access_token,omitempty"`
	TokenType    string     `json:"token_type,omitempty"`
	ExpiresIn    int        `json:"expires_in,omitempty"`
	RefreshToken string     `json:"refresh_token,omitempty"`

	RecoveryCodes []string `json:"recovery_codes,omitempty"` // with the first factor, this once
}

// SignedIn answers a finished sign-in with that status: 303 to the next page for a
// browser, the credentials in the way that the mode asks for otherwise. The session
// that the browser had until now is ended: a sign-in never goes on with an old one.
func (a *Answer) SignedIn(w http.ResponseWriter, r *http.Request, out *account.SignedIn, status int) error {
	return a.answer(w, r, out, status, nil, func(next string) error {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	})
}

// Enrolled answers a sign-in that ended with a new factor, and with recovery codes if
// it is the first: page shows them to a browser, and leads to the next page.
func (a *Answer) Enrolled(w http.ResponseWriter, r *http.Request, out *account.SignedIn, codes []string, page func(next string) error) error {
	if codes == nil {
		return a.SignedIn(w, r, out, http.StatusOK)
	}
	return a.answer(w, r, out, http.StatusOK, codes, page)
}

func (a *Answer) answer(w http.ResponseWriter, r *http.Request, out *account.SignedIn, status int, codes []string, page func(next string) error) error {
	if p := sallyport.From(r.Context()); p.Credential == "session" {
		if err := a.Accounts.SignOut(r.Context(), p, false, exchange.Origin(a.Gate, r)); err != nil {
			return err
		}
	}
	if out.Mode == Cookie && out.User.Locale != "" {
		a.Remember(w, out.User.Locale)
	}
	if out.Mode == Cookie {
		a.Session.Set(w, out.Cookie, out.Session.ExpiresAt)
	}
	if out.Device != "" {
		a.Device.Set(w, out.Device, time.Now().Add(device.Lifetime))
	}
	if _, ok := a.Ticket.Read(r); ok {
		a.Ticket.Clear(w)
	}
	if a.byPage(r) {
		return page(exchange.ReturnTo(out.ReturnTo, a.Home))
	}
	answer := signedIn{Status: "signed_in", User: shown.NewUser(out.User, out.Roles), RecoveryCodes: codes}
	if t := out.Tokens; t != nil {
		answer.AccessToken, answer.TokenType, answer.ExpiresIn = t.Access, "Bearer", int(t.ExpiresIn/time.Second)
		answer.RefreshToken = a.HandOut(w, t, out.Mode)
	}
	return exchange.JSON(w, status, answer)
}

// Renew gives a browser the new cookie of a session that goes on under one. Who came
// with a token has no use for it.
func (a *Answer) Renew(w http.ResponseWriter, r *http.Request, renewed account.Renewed) {
	if sallyport.From(r.Context()).Credential == "session" {
		a.Session.Set(w, renewed.Cookie, renewed.Session.ExpiresAt)
	}
}

// HandOut puts the refresh token into its cookie, or returns it for the body.
func (a *Answer) HandOut(w http.ResponseWriter, t *account.Tokens, mode string) string {
	if mode != RefreshCookie {
		return t.Refresh
	}
	a.Refresh.Set(w, t.Refresh, t.ExpiresAt)
	return ""
}

// TicketOf returns the ticket that a request brings: in its body, or in the cookie
// of the pages.
func (a *Answer) TicketOf(r *http.Request, given string) string {
	if given != "" {
		return given
	}
	ticket, _ := a.Ticket.Read(r)
	return ticket
}

// Enroller calls next for who sets up a factor: with a ticket, in the body or in the
// cookie of the pages, or else with a sign-in no older than fresh and a credential whose
// scope reaches as far as scope.
func (a *Answer) Enroller(w http.ResponseWriter, r *http.Request, ticket string, fresh time.Duration, scope string,
	next func(http.ResponseWriter, *http.Request, account.Enroller) error) error {
	if ticket == "" && sallyport.From(r.Context()).Subject == "" {
		ticket = a.TicketOf(r, "")
	}
	if ticket != "" {
		return next(w, r, account.Enroller{Ticket: ticket})
	}
	var err error
	own := exchange.Within(scope, func(w http.ResponseWriter, r *http.Request) error {
		return next(w, r, account.Enroller{Principal: sallyport.From(r.Context())})
	})
	a.Gate.Through(sallyport.SignedIn().Fresh(fresh))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err = own(w, r)
	})).ServeHTTP(w, r)
	return err
}

// Expired is the answer to a ticket that is none: a page begins anew.
func (a *Answer) Expired(w http.ResponseWriter, r *http.Request) error {
	if !sallyport.Navigation(r) {
		return exchange.Problem(account.ErrTicket)
	}
	a.Ticket.Clear(w)
	http.Redirect(w, r, a.Base+"/login?"+url.Values{"done": {"expired"}}.Encode(), http.StatusSeeOther)
	return nil
}

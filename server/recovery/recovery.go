// Package recovery is what people do by mail: set a new password, sign in by a link,
// prove an address. Each mail carries a link and a code. To open the link only looks,
// because mail scanners open links, too; to redeem it takes a button.
package recovery

import (
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

// A Handler serves the flows below Base.
type Handler struct {
	Base     string // "/auth"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Answer   *entry.Answer
	Pages    *web.Pages
	// Token holds the token of a link that was opened, so that it does not stay in the
	// address bar; Asked the name for which a message was asked, so that nobody types it
	// twice; Ticket the one of a registration.
	Token, Asked, Ticket session.Cookie
	Fresh                time.Duration // age of a sign-in that may change the address
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	anybody, b := sallyport.Public(), h.Base
	rt.Func("GET "+b+"/password/forgot", anybody, h.page("forgot"))
	rt.Func("POST "+b+"/password/forgot", anybody, h.forgot)
	rt.Func("GET "+b+"/password/reset", anybody, h.opened("reset"))
	rt.Func("POST "+b+"/password/reset", anybody, h.reset)
	rt.Func("GET "+b+"/link", anybody, h.page("link"))
	rt.Func("POST "+b+"/link", anybody, h.link)
	rt.Func("GET "+b+"/link/redeem", anybody, h.opened("link_redeem"))
	rt.Func("POST "+b+"/link/redeem", anybody, h.redeem)
	rt.Func("GET "+b+"/email/verify", anybody, h.verifyPage)
	rt.Func("POST "+b+"/email/verify", anybody, h.verify)
	rt.Func("GET "+b+"/email", sallyport.SignedIn(), exchange.Within("account:read", h.emailPage))
	rt.Func("GET "+b+"/email/new", sallyport.SignedIn().Fresh(h.Fresh), h.newEmailPage)
	rt.Func("POST "+b+"/email/change", sallyport.SignedIn().Fresh(h.Fresh), exchange.Within("account:write", h.change))
	rt.Func("GET "+b+"/email/undo", anybody, h.opened("email_undo"))
	rt.Func("POST "+b+"/email/undo", anybody, h.undo)
}

// page shows a page that asks for a name.
func (h *Handler) page(name string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		return h.Pages.Show(w, r, name, web.Mailed{ReturnTo: exchange.ReturnTo(r.URL.Query().Get("return_to"), "")})
	}
}

// opened shows the page of a link. The token moves from the address into a cookie
// first, so that it is in no history and in no picture of the screen.
func (h *Handler) opened(name string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if h.hide(w, r) {
			return nil
		}
		return h.Pages.Show(w, r, name, h.brought(r))
	}
}

// hide answers with the same address without the token, if there is one in it.
func (h *Handler) hide(w http.ResponseWriter, r *http.Request) bool {
	q := r.URL.Query()
	if !q.Has("token") {
		return false
	}
	h.tokenOf(r.URL.Path).Set(w, url.QueryEscape(q.Get("token")), time.Now().Add(outbox.CodeLifetime))
	q.Del("token")
	target := r.URL.Path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, target, http.StatusSeeOther)
	return true
}

// tokenOf is the cookie for the token of one page: that of another is no good there.
func (h *Handler) tokenOf(path string) session.Cookie {
	c := h.Token
	c.Path = path
	return c
}

// forget takes from a browser what it had for the page, once that is done.
func (h *Handler) forget(w http.ResponseWriter, r *http.Request) {
	if exchange.IsForm(r) {
		h.tokenOf(r.URL.Path).Clear(w)
		h.Asked.Clear(w)
	}
}

// brought is what the browser has with it: the token of a link, and the name for which
// a message was asked.
func (h *Handler) brought(r *http.Request) web.Mailed {
	var m web.Mailed
	m.Token = unescaped(h.tokenOf(r.URL.Path).Read(r))
	m.Identifier = unescaped(h.Asked.Read(r))
	m.ReturnTo = exchange.ReturnTo(r.URL.Query().Get("return_to"), "")
	if m.Identifier != "" && m.Token == "" && r.URL.Query().Has("sent") {
		m.Again = patience
	}
	return m
}

// patience is for how many seconds a page asks its reader to wait for a message before it
// sends another. It is the same for everybody, whatever was asked for before: that may
// have been somebody else.
const patience = 30

func unescaped(value string, _ bool) string {
	s, err := url.QueryUnescape(value)
	if err != nil {
		return ""
	}
	return s
}

// remember keeps the name for which a page asked for a message, for the page at next,
// where an older link does not count any more.
func (h *Handler) remember(w http.ResponseWriter, name, next string) {
	if escaped := url.QueryEscape(name); len(escaped) <= 1024 {
		h.Asked.Set(w, escaped, time.Now().Add(outbox.CodeLifetime))
	}
	h.tokenOf(next).Clear(w)
}

// done answers what leads nowhere else: a page goes to target, a program gets 204.
func (h *Handler) done(w http.ResponseWriter, r *http.Request, target string) error {
	if !exchange.IsForm(r) {
		return exchange.Done(w)
	}
	h.forget(w, r)
	return exchange.See(w, r, h.Base+target)
}

type askRequest struct {
	Identifier string `json:"identifier"`
	ReturnTo   string `json:"return_to"` // of the page
}

// ask answers 202, whoever is asked for.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, page, next string, send func(askRequest) error) error {
	var in askRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	again := web.Mailed{Identifier: in.Identifier, ReturnTo: in.ReturnTo}
	if in.Identifier == "" {
		return h.Pages.Failed(w, r, page, &account.InvalidError{Member: "identifier", Reason: "is missing"}, again)
	}
	if err := send(in); err != nil {
		return h.Pages.Failed(w, r, page, err, again)
	}
	if exchange.IsForm(r) {
		h.remember(w, in.Identifier, h.Base+next)
		return exchange.See(w, r, h.Base+next+"?sent=1")
	}
	return Accepted(w)
}

// Accepted answers 202: whether there is a mail to look for, only the mailbox says.
func Accepted(w http.ResponseWriter) error {
	return exchange.JSON(w, http.StatusAccepted, struct {
		Status string `json:"status"`
	}{"accepted"})
}

func (h *Handler) forgot(w http.ResponseWriter, r *http.Request) error {
	return h.ask(w, r, "forgot", "/password/reset", func(in askRequest) error {
		return h.Accounts.ForgotPassword(r.Context(), in.Identifier, exchange.Origin(h.Gate, r))
	})
}

func (h *Handler) link(w http.ResponseWriter, r *http.Request) error {
	return h.ask(w, r, "link", "/link/redeem", func(in askRequest) error {
		back := exchange.ReturnTo(in.ReturnTo, "")
		return h.Accounts.SendLink(r.Context(), in.Identifier, back, exchange.Origin(h.Gate, r))
	})
}

// mailed reads what somebody brings, of which there must be one: a token, or a code
// with a name.
func mailed(token, code, identifier string) (account.Mailed, error) {
	if (token == "") == (code == "") || token == "" && identifier == "" {
		return account.Mailed{}, exchange.Invalid("Send the token of the link, or the code with the identifier.")
	}
	return account.Mailed{Token: token, Code: code, Identifier: identifier}, nil
}

type resetRequest struct {
	Token       string `json:"token"`
	Code        string `json:"code"`
	Identifier  string `json:"identifier"`
	NewPassword string `json:"new_password"`
}

func (h *Handler) reset(w http.ResponseWriter, r *http.Request) error {
	var in resetRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	again := web.Mailed{Token: in.Token, Code: in.Code, Identifier: in.Identifier}
	k, err := mailed(in.Token, in.Code, in.Identifier)
	if err == nil {
		err = h.Accounts.ResetPassword(r.Context(), k, in.NewPassword, exchange.Origin(h.Gate, r))
	}
	if err != nil {
		return h.Pages.Failed(w, r, "reset", err, again)
	}
	return h.done(w, r, "/login?done=password_reset")
}

type redeemRequest struct {
	Token      string `json:"token"`
	Code       string `json:"code"`
	Identifier string `json:"identifier"`
	Org        string `json:"org"` // slug or id
	Mode       string `json:"mode"`
	ReturnTo   string `json:"return_to"` // of the page
}

func (h *Handler) redeem(w http.ResponseWriter, r *http.Request) error {
	var in redeemRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	as, err := entry.SignIn(r, in.Mode, in.ReturnTo)
	if err != nil {
		return err
	}
	as.Org = in.Org
	again := web.Mailed{Token: in.Token, Code: in.Code, Identifier: in.Identifier, ReturnTo: in.ReturnTo}
	k, err := mailed(in.Token, in.Code, in.Identifier)
	if err != nil {
		return h.Pages.Failed(w, r, "link_redeem", err, again)
	}
	out, err := h.Accounts.RedeemLink(r.Context(), k, as, exchange.Origin(h.Gate, r))
	if err != nil {
		if err = h.Answer.Refused(w, r, err); err != nil {
			err = h.Pages.Failed(w, r, "link_redeem", err, again)
		}
		return err
	}
	h.forget(w, r)
	return h.Answer.SignedIn(w, r, out, http.StatusOK)
}

type undoRequest struct {
	Token string `json:"token"`
}

func (h *Handler) undo(w http.ResponseWriter, r *http.Request) error {
	var in undoRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if in.Token == "" {
		return h.Pages.Failed(w, r, "email_undo", exchange.Invalid("Send the token of the link."), web.Mailed{})
	}
	if err := h.Accounts.UndoEmailChange(r.Context(), in.Token, exchange.Origin(h.Gate, r)); err != nil {
		return h.Pages.Failed(w, r, "email_undo", err, web.Mailed{Token: in.Token})
	}
	return h.done(w, r, "/login?done=email_undone")
}

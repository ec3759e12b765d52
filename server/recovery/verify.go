package recovery

import (
	"errors"
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

type verifyRequest struct {
	Token       string `json:"token"`
	Code        string `json:"code"`
	Ticket      string `json:"ticket"`
	NewPassword string `json:"new_password"`
}

// verifyPage shows what is missing to prove an address: a button, a password or a
// sign-in; without a link, it asks for the code.
func (h *Handler) verifyPage(w http.ResponseWriter, r *http.Request) error {
	if h.hide(w, r) {
		return nil
	}
	m := h.brought(r)
	m.Ticket = unescaped(h.Ticket.Read(r))
	if err := h.look(r, &m); err != nil && !errors.Is(err, account.ErrMailed) { // a link that is over is said to be so once it is used
		return err
	}
	return h.Pages.Show(w, r, "email_verify", m)
}

// look finds out what a person must show beside the link.
func (h *Handler) look(r *http.Request, m *web.Mailed) error {
	p := sallyport.From(r.Context())
	if m.Token == "" {
		m.SignIn = m.Ticket == "" && p.Session == ""
		return nil
	}
	password, err := h.Accounts.LookAtVerification(r.Context(), p, m.Token, m.Ticket)
	if errors.Is(err, account.ErrNotYours) {
		m.Password, m.SignIn = password, !password
		return nil
	}
	return err
}

func (h *Handler) verify(w http.ResponseWriter, r *http.Request) error {
	var in verifyRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	again := web.Mailed{Token: in.Token, Code: in.Code, Ticket: in.Ticket}
	if (in.Token == "") == (in.Code == "") {
		return h.Pages.Failed(w, r, "email_verify", exchange.Invalid("Send the token of the link, or the code."), again)
	}
	p := sallyport.From(r.Context())
	err := h.Accounts.VerifyEmail(r.Context(), p, account.Verification{
		Mailed: account.Mailed{Token: in.Token, Code: in.Code}, Ticket: in.Ticket, Password: in.NewPassword,
	}, exchange.Origin(h.Gate, r))
	if err != nil {
		if lookErr := h.look(r, &again); lookErr != nil && !errors.Is(lookErr, account.ErrMailed) {
			return lookErr
		}
		return h.Pages.Failed(w, r, "email_verify", err, again)
	}
	h.Ticket.Clear(w)
	if p.Session != "" {
		return h.done(w, r, "/?done=email_verified")
	}
	return h.done(w, r, "/login?done=email_verified")
}

func (h *Handler) emailPage(w http.ResponseWriter, r *http.Request) error {
	u, err := h.Accounts.User(r.Context(), sallyport.From(r.Context()).Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	return h.Pages.Show(w, r, "email", web.Email{Address: u.Email, Verified: u.EmailVerified})
}

func (h *Handler) newEmailPage(w http.ResponseWriter, r *http.Request) error {
	return h.Pages.Show(w, r, "email_new", web.Email{})
}

type changeRequest struct {
	Email string `json:"email"`
}

func (h *Handler) change(w http.ResponseWriter, r *http.Request) error {
	var in changeRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if err := h.Accounts.SendVerification(r.Context(), sallyport.From(r.Context()), in.Email, exchange.Origin(h.Gate, r)); err != nil {
		return h.Pages.Failed(w, r, "email_new", err, web.Email{Address: in.Email})
	}
	return h.done(w, r, "/email/verify?sent=1")
}

package passkeys

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/server/entry"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

func (h *Handler) beginSignIn(w http.ResponseWriter, r *http.Request) error {
	if err := exchange.Read(w, r, new(struct{})); err != nil {
		return err
	}
	o, ticket, err := h.Accounts.BeginPasskeySignIn()
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusOK, options[passkey.RequestOptions]{ticket, o})
}

type signInRequest struct {
	Ticket     string          `json:"ticket"`
	Credential json.RawMessage `json:"credential"`
	Org        string          `json:"org"` // slug or id
	Mode       string          `json:"mode"`
	ReturnTo   string          `json:"return_to"` // of the page
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
	as.Org = in.Org
	credential := exchange.Embedded(in.Credential)
	out, err := h.Accounts.SignInByPasskey(r.Context(), account.PasskeySignIn{
		Ticket: in.Ticket, Credential: credential, SignIn: as,
	}, exchange.Origin(h.Gate, r))
	if err == nil {
		return h.Answer.SignedIn(w, r, out, http.StatusOK)
	}
	again := web.Form{ReturnTo: in.ReturnTo, Closed: h.Closed}
	if errors.Is(err, account.ErrPasskeyUnknown) {
		again.UnknownPasskey = h.unknown(credential)
	}
	if err = h.Answer.Refused(w, r, err); err != nil {
		err = h.Pages.Failed(w, r, "login", err, again)
	}
	return err
}

// unknown names a passkey that nobody has, so that the page tells the device so.
func (h *Handler) unknown(credential []byte) *web.UnknownPasskey {
	a, err := passkey.ParseAssertion(credential)
	if err != nil {
		return nil
	}
	return &web.UnknownPasskey{RP: h.Accounts.Passkeys.ID, ID: encode(a.CredentialID())}
}

type factorRequest struct {
	Ticket string `json:"ticket"` // "" = that of the page's cookie
}

func (h *Handler) beginFactor(w http.ResponseWriter, r *http.Request) error {
	var in factorRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	o, err := h.Accounts.PasskeyFactor(r.Context(), h.Answer.TicketOf(r, in.Ticket))
	return requested(w, o, err)
}

func (h *Handler) beginStepUp(w http.ResponseWriter, r *http.Request) error {
	if err := exchange.Read(w, r, new(struct{})); err != nil {
		return err
	}
	o, err := h.Accounts.PasskeyStepUp(r.Context(), sallyport.From(r.Context()))
	return requested(w, o, err)
}

func requested(w http.ResponseWriter, o passkey.RequestOptions, err error) error {
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusOK, options[passkey.RequestOptions]{PublicKey: o})
}

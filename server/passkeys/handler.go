// Package passkeys is the flow of passkeys: a browser signs in with one, and its
// person makes, names and removes them. Making and using one needs a script on the
// page (WebAuthn has no form); everything else works without.
package passkeys

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/server/entry"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Handler serves the flow below Base.
type Handler struct {
	Base     string // "/auth"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Answer   *entry.Answer
	Pages    *web.Pages
	Fresh    time.Duration // age that a sign-in may have for sensitive actions
	Related  []string      // origins of other sites that may use our passkeys
	Closed   bool          // nobody can register by themselves
}

// The permissions that the scope of a credential must reach for: see package me.
const (
	read  = "account:read"
	write = "account:write"
)

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	anybody := sallyport.Public()
	rt.Func("POST "+h.Base+"/passkeys/login/options", anybody, h.beginSignIn)
	rt.Func("POST "+h.Base+"/passkeys/login", anybody, h.signIn)
	rt.Func("POST "+h.Base+"/passkeys/factor/options", anybody, h.beginFactor)
	own, fresh := sallyport.SignedIn(), sallyport.SignedIn().Fresh(h.Fresh)
	rt.Func("POST "+h.Base+"/passkeys/step-up/options", own, h.beginStepUp)
	rt.Func("GET "+h.Base+"/passkeys", own, exchange.Within(read, h.list))
	// These take a ticket, and ask for a fresh sign-in without one.
	rt.Func("GET "+h.Base+"/passkeys/new", anybody, h.newPage)
	rt.Func("POST "+h.Base+"/passkeys/options", anybody, h.begin)
	rt.Func("POST "+h.Base+"/passkeys", anybody, h.add)
	rt.Func("PATCH "+h.Base+"/passkeys/{id}", own, exchange.Within(write, h.rename))
	rt.Func("DELETE "+h.Base+"/passkeys/{id}", fresh, exchange.Within(write, h.remove))
	// What a form can say:
	rt.Func("POST "+h.Base+"/passkeys/{id}/rename", own, exchange.Within(write, h.rename))
	rt.Func("POST "+h.Base+"/passkeys/{id}/remove", fresh, exchange.Within(write, h.remove))
	rt.Func("POST "+h.Base+"/passkeys/offer", own, h.dismiss)
	rt.Func("GET /.well-known/webauthn", sallyport.Public().NoCookie(), h.related)
}

// options are what a browser needs for navigator.credentials.
type options[T any] struct {
	Ticket    string `json:"ticket,omitempty"`
	PublicKey T      `json:"public_key"`
}

func (h *Handler) enroller(w http.ResponseWriter, r *http.Request, ticket string, next func(http.ResponseWriter, *http.Request, account.Enroller) error) error {
	return h.Answer.Enroller(w, r, ticket, h.Fresh, write, next)
}

type beginRequest struct {
	Ticket string `json:"ticket"`
}

func (h *Handler) begin(w http.ResponseWriter, r *http.Request) error {
	var in beginRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	return h.enroller(w, r, in.Ticket, func(w http.ResponseWriter, r *http.Request, who account.Enroller) error {
		o, err := h.Accounts.BeginPasskey(r.Context(), who)
		if err != nil {
			return exchange.Problem(err)
		}
		return exchange.JSON(w, http.StatusOK, options[passkey.CreationOptions]{PublicKey: o})
	})
}

type addRequest struct {
	Ticket     string          `json:"ticket"`
	Name       string          `json:"name"` // "" = one after the device
	Credential json.RawMessage `json:"credential"`
}

func (h *Handler) add(w http.ResponseWriter, r *http.Request) error {
	var in addRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	return h.enroller(w, r, in.Ticket, func(w http.ResponseWriter, r *http.Request, who account.Enroller) error {
		k, done, err := h.Accounts.AddPasskey(r.Context(), who, in.Name, exchange.Embedded(in.Credential), exchange.Origin(h.Gate, r))
		switch {
		case errors.Is(err, account.ErrTicket):
			return h.Answer.Expired(w, r)
		case err != nil && who.Ticket != "":
			return h.Pages.Failed(w, r, "passkey_new", err, web.Passkeys{Ticket: true})
		case err != nil:
			return h.refused(w, r, err)
		}
		return h.added(w, r, k, done)
	})
}

// added answers who has made a passkey: with recovery codes if it is their first factor,
// and with a finished sign-in if that is what they had a ticket for.
func (h *Handler) added(w http.ResponseWriter, r *http.Request, k passkey.Passkey, done *account.Enrolled) error {
	codes := func(next string) error {
		return h.Pages.Show(w, r, "recovery", web.NewRecoveryCodes(done.RecoveryCodes, next))
	}
	if in := done.SignedIn; in != nil {
		return h.Answer.Enrolled(w, r, in, done.RecoveryCodes, codes)
	}
	h.Answer.Renew(w, r, done.Renewed)
	switch {
	case exchange.IsForm(r) && done.RecoveryCodes != nil:
		return codes(h.Base + "/passkeys?done=passkey_added")
	case exchange.IsForm(r):
		return h.done(w, r, "passkey_added")
	}
	return exchange.JSON(w, http.StatusCreated, struct {
		shown.Passkey
		Codes []string `json:"recovery_codes,omitempty"` // with the first factor, this once
	}{shown.NewPasskey(k), done.RecoveryCodes})
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	if sallyport.Navigation(r) {
		return h.page(w, r)
	}
	all, err := h.Accounts.PasskeysOf(r.Context(), sallyport.From(r.Context()).Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[shown.Passkey]{Items: make([]shown.Passkey, 0, len(all))}
	for _, k := range all {
		out.Items = append(out.Items, shown.NewPasskey(k))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

type renameRequest struct {
	Name string `json:"name"`
}

func (h *Handler) rename(w http.ResponseWriter, r *http.Request) error {
	var in renameRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	k, err := h.Accounts.RenamePasskey(r.Context(), sallyport.From(r.Context()), r.PathValue("id"), in.Name, exchange.Origin(h.Gate, r))
	switch {
	case err != nil:
		return h.refused(w, r, err)
	case exchange.IsForm(r):
		return h.done(w, r, "passkey_renamed")
	}
	return exchange.JSON(w, http.StatusOK, shown.NewPasskey(k))
}

func (h *Handler) remove(w http.ResponseWriter, r *http.Request) error {
	if err := exchange.Read(w, r, new(struct{})); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	renewed, err := h.Accounts.RemovePasskey(r.Context(), p, r.PathValue("id"), exchange.Origin(h.Gate, r))
	if err != nil {
		return h.refused(w, r, err)
	}
	h.Answer.Renew(w, r, renewed)
	if exchange.IsForm(r) {
		return h.done(w, r, "passkey_removed")
	}
	return exchange.Done(w)
}

func (h *Handler) done(w http.ResponseWriter, r *http.Request, what string) error {
	http.Redirect(w, r, h.Base+"/passkeys?done="+what, http.StatusSeeOther)
	return nil
}

// related is the document by which a browser lets pages of other sites use our
// passkeys (WebAuthn 3 §5.11.1).
func (h *Handler) related(w http.ResponseWriter, r *http.Request) error {
	if len(h.Related) == 0 {
		return sallyport.ErrNotFound
	}
	return exchange.JSON(w, http.StatusOK, struct {
		Origins []string `json:"origins"`
	}{h.Related})
}

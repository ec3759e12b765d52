// Package passkeys is the flow of passkeys: a browser signs in with one, and its
// person makes, names and removes them. Making and using one needs a script on the
// page (WebAuthn has no form); everything else works without.
package passkeys

import (
	"encoding/json"
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
	rt.Func("POST "+h.Base+"/passkeys/options", fresh, exchange.Within(write, h.begin))
	rt.Func("POST "+h.Base+"/passkeys", fresh, exchange.Within(write, h.add))
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

func (h *Handler) begin(w http.ResponseWriter, r *http.Request) error {
	if err := exchange.Read(w, r, new(struct{})); err != nil {
		return err
	}
	o, err := h.Accounts.BeginPasskey(r.Context(), sallyport.From(r.Context()))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusOK, options[passkey.CreationOptions]{PublicKey: o})
}

type addRequest struct {
	Name       string          `json:"name"` // "" = one after the device
	Credential json.RawMessage `json:"credential"`
}

func (h *Handler) add(w http.ResponseWriter, r *http.Request) error {
	var in addRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	k, renewed, err := h.Accounts.AddPasskey(r.Context(), p, in.Name, exchange.Embedded(in.Credential), exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	h.Answer.Renew(w, r, renewed)
	return exchange.JSON(w, http.StatusCreated, shown.NewPasskey(k))
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
	k, err := h.Accounts.RenamePasskey(r.Context(), sallyport.From(r.Context()).Subject, r.PathValue("id"), in.Name, exchange.Origin(h.Gate, r))
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

package federation

import (
	"errors"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// An identity is one provider in the list of a person.
type identity struct {
	Provider   string    `json:"provider"`
	Name       string    `json:"name"`            // of the provider
	Email      string    `json:"email,omitempty"` // as it knows the person
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
}

// identities lists what is connected: to a browser on the page, and else as JSON.
func (h *Handler) identities(w http.ResponseWriter, r *http.Request) error {
	all, err := h.Accounts.Identities(r.Context(), sallyport.From(r.Context()).Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[identity]{Items: make([]identity, 0, len(all))}
	connected := map[string]bool{}
	for _, i := range all {
		out.Items = append(out.Items, identity{i.Provider, h.name(i.Provider), i.Email, i.CreatedAt.UTC(), i.LastUsedAt.UTC()})
		connected[i.Provider] = true
	}
	if !sallyport.Navigation(r) {
		return exchange.JSON(w, http.StatusOK, out)
	}
	page := struct {
		Connected []identity
		Others    []other
	}{Connected: out.Items}
	for _, p := range h.Providers {
		if !connected[p.ID()] {
			page.Others = append(page.Others, other{p.ID(), p.Name()})
		}
	}
	return h.Pages.Show(w, r, "identities", page)
}

// other is a provider that the person has not connected.
type other struct{ ID, Name string }

// name is what people call a provider, also one that is configured no more.
func (h *Handler) name(id string) string {
	for _, p := range h.Providers {
		if p.ID() == id {
			return p.Name()
		}
	}
	return id
}

// link begins to connect a provider with the account of the session: an answer that
// comes to any other session connects nothing.
func (h *Handler) link(w http.ResponseWriter, r *http.Request) error {
	var in struct{}
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	who := sallyport.From(r.Context())
	if who.Credential != "session" {
		return exchange.Invalid("A provider is connected from a browser that is signed in with a cookie.")
	}
	if err := h.Accounts.Strong(r.Context(), who); err != nil { // before the person goes there and comes back
		return exchange.Problem(err)
	}
	address, err := h.start(w, r, p, attempt{Session: who.Session}, false)
	if err != nil {
		return err
	}
	if exchange.IsForm(r) {
		return h.leave(w, r, p, address)
	}
	return exchange.JSON(w, http.StatusOK, struct {
		Location string `json:"location"`
	}{address})
}

// leave sends a form's browser to the provider by a page: a redirect of a form that
// leads to another site is what the pages' own policy forbids (form-action).
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, p *federation.Provider, address string) error {
	w.Header().Set("Refresh", "0; url="+address)
	return h.Pages.Show(w, r, "depart", struct{ Provider, Address string }{p.Name(), address})
}

// connect ends what link began, in the session that did.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, p *federation.Provider, a *attempt, who account.Elsewhere) error {
	by := sallyport.From(r.Context())
	if by.Credential != "session" || by.Session != a.Session {
		return h.explain(r.Context(), p, errOtherSession)
	}
	renewed, err := h.Accounts.Connect(r.Context(), by, who, exchange.Origin(h.Gate, r))
	if errors.Is(err, account.ErrConnected) {
		return &sallyport.Problem{
			Status: http.StatusConflict, Code: "already_connected", Extra: map[string]any{"provider": p.Name()},
			Detail: "This sign-in with " + p.Name() + " is connected with an account already, or yours with another one there. Disconnect that first.",
		}
	}
	if err != nil {
		return exchange.Problem(err)
	}
	h.Answer.Renew(w, r, renewed)
	return redirect(w, r, h.Base+"/identities?done=connected")
}

var errOtherSession = errors.Join(federation.ErrRefused, errors.New("it was begun in another session"))

func (h *Handler) unlink(w http.ResponseWriter, r *http.Request) error {
	var in struct{}
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	renewed, err := h.Accounts.Disconnect(r.Context(), p, r.PathValue("provider"), exchange.Origin(h.Gate, r))
	switch {
	case errors.Is(err, account.ErrNotConnected):
		return sallyport.ErrNotFound
	case err != nil:
		return exchange.Problem(err)
	}
	h.Answer.Renew(w, r, renewed)
	if exchange.IsForm(r) {
		return redirect(w, r, h.Base+"/identities?done=disconnected")
	}
	return exchange.Done(w)
}

package oauth

import (
	"errors"
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
	"github.com/sallyport-auth/sallyport/server/web"
)

// The permissions that the scope of a credential must reach for. A person needs no role
// for them: it is their own account.
const (
	readAccount  = "account:read"
	writeAccount = "account:write"
)

// applications lists what may use the account: to a browser on the page, and else as JSON.
func (h *Handler) applications(w http.ResponseWriter, r *http.Request) error {
	all, err := h.Accounts.Connections(r.Context(), sallyport.From(r.Context()).Subject)
	if err != nil {
		return err
	}
	if sallyport.Navigation(r) {
		return h.applicationsPage(w, r, all)
	}
	items := make([]shown.Application, 0, len(all))
	for _, c := range all {
		items = append(items, shown.NewApplication(c))
	}
	return exchange.JSON(w, http.StatusOK, exchange.List[shown.Application]{Items: items})
}

func (h *Handler) applicationsPage(w http.ResponseWriter, r *http.Request, all []account.Connection) error {
	items := make([]web.Application, 0, len(all))
	for _, c := range all {
		resources, err := h.Accounts.Known(r.Context(), c.Resources)
		if err != nil {
			return err
		}
		items = append(items, web.Application{ID: c.Client.ID, Name: c.Client.Name, Since: c.Since, Used: c.Used, Asks: asks(h.Issuer, c.Scope, resources, nil)})
	}
	return h.Pages.Show(w, r, "applications", items)
}

// withdraw takes back what the person has let a client do.
func (h *Handler) withdraw(w http.ResponseWriter, r *http.Request) error {
	err := h.Accounts.Withdraw(r.Context(), sallyport.From(r.Context()).Subject, r.PathValue("client"), exchange.Origin(h.Gate, r))
	switch {
	case errors.Is(err, oauth.ErrNoGrant):
		return sallyport.ErrNotFound
	case err != nil:
		return exchange.Problem(err)
	case exchange.IsForm(r):
		return exchange.See(w, r, h.Base+"/applications?done=withdrawn")
	}
	return exchange.Done(w)
}

// Package membership is what a signed-in person does about organizations: see
// which they are in, choose the one that they act in, leave one, and accept an
// invitation to one.
package membership

import (
	"errors"
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Handler serves the flow below Base.
type Handler struct {
	Base     string // "/auth"
	Home     string // where a page leads afterwards
	Gate     *sallyport.Gate
	Accounts *account.Service
	Pages    *web.Pages
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	own := sallyport.SignedIn()
	rt.Func("GET "+h.Base+"/organizations", own, exchange.Within("account:read", h.organizations))
	rt.Func("DELETE "+h.Base+"/organizations/{org}", own, exchange.Within("account:write", h.leave))
	rt.Func("POST "+h.Base+"/organization", own, exchange.Within("account:write", h.choose))
	rt.Func("GET "+h.Base+"/invitations/{token}", own, exchange.Within("account:read", h.invitation))
	rt.Func("POST "+h.Base+"/invitations/{token}", own, exchange.Within("account:write", h.accept))
}

func (h *Handler) organizations(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	all, err := h.Accounts.Memberships(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	if sallyport.Navigation(r) {
		lines := make([]web.Organization, 0, len(all))
		for _, m := range all {
			lines = append(lines, web.Organization{ID: m.Organization.ID, Name: m.Organization.Name, Current: m.Organization.ID == p.Org})
		}
		return h.Pages.Show(w, r, "organizations", lines)
	}
	out := exchange.List[shown.Membership]{Items: make([]shown.Membership, 0, len(all))}
	for _, m := range all {
		out.Items = append(out.Items, shown.NewMembership(m, p.Org))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

func (h *Handler) leave(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	err := h.Accounts.RemoveMember(r.Context(), r.PathValue("org"), p.Subject, exchange.Origin(h.Gate, r))
	if errors.Is(err, org.ErrNotMember) {
		err = org.ErrNotFound
	}
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

type choice struct {
	Org      string `json:"org"`
	ReturnTo string `json:"return_to"` // of the page
}

// choose lets the session act in an organization, or in none.
func (h *Handler) choose(w http.ResponseWriter, r *http.Request) error {
	var in choice
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	err := h.Accounts.SwitchOrganization(r.Context(), sallyport.From(r.Context()), in.Org, exchange.Origin(h.Gate, r))
	switch {
	case errors.Is(err, org.ErrNotMember):
		return sallyport.Forbidden("forbidden", "You are not a member of this organization, or there is none.")
	case err != nil:
		return exchange.Problem(err)
	case exchange.IsForm(r):
		return exchange.See(w, r, exchange.ReturnTo(in.ReturnTo, h.Home))
	}
	return exchange.Done(w)
}

// invitation shows an invitation to whom it is for. It only looks: what is in a
// mail is opened by scanners, too.
func (h *Handler) invitation(w http.ResponseWriter, r *http.Request) error {
	inv, to, err := h.Accounts.Offered(r.Context(), sallyport.From(r.Context()), r.PathValue("token"))
	if err != nil {
		return exchange.Problem(err)
	}
	if sallyport.Navigation(r) {
		return h.Pages.Show(w, r, "invitation", web.Invitation{Organization: to.Name, Role: inv.Role, ExpiresAt: inv.ExpiresAt})
	}
	return exchange.JSON(w, http.StatusOK, shown.NewOffer(inv, to))
}

// accept uses the invitation. Nothing needs to be sent; a page posts an empty form.
func (h *Handler) accept(w http.ResponseWriter, r *http.Request) error {
	var none struct{}
	if err := exchange.Read(w, r, &none); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	m, err := h.Accounts.AcceptInvitation(r.Context(), p, r.PathValue("token"), exchange.Origin(h.Gate, r))
	switch {
	case err != nil:
		return exchange.Problem(err)
	case exchange.IsForm(r):
		return exchange.See(w, r, h.Home)
	}
	return exchange.JSON(w, http.StatusOK, shown.NewMembership(m, p.Org))
}

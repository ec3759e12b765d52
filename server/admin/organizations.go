package admin

import (
	"net/http"
	"strings"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) organizations(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := pageOf(r, "q")
	if err != nil {
		return err
	}
	found, err := h.Accounts.Organizations(r.Context(), org.Filter{
		Prefix: strings.ToLower(r.URL.Query().Get("q")), After: cursor, Limit: limit + 1,
	})
	if err != nil {
		return exchange.Problem(err)
	}
	page := make([]shown.Organization, 0, len(found))
	for _, o := range found {
		page = append(page, shown.NewOrganization(o))
	}
	return exchange.JSON(w, http.StatusOK, exchange.NewPage(page, limit, func(o shown.Organization) string { return o.Slug }))
}

type newOrganization struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
	Plan string `json:"plan"`
}

func (h *Handler) addOrganization(w http.ResponseWriter, r *http.Request) error {
	var in newOrganization
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	o, err := h.Accounts.CreateOrganization(r.Context(), account.NewOrganization(in), exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	w.Header().Set("Location", h.Base+"/admin/api/organizations/"+o.ID)
	return showOrganization(w, http.StatusCreated, o)
}

func showOrganization(w http.ResponseWriter, status int, o org.Organization) error {
	out := shown.NewOrganization(o)
	w.Header().Set("ETag", tag(out))
	return exchange.JSON(w, status, out)
}

// named returns the organization that the path names by id.
func (h *Handler) named(r *http.Request) (org.Organization, error) {
	id := inPath(r)
	if !org.IsID(id) {
		return org.Organization{}, exchange.Problem(org.ErrNotFound)
	}
	o, err := h.Accounts.Organization(r.Context(), id)
	return o, exchange.Problem(err)
}

func (h *Handler) organization(w http.ResponseWriter, r *http.Request) error {
	o, err := h.named(r)
	if err != nil {
		return err
	}
	return showOrganization(w, http.StatusOK, o)
}

type changedOrganization struct {
	Slug *string `json:"slug"`
	Name *string `json:"name"`
	Plan *string `json:"plan"`
}

// changeOrganization changes what is named and leaves the rest alone.
func (h *Handler) changeOrganization(w http.ResponseWriter, r *http.Request) error {
	var in changedOrganization
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	o, err := h.Accounts.ChangeOrganization(r.Context(), inPath(r), func(o *org.Organization) error {
		if err := matches(r, tag(shown.NewOrganization(*o))); err != nil {
			return err
		}
		for _, m := range []struct{ to, from *string }{{&o.Slug, in.Slug}, {&o.Name, in.Name}, {&o.Plan, in.Plan}} {
			if m.from != nil {
				*m.to = *m.from
			}
		}
		return nil
	}, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return showOrganization(w, http.StatusOK, o)
}

func (h *Handler) deleteOrganization(w http.ResponseWriter, r *http.Request) error {
	if err := h.Accounts.DeleteOrganization(r.Context(), inPath(r), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

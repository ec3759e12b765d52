package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) members(w http.ResponseWriter, r *http.Request) error {
	return listIn(h, w, r, h.Accounts.OrganizationMembers, shown.NewMember, func(m shown.Member) string { return m.User })
}

// listIn answers with a page of what the organization in the path has, read by list
// in the order of id.
func listIn[T, V any](h *Handler, w http.ResponseWriter, r *http.Request,
	list func(ctx context.Context, org, after string, limit int) ([]T, error), show func(T) V, id func(V) string,
) error {
	limit, cursor, err := pageOf(r)
	if err != nil {
		return err
	}
	o, err := h.named(r)
	if err != nil {
		return err
	}
	found, err := list(r.Context(), o.ID, cursor, limit+1)
	if err != nil {
		return exchange.Problem(err)
	}
	page := make([]V, 0, len(found))
	for _, one := range found {
		page = append(page, show(one))
	}
	return exchange.JSON(w, http.StatusOK, exchange.NewPage(page, limit, id))
}

func (h *Handler) addMember(w http.ResponseWriter, r *http.Request) error {
	if err := h.Accounts.AddMember(r.Context(), inPath(r), r.PathValue("user"), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

func (h *Handler) removeMember(w http.ResponseWriter, r *http.Request) error {
	err := h.Accounts.RemoveMember(r.Context(), inPath(r), r.PathValue("user"), exchange.Origin(h.Gate, r))
	if errors.Is(err, org.ErrNotMember) {
		err = account.ErrNotFound
	}
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

func (h *Handler) invitations(w http.ResponseWriter, r *http.Request) error {
	show := func(inv org.Invitation) shown.Invitation { return shown.NewInvitation(inv, "") }
	return listIn(h, w, r, h.Accounts.Invitations, show, func(i shown.Invitation) string { return i.ID })
}

type newInvitation struct {
	Email string `json:"email"`
	Role  string `json:"role"`
}

// invite answers with the link, once: whoever invites sends it.
func (h *Handler) invite(w http.ResponseWriter, r *http.Request) error {
	var in newInvitation
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	inv, plain, err := h.Accounts.Invite(r.Context(), account.NewInvitation{
		Org: inPath(r), Email: in.Email, Role: in.Role,
	}, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusCreated, shown.NewInvitation(inv, h.Issuer+h.Base+"/invitations/"+plain))
}

func (h *Handler) revokeInvitation(w http.ResponseWriter, r *http.Request) error {
	err := h.Accounts.RevokeInvitation(r.Context(), inPath(r), r.PathValue("id"), exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

package admin

import (
	"context"
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) users(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := pageOf(r, "q", "status")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	members, err := h.Accounts.Members(r.Context(), account.UserFilter{
		Prefix: q.Get("q"), Status: account.Status(q.Get("status")), After: cursor, Limit: limit + 1,
	})
	if err != nil {
		return exchange.Problem(err)
	}
	page := make([]shown.User, 0, len(members))
	for _, m := range members {
		page = append(page, shown.NewUser(m.User, m.Roles))
	}
	return exchange.JSON(w, http.StatusOK, exchange.NewPage(page, limit, func(u shown.User) string { return u.ID }))
}

func (h *Handler) user(w http.ResponseWriter, r *http.Request) error {
	u, err := h.Accounts.User(r.Context(), r.PathValue("id"))
	if err != nil {
		return exchange.Problem(err)
	}
	return h.show(w, r.Context(), http.StatusOK, u)
}

func (h *Handler) show(w http.ResponseWriter, ctx context.Context, status int, u account.User) error {
	roles, err := h.Accounts.Assigned(ctx, u.ID, "")
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, status, shown.NewUser(u, roles))
}

type newUser struct {
	Username      string   `json:"username"`
	Email         string   `json:"email"`
	EmailVerified bool     `json:"email_verified"` // the administrator vouches for it
	Password      string   `json:"password"`
	Roles         []string `json:"roles"`
}

func (h *Handler) addUser(w http.ResponseWriter, r *http.Request) error {
	var in newUser
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	for _, role := range in.Roles {
		if err := h.mayGive(r, role); err != nil {
			return err
		}
	}
	u, err := h.Accounts.Add(r.Context(), account.Registration{
		Username: in.Username, Email: in.Email, EmailVerified: in.EmailVerified, Password: in.Password, Roles: in.Roles,
	}, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	w.Header().Set("Location", h.Base+"/admin/api/users/"+u.ID)
	return h.show(w, r.Context(), http.StatusCreated, u)
}

// mayGive makes sure that the caller may assign roles, and holds what this one
// gives.
func (h *Handler) mayGive(r *http.Request, role string) error {
	if err := h.Gate.Check(r.Context(), "role:assign", sallyport.Resource{}); err != nil {
		return err
	}
	definitions := h.Policy.Load()
	if !definitions.Has(role) {
		return exchange.Invalid("There is no role " + role + ".")
	}
	if !h.holds(r, definitions.Permissions([]string{role})) {
		return exceeds("give")
	}
	return nil
}

func (h *Handler) deleteUser(w http.ResponseWriter, r *http.Request) error {
	return h.toUser(w, r, h.Accounts.Delete)
}

func (h *Handler) disableUser(w http.ResponseWriter, r *http.Request) error {
	return h.toUser(w, r, h.Accounts.Disable)
}

func (h *Handler) enableUser(w http.ResponseWriter, r *http.Request) error {
	return h.toUser(w, r, h.Accounts.Enable)
}

func (h *Handler) resetFactors(w http.ResponseWriter, r *http.Request) error {
	return h.toUser(w, r, h.Accounts.ResetFactors)
}

// toUser does something to the user in the path.
func (h *Handler) toUser(w http.ResponseWriter, r *http.Request, do func(context.Context, string, account.Origin) error) error {
	id := r.PathValue("id")
	if err := h.mayTouch(r.Context(), r, id); err != nil {
		return err
	}
	if err := do(r.Context(), id, exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

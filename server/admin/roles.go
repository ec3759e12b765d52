package admin

import (
	"net/http"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) roles(w http.ResponseWriter, r *http.Request) error {
	roles, err := h.Accounts.Roles(r.Context())
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[shown.Role]{Items: make([]shown.Role, 0, len(roles))}
	for _, role := range roles {
		out.Items = append(out.Items, shown.NewRole(role))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

func (h *Handler) role(w http.ResponseWriter, r *http.Request) error {
	roles, err := h.Accounts.Roles(r.Context())
	if err != nil {
		return exchange.Problem(err)
	}
	for _, role := range roles {
		if role.Name == r.PathValue("name") {
			return showRole(w, role)
		}
	}
	return exchange.Problem(authz.ErrNotFound)
}

func showRole(w http.ResponseWriter, r authz.Role) error {
	out := shown.NewRole(r)
	w.Header().Set("ETag", tag(out))
	return exchange.JSON(w, http.StatusOK, out)
}

type putRole struct {
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
	Inherits    []string `json:"inherits"`
}

func (h *Handler) putRole(w http.ResponseWriter, r *http.Request) error {
	var in putRole
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	name := r.PathValue("name")
	if in.Name != "" && in.Name != name {
		return exchange.Invalid("The name in the body is not the one in the address.")
	}
	role := authz.Role{Name: name, Permissions: in.Permissions, Inherits: in.Inherits}
	if err := h.mayDefine(r, role); err != nil {
		return err
	}
	if err := h.Accounts.PutRole(r.Context(), role, roleMatches(r), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return showRole(w, role)
}

// roleMatches is [matches] for the definition of a role.
func roleMatches(r *http.Request) func(current *authz.Role) error {
	return func(current *authz.Role) error {
		if current == nil {
			return matches(r, "")
		}
		return matches(r, tag(shown.NewRole(*current)))
	}
}

// mayDefine makes sure that the role would give nothing that the caller does not
// hold, and that a role which holds more is not redefined.
func (h *Handler) mayDefine(r *http.Request, role authz.Role) error {
	for _, p := range role.Permissions {
		if _, err := authz.ParsePermission(p); err != nil {
			return exchange.Invalid("A permission is malformed: " + err.Error() + ".")
		}
	}
	definitions := h.Policy.Load()
	given := append(definitions.Permissions(append(role.Inherits, role.Name)), role.Permissions...)
	if !h.holds(r, given) {
		return exceeds("give")
	}
	return nil
}

func (h *Handler) deleteRole(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if !h.holds(r, h.Policy.Load().Permissions([]string{name})) {
		return exceeds("take")
	}
	if err := h.Accounts.DeleteRole(r.Context(), name, roleMatches(r), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

// assign gives a role, everywhere or in an organization. What the caller may give
// is looked at where it is given.
func (h *Handler) assign(w http.ResponseWriter, r *http.Request) error {
	err := h.Accounts.Assign(r.Context(), r.PathValue("id"), r.PathValue("role"), inQuery(r), exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

func (h *Handler) unassign(w http.ResponseWriter, r *http.Request) error {
	err := h.Accounts.Unassign(r.Context(), r.PathValue("id"), r.PathValue("role"), inQuery(r), exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

type assignment struct {
	User string `json:"user"`
	Role string `json:"role"`
	Org  string `json:"org,omitempty"`
}

func (h *Handler) assignments(w http.ResponseWriter, r *http.Request) error {
	user, org := r.URL.Query().Get("user"), inQuery(r)
	if user == "" {
		return exchange.Invalid("Name a user: ?user=id.")
	}
	u, err := h.Accounts.User(r.Context(), user)
	if err != nil {
		return exchange.Problem(err)
	}
	roles, err := h.Accounts.Assigned(r.Context(), u.ID, org)
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[assignment]{Items: make([]assignment, 0, len(roles))}
	for _, role := range roles {
		out.Items = append(out.Items, assignment{u.ID, role, org})
	}
	return exchange.JSON(w, http.StatusOK, out)
}

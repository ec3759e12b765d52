package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// tag names one version of a role's definition: what If-Match compares.
func tag(r authz.Role) string {
	body, _ := json.Marshal(shown.NewRole(r)) // strings only: cannot fail
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

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
			w.Header().Set("ETag", tag(role))
			return exchange.JSON(w, http.StatusOK, shown.NewRole(role))
		}
	}
	return exchange.Problem(authz.ErrNotFound)
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
	err := h.Accounts.PutRole(r.Context(), role, matches(r), exchange.Origin(h.Gate, r))
	if err != nil {
		return stale(err)
	}
	w.Header().Set("ETag", tag(role))
	return exchange.JSON(w, http.StatusOK, shown.NewRole(role))
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

// errStale is the answer to an If-Match that does not.
var errStale = errors.New("somebody else was faster")

// matches holds the stored definition against the If-Match header (RFC 9110
// §13.1.1), inside the transaction that changes it.
func matches(r *http.Request) func(current *authz.Role) error {
	want := r.Header.Get("If-Match")
	return func(current *authz.Role) error {
		switch {
		case want == "", want == "*" && current != nil, current != nil && tag(*current) == want:
			return nil
		}
		return errStale
	}
}

func stale(err error) error {
	if errors.Is(err, errStale) {
		return &sallyport.Problem{Status: http.StatusPreconditionFailed, Code: "conflict",
			Detail: "The role was changed meanwhile. Read it again, then repeat the change."}
	}
	return exchange.Problem(err)
}

func (h *Handler) deleteRole(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if !h.holds(r, h.Policy.Load().Permissions([]string{name})) {
		return exceeds("take")
	}
	if err := h.Accounts.DeleteRole(r.Context(), name, matches(r), exchange.Origin(h.Gate, r)); err != nil {
		return stale(err)
	}
	return exchange.Done(w)
}

func (h *Handler) assign(w http.ResponseWriter, r *http.Request) error {
	if err := noOrg(r); err != nil {
		return err
	}
	role := r.PathValue("role")
	if !h.Policy.Load().Has(role) {
		return exchange.Problem(authz.ErrNotFound)
	}
	if err := h.mayGive(r, role); err != nil {
		return err
	}
	err := h.Accounts.Assign(r.Context(), r.PathValue("id"), role, "", exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

func (h *Handler) unassign(w http.ResponseWriter, r *http.Request) error {
	if err := noOrg(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := h.mayTouch(r.Context(), r, id); err != nil {
		return err
	}
	err := h.Accounts.Unassign(r.Context(), id, r.PathValue("role"), "", exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

type assignment struct {
	User string `json:"user"`
	Role string `json:"role"`
}

func (h *Handler) assignments(w http.ResponseWriter, r *http.Request) error {
	if err := noOrg(r); err != nil {
		return err
	}
	user := r.URL.Query().Get("user")
	if user == "" {
		return exchange.Invalid("Name a user: ?user=id.")
	}
	u, err := h.Accounts.User(r.Context(), user)
	if err != nil {
		return exchange.Problem(err)
	}
	roles, err := h.Accounts.Assigned(r.Context(), u.ID, "")
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[assignment]{Items: make([]assignment, 0, len(roles))}
	for _, role := range roles {
		out.Items = append(out.Items, assignment{u.ID, role})
	}
	return exchange.JSON(w, http.StatusOK, out)
}

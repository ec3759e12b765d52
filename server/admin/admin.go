// Package admin is what administrators do, over HTTP: users, sessions, roles,
// assignments, signing keys and the audit log. Each route names its permission,
// and nobody can give what they do not hold.
package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/keyring"
)

// A Handler serves the administration below Base.
type Handler struct {
	Base     string // "/auth"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Policy   *authz.Policy
	Keyring  *keyring.Keyring
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	api := h.Base + "/admin/api"
	for _, route := range []struct {
		method, path, permission string
		handle                   func(http.ResponseWriter, *http.Request) error
	}{
		{"GET", "/users", "user:read", h.users},
		{"POST", "/users", "user:write", h.addUser},
		{"GET", "/users/{id}", "user:read", h.user},
		{"DELETE", "/users/{id}", "user:delete", h.deleteUser},
		{"POST", "/users/{id}/disable", "user:disable", h.disableUser},
		{"POST", "/users/{id}/enable", "user:disable", h.enableUser},
		{"PUT", "/users/{id}/roles/{role}", "role:assign", h.assign},
		{"DELETE", "/users/{id}/roles/{role}", "role:assign", h.unassign},
		{"GET", "/assignments", "role:read", h.assignments},
		{"GET", "/sessions", "session:read", h.sessions},
		{"DELETE", "/sessions", "session:end", h.endSessions},
		{"DELETE", "/sessions/{id}", "session:end", h.endSession},
		{"GET", "/roles", "role:read", h.roles},
		{"GET", "/roles/{name}", "role:read", h.role},
		{"PUT", "/roles/{name}", "role:write", h.putRole},
		{"DELETE", "/roles/{name}", "role:write", h.deleteRole},
		{"GET", "/keys", "key:read", h.keys},
		{"POST", "/keys/rotate", "key:rotate", h.rotateKey},
		{"DELETE", "/keys/{kid}", "key:revoke", h.revokeKey},
		{"GET", "/audit", "audit:read", h.audit},
	} {
		rt.Func(route.method+" "+api+route.path, sallyport.May(route.permission), route.handle)
	}
}

// exceeds is a refusal that no policy can lift.
func exceeds(what string) error {
	return sallyport.Forbidden("forbidden", "Nobody can "+what+" more than they hold themselves.")
}

// holds reports whether the caller holds every permission of the list, within the
// scope of the credential.
func (h *Handler) holds(r *http.Request, permissions []string) bool {
	p := sallyport.From(r.Context())
	return h.Policy.Load().Covers(p.Roles, permissions) && authz.ScopeCovers(p.Scopes, permissions)
}

// mayTouch makes sure that the user holds nothing that the caller does not: a
// helpdesk must not be able to shut administrators out.
func (h *Handler) mayTouch(ctx context.Context, r *http.Request, user string) error {
	roles, err := h.Accounts.Assigned(ctx, user, "")
	if err != nil {
		return err
	}
	if !h.holds(r, h.Policy.Load().Permissions(roles)) {
		return sallyport.Forbidden("forbidden", "This user holds permissions that you do not hold.")
	}
	return nil
}

// noOrg refuses the parameter org until there are organizations.
func noOrg(r *http.Request) error {
	if r.URL.Query().Has("org") {
		return exchange.Invalid("Roles in organizations are not assigned here.")
	}
	return nil
}

const (
	defaultLimit = 50
	maxLimit     = 200
)

// pageOf reads limit and cursor, and refuses any parameter that is not known.
func pageOf(r *http.Request, known ...string) (limit int, cursor string, err error) {
	q := r.URL.Query()
	for name := range q {
		if name != "limit" && name != "cursor" && !slices.Contains(known, name) {
			return 0, "", exchange.Invalid(fmt.Sprintf("The parameter %.40q is not known here.", name))
		}
	}
	limit = defaultLimit
	if s := q.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > maxLimit {
			return 0, "", exchange.Invalid(fmt.Sprintf("The parameter limit is a number from 1 to %d.", maxLimit))
		}
	}
	return limit, q.Get("cursor"), nil
}

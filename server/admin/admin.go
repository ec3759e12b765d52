// Package admin is what administrators do, over HTTP: users, sessions, roles,
// assignments, grants, policies, decisions, organizations, clients, resources, signing keys and
// the audit log. Each route names its permission, and nobody can give what they do not
// hold. What concerns one organization is also for those who hold the permission
// there, while they act in it.
package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/keyring"
)

// A Handler serves the administration below Base.
type Handler struct {
	Base     string // "/auth"
	Issuer   string // "https://example.com", for links
	Gate     *sallyport.Gate
	Accounts *account.Service
	Policy   *authz.Policy
	Rules    *rulebook.Book
	GoRules  []authz.Rule // that Policy has
	Keyring  *keyring.Keyring
}

type handler = func(http.ResponseWriter, *http.Request) error

// A route is for who holds the permission: everywhere, or if org says which
// organization a request is about, in that one.
type route struct {
	method, path, permission string
	handle                   handler
	org                      func(*http.Request) string
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	for _, list := range [][]route{h.people(), h.second(), h.tenants(), h.programs(), {
		{"GET", "/keys", "key:read", h.keys, nil},
		{"POST", "/keys/rotate", "key:rotate", h.rotateKey, nil},
		{"DELETE", "/keys/{kid}", "key:revoke", h.revokeKey, nil},
		{"GET", "/audit", "audit:read", h.audit, nil},
	}} {
		for _, r := range list {
			h.mount(rt, r)
		}
	}
}

// people is who there is and what they are.
func (h *Handler) people() []route {
	return []route{
		{"GET", "/users", "user:read", h.users, nil},
		{"POST", "/users", "user:write", h.addUser, nil},
		{"GET", "/users/{id}", "user:read", h.user, nil},
		{"DELETE", "/users/{id}", "user:delete", h.deleteUser, nil},
		{"POST", "/users/{id}/disable", "user:disable", h.disableUser, nil},
		{"POST", "/users/{id}/enable", "user:disable", h.enableUser, nil},
		{"POST", "/users/{id}/reset-factors", "user:reset", h.resetFactors, nil},
		{"PUT", "/users/{id}/roles/{role}", "role:assign", h.assign, inQuery},
		{"DELETE", "/users/{id}/roles/{role}", "role:assign", h.unassign, inQuery},
		{"GET", "/users/{id}/certificates", "certificate:read", h.certificates, nil},
		{"POST", "/users/{id}/certificates", "certificate:write", h.addCertificate, nil},
		{"DELETE", "/users/{id}/certificates/{certificate}", "certificate:write", h.removeCertificate, nil},
		{"GET", "/assignments", "role:read", h.assignments, inQuery},
		{"GET", "/sessions", "session:read", h.sessions, nil},
		{"DELETE", "/sessions", "session:end", h.endSessions, nil},
		{"DELETE", "/sessions/{id}", "session:end", h.endSession, nil},
	}
}

// second is what door two decides by, and what it has decided.
func (h *Handler) second() []route {
	return []route{
		{"GET", "/roles", "role:read", h.roles, nil},
		{"GET", "/roles/{name}", "role:read", h.role, nil},
		{"PUT", "/roles/{name}", "role:write", h.putRole, nil},
		{"DELETE", "/roles/{name}", "role:write", h.deleteRole, nil},
		{"GET", "/grants", "grant:read", h.grants, nil},
		{"PUT", "/grants", "grant:write", h.putGrant, nil},
		{"DELETE", "/grants", "grant:write", h.deleteGrant, nil},
		{"GET", "/policies", "policy:read", h.policies, nil},
		{"POST", "/policies", "policy:publish", h.publish, nil},
		{"GET", "/policies/current", "policy:read", h.currentPolicy, nil},
		{"POST", "/policies/check", "policy:read", h.checkPolicy, nil},
		{"POST", "/policies/test", "policy:read", h.testPolicy, nil},
		{"POST", "/policies/matrix", "policy:read", h.policyMatrix, nil},
		{"POST", "/policies/diff", "policy:read", h.diffPolicy, nil},
		{"GET", "/policies/{version}", "policy:read", h.policy, nil},
		{"POST", "/policies/{version}/rollback", "policy:publish", h.rollback, nil},
		{"GET", "/decisions", "decision:read", h.decisions, nil},
		{"GET", "/decisions/{id}", "decision:read", h.decision, nil},
	}
}

// tenants is organizations and who is in them.
func (h *Handler) tenants() []route {
	return []route{
		{"GET", "/organizations", "organization:read", h.organizations, nil},
		{"POST", "/organizations", "organization:write", h.addOrganization, nil},
		{"GET", "/organizations/{org}", "organization:read", h.organization, inPath},
		{"PATCH", "/organizations/{org}", "organization:write", h.changeOrganization, nil},
		{"DELETE", "/organizations/{org}", "organization:delete", h.deleteOrganization, nil},
		{"GET", "/organizations/{org}/members", "member:read", h.members, inPath},
		{"PUT", "/organizations/{org}/members/{user}", "member:write", h.addMember, inPath},
		{"DELETE", "/organizations/{org}/members/{user}", "member:write", h.removeMember, inPath},
		{"GET", "/organizations/{org}/invitations", "member:invite", h.invitations, inPath},
		{"POST", "/organizations/{org}/invitations", "member:invite", h.invite, inPath},
		{"DELETE", "/organizations/{org}/invitations/{id}", "member:invite", h.revokeInvitation, inPath},
	}
}

// programs is which clients and resources there are, and who has let clients in.
func (h *Handler) programs() []route {
	return []route{
		{"GET", "/clients", "client:read", h.clients, nil},
		{"POST", "/clients", "client:write", h.addClient, nil},
		{"GET", "/clients/{id}", "client:read", h.client, nil},
		{"PUT", "/clients/{id}", "client:write", h.putClient, nil},
		{"DELETE", "/clients/{id}", "client:write", h.deleteClient, nil},
		{"GET", "/initial-access-tokens", "client:read", h.initialTokens, nil},
		{"POST", "/initial-access-tokens", "client:write", h.addInitialToken, nil},
		{"DELETE", "/initial-access-tokens/{id}", "client:write", h.deleteInitialToken, nil},
		{"POST", "/clients/{id}/secret", "client:write", h.rotateSecret, nil},
		{"GET", "/clients/{id}/logo", "client:read", h.logo, nil},
		{"PUT", "/clients/{id}/logo", "client:write", h.putLogo, nil},
		{"DELETE", "/clients/{id}/logo", "client:write", h.deleteLogo, nil},
		{"GET", "/resources", "resource:read", h.resources, nil},
		{"GET", "/resource", "resource:read", h.resource, nil},
		{"PUT", "/resource", "resource:write", h.putResource, nil},
		{"DELETE", "/resource", "resource:write", h.deleteResource, nil},
		{"GET", "/users/{id}/applications", "user:read", h.applications, nil},
		{"DELETE", "/users/{id}/applications/{client}", "session:end", h.withdraw, nil},
	}
}

func (h *Handler) mount(rt *sallyport.Routes, r route) {
	door, handle := sallyport.May(r.permission), r.handle
	if r.org != nil {
		door, handle = door.InOrg(), h.beyond(r)
	}
	rt.Func(r.method+" "+h.Base+"/admin/api"+r.path, door, handle)
}

// beyond asks again where a request is about something else than the organization
// that the caller acts in, which is what the door has asked about: the permission
// in one organization is none on another, nor everywhere.
func (h *Handler) beyond(to route) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		acts := sallyport.From(r.Context()).Org
		if acts != "" && acts != to.org(r) {
			if err := h.Gate.Check(r.Context(), to.permission, sallyport.Resource{}); err != nil {
				return err
			}
		}
		return to.handle(w, r)
	}
}

// inPath and inQuery are where a request names the organization that it is about,
// "" for none.
func inPath(r *http.Request) string  { return r.PathValue("org") }
func inQuery(r *http.Request) string { return r.URL.Query().Get("org") }

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

// mayTouch makes sure that the user holds nothing that the caller does not, in no
// organization either: a helpdesk must not be able to shut administrators out.
func (h *Handler) mayTouch(ctx context.Context, r *http.Request, user string) error {
	roles, err := h.Accounts.Assigned(ctx, user, "")
	if err != nil {
		return err
	}
	memberships, err := h.Accounts.Memberships(ctx, user)
	if err != nil {
		return err
	}
	for _, m := range memberships {
		there, err := h.Accounts.Assigned(ctx, user, m.Organization.ID)
		if err != nil {
			return err
		}
		roles = append(roles, there...)
	}
	if !h.holds(r, h.Policy.Load().Permissions(roles)) {
		return sallyport.Forbidden("forbidden", "This user holds permissions that you do not hold.")
	}
	return nil
}

const (
	defaultLimit = 50
	maxLimit     = 200
)

// errCursor is the answer to a cursor that no page gave.
var errCursor = exchange.Invalid("The cursor is not one that a list gave.")

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

// tag names one version of what is shown: what If-Match compares.
func tag(shown any) string {
	body, _ := json.Marshal(shown) // of our own types: cannot fail
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// errStale is the answer to an If-Match that does not.
var errStale = &sallyport.Problem{
	Status: http.StatusPreconditionFailed, Code: "conflict",
	Detail: "It was changed meanwhile. Read it again, then repeat the change.",
}

// matches holds the tag of what is stored, "" for nothing, against the If-Match
// header (RFC 9110 §13.1.1): inside the transaction that changes it.
func matches(r *http.Request, current string) error {
	switch want := r.Header.Get("If-Match"); {
	case want == "", want == "*" && current != "", want == current:
		return nil
	}
	return errStale
}

// Package me is what a signed-in person sees and does about their own account:
// who they are, their profile, password, sessions and API keys, what happened to the
// account, its export and its deletion.
package me

import (
	"context"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Handler serves the flow below Base.
type Handler struct {
	Base     string // "/auth"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Policy   *authz.Policy
	Cookie   session.Cookie
	Refresh  session.Cookie
	Pages    *web.Pages
	Fresh    time.Duration // age that a sign-in may have for sensitive actions

	// OfferPasskey reports whether the page offers a first passkey.
	OfferPasskey func(*http.Request) (bool, error)
}

// The permissions that the scope of a credential must reach for. A person needs
// no role for them: it is their own account.
const (
	read  = "account:read"
	write = "account:write"
)

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	own, fresh := sallyport.SignedIn(), sallyport.SignedIn().Fresh(h.Fresh)
	rt.Func("GET "+h.Base+"/{$}", own, h.home)
	rt.Func("GET "+h.Base+"/me", own, h.me)
	rt.Func("GET "+h.Base+"/profile", own, exchange.Within(read, h.profile))
	rt.Func("POST "+h.Base+"/profile", own, exchange.Within(write, h.changeProfile))
	rt.Func("GET "+h.Base+"/password", own, h.passwordPage)
	rt.Func("POST "+h.Base+"/password", own, exchange.Within(write, h.changePassword))
	rt.Func("GET "+h.Base+"/sessions", own, exchange.Within(read, h.sessions))
	rt.Func("DELETE "+h.Base+"/sessions", own, exchange.Within(write, h.endOthers))
	rt.Func("DELETE "+h.Base+"/sessions/{id}", own, exchange.Within(write, h.endSession))
	rt.Func("POST "+h.Base+"/sessions/end", own, exchange.Within(write, h.endOthers))
	rt.Func("POST "+h.Base+"/sessions/{id}/end", own, exchange.Within(write, h.endSession))
	rt.Func("GET "+h.Base+"/api-keys", own, exchange.Within(read, h.keys))
	rt.Func("GET "+h.Base+"/api-keys/new", fresh, h.newKeyPage)
	rt.Func("POST "+h.Base+"/api-keys", fresh, exchange.Within(write, h.createKey))
	rt.Func("DELETE "+h.Base+"/api-keys/{id}", own, exchange.Within(write, h.revokeKey))
	rt.Func("POST "+h.Base+"/api-keys/{id}/revoke", own, exchange.Within(write, h.revokeKey))
	rt.Func("GET "+h.Base+"/activity", own, exchange.Within(read, h.activity))
	rt.Func("GET "+h.Base+"/data", own, h.dataPage)
	rt.Func("GET "+h.Base+"/export", fresh, exchange.Within(read, h.export))
	rt.Func("GET "+h.Base+"/leave", fresh, h.leavePage)
	rt.Func("POST "+h.Base+"/leave", fresh, exchange.Within(write, h.leave))
	rt.Func("GET "+h.Base+"/logout", own, h.signOutPage)
}

type me struct {
	Subject     string      `json:"subject"`
	Kind        string      `json:"kind"`
	User        *shown.User `json:"user,omitempty"`
	Org         string      `json:"org,omitempty"`
	Roles       []string    `json:"roles"`
	OrgRoles    []string    `json:"org_roles,omitempty"` // in org
	Permissions []string    `json:"permissions"`
	Scopes      []string    `json:"scopes"` // null: not limited
	Session     *ownSession `json:"session,omitempty"`
	Breached    bool        `json:"password_breached,omitempty"`
	Credential  string      `json:"credential"`
}

type ownSession struct {
	ID       string    `json:"id"`
	AuthTime time.Time `json:"auth_time"`
	AMR      []string  `json:"amr"`
	AAL      int       `json:"aal"`
}

func (h *Handler) me(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	subject, session, err := h.Accounts.KnownAs(r.Context(), p)
	if err != nil {
		return exchange.Problem(err)
	}
	out := me{
		Subject: subject, Kind: p.Kind.String(), Org: p.Org, Roles: shown.List(p.Roles), OrgRoles: p.OrgRoles,
		Permissions: shown.List(h.Policy.Load().Permissions(p.Roles)), Scopes: p.Scopes, Credential: p.Credential,
	}
	if p.Session != "" {
		out.Session = &ownSession{session, p.AuthTime.UTC(), shown.List(p.AMR), p.AAL}
	}
	if p.Kind == sallyport.User && authz.ScopeAllows(p.Scopes, read) {
		u, err := h.user(r.Context(), p)
		if err != nil {
			return exchange.Problem(err)
		}
		out.User = u
		if out.Breached, err = h.Accounts.PasswordBreached(r.Context(), p.Subject); err != nil {
			return exchange.Problem(err)
		}
	}
	return exchange.JSON(w, http.StatusOK, out)
}

func (h *Handler) user(ctx context.Context, p *sallyport.Principal) (*shown.User, error) {
	u, err := h.Accounts.User(ctx, p.Subject)
	if err != nil {
		return nil, err
	}
	user := shown.NewUser(u, p.Roles)
	return &user, nil
}

// Package me is what a signed-in person sees and does about their own account:
// who they are, their sessions, password and API keys.
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
	rt.Func("GET "+h.Base+"/{$}", own, h.page)
	rt.Func("GET "+h.Base+"/me", own, h.me)
	rt.Func("GET "+h.Base+"/sessions", own, exchange.Within(read, h.sessions))
	rt.Func("DELETE "+h.Base+"/sessions", own, exchange.Within(write, h.endOthers))
	rt.Func("DELETE "+h.Base+"/sessions/{id}", own, exchange.Within(write, h.endSession))
	rt.Func("POST "+h.Base+"/password", own, exchange.Within(write, h.changePassword))
	rt.Func("GET "+h.Base+"/api-keys", own, exchange.Within(read, h.keys))
	rt.Func("POST "+h.Base+"/api-keys", fresh, exchange.Within(write, h.createKey))
	rt.Func("DELETE "+h.Base+"/api-keys/{id}", own, exchange.Within(write, h.revokeKey))
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
	out := me{
		Subject: p.Subject, Kind: p.Kind.String(), Org: p.Org, Roles: shown.List(p.Roles), OrgRoles: p.OrgRoles,
		Permissions: shown.List(h.Policy.Load().Permissions(p.Roles)), Scopes: p.Scopes, Credential: p.Credential,
	}
	if p.Session != "" {
		out.Session = &ownSession{p.Session, p.AuthTime.UTC(), shown.List(p.AMR), p.AAL}
	}
	if p.Kind == sallyport.User {
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

func (h *Handler) sessions(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	all, err := h.Accounts.Sessions(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[shown.OwnSession]{Items: make([]shown.OwnSession, 0, len(all))}
	for _, s := range all {
		out.Items = append(out.Items, shown.NewOwnSession(s, p.Session))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

func (h *Handler) endSession(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	err := h.Accounts.EndSession(r.Context(), r.PathValue("id"), p.Subject, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

func (h *Handler) endOthers(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	if err := h.Accounts.EndOtherSessions(r.Context(), p.Subject, p.Session, exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

type passwordRequest struct {
	Current string `json:"current_password"`
	New     string `json:"new_password"`
}

func (h *Handler) changePassword(w http.ResponseWriter, r *http.Request) error {
	var in passwordRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	sess, cookie, err := h.Accounts.ChangePassword(r.Context(), p, in.Current, in.New, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	if p.Credential == "session" {
		h.Cookie.Set(w, cookie, sess.ExpiresAt)
	}
	return exchange.Done(w)
}

func (h *Handler) keys(w http.ResponseWriter, r *http.Request) error {
	keys, err := h.Accounts.Keys(r.Context(), sallyport.From(r.Context()).Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[shown.APIKey]{Items: make([]shown.APIKey, 0, len(keys))}
	for _, k := range keys {
		out.Items = append(out.Items, shown.NewAPIKey(k, ""))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

type keyRequest struct {
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func (h *Handler) createKey(w http.ResponseWriter, r *http.Request) error {
	var in keyRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	if !authz.ScopeCovers(p.Scopes, in.Scopes) {
		return sallyport.Forbidden("forbidden", "A key cannot reach further than the credential that makes it.")
	}
	want := account.NewKey{Name: in.Name, Org: p.Org, Scopes: in.Scopes} // it acts where its owner acts now
	if in.ExpiresAt != nil {
		want.ExpiresAt = *in.ExpiresAt
	}
	k, plain, err := h.Accounts.CreateKey(r.Context(), p.Subject, want, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusCreated, shown.NewAPIKey(k, plain))
}

func (h *Handler) revokeKey(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	err := h.Accounts.RevokeKey(r.Context(), r.PathValue("id"), p.Subject, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	u, err := h.Accounts.User(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	sessions, err := h.Accounts.Sessions(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	memberships, err := h.Accounts.Memberships(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	page := web.Account{Username: u.Username, Email: u.Email, Roles: p.Roles}
	if page.OfferPasskey, err = h.OfferPasskey(r); err != nil {
		return exchange.Problem(err)
	}
	for _, m := range memberships {
		o := m.Organization
		page.Organizations = append(page.Organizations, web.Organization{ID: o.ID, Name: o.Name, Current: o.ID == p.Org})
	}
	for _, s := range sessions {
		page.Sessions = append(page.Sessions, web.Session{
			Device: shown.Device(s.UserAgent), Address: s.Address, LastSeen: s.LastSeenAt, Current: s.ID == p.Session,
		})
	}
	return h.Pages.Show(w, r, "account", page)
}

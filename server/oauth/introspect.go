package oauth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// introspect is the permission to ask what a token means.
const introspect = "token:introspect"

// An introspection is what RFC 7662 §2.2 answers, and with it all that a service
// needs to make a principal: roles, organization and plan as they are now.
//
// The members that a revocation may name let a service keep the answer until the
// log, past Rev, names one of them: see [revoke.IDs].
type introspection struct {
	Active    bool     `json:"active"`
	TokenType string   `json:"token_type,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	Subject   string   `json:"sub,omitempty"`       // names a subject in the log
	Audience  []string `json:"aud,omitempty"`       // of an API key: absent
	Client    string   `json:"client_id,omitempty"` // names a client
	Scope     *string  `json:"scope,omitempty"`     // absent: not limited
	Expires   int64    `json:"exp,omitempty"`
	Issued    int64    `json:"iat,omitempty"`
	Username  string   `json:"username,omitempty"`

	ID      string `json:"jti,omitempty"`    // names a token
	Session string `json:"sid,omitempty"`    // names a session
	Grant   string `json:"gid,omitempty"`    // names a grant
	KeyID   string `json:"kid,omitempty"`    // names a signing key
	APIKey  string `json:"apikey,omitempty"` // names an API key; absent: it is a token
	Rev     string `json:"rev,omitempty"`    // of this answer

	Org      string   `json:"org,omitempty"` // names an organization
	Roles    []string `json:"roles"`
	OrgRoles []string `json:"org_roles,omitempty"`
	Plan     string   `json:"plan,omitempty"`
	AuthTime int64    `json:"auth_time,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	ACR      string   `json:"acr,omitempty"`
}

// introspect answers what a token or an API key stands for at this moment. What is
// not active, for whatever reason, is all alike, and so is what the caller may not
// know of: nobody learns from this whether there is such a token.
func (h *Handler) introspect(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	value, err := f.need("token")
	if err != nil {
		return err
	}
	// A hint says where to look first (RFC 7662 §2.1). Ours tell themselves what they are.
	if _, err := f.one("token_type_hint"); err != nil {
		return err
	}
	out, err := h.meaning(r.Context(), value)
	if err != nil {
		return err
	}
	if out == nil {
		return exchange.JSON(w, http.StatusOK, struct {
			Active bool `json:"active"`
		}{})
	}
	return exchange.JSON(w, http.StatusOK, out)
}

// meaning is the answer about a token, for the caller of ctx; nil: it is not active.
// The position is read first: whatever ends the token afterwards has a later one,
// and so whoever keeps the answer hears of it.
func (h *Handler) meaning(ctx context.Context, value string) (*introspection, error) {
	rev := h.Follower.Cursor().String()
	out, p, err := h.inspect(ctx, value)
	if errors.Is(err, sallyport.ErrInvalidCredential) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if known, err := h.mayKnow(ctx, p); err != nil || !known {
		return nil, err
	}
	out.fill(p)
	out.Rev = rev
	if out.Username, err = h.username(ctx, p); err != nil {
		return nil, err
	}
	return out, nil
}

// inspect returns what the credential itself says, and who it stands for now.
func (h *Handler) inspect(ctx context.Context, value string) (*introspection, *sallyport.Principal, error) {
	if strings.HasPrefix(value, apikey.Prefix) {
		k, p, err := h.APIKeys.Inspect(ctx, value)
		if err != nil {
			return nil, nil, err
		}
		return &introspection{Issuer: h.Issuer, APIKey: k.ID, Issued: k.CreatedAt.Unix(), Expires: seconds(k.ExpiresAt)}, p, nil
	}
	c, p, err := h.Tokens.Inspect(ctx, value)
	if err != nil {
		return nil, nil, err
	}
	return &introspection{
		Issuer: c.Issuer, Audience: c.Audience, Client: c.ClientID, ID: c.ID, KeyID: c.KeyID,
		Issued: c.IssuedAt.Unix(), Expires: c.Expiry.Unix(), ACR: c.ACR,
	}, p, nil
}

// fill adds what is true of the principal.
func (in *introspection) fill(p *sallyport.Principal) {
	in.Active, in.TokenType = true, "Bearer"
	in.Subject, in.Session, in.Grant = p.Subject, p.Session, p.Grant
	in.Org, in.Plan = p.Org, p.Plan
	in.Roles, in.OrgRoles = shown.List(p.Roles), p.OrgRoles
	in.AuthTime, in.AMR = seconds(p.AuthTime), p.AMR
	if p.Scopes != nil {
		scope := strings.Join(p.Scopes, " ")
		in.Scope = &scope
	}
}

// mayKnow reports whether the caller may know of a token of p. The door has asked
// about the organization that the caller acts in; a permission in that one is none
// about what belongs to another, or to nobody.
func (h *Handler) mayKnow(ctx context.Context, p *sallyport.Principal) (bool, error) {
	if acts := sallyport.From(ctx).Org; acts == "" || acts == p.Org {
		return true, nil
	}
	d, err := h.Gate.Decide(ctx, introspect, sallyport.Resource{})
	return d.Allow, err
}

// username is for people who read logs. Programs have none.
func (h *Handler) username(ctx context.Context, p *sallyport.Principal) (string, error) {
	if p.Kind != sallyport.User {
		return "", nil
	}
	u, err := h.Accounts.User(ctx, p.Subject)
	if errors.Is(err, account.ErrNotFound) {
		return "", nil
	}
	return u.Username, err
}

// seconds is a NumericDate (RFC 7519 §2), 0 for the zero time.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

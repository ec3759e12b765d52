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
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

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

	Actor *actor   `json:"act,omitempty"`  // who acts for the subject (RFC 8693 §4.1)
	From  []string `json:"from,omitempty"` // names more: "token:tok_…"

	Bound *confirmation `json:"cnf,omitempty"` // what whoever uses it must prove; absent: nothing
}

// A confirmation is the claim cnf: the key and the certificate that whoever uses the
// token must have (RFC 9449 §6.2).
type confirmation struct {
	JKT string `json:"jkt,omitempty"`
	X5T string `json:"x5t#S256,omitempty"` // RFC 8705 §3.2
}

// An actor is the claim act.
type actor struct {
	Subject string `json:"sub"`
	Client  string `json:"client_id,omitempty"`
	Before  *actor `json:"act,omitempty"`
}

func actorOf(a *token.Actor) *actor {
	if a == nil {
		return nil
	}
	return &actor{a.Subject, a.ClientID, actorOf(a.Before)}
}

// introspect answers what a token or an API key stands for at this moment, to those who
// hold the permission and to clients that prove themselves (RFC 7662 §2.1). What is not
// active, for whatever reason, is all alike, and so is what the caller may not know of:
// nobody learns from this whether there is such a token.
func (h *Handler) introspect(w http.ResponseWriter, r *http.Request) error {
	if !otherThanClient(r) {
		f, err := readForm(w, r)
		if err != nil {
			return err
		}
		if r.Header.Get("Authorization") != "" || len(f["client_id"])+len(f["client_assertion"]) > 0 {
			return h.introspectFor(w, r, f)
		}
		return h.byPermission(w, r, func() (oauth.Params, error) { return f, nil })
	}
	return h.byPermission(w, r, func() (oauth.Params, error) { return readForm(w, r) })
}

// otherThanClient reports whether the request offers what no client proves itself by.
func otherThanClient(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return scheme != "" && !strings.EqualFold(scheme, "basic") || len(r.Header["X-Api-Key"]) > 0
}

// byPermission answers those whom the doors let through.
func (h *Handler) byPermission(w http.ResponseWriter, r *http.Request, form func() (oauth.Params, error)) error {
	door := sallyport.May(oauth.MayIntrospect).InOrg().NoCookie()
	h.Gate.Through(door)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := answering(func(w http.ResponseWriter, r *http.Request) error {
			f, err := form()
			if err != nil {
				return err
			}
			return h.answerIntrospection(w, r, f, nil, func(_ *introspection, p *sallyport.Principal) (bool, error) { return h.mayKnow(r.Context(), p) })
		})
		if err := answer(w, r); err != nil {
			h.Gate.Error(w, r, err)
		}
	})).ServeHTTP(w, r)
	return nil
}

// introspectFor answers a confidential client about tokens that it holds, and those that
// are for a resource that it is; with a role that has the permission, about all.
func (h *Handler) introspectFor(w http.ResponseWriter, r *http.Request, f oauth.Params) error {
	c, err := h.client(r, f)
	if err != nil {
		return err
	}
	if c.Public() { // it has proved nothing
		return errClient
	}
	self := &sallyport.Principal{Kind: sallyport.Service, Subject: c.ID, Credential: "client"}
	if err := h.Complete(r.Context(), self); err != nil {
		return err
	}
	return h.answerIntrospection(w, r, f, &c, func(in *introspection, _ *sallyport.Principal) (bool, error) {
		if c.Concerns(in.Client, in.Audience) {
			return true, nil
		}
		d, err := h.Gate.Decide(sallyport.NewContext(r.Context(), self), oauth.MayIntrospect, sallyport.Resource{})
		return d.Allow, err
	})
}

// answerIntrospection answers about the token of the form, as far as the caller may know
// of it. client is the caller, if it is one.
func (h *Handler) answerIntrospection(w http.ResponseWriter, r *http.Request, f oauth.Params, client *oauth.Client, known func(*introspection, *sallyport.Principal) (bool, error)) error {
	value, err := f.Need("token")
	if err != nil {
		return err
	}
	// A hint says where to look first (RFC 7662 §2.1). Ours tell themselves what they are.
	if _, err := f.One("token_type_hint"); err != nil {
		return err
	}
	out, err := h.meaning(r.Context(), value, known)
	if err != nil {
		return err
	}
	if out == nil {
		return exchange.JSON(w, http.StatusOK, struct {
			Active bool `json:"active"`
		}{})
	}
	if client != nil && client.Pairwise() {
		out.veil(client, h.Accounts.Pseudonyms)
	}
	return exchange.JSON(w, http.StatusOK, out)
}

// veil leaves of the answer what a client may know that knows people by names of its own.
func (in *introspection) veil(c *oauth.Client, known *oauth.Pseudonyms) {
	if in.Subject != in.Client { // else it is a program, which acts for itself
		in.Subject = known.Subject(c, in.Subject)
	}
	for a := in.Actor; a != nil; a = a.Before {
		if a.Subject != a.Client {
			a.Subject = known.Subject(c, a.Subject)
		}
	}
	in.Session = known.Session(c, in.Session)
	in.Username, in.From = "", nil
}

// meaning is the answer about a token, if it is known to the caller; nil: it is not active.
// The position is read first: whatever ends the token afterwards has a later one,
// and so whoever keeps the answer hears of it.
func (h *Handler) meaning(ctx context.Context, value string, known func(*introspection, *sallyport.Principal) (bool, error)) (*introspection, error) {
	rev := h.Follower.Cursor().String()
	out, p, err := h.inspect(ctx, value)
	if isInvalid(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if known, err := known(out, p); err != nil || !known {
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
		return &introspection{Issuer: h.Issuer, APIKey: k.ID, Issued: k.CreatedAt.Unix(), Expires: seconds(k.ExpiresAt), TokenType: "Bearer"}, p, nil
	}
	c, p, err := h.Tokens.Inspect(ctx, value)
	if err != nil {
		return nil, nil, err
	}
	out := &introspection{
		Issuer: c.Issuer, Audience: c.Audience, Client: c.ClientID, ID: c.ID, KeyID: c.KeyID,
		Issued: c.IssuedAt.Unix(), Expires: c.Expiry.Unix(), ACR: c.ACR, TokenType: "Bearer",
		Actor: actorOf(c.Act), From: c.From,
	}
	if c.JKT != "" {
		out.TokenType = "DPoP"
	}
	if c.JKT != "" || c.X5T != "" {
		out.Bound = &confirmation{c.JKT, c.X5T}
	}
	return out, p, nil
}

// fill adds what is true of the principal.
func (in *introspection) fill(p *sallyport.Principal) {
	in.Active = true
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
	d, err := h.Gate.Decide(ctx, oauth.MayIntrospect, sallyport.Resource{})
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

func isInvalid(err error) bool { return errors.Is(err, sallyport.ErrInvalidCredential) }

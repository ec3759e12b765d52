package decide

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
)

// A subject is whom a question is about.
type subject struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Org  string `json:"org"` // that they act in; "" = the one that the object belongs to
}

// somebody is who a subject is right now.
type somebody struct {
	principal *sallyport.Principal
	disabled  bool
}

// errNobody means that there is no such subject.
var errNobody = errors.New("no such subject")

// kindOf returns the kind of principal that a type of entity is, whatever the case.
func kindOf(typ string) (sallyport.Kind, bool) {
	for _, k := range []sallyport.Kind{sallyport.Anonymous, sallyport.User, sallyport.Service} {
		if strings.EqualFold(typ, k.String()) {
			return k, true
		}
	}
	return 0, false
}

// A party answers the questions of one request about others, and looks each of
// them up once.
type party struct {
	h       *Handler
	r       *http.Request
	met     map[subject]somebody
	allowed map[string]error // by permission and organization
}

func (h *Handler) party(r *http.Request) *party {
	return &party{h: h, r: r, met: make(map[subject]somebody), allowed: make(map[string]error)}
}

// self reports whether s is the caller, with the credential of the request.
func (p *party) self(s *subject) bool {
	me := sallyport.From(p.r.Context())
	if s == nil {
		return true
	}
	k, ok := kindOf(s.Type)
	return ok && k == me.Kind && s.ID == me.Subject && (s.Org == "" || s.Org == me.Org)
}

// may makes sure that the caller may ask about others: about everybody, or in the
// organization that the caller acts in, about its objects and who acts there.
func (p *party) may(permission string, s subject, on sallyport.Resource) error {
	var res sallyport.Resource
	if p.inside(s, on) {
		res = sallyport.OrganizationResource(s.Org)
	}
	key := permission + " " + res.ID()
	err, known := p.allowed[key]
	if !known {
		err = p.h.Gate.Check(p.r.Context(), permission, res)
		p.allowed[key] = err
	}
	return err
}

// inside reports whether a question stays in the organization that the caller acts
// in.
func (p *party) inside(s subject, on sallyport.Resource) bool {
	acts := sallyport.From(p.r.Context()).Org
	org, belongs := on.Organization()
	return belongs && acts != "" && org == acts && s.Org == acts
}

// stranger reports whether the caller may know nothing of who was found, not even
// that there is such an account: it is no member of the organization, and the
// caller may ask only about those who are.
func (p *party) stranger(found somebody, s subject, on sallyport.Resource) (bool, error) {
	if !p.inside(s, on) || found.principal.Org == s.Org || found.principal.Kind == sallyport.Anonymous {
		return false, nil
	}
	d, err := p.h.Gate.Decide(p.r.Context(), checkOthers, sallyport.Resource{})
	return !d.Allow, err
}

// meet returns who s is: what the store knows, and nothing that a request says.
func (p *party) meet(s subject) (somebody, error) {
	if found, ok := p.met[s]; ok {
		return found, nil
	}
	found, err := p.h.find(p.r.Context(), s)
	if err == nil {
		p.met[s] = found
	}
	return found, err
}

func (h *Handler) find(ctx context.Context, s subject) (somebody, error) {
	k, ok := kindOf(s.Type)
	switch {
	case !ok:
		return somebody{}, errNobody
	case k == sallyport.Anonymous:
		return somebody{principal: new(sallyport.Principal)}, nil
	case s.ID == "":
		return somebody{}, errNobody
	}
	found := somebody{principal: &sallyport.Principal{Kind: k, Subject: s.ID}}
	if k == sallyport.User {
		u, err := h.user(ctx, s.ID)
		if err != nil {
			return somebody{}, err
		}
		found.principal.Subject, found.disabled = u.ID, u.Status != account.Active
	}
	return found, h.complete(ctx, found.principal, s.Org)
}

// complete fills in what the store knows of p, who acts in org if they are a
// member. How they have signed in, nobody knows.
func (h *Handler) complete(ctx context.Context, p *sallyport.Principal, org string) error {
	st, err := h.Accounts.Standing(ctx, p.Subject, org)
	p.Org, p.Roles, p.OrgRoles, p.Plan = st.Org, st.Roles, st.OrgRoles, st.Plan
	return err
}

// user finds a user by id, by name, or by an address that they have verified: by
// any other they could pass for somebody else.
func (h *Handler) user(ctx context.Context, who string) (account.User, error) {
	u, err := h.Accounts.Find(ctx, who)
	switch {
	case errors.Is(err, account.ErrNotFound), errors.Is(err, account.ErrAmbiguous):
		return u, errNobody
	case err == nil && u.ID != who && strings.Contains(who, "@") && !u.EmailVerified:
		return u, errNobody
	}
	return u, err
}

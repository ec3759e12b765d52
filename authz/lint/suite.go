package lint

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/nearest"
)

// A Suite is a table of cases, as people write it in TOML, YAML or JSON.
type Suite struct {
	// Roles are definitions for these cases, beside those of the policy. One of the
	// same name counts in place of the policy's.
	Roles map[string]Role `json:"roles" toml:"roles" yaml:"roles"`
	// Principals may be named by cases.
	Principals map[string]Who `json:"principals" toml:"principals" yaml:"principals"`
	// Grants are there in every case.
	Grants []Given `json:"grants" toml:"grants" yaml:"grants"`
	Cases  []Case  `json:"case" toml:"case" yaml:"case"`
}

// A Role is the definition of a role.
type Role struct {
	Permissions []string `json:"permissions" toml:"permissions" yaml:"permissions"`
	Inherits    []string `json:"inherits" toml:"inherits" yaml:"inherits"`
}

// Define returns the definitions by name, sorted.
func Define(roles map[string]Role) []authz.Role {
	found := make([]authz.Role, 0, len(roles))
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		found = append(found, authz.Role{Name: name, Permissions: roles[name].Permissions, Inherits: roles[name].Inherits})
	}
	return found
}

// A Case is a query and what the policy shall say to it.
type Case struct {
	Name     string         `json:"name" toml:"name" yaml:"name"`                // a sentence; "" = made of the rest
	As       string         `json:"as" toml:"as" yaml:"as"`                      // one of the principals of the suite
	Who      *Who           `json:"principal" toml:"principal" yaml:"principal"` // nil, and no As: anonymous
	Action   string         `json:"action" toml:"action" yaml:"action"`
	Resource map[string]any `json:"resource" toml:"resource" yaml:"resource"` // type, id, in, and attributes; nil = no object
	Context  map[string]any `json:"context" toml:"context" yaml:"context"`    // time, addr and what else there is
	Grants   []Given        `json:"grants" toml:"grants" yaml:"grants"`       // beside those of the suite

	Want   string `json:"want" toml:"want" yaml:"want"`       // "allow" or "deny"
	Rule   string `json:"rule" toml:"rule" yaml:"rule"`       // that shall decide: a rule's id, "role editor"; "" = any
	Reason string `json:"reason" toml:"reason" yaml:"reason"` // the public reason; "" = any
	Need   *Need  `json:"need" toml:"need" yaml:"need"`       // what alone shall be missing; nil = anything
}

// A Who is a principal as cases write it.
type Who struct {
	Kind       string   `json:"kind" toml:"kind" yaml:"kind"` // "user", "service" or "anonymous"; "" = user
	Subject    string   `json:"subject" toml:"subject" yaml:"subject"`
	Roles      []string `json:"roles" toml:"roles" yaml:"roles"`
	Org        string   `json:"org" toml:"org" yaml:"org"`
	OrgRoles   []string `json:"org_roles" toml:"org_roles" yaml:"org_roles"`
	Scopes     []string `json:"scopes" toml:"scopes" yaml:"scopes"` // nil = not limited
	Plan       string   `json:"plan" toml:"plan" yaml:"plan"`
	AAL        int      `json:"aal" toml:"aal" yaml:"aal"`
	AMR        []string `json:"amr" toml:"amr" yaml:"amr"`
	AuthAge    string   `json:"auth_age" toml:"auth_age" yaml:"auth_age"` // since the sign-in: "5m"
	Credential string   `json:"credential" toml:"credential" yaml:"credential"`
}

// A Given is a grant as cases write it. It has one of Subject, Role and
// Organization.
type Given struct {
	Subject      string   `json:"subject" toml:"subject" yaml:"subject"`
	Role         string   `json:"role" toml:"role" yaml:"role"`
	Organization string   `json:"organization" toml:"organization" yaml:"organization"`
	Resource     Object   `json:"resource" toml:"resource" yaml:"resource"`
	Permissions  []string `json:"permissions" toml:"permissions" yaml:"permissions"`
	Expires      string   `json:"expires_at" toml:"expires_at" yaml:"expires_at"` // RFC 3339; "" = never
}

// An Object names an entity.
type Object struct {
	Type string `json:"type" toml:"type" yaml:"type"`
	ID   string `json:"id" toml:"id" yaml:"id"`
}

// A Need is what shall be missing.
type Need struct {
	Scope  string   `json:"scope" toml:"scope" yaml:"scope"`
	ACR    []string `json:"acr" toml:"acr" yaml:"acr"`
	MaxAge string   `json:"max_age" toml:"max_age" yaml:"max_age"` // "15m"; "" = age does not matter
}

// title names a case for people.
func (c *Case) title(n int) string {
	if c.Name != "" {
		return c.Name
	}
	return fmt.Sprintf("case %d: %s", n+1, c.Action)
}

// principal returns who asks at a time.
func (s *Suite) principal(c *Case, now time.Time) (*sallyport.Principal, error) {
	w := c.Who
	if c.As != "" {
		named, ok := s.Principals[c.As]
		switch {
		case !ok:
			return nil, fmt.Errorf("there is no principal %q%s", c.As, nearest.Hint(c.As, maps.Keys(s.Principals)))
		case w != nil:
			return nil, errors.New("it has both as and principal")
		}
		w = &named
	}
	if w == nil {
		return new(sallyport.Principal), nil
	}
	p := &sallyport.Principal{
		Subject: w.Subject, Roles: w.Roles, Org: w.Org, OrgRoles: w.OrgRoles, Scopes: w.Scopes, Plan: w.Plan,
		AAL: w.AAL, AMR: w.AMR, Credential: w.Credential,
	}
	var err error
	if p.Kind, err = kindOf(w.Kind); err != nil {
		return nil, err
	}
	if p.Subject == "" && p.Kind != sallyport.Anonymous {
		if p.Subject = c.As; p.Subject == "" {
			return nil, errors.New("its principal has no subject")
		}
	}
	if w.AuthAge != "" {
		age, err := time.ParseDuration(w.AuthAge)
		if err != nil {
			return nil, fmt.Errorf("auth_age: %q is not written like 15m", w.AuthAge)
		}
		p.AuthTime = now.Add(-age)
	}
	return p, nil
}

func kindOf(text string) (sallyport.Kind, error) {
	if text == "" {
		return sallyport.User, nil
	}
	kinds := []sallyport.Kind{sallyport.User, sallyport.Service, sallyport.Anonymous}
	for _, k := range kinds {
		if k.String() == text {
			return k, nil
		}
	}
	return 0, fmt.Errorf("kind: %q is not user, service or anonymous", text)
}

// context returns the circumstances. Without a time it is now.
func (c *Case) context(now time.Time) (sallyport.Context, error) {
	out := sallyport.Context{Time: now}
	for _, name := range slices.Sorted(maps.Keys(c.Context)) {
		plain := c.Context[name]
		var err error
		switch name {
		case "time":
			var v sallyport.Value
			v, err = authz.ValueOf(sallyport.Attribute{Kind: sallyport.KindTime}, plain)
			out.Time = v.Time()
		case "addr":
			text, _ := plain.(string)
			if out.Addr, err = netip.ParseAddr(text); err != nil {
				err = fmt.Errorf("%v is not an address", plain)
			}
		default:
			var v sallyport.Value
			if v, err = authz.ValueOf(sallyport.Attribute{}, plain); err == nil {
				if out.Attrs == nil {
					out.Attrs = map[string]sallyport.Value{}
				}
				out.Attrs[name] = v
			}
		}
		if err != nil {
			return out, fmt.Errorf("context: %s: %w", name, err)
		}
	}
	return out, nil
}

// resource returns the object of the query.
func (c *Case) resource(p *Policy) (sallyport.Resource, error) {
	if c.Resource == nil {
		return sallyport.Resource{}, nil
	}
	typ, _ := c.Resource["type"].(string)
	id, _ := c.Resource["id"].(string)
	if typ == "" {
		return sallyport.Resource{}, errors.New("resource: it has no type")
	}
	t, err := p.typeNamed(typ)
	if err != nil {
		return sallyport.Resource{}, err
	}
	d := &sallyport.Described{ID: id, Attrs: map[string]sallyport.Value{}}
	for _, a := range t.Attributes() {
		if a.Optional || a.Nullable {
			d.Attrs[a.Name] = sallyport.AbsentValue()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Resource)) {
		switch plain := c.Resource[name]; name {
		case "type", "id":
		case "in":
			d.Parents, err = parents(plain)
		default:
			d.Attrs[name], err = attribute(t, name, plain)
		}
		if err != nil {
			return sallyport.Resource{}, fmt.Errorf("resource: %s: %w", name, err)
		}
	}
	return described(t, d).Of(d), nil
}

// typeNamed returns the type of that name. Without a schema there is any.
func (p *Policy) typeNamed(name string) (sallyport.AnyType, error) {
	var names []string
	for _, t := range p.types() {
		if t.Name() == name {
			return t, nil
		}
		names = append(names, t.Name())
	}
	if names == nil {
		return sallyport.NewType(name), nil
	}
	return nil, fmt.Errorf("resource: the schema has no type %q%s", name, nearest.Hint(name, slices.Values(names)))
}

func attribute(t sallyport.AnyType, name string, plain any) (sallyport.Value, error) {
	var names []string
	for _, a := range t.Attributes() {
		if a.Name == name {
			return authz.ValueOf(a, plain)
		}
		names = append(names, a.Name)
	}
	if names == nil { // nothing is known of the type
		return authz.ValueOf(sallyport.Attribute{}, plain)
	}
	return sallyport.Value{}, fmt.Errorf("%s has no such attribute%s", t.Name(), nearest.Hint(name, slices.Values(names)))
}

// described is t for objects that no Go value stands for. Where nothing is known
// of t it has what d has. An organization belongs to itself, as
// [sallyport.OrganizationResource] has it.
func described(t sallyport.AnyType, d *sallyport.Described) *sallyport.DescribedType {
	attrs := t.Attributes()
	if t.Name() == sallyport.OrganizationType && !t.InOrganizations() {
		itself := sallyport.UID{Type: sallyport.OrganizationType, ID: d.ID}
		d.Attrs["org"] = sallyport.EntityValue(itself)
		return sallyport.NewType(t.Name(), append(slices.Clone(attrs), sallyport.Attribute{
			Name: "org", Kind: sallyport.KindEntity, Entity: sallyport.OrganizationType, Parent: true,
		})...)
	}
	if len(attrs) == 0 {
		for _, name := range slices.Sorted(maps.Keys(d.Attrs)) {
			v := d.Attrs[name]
			attrs = append(attrs, sallyport.Attribute{
				Name: name, Kind: v.Kind(), Entity: v.EntityType(), Parent: name == "org" && v.EntityType() == sallyport.OrganizationType,
			})
		}
	}
	return sallyport.NewType(t.Name(), attrs...)
}

// parents are the entities that an object is in beside those that its attributes
// name, each as an object of type and id.
func parents(plain any) ([]sallyport.UID, error) {
	v, err := authz.ValueOf(sallyport.Attribute{Kind: sallyport.KindSet, Element: sallyport.KindEntity}, plain)
	if err != nil {
		return nil, err
	}
	var found []sallyport.UID
	for _, e := range v.Set() {
		found = append(found, e.UID())
	}
	return found, nil
}

// grant returns the grant.
func (g *Given) grant() (authz.Grant, error) {
	out := authz.Grant{Resource: sallyport.UID(g.Resource), Permissions: g.Permissions}
	given := 0
	for _, grantee := range []authz.Grantee{
		{Kind: authz.SubjectGrantee, ID: g.Subject}, {Kind: authz.RoleGrantee, ID: g.Role}, {Kind: authz.OrganizationGrantee, ID: g.Organization},
	} {
		if grantee.ID != "" {
			out.Grantee = grantee
			given++
		}
	}
	switch {
	case given != 1:
		return out, errors.New("a grant needs a subject, a role or an organization")
	case g.Resource.Type == "" || g.Resource.ID == "":
		return out, errors.New("a grant needs a resource with type and id")
	case len(g.Permissions) == 0:
		return out, errors.New("a grant needs permissions")
	}
	for _, text := range g.Permissions {
		if _, err := authz.ParsePermission(text); err != nil {
			return out, err
		}
	}
	if g.Expires != "" {
		var err error
		if out.ExpiresAt, err = time.Parse(time.RFC3339, g.Expires); err != nil {
			return out, fmt.Errorf("expires_at: %q is not written like 2026-01-31T12:00:00Z", g.Expires)
		}
	}
	return out, nil
}

// knowsAction returns an error unless the schema has the action, or there is none.
func (p *Policy) knowsAction(id string) error {
	if p.Schema == nil {
		return nil
	}
	if _, ok := p.within[action(id)]; ok {
		return nil
	}
	return fmt.Errorf("the schema has no action %q%s", id, nearest.Hint(id, slices.Values(p.actions())))
}

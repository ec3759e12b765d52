package authz

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A Policy is door two. It asks, in this order, and the first that says no or
// yes decides:
//
//   - the organization: what belongs to one is for principals who act in it;
//   - the scopes of the credential: an upper bound;
//   - rules that forbid;
//   - the principal's roles: those it has everywhere, and for what belongs to the
//     organization that it acts in, those it has there;
//   - grants on the object, or on what it is in;
//   - rules that permit, in Cedar and in Go;
//
// and denies what none of them permits. If nothing but a wider scope, or a
// stronger or fresher sign-in, is missing, the decision says so. Roles and grants
// count for nothing without a principal; the anonymous one is permitted what a
// rule permits.
//
// The zero Policy denies everything. A Policy is safe for concurrent use; nothing
// that it decides is remembered, so a change is in force on the next decision.
type Policy struct {
	// Grants reads the grants on objects; nil: there are none. Set it before first
	// use.
	Grants Grants

	definitions atomic.Pointer[Definitions]
	rules       atomic.Pointer[Rules]
	reading     sync.Mutex        // held from reading definitions until they are in force
	permits     map[string][]Rule // in Go, by type of resource, in the order given
}

// Rules are the rules in force: compiled Cedar, and the version that they are.
type Rules struct {
	Set     *rule.Set
	Version int64 // of the published policy, 0 = the program's own
}

// Grants reads grants as they are now: see [GrantStore].
type Grants interface {
	On(ctx context.Context, resources []sallyport.UID, grantees []Grantee, now time.Time) ([]Grant, error)
	Of(ctx context.Context, grantees []Grantee, resourceType string, now time.Time, limit int) ([]Grant, error)
}

// New returns a policy with rules in Go, asked in the order given, and still
// without role definitions and rules in Cedar: see [Policy.Reload] and
// [Policy.SwapRules]. It panics on the zero Rule.
func New(rules ...Rule) *Policy {
	p := &Policy{permits: make(map[string][]Rule)}
	for _, r := range rules {
		if r.permit == nil {
			panic("authz: zero Rule")
		}
		p.permits[r.kind] = append(p.permits[r.kind], r)
	}
	return p
}

// Load returns the role definitions in force, nil if there are none yet.
func (p *Policy) Load() *Definitions { return p.definitions.Load() }

// Swap puts d in force at once, for every decision that begins from now on, and
// returns what was in force before.
func (p *Policy) Swap(d *Definitions) (old *Definitions) { return p.definitions.Swap(d) }

// LoadRules returns the rules in force; without any, the zero Rules.
func (p *Policy) LoadRules() Rules {
	if r := p.rules.Load(); r != nil {
		return *r
	}
	return Rules{}
}

// SwapRules puts r in force at once, for every decision that begins from now on.
func (p *Policy) SwapRules(r Rules) { p.rules.Store(&r) }

// Reload reads all role definitions and puts them in force. Whatever was
// committed before the call is in force when it returns, also if others reload
// at the same time: an older reading never replaces a newer one. On an error
// everything stays as it was.
func (p *Policy) Reload(ctx context.Context, read func(context.Context) ([]Role, error)) error {
	p.reading.Lock()
	defer p.reading.Unlock()
	roles, err := read(ctx)
	if err != nil {
		return fmt.Errorf("reading role definitions: %w", err)
	}
	d, err := Compile(roles)
	if err != nil {
		return fmt.Errorf("compiling role definitions: %w", err)
	}
	p.Swap(d)
	return nil
}

// Decide implements [sallyport.Policy]. It returns an error if a rule in Go does,
// if grants cannot be read, or if the action is not written like a permission and
// so nobody can have been given it.
func (p *Policy) Decide(ctx context.Context, q sallyport.Query) (sallyport.Decision, error) {
	v, need, err := p.decide(ctx, &q)
	if v.allow && q.Principal.Scopes != nil && !ScopeAllows(q.Principal.Scopes, q.Action) {
		v, need = verdict{name: "scope"}, &sallyport.Need{Scope: q.Action}
	}
	if v.by != nil {
		return sallyport.Decision{Allow: v.allow, Rule: v.by.ID, Source: v.by.At(), Reason: v.by.Message, Need: need}, err
	}
	return sallyport.Decision{Allow: v.allow, Rule: v.name, Need: need}, err
}

// A verdict is a decision, and what it is by: small enough to be handed on in
// registers. The zero verdict denies.
type verdict struct {
	allow bool
	by    *rule.Rule
	name  string // of what is no rule in Cedar
}

func (p *Policy) decide(ctx context.Context, q *sallyport.Query) (verdict, *sallyport.Need, error) {
	now := p.inForce(q)
	if now.held != "" && !foreign(q) && !now.rules.MayForbid(action(q)) {
		return verdict{allow: true, name: now.held}, nil, nil // the commonest query, decided without further ado
	}
	e := p.evaluate(q, now)
	defer e.done()
	v, err := e.decide(ctx)
	if err != nil || v.allow || !e.signInMatters() || !ScopeAllows(q.Principal.Scopes, q.Action) {
		return v, nil, err
	}
	need, err := e.need(ctx)
	return v, need, err
}

// inForce is what a query is decided by.
type inForce struct {
	definitions *Definitions
	rules       *rule.Set
	held        string // "role …", the first role that the principal has everywhere and that permits the action; "" = none
}

func (p *Policy) inForce(q *sallyport.Query) inForce {
	now := inForce{definitions: p.Load(), rules: p.LoadRules().Set}
	if q.Principal.Kind != sallyport.Anonymous {
		now.held, _ = now.definitions.granting(q.Principal.Roles, q.Action)
	}
	return now
}

func action(q *sallyport.Query) sallyport.UID {
	return sallyport.UID{Type: sallyport.ActionType, ID: q.Action}
}

// decide is the order of door two, scopes aside. Rules are asked before grants,
// because they are at hand: both can only permit.
func (e *evaluation) decide(ctx context.Context) (verdict, error) {
	if foreign(&e.query) {
		return verdict{name: "organization"}, nil
	}
	if r := e.rules.Forbidden(&e.env); r != nil {
		return verdict{by: r}, nil
	}
	if role := e.role(); role != "" {
		return verdict{allow: true, name: role}, nil
	}
	if r := e.rules.Permitted(&e.env); r != nil && (r.Actions != nil || e.wellFormed() == nil) {
		return verdict{allow: true, by: r}, nil
	}
	if err := e.wellFormed(); err != nil {
		return verdict{}, err
	}
	if name, err := e.permit(ctx); err != nil || name != "" {
		return verdict{allow: err == nil, name: name}, err
	}
	grant, err := e.grant(ctx)
	return verdict{allow: grant != "", name: grant}, err
}

// wellFormed returns an error about an action that is not written like a
// permission, or is a pattern.
func (e *evaluation) wellFormed() error {
	if _, ok := kindOf(e.query.Action); ok {
		return nil
	}
	return fmt.Errorf(`action %.140q is not written like "post:delete"`, e.query.Action)
}

// foreign reports whether the object belongs to an organization that the
// principal does not act in, or to none although its type does.
func foreign(q *sallyport.Query) bool {
	org, belongs := q.Resource.Organization()
	return belongs && (org == "" || org != q.Principal.Org)
}

// role returns "role …" for the first role that permits the action, or "".
func (e *evaluation) role() string {
	if e.held != "" || !e.who.inOrg || e.query.Principal.Kind == sallyport.Anonymous {
		return e.held
	}
	role, _ := e.definitions.granting(e.query.Principal.OrgRoles, e.query.Action)
	return role
}

// permit returns the name of the first rule in Go that permits the action.
func (e *evaluation) permit(ctx context.Context) (string, error) {
	for _, r := range e.policy.permits[e.query.Resource.Type()] {
		permitted, err := r.permit(ctx, e.query.Principal, e.query.Action, e.query.Resource)
		if err != nil {
			return "", fmt.Errorf("%s: %w", r.name, err)
		}
		if permitted {
			return r.name, nil
		}
	}
	return "", nil
}

// grant returns "grant …" if the principal has been granted the action on the
// object or on an entity that the object is in.
func (e *evaluation) grant(ctx context.Context) (_ string, err error) {
	if e.policy.Grants == nil || e.query.Resource.IsZero() || e.query.Principal.Kind == sallyport.Anonymous {
		return "", nil
	}
	if !e.given.read {
		e.given.by, err = e.readGrant(ctx)
		e.given.read = err == nil
	}
	return e.given.by, err
}

func (e *evaluation) readGrant(ctx context.Context) (string, error) {
	grants, err := e.policy.Grants.On(ctx, e.reach(), e.grantees(), e.time())
	if err != nil {
		return "", fmt.Errorf("reading grants: %w", err)
	}
	for _, g := range grants {
		if ScopeAllows(g.Permissions, e.query.Action) {
			return fmt.Sprintf("grant to %s %s on %s", g.Grantee.Kind, g.Grantee.ID, g.Resource), nil
		}
	}
	return "", nil
}

// grantees are whom a grant may have been given to so that the principal has it.
func (e *evaluation) grantees() []Grantee {
	p := e.query.Principal
	of := make([]Grantee, 0, 2+len(p.Roles)+len(p.OrgRoles))
	of = append(of, Grantee{Kind: SubjectGrantee, ID: p.Subject})
	if p.Org != "" {
		of = append(of, Grantee{Kind: OrganizationGrantee, ID: p.Org})
	}
	roles := e.definitions.ancestors(nil, p.Roles)
	if e.who.inOrg {
		roles = e.definitions.ancestors(roles, p.OrgRoles)
	}
	for _, r := range roles {
		if g := (Grantee{Kind: RoleGrantee, ID: r.ID}); !slices.Contains(of, g) {
			of = append(of, g)
		}
	}
	return of
}

// reach are the entities on which a grant reaches the object: itself and those it
// is directly in.
func (e *evaluation) reach() []sallyport.UID {
	on := append(make([]sallyport.UID, 0, 4), e.query.Resource.UID())
	for _, parent := range e.query.Resource.Parents() {
		if parent.Known() {
			on = append(on, parent.UID())
		}
	}
	return on
}

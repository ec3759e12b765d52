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

	current  atomic.Pointer[snapshot] // nil = nothing is in force
	swapping sync.Mutex               // held while current is replaced
	reading  sync.Mutex               // held from reading definitions until they are in force
	permits  map[string][]Rule        // in Go, by type of resource, in the order given
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
		r.decision = &sallyport.Decision{Allow: true, Rule: r.name}
		p.permits[r.kind] = append(p.permits[r.kind], r)
	}
	return p
}

// inForce returns what is in force. A query is decided by one snapshot alone.
func (p *Policy) inForce() *snapshot {
	if s := p.current.Load(); s != nil {
		return s
	}
	return nothing
}

// Load returns the role definitions in force, nil if there are none yet.
func (p *Policy) Load() *Definitions { return p.inForce().definitions }

// Swap puts d in force at once, for every decision that begins from now on, and
// returns what was in force before.
func (p *Policy) Swap(d *Definitions) (old *Definitions) {
	p.swapping.Lock()
	defer p.swapping.Unlock()
	was := p.inForce()
	p.current.Store(newSnapshot(d, was.rules))
	return was.definitions
}

// LoadRules returns the rules in force; without any, the zero Rules.
func (p *Policy) LoadRules() Rules { return p.inForce().rules }

// SwapRules puts r in force at once, for every decision that begins from now on.
func (p *Policy) SwapRules(r Rules) {
	p.swapping.Lock()
	defer p.swapping.Unlock()
	p.current.Store(newSnapshot(p.inForce().definitions, r))
}

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
	s := p.inForce()
	about, place := s.about(q.Action), placeOf(&q)
	if place == foreign {
		return *elsewhere, nil
	}
	roles := s.rolesPermit(about, q.Principal, q.Resource.Type(), place)
	if roles.decision != nil && !about.mayForbid && (q.Principal.Scopes == nil || ScopeAllows(q.Principal.Scopes, q.Action)) {
		return *roles.decision, nil // the commonest query, decided without further ado
	}
	d, ruled := p.atOnce(&q, about, roles.decision)
	if d != nil {
		return *d, nil
	}
	return p.consider(ctx, &q, standing{s, about, place, roles, ruled})
}

// atOnce decides what roles and the rules' comparisons of scalars decide; for
// everything else d is nil. If ruled, it is known that rules decide nothing.
func (p *Policy) atOnce(q *sallyport.Query, about *governed, roles *sallyport.Decision) (d *sallyport.Decision, ruled bool) {
	if q.Principal.Scopes != nil && !ScopeAllows(q.Principal.Scopes, q.Action) {
		return nil, false
	}
	o := rule.Objects{Principal: q.Principal, Resource: &q.Resource, Context: &q.Context}
	if about.mayForbid {
		switch r, known := about.rules.Forbids(&o); {
		case !known:
			return nil, false
		case r != nil:
			return about.refusal(q, r.Decision()), false
		case roles != nil:
			return roles, false
		}
	}
	r, known := about.rules.Permits(&o)
	switch {
	case !known:
		return nil, false
	case r != nil && r.Actions != nil:
		return r.Decision(), false
	}
	if _, wellFormed := kindOf(q.Action); !wellFormed {
		return nil, false
	}
	switch {
	case r != nil:
		return r.Decision(), false
	case p.Grants != nil || len(p.permits[q.Resource.Type()]) > 0:
		return nil, true
	}
	return about.refusal(q, denied), true
}

// refusal returns d, if another sign-in would surely make no difference.
func (g *governed) refusal(q *sallyport.Query, d *sallyport.Decision) *sallyport.Decision {
	if g.signInMatters(q) {
		return nil
	}
	return d
}

// consider decides a query by whatever may have a say in it.
func (p *Policy) consider(ctx context.Context, q *sallyport.Query, s standing) (sallyport.Decision, error) {
	e := p.evaluate(q, s)
	defer e.done()
	d, err := e.decide(ctx)
	inScope := ScopeAllows(q.Principal.Scopes, q.Action)
	switch {
	case err != nil:
		return *denied, err
	case d.Allow && !inScope:
		return sallyport.Decision{Rule: "scope", Need: &sallyport.Need{Scope: q.Action}}, nil
	case d.Allow || !inScope || !e.about.signInMatters(&e.query):
		return *d, nil
	}
	needed := *d
	needed.Need, err = e.need(ctx)
	return needed, err
}

// The decisions that nobody in particular makes. Like those of roles and rules,
// they are there before anybody asks, and do not change.
var (
	denied    = &sallyport.Decision{}
	elsewhere = &sallyport.Decision{Rule: "organization"}
)

// A standing is where a query stands before any condition is looked at.
type standing struct {
	*snapshot
	about *governed
	place place
	roles byRoles
	ruled bool // no rule permits or forbids it to this principal, that is known
}

func (p *Policy) standing(q *sallyport.Query) standing {
	s := p.inForce()
	about, place := s.about(q.Action), placeOf(q)
	return standing{snapshot: s, about: about, place: place, roles: s.rolesPermit(about, q.Principal, q.Resource.Type(), place)}
}

// A place is whose an object is.
type place uint8

const (
	nobodys place = iota // its type does not belong to organizations
	ours                 // of the organization that the principal acts in
	foreign              // of another organization, or of none although its type belongs to them
)

func placeOf(q *sallyport.Query) place {
	switch org, belongs := q.Resource.Organization(); {
	case !belongs:
		return nobodys
	case org != "" && org == q.Principal.Org:
		return ours
	}
	return foreign
}

func action(q *sallyport.Query) sallyport.UID {
	return sallyport.UID{Type: sallyport.ActionType, ID: q.Action}
}

// decide is the order of door two, scopes aside. Rules are asked before grants,
// because they are at hand: both can only permit. The decision must not be changed.
func (e *evaluation) decide(ctx context.Context) (*sallyport.Decision, error) {
	if e.place == foreign {
		return elsewhere, nil
	}
	if d := e.rule(); d != nil {
		return d, nil
	}
	if err := e.wellFormed(); err != nil {
		return denied, err
	}
	if d, err := e.permit(ctx); err != nil || d.Allow {
		return d, err
	}
	grant, err := e.grant(ctx)
	if grant == "" {
		return denied, err
	}
	return &sallyport.Decision{Allow: true, Rule: grant}, nil
}

// rule returns the decision of rules and roles, nil if they make none.
func (e *evaluation) rule() *sallyport.Decision {
	if e.ruled {
		return nil
	}
	if r := e.about.rules.Forbidden(&e.env); r != nil {
		return r.Decision()
	}
	if e.roles.decision != nil {
		return e.roles.decision
	}
	if r := e.about.rules.Permitted(&e.env); r != nil && (r.Actions != nil || e.wellFormed() == nil) {
		return r.Decision()
	}
	return nil
}

// permitted returns a rule that permits the query, one about roles alone before all
// others.
func (e *evaluation) permitted() *rule.Rule {
	if e.roles.rule != nil {
		return e.roles.rule
	}
	return e.about.rules.Permitted(&e.env)
}

// wellFormed returns an error about an action that is not written like a
// permission, or is a pattern.
func (e *evaluation) wellFormed() error {
	if _, ok := kindOf(e.query.Action); ok {
		return nil
	}
	return fmt.Errorf(`action %.140q is not written like "post:delete"`, e.query.Action)
}

// permit returns the decision of the first rule in Go that permits the action.
func (e *evaluation) permit(ctx context.Context) (*sallyport.Decision, error) {
	for _, r := range e.policy.permits[e.query.Resource.Type()] {
		permitted, err := r.permit(ctx, e.query.Principal, e.query.Action, e.query.Resource)
		if err != nil {
			return denied, fmt.Errorf("%s: %w", r.name, err)
		}
		if permitted {
			return r.decision, nil
		}
	}
	return denied, nil
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
			return "grant to " + string(g.Grantee.Kind) + " " + g.Grantee.ID + " on " + g.Resource.String(), nil
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
	on := []sallyport.UID{e.query.Resource.UID()}
	for _, parent := range e.query.Resource.Parents() {
		if parent.Known() {
			on = append(on, parent.UID())
		}
	}
	return on
}

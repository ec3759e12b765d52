package authz

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rule/where"
)

// maxGranted bounds how many objects a list can name one by one.
const maxGranted = 5_000

// Filter implements [sallyport.Lister]: a row fulfils the condition exactly if
// [Policy.Decide] allows the query on the object in it. The error wraps
// [sallyport.ErrNotListable] if a rule in Go may permit the action, if a rule
// reads what no column holds, or if the principal has been granted the action on
// more than 5,000 objects one by one.
func (p *Policy) Filter(ctx context.Context, q sallyport.Query, t sallyport.AnyType) (sallyport.Where, error) {
	e := p.evaluate(&q, p.standing(&q))
	f, err := e.filter(ctx, t)
	if err != nil || f == nil {
		return sallyport.Where{}, err
	}
	if len(f.Granted) == 0 {
		if l := e.about.list(e.rules.Set, e.env.Action, t); l != nil {
			if w, ok := l.Where(&e.env, f.Org, f.Everything); ok {
				e.done()
				return w, nil
			}
		}
	}
	f.Permits, f.Forbids = e.residuals(t)
	return f.Where(t) // e is never done: the condition may hold on to its values
}

// filter is what decides on every object of type t but for the rules; nil if nothing
// is permitted.
func (e *evaluation) filter(ctx context.Context, t sallyport.AnyType) (*where.Filter, error) {
	if err := e.wellFormed(); err != nil {
		return nil, err
	}
	who := e.query.Principal
	if !ScopeAllows(who.Scopes, e.query.Action) {
		return nil, nil
	}
	e.list(t)
	f := &where.Filter{Org: who.Org, Everything: e.roles.decision != nil}
	if f.Everything {
		return f, nil
	}
	if rules := e.policy.permits[t.Name()]; len(rules) > 0 {
		return nil, fmt.Errorf("%w: rule %q is a function in Go", sallyport.ErrNotListable, rules[0].name)
	}
	var err error
	f.Granted, err = e.granted(ctx, t)
	return f, err
}

// maxLists bounds the types of which an action keeps lists: a program has few, but
// may make new ones.
const maxLists = 64

// A prepared is a list of the rules about an action on objects of a type; nil if
// there is none.
type prepared struct {
	t    sallyport.AnyType
	list *where.List
}

// list returns the prepared list of the rules about an action, which is g's, on
// objects of type t. It is nil if the rules cannot be prepared.
func (g *governed) list(rules *rule.Set, action sallyport.UID, t sallyport.AnyType) *where.List {
	known := g.lists.Load()
	if known != nil {
		for _, l := range *known {
			if l.t == t {
				return l.list
			}
		}
		if len(*known) >= maxLists {
			return nil
		}
	}
	l := prepared{t, where.NewList(rules.Candidates(action, t.Name()), t)}
	more := []prepared{l}
	if known != nil {
		more = append(more, *known...)
	}
	g.lists.CompareAndSwap(known, &more) // who comes second prepares it anew the next time
	return l.list
}

// list makes e ask about all objects of type t.
func (e *evaluation) list(t sallyport.AnyType) {
	e.place = nobodys
	if t.InOrganizations() && e.query.Principal.Org != "" {
		e.place = ours
	}
	e.roles = e.rolesPermit(e.about, e.query.Principal, t.Name(), e.place)
	e.who.inOrg, e.who.ancestors = e.place == ours, e.who.ancestors[:0]
}

// residuals are what is left of the rules about the action on objects of type t.
func (e *evaluation) residuals(t sallyport.AnyType) (permits, forbids []where.Residual) {
	for _, r := range e.rules.Set.Candidates(e.env.Action, t.Name()) {
		left := where.Residual{Rule: r, When: rule.Residual(rule.Condition(r), &e.env, t)}
		if r.Effect == rule.Permit {
			permits = append(permits, left)
		} else {
			forbids = append(forbids, left)
		}
	}
	return permits, forbids
}

// granted are the objects of type t, and the entities that such objects are in,
// on which the principal has been granted the action.
func (e *evaluation) granted(ctx context.Context, t sallyport.AnyType) ([]sallyport.UID, error) {
	if e.policy.Grants == nil || e.query.Principal.Kind == sallyport.Anonymous {
		return nil, nil
	}
	var on []sallyport.UID
	for _, typ := range reaching(t) {
		grants, err := e.policy.Grants.Of(ctx, e.grantees(), typ, e.time(), maxGranted+1)
		if err != nil {
			return nil, fmt.Errorf("reading grants: %w", err)
		}
		if len(grants) > maxGranted {
			return nil, fmt.Errorf("%w: more than %d grants on objects of type %s", sallyport.ErrNotListable, maxGranted, typ)
		}
		for _, g := range grants {
			if ScopeAllows(g.Permissions, e.query.Action) && !slices.Contains(on, g.Resource) {
				on = append(on, g.Resource)
			}
		}
	}
	return on, nil
}

// reaching are the types of entity on which a grant reaches objects of type t.
func reaching(t sallyport.AnyType) []string {
	types := []string{t.Name()}
	for _, a := range t.Attributes() {
		if a.Parent && !slices.Contains(types, a.Entity) {
			types = append(types, a.Entity)
		}
	}
	return types
}

// Loaded implements [rule.Loaded].
func (e *evaluation) Loaded() []sallyport.UID {
	p := e.query.Principal
	loaded := []sallyport.UID{e.who.UID()}
	if p.Org != "" {
		loaded = append(loaded, sallyport.UID{Type: sallyport.OrganizationType, ID: p.Org})
	}
	return loaded
}

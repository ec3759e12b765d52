package authz

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/ability"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

const (
	// abilityLife is how long a document of abilities is good.
	abilityLife = time.Minute
	// maxAbilities bounds the objects of one type that a document names one by one.
	maxAbilities = 1_000
)

// Abilities returns what q's principal may do, and where, as far as it is known
// without an object: on objects of the types given, and where there is no object.
// On other types it permits nothing. Whatever [Policy.Decide] says of an object,
// at q's time, the document says as well, or to ask.
//
// It is to ask where a rule in Go may permit, or where the principal has been
// granted something on more than 1,000 objects of a type. The document is good for
// a minute, or until the first of the grants in it expires; its Epoch is left to
// the caller.
//
// actions are those that there are, as far as the caller knows. They matter only
// if a rule about every action looks at which one it is: then of an action that
// neither they, nor a rule, nor a role names, the document says no.
func (p *Policy) Abilities(ctx context.Context, q sallyport.Query, types []sallyport.AnyType, actions ...string) (*ability.Document, error) {
	q.Action, q.Resource = "", sallyport.Resource{}
	e := p.evaluate(&q, p.standing(&q)) // never done: the document holds on to its values
	a := &abilities{e: e, doc: &ability.Document{
		Expires: e.time().Add(abilityLife), Principal: e.who.UID(), Scopes: permissionsAmong(q.Principal.Scopes),
		Types: make(map[string]*ability.Type, len(types)),
	}}
	granted := make([][]given, len(types))
	for i, t := range types {
		var err error
		if granted[i], err = a.grants(ctx, t); err != nil {
			return nil, err
		}
	}
	a.learn(actions, granted)
	for i, t := range types {
		a.about(t, granted[i])
	}
	a.aboutNothing()
	a.doc.Expires = a.doc.Expires.Truncate(time.Second)
	return a.doc, nil
}

// Granted returns the objects of type t, by identifier, on which q's principal has
// been granted q's action, each by a grant on itself. The error wraps
// [sallyport.ErrNotListable] if there are more than 5,000.
func (p *Policy) Granted(ctx context.Context, q sallyport.Query, t sallyport.AnyType) ([]sallyport.UID, error) {
	q.Resource = sallyport.Resource{}
	e := p.evaluate(&q, p.standing(&q))
	defer e.done()
	e.list(t)
	on, err := e.granted(ctx, t)
	on = slices.DeleteFunc(on, func(u sallyport.UID) bool { return u.Type != t.Name() })
	slices.SortFunc(on, func(a, b sallyport.UID) int { return strings.Compare(a.ID, b.ID) })
	return on, err
}

// abilities is a document in the making.
type abilities struct {
	e   *evaluation
	doc *ability.Document

	known  []string // actions for which other rules count than for those that no rule names
	narrow bool     // a rule about every action looks at which: only known ones are permitted
}

// given is one permission, and the objects on which it was granted. Without
// objects there are too many of them.
type given struct {
	permission string
	on         []sallyport.Value
}

// grants reads what the principal has been granted on objects of type t and on
// what they are in.
func (a *abilities) grants(ctx context.Context, t sallyport.AnyType) ([]given, error) {
	e := a.e
	if e.policy.Grants == nil || e.query.Principal.Kind == sallyport.Anonymous {
		return nil, nil
	}
	e.list(t)
	on := make(map[string][]sallyport.UID)
	left := maxAbilities
	for _, typ := range reaching(t) {
		grants, err := e.policy.Grants.Of(ctx, e.grantees(), typ, e.time(), left+1)
		if err != nil {
			return nil, fmt.Errorf("reading grants: %w", err)
		}
		if left -= len(grants); left < 0 {
			return []given{{permission: "*"}}, nil
		}
		for _, g := range grants {
			if !g.ExpiresAt.IsZero() && g.ExpiresAt.Before(a.doc.Expires) {
				a.doc.Expires = g.ExpiresAt
			}
			for _, permission := range g.Permissions {
				if !slices.Contains(on[permission], g.Resource) {
					on[permission] = append(on[permission], g.Resource)
				}
			}
		}
	}
	var found []given
	for _, permission := range slices.Sorted(maps.Keys(on)) {
		slices.SortFunc(on[permission], func(a, b sallyport.UID) int { return strings.Compare(a.String(), b.String()) })
		g := given{permission: permission}
		for _, u := range on[permission] {
			g.on = append(g.on, sallyport.EntityValue(u))
		}
		found = append(found, g)
	}
	return found, nil
}

// permissionsAmong are the scopes that say something about actions; nil stays nil.
func permissionsAmong(scopes []string) []string {
	if scopes == nil {
		return nil
	}
	return slices.DeleteFunc(append([]string{}, scopes...), func(s string) bool {
		_, err := ParsePermission(s)
		return err != nil
	})
}

// learn finds the actions that must be told apart.
func (a *abilities) learn(actions []string, granted [][]given) {
	found := make(map[string]bool)
	add := func(action string) {
		if _, ok := kindOf(action); ok { // or else it is a group, and nobody can do it
			found[action] = true
		}
	}
	for _, u := range a.e.rules.Set.Actions() {
		if u.Type == sallyport.ActionType {
			add(u.ID)
		}
	}
	a.narrow = slices.ContainsFunc(a.e.rules.Set.Rules(), func(r *rule.Rule) bool { return r.Actions == nil && looksAtAction(r.When) })
	if a.narrow {
		for _, action := range slices.Concat(actions, a.e.definitions.Actions()) {
			add(action)
		}
		for _, g := range slices.Concat(granted...) {
			add(g.permission)
		}
	}
	a.known = slices.Sorted(maps.Keys(found))
}

// looksAtAction reports whether a condition reads the action.
func looksAtAction(x *rule.Expr) bool {
	return x != nil && (x.Op == rule.Action || slices.ContainsFunc(x.Args, looksAtAction))
}

// about adds what is known of objects of type t.
func (a *abilities) about(t sallyport.AnyType, granted []given) {
	e := a.e
	e.list(t)
	a.doc.Types[t.Name()] = ability.Describe(t, e.query.Principal.Org)
	held := a.held(e.who.inOrg)
	forbids, permits := a.residuals(t)
	a.doc.Rules = append(a.doc.Rules, forbids...)
	a.permit(t.Name(), held)
	if slices.Contains(held, "*") {
		return // more than everything nobody can be permitted
	}
	a.doc.Rules = append(a.doc.Rules, permits...)
	for _, g := range granted {
		r := ability.Rule{Effect: rule.Permit, Actions: []string{g.permission}, Type: t.Name(), Ask: g.on == nil}
		if g.on != nil {
			r.When = &rule.Expr{Op: rule.In, Args: []*rule.Expr{{Op: rule.Resource}, {Op: rule.Const, Value: sallyport.SetValue(g.on...)}}}
			r.Actions = a.only(r.Actions)
		}
		a.add(r)
	}
	if len(e.policy.permits[t.Name()]) > 0 {
		a.add(ability.Rule{Effect: rule.Permit, Actions: []string{"*"}, Type: t.Name(), Ask: true})
	}
}

// aboutNothing adds what is known without an object. There nothing is open.
func (a *abilities) aboutNothing() {
	e := a.e
	e.who.inOrg, e.who.ancestors = false, e.who.ancestors[:0]
	a.permit("", a.held(false))
	for _, action := range a.everyAction() {
		r := ability.Rule{Actions: []string{action}}
		e.ask(action)
		switch {
		case e.about.rules.Forbidden(&e.env) != nil:
			r.Effect = rule.Forbid
		case e.about.rules.Permitted(&e.env) != nil:
			r.Effect = rule.Permit
		default:
			continue
		}
		a.add(r)
	}
}

// everyAction are the known actions, and all others as one, if they are alike.
func (a *abilities) everyAction() []string {
	if a.narrow {
		return a.known
	}
	return append([]string{"*"}, a.known...)
}

// ask makes e ask about another action. "*" is any that nobody names.
func (e *evaluation) ask(action string) {
	e.query.Action, e.env.Action = action, sallyport.UID{Type: sallyport.ActionType, ID: action}
	e.about = e.snapshot.about(action)
}

// held are the permissions by roles, without those that others cover.
func (a *abilities) held(inOrg bool) []string {
	p := a.e.query.Principal
	if p.Kind == sallyport.Anonymous {
		return nil
	}
	roles := p.Roles
	if inOrg {
		roles = slices.Concat(p.Roles, p.OrgRoles)
	}
	all := a.e.definitions.Permissions(roles)
	if slices.Contains(all, "*") {
		return []string{"*"}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		kind, verb, _ := strings.Cut(s, ":")
		return verb != "*" && slices.Contains(all, kind+":*")
	})
}

// permit adds permissions on every object of a type.
func (a *abilities) permit(typ string, permissions []string) {
	if permissions = a.only(permissions); len(permissions) > 0 {
		a.add(ability.Rule{Effect: rule.Permit, Actions: permissions, Type: typ})
	}
}

// only returns the permissions, or where only known actions are permitted, those
// that they cover.
func (a *abilities) only(permissions []string) []string {
	if !a.narrow || len(permissions) == 0 {
		return permissions
	}
	return slices.DeleteFunc(slices.Clone(a.known), func(action string) bool { return !ScopeAllows(permissions, action) })
}

func (a *abilities) add(r ability.Rule) {
	if len(r.Actions) > 0 {
		a.doc.Rules = append(a.doc.Rules, r)
	}
}

// A leftover is what a rule leaves open, and for which actions.
type leftover struct {
	rule    *rule.Rule
	when    *rule.Expr
	actions []string
}

// leftovers are those of one type. What a rule leaves open is the same for every
// action, unless its condition looks at the action.
type leftovers struct {
	all  []*leftover
	seen map[leaving]*leftover
}

type leaving struct {
	rule *rule.Rule
	when string // as text, where it depends on the action
}

// note adds the action that e asks about to what r leaves open for it.
func (l *leftovers) note(e *evaluation, r *rule.Rule, t sallyport.AnyType) {
	key := leaving{rule: r}
	var when *rule.Expr
	if looksAtAction(r.When) {
		when = rule.Residual(rule.Condition(r), &e.env, t)
		key.when = when.String()
	}
	if found := l.seen[key]; found != nil {
		found.actions = append(found.actions, e.query.Action)
		return
	}
	if when == nil {
		when = rule.Residual(rule.Condition(r), &e.env, t)
	}
	l.seen[key] = &leftover{r, when, []string{e.query.Action}}
	l.all = append(l.all, l.seen[key])
}

// residuals are what is left of the rules about objects of type t.
func (a *abilities) residuals(t sallyport.AnyType) (forbids, permits []ability.Rule) {
	left := leftovers{seen: make(map[leaving]*leftover)}
	for _, action := range a.everyAction() {
		a.e.ask(action)
		for _, r := range a.e.rules.Set.Candidates(a.e.env.Action, t.Name()) {
			if action == "*" || a.narrow || r.Actions != nil { // the others have "*" already
				left.note(a.e, r, t)
			}
		}
	}
	for _, l := range left.all {
		r, matters := l.ability(t.Name())
		switch {
		case !matters:
		case r.Effect == rule.Permit:
			permits = append(permits, r)
		default:
			forbids = append(forbids, r)
		}
	}
	return forbids, permits
}

// ability is what is left as a rule of a document, and whether it can matter.
func (l *leftover) ability(typ string) (r ability.Rule, matters bool) {
	r = ability.Rule{Effect: l.rule.Effect, Actions: l.actions, Type: typ, When: l.when}
	if l.when.Op != rule.Const {
		return r, true
	}
	r.When = nil
	isBool, holds := l.when.Value.Kind() == sallyport.KindBool, l.when.Value.Bool()
	if r.Effect == rule.Permit {
		return r, holds
	}
	return r, holds || !isBool
}

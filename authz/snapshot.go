package authz

import (
	"sync/atomic"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A snapshot is what is in force at one moment: role definitions and rules, and of
// each action all that counts for it, so that a query finds that in one step. It is
// immutable, but for the lists that are prepared when they are first asked for.
type snapshot struct {
	definitions *Definitions
	rules       Rules

	actions   map[string]*governed // that a role or a rule names
	kinds     map[string]*governed // other actions, by kinds of which a role names all
	others    *governed            // other actions of other kinds
	malformed *governed            // what is no action, and is named by no rule
}

// A governed is all that counts for an action.
type governed struct {
	held      []*roleSet // by definition: holders of the action, of "kind:*" and of "*", as far as there are any
	rules     *rule.ActionRules
	byRole    []*rolePermits // of rules, those that permit to roles and ask for nothing else
	mayForbid bool           // whether there are rules that forbid
	signIn    bool           // whether a rule looks at how a person signed in

	lists atomic.Pointer[[]prepared] // that were asked for
}

// heldBy reports whether a role holds the action by definition.
func (g *governed) heldBy(role uint32) bool {
	for _, s := range g.held {
		if s.has(role) {
			return true
		}
	}
	return false
}

// nothing is what is in force at first.
var nothing = newSnapshot(nil, Rules{})

func newSnapshot(d *Definitions, r Rules) *snapshot {
	s := &snapshot{definitions: d, rules: r, actions: make(map[string]*governed), kinds: make(map[string]*governed)}
	g := governor{d: d, parts: make(map[rule.Part]*rolePermits)}
	for _, u := range r.Set.Actions() {
		if u.Type == sallyport.ActionType {
			s.actions[u.ID] = g.action(u.ID, r.Set.For(u))
		}
	}
	others := r.Set.Others()
	for _, name := range d.Actions() {
		if s.actions[name] == nil {
			s.actions[name] = g.action(name, others)
		}
	}
	if d != nil {
		for kind, holders := range d.kinds {
			s.kinds[kind] = g.wellFormed(others, holders, &d.all)
		}
		s.others = g.wellFormed(others, &d.all)
	} else {
		s.others = g.wellFormed(others)
	}
	s.malformed = g.malformed(others)
	return s
}

// about returns what counts for an action.
func (s *snapshot) about(action string) *governed {
	if g := s.actions[action]; g != nil {
		return g
	}
	return s.unnamed(action)
}

func (s *snapshot) unnamed(action string) *governed {
	kind, ok := kindOf(action)
	if !ok {
		return s.malformed
	}
	if g := s.kinds[kind]; g != nil {
		return g
	}
	return s.others
}

// A governor finds out what counts for actions.
type governor struct {
	d     *Definitions
	parts map[rule.Part]*rolePermits // what was made of parts that other actions have, too
}

// action returns what counts for an action that is named, be it by a rule alone.
func (g *governor) action(name string, rules *rule.ActionRules) *governed {
	switch _, ok := kindOf(name); {
	case !ok:
		return g.malformed(rules)
	case g.d == nil:
		return g.wellFormed(rules)
	}
	exact, kind := g.d.holders(name)
	return g.wellFormed(rules, exact, kind, &g.d.all)
}

// wellFormed is told the sets of roles that hold the action, if they hold any.
func (g *governor) wellFormed(rules *rule.ActionRules, held ...*roleSet) *governed {
	found := g.malformed(rules)
	for _, s := range held {
		if s != nil && !s.empty() {
			found.held = append(found.held, s)
		}
	}
	for _, part := range rules.Parts() {
		if part.EveryAction() {
			g.permits(found, part)
		}
	}
	return found
}

// malformed returns what counts for what is not written like an action: rules that
// name it, but none of those for every action.
func (g *governor) malformed(rules *rule.ActionRules) *governed {
	found := &governed{rules: rules, mayForbid: rules.MayForbid(), signIn: looksAtSignIn(rules, "")}
	for _, part := range rules.Parts() {
		if !part.EveryAction() {
			g.permits(found, part)
		}
	}
	return found
}

func (g *governor) permits(to *governed, part rule.Part) {
	permits, made := g.parts[part]
	if !made {
		permits = newRolePermits(part, g.d)
		g.parts[part] = permits
	}
	if permits != nil {
		to.byRole = append(to.byRole, permits)
	}
}

// byRoles is what permits an action by the principal's roles alone: the definition
// of one of them, or else a rule. The zero byRoles is nothing.
type byRoles struct {
	decision *sallyport.Decision // must not be changed
	rule     *rule.Rule          // that made it; nil = a definition did
}

func (b byRoles) definition() bool { return b.decision != nil && b.rule == nil }

// rolesPermit returns what permits g's action on objects of a type, "" for no
// object. Roles of an organization count for what is ours.
func (s *snapshot) rolesPermit(g *governed, who *sallyport.Principal, typ string, p place) byRoles {
	if s.definitions == nil || who.Kind == sallyport.Anonymous || g.held == nil && g.byRole == nil {
		return byRoles{}
	}
	by := s.rolePermits(g, who.Roles, typ)
	if p != ours || by.definition() {
		return by
	}
	if inOrg := s.rolePermits(g, who.OrgRoles, typ); inOrg.definition() || by.decision == nil {
		return inOrg
	}
	return by
}

func (s *snapshot) rolePermits(g *governed, roles []string, typ string) (by byRoles) {
	d := s.definitions
	for _, name := range roles {
		n, known := d.numbers[name]
		switch {
		case !known:
		case g.heldBy(n):
			return byRoles{decision: &d.roles[n].decision}
		case by.decision == nil && g.byRole != nil:
			by = g.ruleFor(d, n, typ)
		}
	}
	return by
}

// ruleFor returns the rule that permits to a role of d on objects of a type, and
// asks for nothing else: to itself, or to one that it inherits from.
func (g *governed) ruleFor(d *Definitions, role uint32, typ string) byRoles {
	for _, permits := range g.byRole {
		if by := permits.rule(role, typ); by != nil {
			return *by
		}
		if above := d.roles[role].above; len(above) > 1 {
			for _, n := range above {
				if by := permits.rule(n, typ); by != nil {
					return *by
				}
			}
		}
	}
	return byRoles{}
}

package rule

import "github.com/sallyport-auth/sallyport"

// ActionRules are those rules of a [Set] that count for one action: for who asks
// about it again and again, and would find them each time. They are immutable. The
// nil ActionRules are none.
type ActionRules struct {
	indexes []*index // of the action, of its groups, and of the rules for every action
	effects [2]bool  // whether there is a rule of the effect
	only    *bucket  // the only one that holds rules, if it is limited to a type of resource; else nil
}

func newActionRules(indexes []*index) *ActionRules {
	a := &ActionRules{indexes: indexes}
	for _, x := range indexes {
		for effect, any := range x.effects {
			a.effects[effect] = a.effects[effect] || any
		}
	}
	if len(indexes) == 1 {
		a.only = indexes[0].only()
	}
	return a
}

// For returns the rules that count for an action.
func (s *Set) For(action sallyport.UID) *ActionRules {
	if s == nil {
		return nil
	}
	if found := s.actions[action]; found != nil {
		return found
	}
	return s.others
}

// Others returns the rules that count for every action that is not among
// [Set.Actions].
func (s *Set) Others() *ActionRules {
	if s == nil {
		return nil
	}
	return s.others
}

// parts returns the indexes.
func (a *ActionRules) parts() []*index {
	if a == nil {
		return nil
	}
	return a.indexes
}

// MayForbid reports whether any rule forbids the action on some resource.
func (a *ActionRules) MayForbid() bool { return a != nil && a.effects[Forbid] }

// MayPermit reports whether any rule permits the action on some resource.
func (a *ActionRules) MayPermit() bool { return a != nil && a.effects[Permit] }

// Forbidden is [Set.Forbidden] about the action, which is env's.
func (a *ActionRules) Forbidden(env *Env) *Rule {
	r, _ := a.first(&env.Objects, env, Forbid)
	return r
}

// Permitted is [Set.Permitted] about the action, which is env's.
func (a *ActionRules) Permitted(env *Env) *Rule {
	r, _ := a.first(&env.Objects, env, Permit)
	return r
}

// Forbids is Forbidden for who has no [Env] yet, but all objects that it would be
// made from. If known is false, it takes one to tell.
func (a *ActionRules) Forbids(o *Objects) (r *Rule, known bool) { return a.known(o, Forbid) }

// Permits is like Forbids for Permitted.
func (a *ActionRules) Permits(o *Objects) (r *Rule, known bool) { return a.known(o, Permit) }

func (a *ActionRules) known(o *Objects, effect Effect) (r *Rule, known bool) {
	switch {
	case a == nil || !a.effects[effect]:
		return nil, true
	case a.only == nil || o.Resource.IsZero():
		return a.first(o, nil, effect)
	case a.only.typ != o.Resource.Type():
		return nil, true
	}
	return a.only.effect(effect).first(o, nil)
}

func (a *ActionRules) first(o *Objects, env *Env, effect Effect) (r *Rule, known bool) {
	if a == nil || !a.effects[effect] {
		return nil, true
	}
	for _, x := range a.indexes {
		if r, known = x.first(o, env, effect); r != nil || !known {
			return r, known
		}
	}
	return nil, true
}

// Mentions is [Set.Mentions] about the action.
func (a *ActionRules) Mentions(resourceType, attr string) bool {
	for _, x := range a.parts() {
		for b := range x.of(resourceType) {
			if b.reads[attr] {
				return true
			}
		}
	}
	return false
}

// A Part is some of the rules that count for an action: those that name it, those
// that name one group that it is in, or those for every action. Actions share
// parts, and a part equals itself alone, so that what somebody makes of a part need
// not be made for each action anew.
type Part struct{ index *index }

// Parts returns the parts that the rules are made of.
func (a *ActionRules) Parts() []Part {
	parts := make([]Part, len(a.parts()))
	for i, x := range a.parts() {
		parts[i] = Part{x}
	}
	return parts
}

// EveryAction reports whether the part is the rules that name no action.
func (p Part) EveryAction() bool { return p.index.every }

// A Membership is a rule that permits its actions to whoever is in an entity, such
// as a role, and asks for nothing else.
type Membership struct {
	Rule *Rule
	In   []sallyport.UID // in any of these
	Type string          // on objects of this type; "" = on everything, and without an object
}

// Memberships returns the part's memberships, those of one type in the order of
// their source.
func (p Part) Memberships() []Membership {
	var found []Membership
	for b := range p.index.of("") {
		for _, c := range b.rules {
			if in := membership(c.rule); in != nil {
				found = append(found, Membership{c.rule, in, b.typ})
			}
		}
	}
	return found
}

// membership returns the entities that it takes to be in for the rule to permit,
// nil if it asks for anything else.
func membership(r *Rule) []sallyport.UID {
	everything := Scope{Type: r.Resource.Type}
	in := Scope{In: r.Principal.In}
	switch {
	case r.Effect != Permit || r.Resource != everything || r.Principal != in:
		return nil
	case r.When == nil && in != Scope{}:
		return []sallyport.UID{in.In}
	case r.When == nil || in != Scope{}:
		return nil
	}
	if place, uids := keysIn(fold(r.When)); place == principalIn {
		return uids
	}
	return nil
}

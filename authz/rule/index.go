package rule

import (
	"iter"
	"slices"

	"github.com/sallyport-auth/sallyport"
)

// An index finds the rules that name the same action, or the same group, by type
// of resource.
type index struct {
	every   bool   // they name no action
	untyped bucket // rules for resources of any type
	typed   []*bucket
	byType  map[string]*bucket // of typed, once they are many
	effects [2]bool            // whether there is a rule of the effect
}

func (x *index) add(c *compiled) {
	x.effects[c.rule.Effect] = true
	typ := c.rule.Resource.Type
	if typ == "" {
		typ = c.rule.Resource.Is.Type
	}
	if typ == "" {
		x.untyped.add(c)
		return
	}
	b := x.bucket(typ)
	if b == nil {
		b = &bucket{typ: typ}
		x.typed = append(x.typed, b)
		x.remember(b)
	}
	b.add(c)
}

// few is how many things are searched as fast as a map of them.
const few = 8

// remember puts a bucket into the map, if that is faster than to search.
func (x *index) remember(b *bucket) {
	if x.byType != nil {
		x.byType[b.typ] = b
		return
	}
	if len(x.typed) <= few {
		return
	}
	x.byType = map[string]*bucket{}
	for _, b := range x.typed {
		x.byType[b.typ] = b
	}
}

// bucket returns the rules that are limited to a type of resource, or nil.
func (x *index) bucket(typ string) *bucket {
	if x.byType != nil {
		return x.byType[typ]
	}
	for _, b := range x.typed {
		if b.typ == typ {
			return b
		}
	}
	return nil
}

// only returns the only bucket that holds rules, if it is limited to a type.
func (x *index) only() *bucket {
	if len(x.typed) == 1 && x.untyped.rules == nil {
		return x.typed[0]
	}
	return nil
}

func (x *index) empty() bool { return !x.effects[Permit] && !x.effects[Forbid] }

// of yields the rules that could apply to a resource of a type, "" for any.
func (x *index) of(typ string) iter.Seq[*bucket] {
	return func(yield func(*bucket) bool) {
		if !yield(&x.untyped) {
			return
		}
		found := x.typed
		if typ != "" {
			found = []*bucket{x.bucket(typ)}
		}
		for _, b := range found {
			if b != nil && !yield(b) {
				return
			}
		}
	}
}

// first returns a rule that does what its effect says. If known is false, it takes
// an env to tell.
func (x *index) first(o *Objects, env *Env, effect Effect) (r *Rule, known bool) {
	if !x.effects[effect] {
		return nil, true
	}
	if x.untyped.rules != nil {
		if r, known = x.untyped.effect(effect).first(o, env); r != nil || !known {
			return r, known
		}
	}
	switch {
	case len(x.typed) == 0:
		return nil, true
	case present(o, env):
		if b := x.bucket(resourceType(o, env)); b != nil {
			return b.effect(effect).first(o, env)
		}
		return nil, true
	case effect == Permit:
		return nil, true // it would have to be sure of the resource
	}
	for _, b := range x.typed {
		if r, known = b.forbids.first(o, env); r != nil || !known {
			return r, known
		}
	}
	return nil, true
}

// resourceType returns the type of the object.
func resourceType(o *Objects, env *Env) string {
	if env != nil {
		return env.resourceType()
	}
	return o.Resource.Type()
}

// A bucket holds the rules of one action and type of resource.
type bucket struct {
	typ              string
	rules            []*compiled
	forbids, permits shelf
	reads            map[string]bool // attributes of the principal
}

func (b *bucket) add(c *compiled) {
	b.rules = append(b.rules, c)
	b.effect(c.rule.Effect).add(c)
	for _, name := range c.reads {
		if b.reads == nil {
			b.reads = map[string]bool{}
		}
		b.reads[name] = true
	}
}

func (b *bucket) effect(e Effect) *shelf {
	if e == Permit {
		return &b.permits
	}
	return &b.forbids
}

// A shelf holds the rules of a bucket that have the same effect.
type shelf struct {
	anywhere            []*compiled
	principal, resource literals
}

func (s *shelf) add(c *compiled) {
	switch c.keys.place {
	case anywhere:
		s.anywhere = append(s.anywhere, c)
	case principalIs, principalIn:
		s.principal.add(c)
	case resourceIs, resourceIn:
		s.resource.add(c)
	}
}

func (s *shelf) first(o *Objects, env *Env) (r *Rule, known bool) {
	if r, known = firstOf(o, env, s.anywhere, false); r != nil || !known {
		return r, known
	}
	if s.principal.all != nil {
		if r, known = s.principal.first(o, env, Principal); r != nil || !known {
			return r, known
		}
	}
	if s.resource.all != nil {
		return s.resource.first(o, env, Resource)
	}
	return nil, true
}

// Literals find rules by a principal or a resource that they name.
type literals struct {
	is, in named
	all    []*compiled
	within []*compiled // those of in
}

// Named are rules by an entity that they name. Types are few, and are told apart
// faster than they are hashed.
type named []sameType

type sameType struct {
	typ   string
	rules map[string][]*compiled // by identifier
}

func (n *named) add(u sallyport.UID, c *compiled) {
	i := slices.IndexFunc(*n, func(s sameType) bool { return s.typ == u.Type })
	if i < 0 {
		i, *n = len(*n), append(*n, sameType{u.Type, map[string][]*compiled{}})
	}
	rules := (*n)[i].rules
	rules[u.ID] = append(rules[u.ID], c)
}

// first returns the first rule that names u and fires.
func (n named) first(o *Objects, env *Env, u sallyport.UID) (r *Rule, known bool) {
	for i := range n {
		if n[i].typ == u.Type {
			return firstOf(o, env, n[i].rules[u.ID], true)
		}
	}
	return nil, true
}

func (l *literals) add(c *compiled) {
	l.all = append(l.all, c)
	to := &l.is
	if c.keys.place >= principalIn {
		to = &l.in
		l.within = append(l.within, c)
	}
	for _, u := range c.keys.uids {
		to.add(u, c)
	}
}

// first returns the first rule that names the principal or the resource, or what it
// is in, and fires.
func (l *literals) first(o *Objects, env *Env, op Op) (r *Rule, known bool) {
	u, there := identity(o, env, op)
	if !there {
		return firstOf(o, env, l.all, false)
	}
	if r, known = l.is.first(o, env, u); r != nil || !known || l.in == nil {
		return r, known
	}
	if env == nil {
		return nil, false
	}
	ancestry, ok := env.variable(op).(Ancestry)
	if !ok {
		return firstOf(o, env, l.within, false)
	}
	if r, known = l.in.first(o, env, u); r != nil || !known {
		return r, known
	}
	for _, a := range ancestry.Ancestors() {
		if r, known = l.in.first(o, env, a); r != nil || !known {
			return r, known
		}
	}
	return nil, true
}

// identity returns which entity the principal or the resource is, if there is one.
func identity(o *Objects, env *Env, op Op) (u sallyport.UID, there bool) {
	switch {
	case env != nil:
		who := env.variable(op)
		if who == nil {
			return u, false
		}
		return who.UID(), true
	case op == Principal:
		return PrincipalUID(o.Principal), true
	default:
		return o.Resource.UID(), !o.Resource.IsZero()
	}
}

// firstOf returns the first rule that fires, found by its keys or not. If known is
// false, objects do not tell of one before it, and there is no env.
func firstOf(o *Objects, env *Env, rules []*compiled, found bool) (r *Rule, known bool) {
	for _, c := range rules {
		condition := c.full
		if found {
			condition = c.rest
		}
		if c.free != nil && !present(o, env) {
			condition = c.free
		}
		if condition == nil {
			return c.rule, true
		}
		t := condition.run(o, env)
		if t == open {
			return nil, false
		}
		if fires(c.rule.Effect, t) {
			return c.rule, true
		}
	}
	return nil, true
}

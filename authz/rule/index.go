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

func (x *index) first(env *Env, effect Effect) *Rule {
	if !x.effects[effect] {
		return nil
	}
	if r := x.untyped.effect(effect).first(env); r != nil {
		return r
	}
	switch {
	case len(x.typed) == 0:
		return nil
	case env.Resource != nil:
		if b := x.bucket(env.resourceType()); b != nil {
			return b.effect(effect).first(env)
		}
		return nil
	case effect == Permit:
		return nil // it would have to be sure of the resource
	}
	for _, b := range x.typed {
		if r := b.forbids.first(env); r != nil {
			return r
		}
	}
	return nil
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

func (s *shelf) first(env *Env) *Rule {
	for _, c := range s.anywhere {
		if c.fires(env, c.full) {
			return c.rule
		}
	}
	if s.principal.all != nil {
		if r := s.principal.first(env, env.Principal); r != nil {
			return r
		}
	}
	if s.resource.all != nil {
		return s.resource.first(env, env.Resource)
	}
	return nil
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
func (n named) first(env *Env, u sallyport.UID) *Rule {
	for i := range n {
		if n[i].typ != u.Type {
			continue
		}
		for _, c := range n[i].rules[u.ID] {
			if c.fires(env, c.rest) {
				return c.rule
			}
		}
		return nil
	}
	return nil
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

func (l *literals) first(env *Env, who Entity) *Rule {
	if who == nil {
		return firstOf(env, l.all)
	}
	u := who.UID()
	if r := l.is.first(env, u); r != nil || l.in == nil {
		return r
	}
	ancestry, ok := who.(Ancestry)
	if !ok {
		return firstOf(env, l.within)
	}
	if r := l.in.first(env, u); r != nil {
		return r
	}
	for _, a := range ancestry.Ancestors() {
		if r := l.in.first(env, a); r != nil {
			return r
		}
	}
	return nil
}

func firstOf(env *Env, rules []*compiled) *Rule {
	for _, c := range rules {
		if c.fires(env, c.full) {
			return c.rule
		}
	}
	return nil
}

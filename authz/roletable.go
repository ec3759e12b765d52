package authz

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A roleTable says which rule permits something to which role: a set of roles that
// numbers its members, which takes one step more to look at than the set. It is
// immutable.
type roleTable struct {
	roles  roleSet
	before []uint32  // how many members there are before each word of roles
	rules  []byRoles // by member
}

// A roleRule is a rule that permits something to a role.
type roleRule struct {
	role uint32
	by   byRoles
}

// newRoleTable returns the table of rules, of which the first counts for a role.
func newRoleTable(rules []roleRule) *roleTable {
	slices.SortStableFunc(rules, func(a, b roleRule) int { return cmp.Compare(a.role, b.role) })
	rules = slices.CompactFunc(rules, func(a, b roleRule) bool { return a.role == b.role })
	t := new(roleTable)
	members := make([]uint32, len(rules))
	t.rules = make([]byRoles, len(rules))
	for i, r := range rules {
		members[i], t.rules[i] = r.role, r.by
	}
	t.roles = newRoleSet(members)
	n := 0
	for _, w := range t.roles.words {
		t.before = append(t.before, uint32(n))
		n += bits.OnesCount64(w)
	}
	return t
}

// rule returns the rule that permits to a role, or nil.
func (t *roleTable) rule(role uint32) *byRoles {
	i := role>>6 - t.roles.first
	if i >= uint32(len(t.roles.words)) {
		return t.listed(role)
	}
	w, bit := t.roles.words[i], uint64(1)<<(role&63)
	if w&bit == 0 {
		return nil
	}
	return &t.rules[t.before[i]+uint32(bits.OnesCount64(w&(bit-1)))]
}

func (t *roleTable) listed(role uint32) *byRoles {
	if i, ok := slices.BinarySearch(t.roles.list, role); ok {
		return &t.rules[i]
	}
	return nil
}

// rolePermits are the rules of a [rule.Part] that permit to roles and ask for
// nothing else.
type rolePermits struct {
	untyped *roleTable            // on everything, and without an object; nil = none
	typed   map[string]*roleTable // by type of object
	only    *roleTable            // the only one of typed, whose type is typ; nil = there are none or several
	typ     string
}

// newRolePermits returns what the part permits to the roles of d, nil if nothing.
func newRolePermits(part rule.Part, d *Definitions) *rolePermits {
	byType := make(map[string][]roleRule)
	for _, m := range part.Memberships() {
		for _, u := range m.In {
			if n, ok := d.number(u); ok {
				byType[m.Type] = append(byType[m.Type], roleRule{n, byRoles{m.Rule.Decision(), m.Rule}})
			}
		}
	}
	if len(byType) == 0 {
		return nil
	}
	p := &rolePermits{typed: make(map[string]*roleTable, len(byType))}
	for typ, rules := range byType {
		p.typed[typ] = newRoleTable(rules)
	}
	p.untyped = p.typed[""]
	delete(p.typed, "")
	if len(p.typed) == 1 {
		for typ, t := range p.typed {
			p.only, p.typ = t, typ
		}
	}
	return p
}

// rule returns the rule that permits to a role on objects of a type, "" for no
// object. It is nil if none does.
func (p *rolePermits) rule(role uint32, typ string) *byRoles {
	if p.untyped != nil {
		if found := p.untyped.rule(role); found != nil {
			return found
		}
	}
	typed := p.only
	switch {
	case typed == nil:
		typed = p.typed[typ]
	case p.typ != typ:
		return nil
	}
	if typed == nil {
		return nil
	}
	return typed.rule(role)
}

// number returns the number of the role that u is.
func (d *Definitions) number(u sallyport.UID) (n uint32, ok bool) {
	if d == nil || u.Type != sallyport.RoleType {
		return 0, false
	}
	n, ok = d.numbers[u.ID]
	return n, ok
}

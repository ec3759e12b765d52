package lint

import (
	"errors"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Who a column of a [Matrix] is about, beside roles. No role can have such a name.
const (
	Nobody = "(anonymous)" // who is not signed in
	NoRole = "(no role)"   // a person without any role, and so everybody who is signed in
)

// May says whether somebody may do something.
type May string

// The answers of a matrix.
const (
	Never  May = "never"
	Always May = "always"
	When   May = "when" // it depends on the object, on who asks beside the role, or on the circumstances
)

// A Cell is what somebody with one role may do to objects of a type.
type Cell struct {
	Type   string `json:"type"`
	Action string `json:"action"`
	Role   string `json:"role"` // or [Nobody] or [NoRole]
	May    May    `json:"may"`
	When   string `json:"when,omitempty"` // in Cedar, if May is When
	// Organization: only in the organization that the object belongs to, which must
	// be the one that the principal acts in. The role may be one there.
	Organization bool `json:"organization,omitempty"`
}

// Text returns "never", "always" or "when" with the condition.
func (c Cell) Text() string {
	if c.May == When {
		return "when " + c.When
	}
	return string(c.May)
}

// A Matrix is who may do what: a cell for each type, action and role, in this
// order. Grants on single objects and scopes of credentials are not in it, and it
// takes for granted that every object has what the schema says.
type Matrix []Cell

// ErrTooLarge means that a matrix would be larger than anybody could read.
var ErrTooLarge = errors.New("who may do what is too much to show: there are too many types, actions, roles and rules about them")

// The limits of a matrix. The work is the number of rules that its cells have to
// look at.
const (
	maxCells = 100_000
	maxWork  = 1_000_000
	maxText  = 32 << 20
)

// Matrix returns who may do what by this policy. It needs a schema, which says what
// types and actions there are. [ErrTooLarge] if they are too many.
func (p *Policy) Matrix() (Matrix, error) {
	if p.Schema == nil {
		return nil, errors.New("who may do what is known of the types and actions of a schema: add a file *.cedarschema")
	}
	who := []string{Nobody, NoRole}
	for _, r := range p.Source.Roles {
		who = append(who, r.Name)
	}
	slices.Sort(who[2:])
	m := Matrix{}
	if p.tooLarge(len(who)) {
		return nil, ErrTooLarge
	}
	text := 0
	for _, o := range p.objects() {
		for _, id := range o.actions {
			for _, role := range who {
				c := p.cell(o, id, role)
				if text += len(c.When); text > maxText {
					return nil, ErrTooLarge
				}
				m = append(m, c)
			}
		}
	}
	return m, nil
}

// tooLarge reports whether a matrix with that many columns has too many cells, or
// cells with too many rules.
func (p *Policy) tooLarge(columns int) bool {
	cells, work := 0, 0
	for _, o := range p.objects() {
		for _, id := range o.actions {
			cells += columns
			work += columns * len(p.Set.Candidates(action(id), o.Name()))
			if cells > maxCells || work > maxWork {
				return true
			}
		}
	}
	return false
}

// cell is what is left of all rules where the role is known, and the type.
func (p *Policy) cell(o object, id, role string) Cell {
	k := p.with(role)
	k.resource, k.object, k.action = o.Name(), o, action(id)
	left := no
	if _, held := p.holder(role, id); held {
		left = yes
	}
	permitted, forbidden := []*rule.Expr{left}, []*rule.Expr(nil)
	for _, r := range p.Set.Candidates(k.action, o.Name()) {
		if !p.concerns(k.principal, r) {
			continue
		}
		fires := settle(k.of(rule.Condition(r)), r.Effect == rule.Forbid)
		if r.Effect == rule.Permit {
			permitted = append(permitted, fires)
		} else {
			forbidden = append(forbidden, k.of(opposite(fires)))
		}
	}
	left = k.of(joined(rule.Or, permitted))
	if len(forbidden) > 0 {
		left = k.of(joined(rule.And, append([]*rule.Expr{left}, forbidden...)))
	}
	c := Cell{Type: o.Name(), Action: id, Role: role, May: When, Organization: o.InOrganizations()}
	switch {
	case denies(left):
		return Cell{Type: c.Type, Action: id, Role: role, May: Never}
	case holds(left):
		c.May = Always
	default:
		c.When = left.String()
	}
	return c
}

// with is what is known of somebody by the role alone.
func (p *Policy) with(role string) *known {
	k := &known{principal: sallyport.UserType, groups: p.within}
	switch role {
	case Nobody:
		k.principal = sallyport.AnonymousType
	case NoRole:
		k.has = func(string) bool { return false }
	default:
		k.has = func(name string) bool { return p.inherits(role, name) }
	}
	return k
}

// holder reports whether the role permits the action.
func (p *Policy) holder(role, id string) (string, bool) {
	return role, !strings.HasPrefix(role, "(") && p.Roles.Allows([]string{role}, id)
}

// concerns reports whether a rule could be about a principal of the type.
func (p *Policy) concerns(principal string, r *rule.Rule) bool {
	t := typeIn(r.Principal)
	return t == "" || t == principal
}

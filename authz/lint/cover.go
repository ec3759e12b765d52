package lint

import (
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

const (
	// maxPairs bounds how many rules are held to each other.
	maxPairs = 2_000_000
	// maxSteps bounds how often a condition is held to another: of the ways in which
	// one may follow from the other there are more than anybody can wait for.
	maxSteps = 200_000
)

// covered finds rules that change nothing: a rule of the same effect covers them,
// or a forbid covers a permit.
func (p *Policy) covered() []Finding {
	extents := p.extents()
	var found []Finding
	pairs := 0
	look := &comparison{Policy: p}
	for i, b := range extents {
		for j, a := range extents {
			if i == j || !p.actionsCover(a.rule, b.rule) {
				continue
			}
			if pairs++; pairs > maxPairs || look.steps > maxSteps {
				return append(found, tooMany)
			}
			if f, ok := look.compare(a, b, j < i); ok {
				found = append(found, f)
				break
			}
		}
	}
	if look.steps > maxSteps {
		found = append(found, tooMany)
	}
	return found
}

var tooMany = Finding{Severity: Note, Rule: "many", Text: "there are too many rules for the same actions, or too long ones, to look at each pair of them for rules that change nothing"}

// A comparison holds rules to each other, as long as that is worth it.
type comparison struct {
	*Policy
	steps int
}

// compare returns a finding about b if a makes it change nothing. Of two that
// cover each other, the second is the one too many.
func (p *comparison) compare(a, b *extent, first bool) (Finding, bool) {
	forbidden := a.rule.Effect == rule.Forbid && b.rule.Effect == rule.Permit
	if a.rule.Effect != b.rule.Effect && !forbidden || !p.covers(a, b) {
		return Finding{}, false
	}
	both := p.actionsCover(b.rule, a.rule) && p.covers(b, a)
	f := about(b.rule, Warning, "shadowed", "")
	switch {
	case forbidden && both:
		f.Rule = "contradicted"
		f.Text = "the rule " + b.rule.ID + " permits exactly what " + a.rule.ID + " (" + a.rule.At() + ") forbids, and so nothing"
		f.Suggestion = "remove one of the two"
	case forbidden:
		f.Text = "the rule " + b.rule.ID + " permits nothing: " + a.rule.ID + " (" + a.rule.At() + ") forbids all of it"
		f.Suggestion = "remove it, or give the forbid a condition"
	case both && !first:
		return Finding{}, false
	case both:
		f.Text = "the rule " + b.rule.ID + " says the same as " + a.rule.ID + " (" + a.rule.At() + ")"
		f.Suggestion = "remove one of the two"
	default:
		f.Text = "the rule " + b.rule.ID + " changes nothing: " + a.rule.ID + " (" + a.rule.At() + ") " + b.rule.Effect.String() + "s all that it does, and more"
		f.Suggestion = "remove it, or narrow the other one"
	}
	return f, true
}

// An extent is what a rule applies to: all of its parts must hold.
type extent struct {
	rule  *rule.Rule
	parts []*rule.Expr
	texts []string // of the parts
}

// extents are those of the rules that ever do anything.
func (p *Policy) extents() []*extent {
	var found []*extent
	for _, r := range p.Set.Rules() {
		left := settle(p.scoped(r).of(condition(r)), r.Effect == rule.Forbid)
		if denies(left) {
			continue
		}
		e := &extent{rule: r, parts: scope(r)}
		if !holds(left) {
			e.parts = append(e.parts, operands(left, rule.And)...)
		}
		for _, part := range e.parts {
			e.texts = append(e.texts, part.String())
		}
		found = append(found, e)
	}
	return found
}

// condition is what a rule asks for besides its limits.
func condition(r *rule.Rule) *rule.Expr {
	if r.When == nil {
		return yes
	}
	return r.When
}

// scope are the limits of a rule on principal and resource.
func scope(r *rule.Rule) []*rule.Expr {
	limits := rule.Condition(&rule.Rule{Principal: r.Principal, Resource: r.Resource})
	if holds(limits) {
		return nil
	}
	return operands(limits, rule.And)
}

// covers reports whether a's parts all follow from b's.
func (p *comparison) covers(a, b *extent) bool {
	for i, part := range a.parts {
		if slices.Contains(b.texts, a.texts[i]) {
			continue
		}
		if !slices.ContainsFunc(b.parts, func(given *rule.Expr) bool { return p.implies(given, part) }) {
			return false
		}
	}
	return true
}

// actionsCover reports whether every action of b is one of a.
func (p *Policy) actionsCover(a, b *rule.Rule) bool {
	if a.Actions == nil {
		return true
	}
	if b.Actions == nil {
		return false
	}
	for _, x := range b.Actions {
		if !slices.ContainsFunc(a.Actions, func(y sallyport.UID) bool { return p.actionCovers(y, a.Exact, x, b.Exact) }) {
			return false
		}
	}
	return true
}

// actionCovers reports whether y, or what is in it, covers x, or what is in it.
func (p *Policy) actionCovers(y sallyport.UID, onlyY bool, x sallyport.UID, onlyX bool) bool {
	if x == y {
		return !onlyY || onlyX || !p.isGroup(x)
	}
	return !onlyY && slices.Contains(p.within[x], y)
}

func (p *Policy) isGroup(x sallyport.UID) bool {
	for _, groups := range p.within {
		if slices.Contains(groups, x) {
			return true
		}
	}
	return false
}

// implies reports whether wanted follows from given, as far as that can be told
// from how they are written, and within the bound.
func (p *comparison) implies(given, wanted *rule.Expr) bool {
	if p.steps++; p.steps > maxSteps {
		return false
	}
	switch {
	case same(given, wanted):
		return true
	case given.Op == rule.Or:
		return p.implies(given.Args[0], wanted) && p.implies(given.Args[1], wanted)
	case wanted.Op == rule.And:
		return p.implies(given, wanted.Args[0]) && p.implies(given, wanted.Args[1])
	case given.Op == rule.And && (p.implies(given.Args[0], wanted) || p.implies(given.Args[1], wanted)):
		return true
	case wanted.Op == rule.Or:
		return p.implies(given, wanted.Args[0]) || p.implies(given, wanted.Args[1])
	}
	of, v, is := equality(given)
	switch {
	case wanted.Op == rule.Is && is && same(of, wanted.Args[0]):
		return v.EntityType() == wanted.Name
	case wanted.Op == rule.In && is && same(of, wanted.Args[0]):
		return p.allIn([]sallyport.Value{v}, wanted.Args[1])
	case wanted.Op == rule.In && given.Op == rule.In && same(given.Args[0], wanted.Args[0]) && given.Args[1].Op == rule.Const:
		return p.allIn(elements(given.Args[1].Value), wanted.Args[1])
	}
	return false
}

// allIn reports whether each of the entities is one of those that within names, or
// a role that inherits from one.
func (p *Policy) allIn(entities []sallyport.Value, within *rule.Expr) bool {
	if within.Op != rule.Const {
		return false
	}
	for _, e := range entities {
		if !slices.ContainsFunc(elements(within.Value), func(w sallyport.Value) bool {
			return w.Equal(e) || e.EntityType() == sallyport.RoleType && w.EntityType() == sallyport.RoleType && p.inherits(e.Text(), w.Text())
		}) {
			return false
		}
	}
	return true
}

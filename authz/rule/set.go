package rule

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport"
)

// Config is what [Compile] has to know beside the rules.
type Config struct {
	// Actions are the actions there are, each with all groups that it is in, at any
	// depth. An action that is not among them is in no group.
	Actions map[sallyport.UID][]sallyport.UID
}

// A Set is a policy's rules, ready to decide. What a decision costs depends on
// the rules that could apply to it, not on how many there are: they are found by
// action, by type of resource, and by the principal or resource that they name.
//
// A Set is immutable and safe for concurrent use, but an [Env] is not: it belongs
// to one query. The nil Set has no rules.
type Set struct {
	rules   []*Rule
	actions map[sallyport.UID]*ActionRules // that a rule names, or a group of theirs
	others  *ActionRules                   // of every other action
}

// Compile returns the set of the rules. It keeps the slice, which must not
// change. The error joins all problems: rules that have no id, or one that
// another rule has.
func Compile(rules []Rule, c Config) (*Set, error) {
	s := &Set{rules: make([]*Rule, len(rules)), actions: map[sallyport.UID]*ActionRules{}}
	ids := make(map[string]*Rule, len(rules))
	named := map[naming]*index{}
	every := &index{every: true}
	var problems []error
	for i := range rules {
		r := &rules[i]
		s.rules[i] = r
		if other := ids[r.ID]; other != nil || r.ID == "" {
			problems = append(problems, duplicate(r, other))
			continue
		}
		ids[r.ID] = r
		r.made = newMade(r)
		compiled := newCompiled(r, i)
		if r.Actions == nil {
			every.add(compiled)
		}
		for j, a := range r.Actions {
			if slices.Contains(r.Actions[:j], a) {
				continue
			}
			n := naming{a, r.Exact}
			if named[n] == nil {
				named[n] = new(index)
			}
			named[n].add(compiled)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	s.index(named, every, c)
	return s, nil
}

func duplicate(r, other *Rule) error {
	at := r.Source
	if other == nil {
		return fmt.Errorf("%s: a rule has no id", at)
	}
	return fmt.Errorf("%s: rule %q has the id of the one at %s", at, r.ID, other.Source)
}

// A naming is how rules name an action: it alone, or with what is in it.
type naming struct {
	action sallyport.UID
	exact  bool
}

// index collects for each action the indexes that count for it.
func (s *Set) index(named map[naming]*index, every *index, c Config) {
	var others []*index
	if !every.empty() {
		others = []*index{every}
	}
	s.others = newActionRules(others)
	add := func(a sallyport.UID) {
		var found []*index
		for _, n := range namings(a, c.Actions[a]) {
			if x := named[n]; x != nil && !slices.Contains(found, x) {
				found = append(found, x)
			}
		}
		if found != nil {
			s.actions[a] = newActionRules(append(found, others...))
		}
	}
	for a := range c.Actions {
		add(a)
	}
	for n := range named {
		_, known := c.Actions[n.action]
		if !known && (n.exact || named[naming{n.action, true}] == nil) { // once, if it is named in both ways
			add(n.action)
		}
	}
}

// namings are the ways in which rules may name an action that is in groups.
func namings(a sallyport.UID, groups []sallyport.UID) []naming {
	found := []naming{{a, true}, {a, false}}
	for _, g := range groups {
		found = append(found, naming{g, false})
	}
	return found
}

// Rules returns the rules in the order of their source. The caller must not
// change them.
func (s *Set) Rules() []*Rule {
	if s == nil {
		return nil
	}
	return s.rules
}

// Forbidden returns a rule that forbids the query, which it does unless its
// condition surely does not hold, or nil. If several do, it is always the same
// one for the same query, but not always the first.
//
// Without a resource, a forbid that its scope limits to some resources counts
// unless the rest of it surely does not hold, as the object that is not there
// might be one of them; but only if it names the action. One for every action says
// nothing about actions that have no such object.
func (s *Set) Forbidden(env *Env) *Rule { return s.For(env.Action).Forbidden(env) }

// Permitted returns a rule that permits the query, which it does where its
// condition surely holds, or nil. Like [Set.Forbidden] it chooses among several,
// and leaves the other effect out of account.
func (s *Set) Permitted(env *Env) *Rule { return s.For(env.Action).Permitted(env) }

// Actions returns the actions that some rule names, and those in groups that one
// names, by type and identifier: of all others it is known that the same rules
// count, those for every action.
func (s *Set) Actions() []sallyport.UID {
	if s == nil {
		return nil
	}
	found := slices.Collect(maps.Keys(s.actions))
	slices.SortFunc(found, func(a, b sallyport.UID) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.ID, b.ID))
	})
	return found
}

// Candidates returns the rules that could apply to some resource of a type and to
// some principal, in the order of their source. The type "" is every type.
func (s *Set) Candidates(action sallyport.UID, resourceType string) []*Rule {
	var found []*Rule
	for _, c := range s.candidates(action, resourceType) {
		found = append(found, c.rule)
	}
	return found
}

func (s *Set) candidates(action sallyport.UID, resourceType string) []*compiled {
	var found []*compiled
	for _, x := range s.For(action).parts() {
		for b := range x.of(resourceType) {
			found = append(found, b.rules...)
		}
	}
	slices.SortFunc(found, func(a, b *compiled) int { return a.order - b.order })
	return slices.Compact(found) // a rule may name both an action and a group of it
}

// Mentions reports whether a candidate reads the principal's attribute attr, so
// that another value of it might change a decision.
func (s *Set) Mentions(action sallyport.UID, resourceType, attr string) bool {
	return s.For(action).Mentions(resourceType, attr)
}

// A Result is all that the rules say of a query, as Cedar reports it.
type Result struct {
	Allow   bool      // no rule forbids and one permits
	Reasons []*Rule   // all that forbid, or else all that permit
	Errors  []Failure // of every rule that was neither true nor false
}

// A Failure is why a rule's condition was neither true nor false.
type Failure struct {
	Rule *Rule
	Err  error
}

// Evaluate asks every candidate with [Eval]: slower than [Set.Forbidden] and
// [Set.Permitted], and always of the same mind. A forbid that errs is among the
// reasons as well as among the errors; Cedar drops it.
func (s *Set) Evaluate(env *Env) Result {
	var result Result
	var permits []*Rule
	for _, c := range s.candidates(env.Action, env.resourceType()) {
		truth, err := c.evaluate(env)
		if err != nil {
			result.Errors = append(result.Errors, Failure{c.rule, err})
		}
		switch {
		case !fires(c.rule.Effect, truth):
		case c.rule.Effect == Permit:
			permits = append(permits, c.rule)
		default:
			result.Reasons = append(result.Reasons, c.rule)
		}
	}
	if result.Reasons == nil && permits != nil {
		result.Allow, result.Reasons = true, permits
	}
	return result
}

// fires reports whether a rule does what its effect says.
func fires(effect Effect, t Truth) bool {
	if effect == Permit {
		return t == True
	}
	return t != False
}

// resourceType returns the type of the resource, "" for none.
func (env *Env) resourceType() string {
	switch object := env.Objects.Resource; {
	case env.Resource == nil:
		return ""
	case object != nil && !object.IsZero():
		return object.Type() // which does not look for its identifier
	}
	return env.Resource.UID().Type
}

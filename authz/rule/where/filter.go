package where

import (
	"fmt"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A Filter is what decides on every object of a type at once: all that is known
// of a query but the object.
type Filter struct {
	// Org is the organization that the principal acts in, "" = none. Objects of a
	// type that belongs to organizations must belong to this one.
	Org string
	// Everything is permitted that no rule forbids, as by a role.
	Everything bool
	// Granted are objects on which the action has been granted, and entities whose
	// objects it has been granted on.
	Granted []sallyport.UID
	// Permits and Forbids are what is left of the rules that may apply to the type.
	Permits, Forbids []Residual
}

// A Residual is a rule and what is left of its whole condition: see
// [rule.Residual].
type Residual struct {
	Rule *rule.Rule
	When *rule.Expr
}

// Where returns the condition that holds for the rows of objects of type t on
// which the filter permits the action. An error wraps [sallyport.ErrNotListable]
// and names the rule, the attribute and the reason.
func (f *Filter) Where(t sallyport.AnyType) (sallyport.Where, error) {
	w := writer{t: t}
	c, err := f.bounded(&w)
	if err != nil {
		return sallyport.Where{}, err
	}
	return sallyport.NewWhere(func(d sallyport.Dialect, first int) string { return c.sql(d, first) }, c.appendArgs(nil)...), nil
}

// bounded is the whole condition, or an error if it is too much.
func (f *Filter) bounded(w *writer) (cond, error) {
	c, err := f.condition(w)
	if err != nil {
		return cond{}, err
	}
	if c.depth() > maxDepth {
		return cond{}, fmt.Errorf("%w: its conditions are nested more than %d deep", sallyport.ErrNotListable, maxDepth)
	}
	if n := len(c.appendArgs(nil)); n > maxArgs {
		return cond{}, fmt.Errorf("%w: it would take %d arguments, the limit is %d", sallyport.ErrNotListable, n, maxArgs)
	}
	return c, nil
}

// maxArgs bounds the arguments of a condition, and maxConditions its length: what
// is longer takes a database longer to read than to run. SQLite reads no
// expression that is 1,000 deep, and a list of n adds log n.
const maxArgs, maxConditions, maxDepth = 10_000, 10_000, 100

func (f *Filter) condition(w *writer) (cond, error) {
	inside, err := f.tenant(w)
	if err != nil || inside.op == never {
		return inside, err
	}
	allowed, err := f.permitted(w)
	if err != nil || allowed.op == never {
		return allowed, err
	}
	for _, r := range f.Forbids {
		c, err := w.residual(r, false)
		if err != nil {
			return cond{}, err
		}
		allowed = and(allowed, c)
	}
	return and(inside, allowed), nil
}

// tenant is the guard of types that belong to organizations.
func (f *Filter) tenant(w *writer) (cond, error) {
	if !w.t.InOrganizations() {
		return cond{op: always}, nil
	}
	if f.Org == "" {
		return cond{}, nil
	}
	org, err := w.column("org")
	if err != nil {
		return cond{}, fmt.Errorf("%w: %w", sallyport.ErrNotListable, err)
	}
	a, b := column(org), constant(sallyport.EntityValue(sallyport.UID{Type: sallyport.OrganizationType, ID: f.Org}))
	b.hole = len(w.holes) // the last of them, 0 = there are none
	return w.compare("=", &a, &b)
}

// permitted is where anything permits.
func (f *Filter) permitted(w *writer) (cond, error) {
	if f.Everything {
		return cond{op: always}, nil
	}
	var allowed cond
	for _, r := range f.Permits {
		c, err := w.residual(r, true)
		if err != nil {
			return cond{}, err
		}
		allowed = or(allowed, c)
	}
	if len(f.Granted) == 0 || allowed.op == always {
		return allowed, nil
	}
	granted := make([]sallyport.Value, len(f.Granted))
	for i, u := range f.Granted {
		granted[i] = sallyport.EntityValue(u)
	}
	c, err := w.inside(granted, true)
	if err != nil {
		return cond{}, fmt.Errorf("%w: grants: %w", sallyport.ErrNotListable, err)
	}
	return or(allowed, c), nil
}

// residual is where a rule's condition surely holds, or surely does not.
func (w *writer) residual(r Residual, want bool) (cond, error) {
	c, err := w.truth(r.When, want)
	if err == nil && w.size > maxConditions {
		err = fmt.Errorf("it would take more than %d comparisons", maxConditions)
	}
	if err != nil {
		return cond{}, fmt.Errorf("%w: rule %s: %w", sallyport.ErrNotListable, r.Rule.ID, err)
	}
	return c, nil
}

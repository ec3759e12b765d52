package where

import (
	"fmt"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Listable returns an error, which wraps [sallyport.ErrNotListable], if objects of
// type t may turn out not to be listable by r: if it asks of the object what no
// condition of SQL can. It looks at the rule alone; for a query in which that part
// of the rule does not matter, a list is possible all the same.
func Listable(r *rule.Rule, t sallyport.AnyType) error {
	if r.Resource.Type != "" && r.Resource.Type != t.Name() {
		return nil
	}
	w := writer{t: t, early: true}
	for _, want := range []bool{true, false} {
		if _, err := w.truth(rule.Condition(r), want); err != nil {
			return fmt.Errorf("%w: rule %s: %w", sallyport.ErrNotListable, r.ID, err)
		}
	}
	return nil
}

// followed reports whether e is what a residual resolves by comparing an attribute
// of the object with the few entities that are loaded. The attribute must have a
// column all the same.
func (w *writer) followed(e *rule.Expr) (bool, error) {
	if !w.early {
		return false, nil
	}
	of := -1
	switch e.Op {
	case rule.Attr, rule.Has, rule.Tag, rule.HasTag:
		of = 0
	case rule.In:
		if of = 0; !readsResource(e.Args[0]) {
			of = 1
		}
	}
	if of < 0 || len(e.Args) > 1 && readsResource(e.Args[1-of]) {
		return false, nil
	}
	a := e.Args[of]
	if a.Op == rule.Resource {
		return of == 1, nil
	}
	if a.Op != rule.Attr || a.Args[0].Op != rule.Resource {
		return false, nil
	}
	c, err := w.column(a.Name)
	return err == nil && c.kind == sallyport.KindEntity, err
}

package where

import (
	"fmt"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// sets are the methods of sets, of which the elements are known one by one.
func (w *writer) sets(e *rule.Expr, want bool) (cond, error) {
	set, there, err := w.elements(e.Args[0])
	if err != nil || there.op == never {
		return cond{}, err
	}
	if e.Op == rule.IsEmpty {
		return where(there, (len(set) == 0) == want), nil
	}
	if e.Op == rule.Contains {
		return w.any(e.Args[1], func(t term) (cond, error) {
			c, err := w.contains(set, []term{t}, want)
			return and(there, t.there(), c), err
		})
	}
	others, alsoThere, err := w.elements(e.Args[1])
	if err != nil || alsoThere.op == never {
		return cond{}, err
	}
	// All of the others are in the set: for each, it contains it. Any of them is: for
	// one, it does.
	each := e.Op == rule.ContainsAll
	found := cond{op: map[bool]op{true: always, false: never}[each == want]}
	for _, o := range others {
		c, err := w.contains(set, o, want)
		if err != nil {
			return cond{}, fmt.Errorf("%s: %w", e, err)
		}
		if each == want {
			found = and(found, c)
		} else {
			found = or(found, c)
		}
	}
	return and(there, alsoThere, found), nil
}

// elements returns the elements of a set, each as what it may be, and where all
// of them are there.
func (w *writer) elements(e *rule.Expr) (found [][]term, there cond, err error) {
	if w.early && !readsResource(e) {
		return [][]term{{{when: cond{op: always}}}}, cond{op: always}, nil
	}
	switch {
	case e.Op == rule.Const && e.Value.Kind() == sallyport.KindSet:
		for _, v := range e.Value.Set() {
			if !whole(v) {
				return nil, cond{}, nil
			}
			found = append(found, []term{constant(v)})
		}
		return found, cond{op: always}, nil
	case e.Op == rule.SetOf:
		return w.listed(e)
	case e.Op == rule.Attr && e.Args[0].Op == rule.Resource:
		_, err := w.column(e.Name)
		return nil, cond{}, err // a value that has a column is no set
	}
	return nil, cond{}, fmt.Errorf("%s: its elements are not written out", e)
}

// listed are the elements of a set that is written out.
func (w *writer) listed(e *rule.Expr) (found [][]term, there cond, err error) {
	there = cond{op: always}
	for _, a := range e.Args {
		terms, err := w.terms(a)
		if err != nil {
			return nil, cond{}, err
		}
		var defined cond
		for _, t := range terms {
			defined = or(defined, t.there())
		}
		there = and(there, defined)
		found = append(found, terms)
	}
	return found, there, nil
}

// contains is where a set surely contains an element, or surely does not.
func (w *writer) contains(set [][]term, element []term, want bool) (cond, error) {
	if values, ok := constants(set); ok && len(element) == 1 && element[0].col != nil {
		return w.among(element[0], values, want)
	}
	found := cond{op: map[bool]op{true: never, false: always}[want]}
	for _, candidates := range set {
		var same cond
		for _, a := range candidates {
			for _, b := range element {
				c, err := w.compare(equality(want), &a, &b)
				if err != nil {
					return cond{}, err
				}
				same = or(same, c)
			}
		}
		if want {
			found = or(found, same)
		} else {
			found = and(found, same)
		}
	}
	return found, nil
}

func constants(set [][]term) ([]sallyport.Value, bool) {
	values := make([]sallyport.Value, len(set))
	for i, terms := range set {
		if len(terms) != 1 || terms[0].unknown() || terms[0].col != nil || terms[0].linear != nil || terms[0].when.op != always {
			return nil, false
		}
		values[i] = terms[0].value
	}
	return values, true
}

// among is where a column holds one of values, or surely none of them: one IN for
// all that the column can hold.
func (w *writer) among(t term, values []sallyport.Value, want bool) (cond, error) {
	w.size++
	args := make([]any, 0, len(values))
	for _, v := range values {
		switch {
		case v.Kind() != t.col.kind || v.EntityType() != t.col.entity:
			continue
		case v.Kind() == sallyport.KindBool:
			return w.truthAmong(t, values, want)
		case v.Kind() == sallyport.KindEntity && v.Text() == "" && t.col != w.id:
			continue
		}
		arg, err := argument(v)
		if err != nil {
			return cond{}, err
		}
		args = append(args, arg)
	}
	switch len(args) {
	case 0:
		return where(t.when, !want), nil
	case 1:
		return and(t.when, cond{op: compare, cmp: equality(want), col: t.col, arg: args[0]}), nil
	}
	return and(t.when, cond{op: oneOf, col: t.col, args: args, want: want}), nil
}

// truthAmong is among for truth values.
func (w *writer) truthAmong(t term, values []sallyport.Value, want bool) (cond, error) {
	var found cond
	for _, b := range []bool{false, true} {
		v := sallyport.BoolValue(b)
		if slices.ContainsFunc(values, v.Equal) == want {
			b := constant(v)
			c, err := w.compare("=", &t, &b)
			if err != nil {
				return cond{}, err
			}
			found = or(found, c)
		}
	}
	return found, nil
}

// whole reports whether all of a value is known.
func whole(v sallyport.Value) bool {
	for _, e := range v.Set() {
		if !whole(e) {
			return false
		}
	}
	for _, f := range v.Record() {
		if !whole(f) {
			return false
		}
	}
	return v.Known()
}

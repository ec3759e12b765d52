package where

import (
	"fmt"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A writer turns conditions of rules on objects of type t into conditions of SQL.
type writer struct {
	t     sallyport.AnyType
	id    *col
	cols  *namedCol
	early bool         // there is no query yet: what does not read the object may be anything
	size  int          // comparisons so far
	holes []*rule.Expr // constants of which only the query knows which; the last is the organization
}

// truth is where e surely holds, or with want false, where it surely does not.
// The two follow the order of evaluation: what stands on the right of && counts
// where the left side surely holds, on the right of || where it surely does not.
func (w *writer) truth(e *rule.Expr, want bool) (cond, error) {
	if w.size > maxConditions || w.early && !readsResource(e) {
		return cond{op: always}, nil
	}
	if followed, err := w.followed(e); followed || err != nil {
		return cond{op: always}, err
	}
	switch e.Op {
	case rule.Not:
		return w.truth(e.Args[0], !want)
	case rule.And:
		return w.junction(e, want, true)
	case rule.Or:
		return w.junction(e, !want, false)
	case rule.If:
		return w.choice(e, want)
	case rule.Equal:
		return w.comparison(e, equality(want))
	case rule.Less:
		return w.comparison(e, less(want))
	case rule.LessEqual:
		return w.comparison(e, lessEqual(want))
	case rule.Has:
		return w.has(e, want)
	case rule.Is:
		return w.is(e, want)
	case rule.Like:
		return w.like(e, want)
	case rule.In:
		return w.in(e, want)
	case rule.Contains, rule.ContainsAll, rule.ContainsAny, rule.IsEmpty:
		return w.sets(e, want)
	case rule.HasTag:
		return cond{}, fmt.Errorf("%s: tags are in no column", e)
	}
	return w.value(e, want)
}

// What a comparison is called where it holds and where it does not.
func equality(want bool) string  { return either(want, "=", "<>") }
func less(want bool) string      { return either(want, "<", ">=") }
func lessEqual(want bool) string { return either(want, "<=", ">") }

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// junction is a chain of && where all operands are needed, and of || with every
// truth the other way round. continues is the truth of an operand that leads to
// the next one. Where all must continue, that is what each must be; else one of
// them ends the chain and those before it continue. The latter is written from the
// right, end(a) or cont(a) and (end(b) or …), so that its length does not grow
// with the square of the chain's.
func (w *writer) junction(e *rule.Expr, need, continues bool) (cond, error) {
	if need {
		return w.each(operands(nil, e, e.Op), continues)
	}
	type link struct {
		ends, onward cond
		total        bool // one of the two holds on every row
	}
	var links []link
	for _, o := range operands(nil, e, e.Op) {
		ends, err := w.truth(o, !continues)
		if err != nil {
			return cond{}, err
		}
		onward, err := w.truth(o, continues)
		if err != nil {
			return cond{}, err
		}
		links = append(links, link{ends, onward, w.total(o)})
		if onward.op == never && !w.early { // nobody gets to the next
			break
		}
	}
	var found cond
	for _, l := range slices.Backward(links) {
		if !l.total {
			found = and(l.onward, found)
		}
		found = or(l.ends, found)
	}
	return found, nil
}

// each is where all of operands are surely so.
func (w *writer) each(operands []*rule.Expr, want bool) (cond, error) {
	found := cond{op: always}
	for _, o := range operands {
		c, err := w.truth(o, want)
		if err != nil {
			return cond{}, err
		}
		if found = and(found, c); found.op == never && !w.early {
			break
		}
	}
	return found, nil
}

// operands appends what a chain of the same operator joins.
func operands(list []*rule.Expr, e *rule.Expr, op rule.Op) []*rule.Expr {
	if e.Op != op {
		return append(list, e)
	}
	return operands(operands(list, e.Args[0], op), e.Args[1], op)
}

// total reports whether e is surely true or surely false on every row.
func (w *writer) total(e *rule.Expr) bool {
	switch e.Op {
	case rule.Not, rule.And, rule.Or:
		return !slices.ContainsFunc(e.Args, func(a *rule.Expr) bool { return !w.total(a) })
	case rule.Has:
		return e.Args[0].Op == rule.Resource
	case rule.Equal:
		return w.certain(e.Args[0]) && w.certain(e.Args[1])
	case rule.Less, rule.LessEqual:
		return w.certain(e.Args[0]) && w.certain(e.Args[1]) && w.comparable(e.Args[0], e.Args[1])
	case rule.Attr:
		return w.certain(e) && w.holds(e, sallyport.KindBool)
	case rule.Like:
		return w.certain(e.Args[0]) && w.holds(e.Args[0], sallyport.KindString)
	}
	return false
}

// certain reports whether e has a value on every row.
func (w *writer) certain(e *rule.Expr) bool {
	switch e.Op {
	case rule.Resource:
		return true
	case rule.Const:
		return e.Value.Known()
	case rule.Attr:
		if e.Args[0].Op == rule.Resource {
			c, err := w.column(e.Name)
			return err == nil && !c.nullable
		}
	}
	return false
}

// comparable reports of two certain values whether they have an order.
func (w *writer) comparable(a, b *rule.Expr) bool {
	for _, k := range []sallyport.ValueKind{sallyport.KindInt, sallyport.KindTime, sallyport.KindDuration} {
		if w.holds(a, k) && w.holds(b, k) {
			return true
		}
	}
	return false
}

// holds reports whether a certain value is of that kind.
func (w *writer) holds(e *rule.Expr, kind sallyport.ValueKind) bool {
	switch e.Op {
	case rule.Const:
		return e.Value.Kind() == kind
	case rule.Resource:
		return kind == sallyport.KindEntity
	}
	c, err := w.column(e.Name)
	return err == nil && c.kind == kind
}

func (w *writer) choice(e *rule.Expr, want bool) (cond, error) {
	var found cond
	for i, condition := range []bool{true, false} {
		when, err := w.truth(e.Args[0], condition)
		if err != nil {
			return cond{}, err
		}
		if when.op == never {
			continue
		}
		then, err := w.truth(e.Args[i+1], want)
		if err != nil {
			return cond{}, err
		}
		found = or(found, and(when, then))
	}
	return found, nil
}

// value is where an attribute or a constant is a truth value, and the wanted one.
func (w *writer) value(e *rule.Expr, want bool) (cond, error) {
	return w.any(e, func(t term) (cond, error) {
		b := constant(sallyport.BoolValue(want))
		return w.compare("=", &t, &b)
	})
}

// any is where a condition holds of whatever e is.
func (w *writer) any(e *rule.Expr, of func(term) (cond, error)) (cond, error) {
	terms, err := w.terms(e)
	if err != nil {
		return cond{}, err
	}
	var found cond
	for _, t := range terms {
		c, err := of(t)
		if err != nil {
			return cond{}, in(e, err)
		}
		found = or(found, c)
	}
	return found, nil
}

// comparison is where both arguments of e compare so.
func (w *writer) comparison(e *rule.Expr, cmp string) (cond, error) {
	if !w.early {
		a, one, _ := w.single(e.Args[0])
		b, other, _ := w.single(e.Args[1])
		if one && other {
			c, err := w.compare(cmp, &a, &b)
			return c, in(e, err)
		}
	}
	right, err := w.terms(e.Args[1])
	if err != nil {
		return cond{}, err
	}
	return w.any(e.Args[0], func(a term) (cond, error) {
		var found cond
		for _, b := range right {
			c, err := w.compare(cmp, &a, &b)
			if err != nil {
				return cond{}, in(e, err)
			}
			found = or(found, c)
		}
		return found, nil
	})
}

// in says in which expression something is wrong.
func in(e *rule.Expr, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", e, err)
	}
	return err
}

func (w *writer) has(e *rule.Expr, want bool) (cond, error) {
	if e.Args[0].Op != rule.Resource {
		return cond{}, fmt.Errorf("%s: it is not about the object itself", e)
	}
	c, err := w.column(e.Name)
	if err != nil {
		return cond{}, err
	}
	w.size++
	return c.there(want), nil
}

func (w *writer) is(e *rule.Expr, want bool) (cond, error) {
	return w.any(e.Args[0], func(t term) (cond, error) {
		kind, of := t.kind()
		if t.unknown() || kind == sallyport.KindEntity && (of == e.Name) == want {
			return t.when, nil
		}
		return cond{}, nil
	})
}

func (w *writer) like(e *rule.Expr, want bool) (cond, error) {
	return w.any(e.Args[0], func(t term) (cond, error) {
		kind, _ := t.kind()
		switch {
		case t.unknown():
			return t.when, nil
		case kind != sallyport.KindString:
			return cond{}, nil
		case t.col == nil && e.Pattern.Match(t.value.Text()) == want:
			return t.when, nil
		case t.col == nil:
			return cond{}, nil
		}
		w.size++
		return and(t.when, cond{op: matches, col: t.col, pattern: e.Pattern, want: want}), checkPattern(e.Pattern)
	})
}

// maxPattern is what SQLite allows.
const maxPattern = 10_000

func checkPattern(p rule.Pattern) error {
	size := len(p)
	for _, piece := range p {
		if err := writable(piece); err != nil {
			return err
		}
		size += 3 * len(piece)
	}
	if size > maxPattern {
		return fmt.Errorf("the pattern is longer than %d bytes", maxPattern)
	}
	return nil
}

// in is whether the object is an entity or in it. What an attribute of the object
// is in, the residual has told already.
func (w *writer) in(e *rule.Expr, want bool) (cond, error) {
	if e.Args[0].Op != rule.Resource || readsResource(e.Args[1]) {
		return cond{}, fmt.Errorf("%s: only what the object itself is in can be listed by", e)
	}
	return w.any(e.Args[1], func(t term) (cond, error) {
		var ancestors []sallyport.Value
		switch {
		case t.unknown():
			ancestors = []sallyport.Value{sallyport.EntityValue(sallyport.UID{Type: w.t.Name()})}
		case t.value.Kind() == sallyport.KindEntity:
			ancestors = []sallyport.Value{t.value}
		case t.value.Kind() == sallyport.KindSet:
			ancestors = t.value.Set()
		default:
			return cond{}, nil
		}
		if slices.ContainsFunc(ancestors, func(v sallyport.Value) bool { return v.Kind() != sallyport.KindEntity }) {
			return cond{}, nil
		}
		return w.inside(ancestors, want)
	})
}

// inside is where the object is one of ancestors or has a parent among them.
func (w *writer) inside(ancestors []sallyport.Value, want bool) (cond, error) {
	if len(ancestors) == 0 {
		return cond{op: map[bool]op{true: never, false: always}[want]}, nil
	}
	found, err := w.among(column(w.key()), ancestors, want)
	if err != nil {
		return cond{}, err
	}
	for _, a := range w.t.Attributes() {
		if !a.Parent {
			continue
		}
		parent, err := w.column(a.Name)
		if err != nil {
			return cond{}, err
		}
		c, err := w.parent(parent, a.Top, ancestors, want)
		if err != nil {
			return cond{}, err
		}
		if want {
			found = or(found, c)
		} else {
			found = and(found, c)
		}
	}
	return found, nil
}

// parent is where a parent is one of ancestors, or surely neither is nor has one
// of them above itself, which of a top one is known.
func (w *writer) parent(parent *col, top bool, ancestors []sallyport.Value, want bool) (cond, error) {
	switch {
	case want:
		return w.among(column(parent), ancestors, true)
	case !top:
		return parent.there(false), nil
	}
	c, err := w.among(column(parent), ancestors, false)
	return or(parent.there(false), c), err
}

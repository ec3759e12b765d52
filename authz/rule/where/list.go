package where

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A List is the rules about one action on objects of one type, prepared to be
// listed by for one principal after the other: see [NewList]. What a principal
// changes are the truths of conditions that do not read the object, and the values
// that its columns are compared with. For the same truths the condition is the same
// but for its arguments, and is written once. It is safe for concurrent use.
type List struct {
	t       sallyport.AnyType
	rules   []*rule.Rule
	ask     []func(*rule.Env) rule.Truth
	read    []value
	asked   []*rule.Expr // what ask asks
	written atomic.Pointer[map[shape]*written]
	writing sync.Mutex
}

// A value is what a column is compared with that only the query knows.
type value struct {
	expr   *rule.Expr
	read   func(*rule.Env) sallyport.Value
	kind   sallyport.ValueKind // of the column
	entity string
}

// A shape is all that a condition depends on but for its arguments: two bits for
// each truth, one for each value, whether it is known, and one for everything.
type shape uint64

const (
	maxValues = 8
	maxBits   = 64
	maxShapes = 256 // kept
)

// NewList returns the list of the rules, or nil if they ask what cannot be
// prepared: then each query has to take them as they are, by a [Filter].
func NewList(rules []*rule.Rule, t sallyport.AnyType) *List {
	l := &List{t: t, rules: rules}
	for _, r := range rules {
		if !l.condition(rule.Condition(r)) {
			return nil
		}
	}
	if len(l.read) > maxValues || 2*len(l.ask)+len(l.read)+1 > maxBits {
		return nil
	}
	return l
}

// condition prepares a condition.
func (l *List) condition(e *rule.Expr) bool {
	if e.Op == rule.Const {
		return true
	}
	if rule.Settled(e, l.t) {
		return l.asks(e)
	}
	switch e.Op {
	case rule.Not, rule.And, rule.Or, rule.If:
		return !slices.ContainsFunc(e.Args, func(a *rule.Expr) bool { return !l.condition(a) })
	case rule.Equal, rule.Less, rule.LessEqual:
		a, b := e.Args[0], e.Args[1]
		return l.compared(a, b) || l.compared(b, a) || fixed(a) && fixed(b)
	}
	return fixed(e)
}

// asks prepares a condition that does not read the object. Trees may share nodes:
// then it is asked once, unless it is compared with a column elsewhere.
func (l *List) asks(e *rule.Expr) bool {
	if slices.ContainsFunc(l.read, func(v value) bool { return v.expr == e }) {
		return false
	}
	if !slices.Contains(l.asked, e) {
		l.asked, l.ask = append(l.asked, e), append(l.ask, rule.Asking(e))
	}
	return true
}

// reads prepares a value, which must be read for columns of one kind alone.
func (l *List) reads(v value) bool {
	for _, known := range l.read {
		if known.expr == v.expr {
			return known.kind == v.kind && known.entity == v.entity
		}
	}
	l.read = append(l.read, v)
	return !slices.Contains(l.asked, v.expr)
}

// compared prepares the comparison of a column with what the query knows.
func (l *List) compared(of, with *rule.Expr) bool {
	if with.Op == rule.Const || !rule.Settled(with, l.t) {
		return false
	}
	v := value{expr: with, read: rule.Reading(with), kind: sallyport.KindEntity, entity: l.t.Name()}
	switch {
	case of.Op == rule.Resource:
	case of.Op == rule.Attr && of.Args[0].Op == rule.Resource:
		w := writer{t: l.t}
		c, err := w.column(of.Name)
		if err != nil || c.kind == sallyport.KindBool {
			return false
		}
		v.kind, v.entity = c.kind, c.entity
	default:
		return false
	}
	return l.reads(v)
}

// fixed reports whether e depends on nothing but the object itself.
func fixed(e *rule.Expr) bool {
	switch e.Op {
	case rule.Const, rule.Resource:
		return true
	case rule.Principal, rule.Action, rule.Context, rule.Tag, rule.HasTag:
		return false
	case rule.Attr, rule.Has:
		return e.Args[0].Op == rule.Resource
	case rule.In:
		return e.Args[0].Op == rule.Resource && e.Args[1].Op == rule.Const
	}
	return !slices.ContainsFunc(e.Args, func(a *rule.Expr) bool { return !fixed(a) })
}

// Where is [Filter.Where] of a filter by the list's rules, in which nothing is
// granted. ok is false if the query has to take the rules as they are.
func (l *List) Where(env *rule.Env, org string, everything bool) (found sallyport.Where, ok bool) {
	var values [maxValues + 1]sallyport.Value // the last is the organization
	s := shape(0)
	if everything {
		s = 1
	}
	for _, ask := range l.ask {
		s = s<<2 | shape(ask(env))
	}
	for i := range l.read {
		v := l.read[i].read(env)
		s <<= 1
		switch {
		case l.read[i].fits(v):
			s |= 1
		case v.Known():
			return sallyport.Where{}, false
		}
		values[i] = v
	}
	if l.t.InOrganizations() {
		if org == "" {
			return sallyport.Where{}, true
		}
		if writable(org) != nil {
			return sallyport.Where{}, false
		}
		values[maxValues] = sallyport.EntityValue(sallyport.UID{Type: sallyport.OrganizationType, ID: org})
	}
	w := l.known(s)
	if w == nil {
		w = l.write(env, &values, everything)
		l.keep(s, w)
	}
	if w.render == nil {
		return sallyport.Where{}, false
	}
	return w.where(&values), true
}

// fits reports whether a column compared with v is compared with any other value
// that fits in the same way.
func (r *value) fits(v sallyport.Value) bool {
	if v.Kind() != r.kind {
		return false
	}
	switch r.kind {
	case sallyport.KindEntity:
		return v.Text() != "" && v.EntityType() == r.entity && writable(v.Text()) == nil
	case sallyport.KindString:
		return writable(v.Text()) == nil
	}
	return true
}

func (l *List) known(s shape) *written {
	if known := l.written.Load(); known != nil {
		return (*known)[s]
	}
	return nil
}

// write writes the condition of a shape, by example of a query that has it. Without
// render there is none: the filter says why.
func (l *List) write(env *rule.Env, values *[maxValues + 1]sallyport.Value, everything bool) *written {
	f := Filter{Org: values[maxValues].Text(), Everything: everything}
	with := make(map[*rule.Expr]*rule.Expr)
	for i, e := range l.asked {
		with[e] = truths[l.ask[i](env)]
	}
	w := writer{t: l.t, holes: make([]*rule.Expr, maxValues+1)}
	for i := range l.read {
		w.holes[i] = &rule.Expr{Op: rule.Const, Value: values[i]}
		with[l.read[i].expr] = w.holes[i]
	}
	w.holes[maxValues] = &rule.Expr{Op: rule.Const, Value: values[maxValues]}
	for _, r := range l.rules {
		left := Residual{Rule: r, When: rule.Residual(replaced(rule.Condition(r), with), env, l.t)}
		if r.Effect == rule.Permit {
			f.Permits = append(f.Permits, left)
		} else {
			f.Forbids = append(f.Forbids, left)
		}
	}
	c, err := f.bounded(&w)
	if err != nil {
		return new(written)
	}
	made := &written{cond: c, args: c.appendArgs(nil)}
	made.render = made.sql
	return made
}

// truths are conditions that are known, by what is known of them.
var truths = [...]*rule.Expr{
	rule.Neither: {Op: rule.Const},
	rule.False:   {Op: rule.Const, Value: sallyport.BoolValue(false)},
	rule.True:    {Op: rule.Const, Value: sallyport.BoolValue(true)},
}

// replaced is e with other nodes for some.
func replaced(e *rule.Expr, with map[*rule.Expr]*rule.Expr) *rule.Expr {
	if other := with[e]; other != nil {
		return other
	}
	if len(e.Args) == 0 {
		return e
	}
	other := *e
	other.Args = make([]*rule.Expr, len(e.Args))
	for i, a := range e.Args {
		other.Args[i] = replaced(a, with)
	}
	return &other
}

// keep remembers what was written for a shape, unless there is too much already.
func (l *List) keep(s shape, made *written) {
	l.writing.Lock()
	defer l.writing.Unlock()
	more := map[shape]*written{s: made}
	if known := l.written.Load(); known != nil {
		if len(*known) >= maxShapes {
			return
		}
		maps.Copy(more, *known)
	}
	l.written.Store(&more)
}

// A written is a condition with holes among its arguments.
type written struct {
	cond   cond
	args   []any // a hole where the query says which
	render func(sallyport.Dialect, int) string
	texts  [2][maxFirst]atomic.Pointer[string] // by dialect and first placeholder
}

// maxFirst bounds the first placeholders of which texts are kept.
const maxFirst = 8

// A hole is an argument that the query says: the number of a value.
type hole int

func (w *written) where(values *[maxValues + 1]sallyport.Value) sallyport.Where {
	args := make([]any, len(w.args))
	for i, a := range w.args {
		h, ok := a.(hole)
		if !ok {
			args[i] = a
			continue
		}
		switch v := &values[h]; v.Kind() {
		case sallyport.KindString, sallyport.KindEntity:
			args[i] = v.Text()
		default:
			args[i] = v.Int()
		}
	}
	return sallyport.NewWhere(w.render, args...)
}

func (w *written) sql(d sallyport.Dialect, first int) string {
	i, j := int(d)-1, first-1
	if i < 0 || i >= len(w.texts) || j < 0 || j >= maxFirst {
		return w.cond.sql(d, first)
	}
	if text := w.texts[i][j].Load(); text != nil {
		return *text
	}
	text := w.cond.sql(d, first)
	w.texts[i][j].Store(&text)
	return text
}

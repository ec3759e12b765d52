package lint

import (
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// known is what is known of a query before there is one.
type known struct {
	principal string                            // type; "" = any
	resource  string                            // type; "" = any
	object    sallyport.AnyType                 // of that name; nil = nothing is known of its attributes
	action    sallyport.UID                     // zero = any
	groups    map[sallyport.UID][]sallyport.UID // that actions are in
	has       func(role string) bool            // whether the principal has it, itself or by inheritance; nil = not known
}

// of is what is left of e for people to read: parts that what is known decides are
// gone, the rest stands as it was written. It takes for granted that nothing fails
// beside what surely does, which strict validation sees to, and so is not for
// deciding: that is [rule.Residual].
func (k *known) of(e *rule.Expr) *rule.Expr {
	switch e.Op {
	case rule.Const, rule.Principal, rule.Resource, rule.Context:
		return e
	case rule.Action:
		if k.action != (sallyport.UID{}) {
			return constant(sallyport.EntityValue(k.action))
		}
		return e
	case rule.And, rule.Or:
		return k.join(e)
	case rule.If:
		return k.choose(e)
	}
	args := make([]*rule.Expr, len(e.Args))
	for i, a := range e.Args {
		if args[i] = k.of(a); fails(args[i]) {
			return neither
		}
	}
	return k.apply(e, args)
}

// The expressions that leave nothing to ask.
var (
	yes     = constant(sallyport.BoolValue(true))
	no      = constant(sallyport.BoolValue(false))
	neither = &rule.Expr{Op: rule.Const}
)

func constant(v sallyport.Value) *rule.Expr { return &rule.Expr{Op: rule.Const, Value: v} }

func truth(b bool) *rule.Expr {
	if b {
		return yes
	}
	return no
}

func holds(e *rule.Expr) bool { return e.Op == rule.Const && e.Value.Bool() }

func denies(e *rule.Expr) bool {
	return e.Op == rule.Const && e.Value.Kind() == sallyport.KindBool && !e.Value.Bool()
}

// fails reports whether e surely is an error, or not loaded.
func fails(e *rule.Expr) bool { return e.Op == rule.Const && !e.Value.Known() }

// join is && or ||.
func (k *known) join(e *rule.Expr) *rule.Expr {
	ends, goesOn := denies, holds // what ends an &&, and what lets it go on
	if e.Op == rule.Or {
		ends, goesOn = holds, denies
	}
	var left []*rule.Expr
	seen := map[string]bool{} // what is in left, as text: there may be thousands
	for _, part := range operands(e, e.Op) {
		part = k.of(part)
		switch {
		case ends(part):
			return truth(e.Op == rule.Or)
		case goesOn(part):
			continue
		}
		if text := part.String(); !seen[text] {
			seen[text] = true
			left = append(left, part)
		}
		if fails(part) {
			break
		}
	}
	switch {
	case len(left) == 0:
		return truth(e.Op == rule.And)
	case e.Op == rule.And && contradict(left):
		return no
	case e.Op == rule.Or && complete(left):
		return yes
	}
	return joined(e.Op, left)
}

// joined are parts joined by && or ||; there is at least one.
func joined(op rule.Op, parts []*rule.Expr) *rule.Expr {
	e := parts[0]
	for _, p := range parts[1:] {
		e = &rule.Expr{Op: op, Args: []*rule.Expr{e, p}}
	}
	return e
}

func (k *known) choose(e *rule.Expr) *rule.Expr {
	condition := k.of(e.Args[0])
	switch {
	case fails(condition):
		return neither
	case holds(condition):
		return k.of(e.Args[1])
	case denies(condition):
		return k.of(e.Args[2])
	}
	then, otherwise := k.of(e.Args[1]), k.of(e.Args[2])
	if same(then, otherwise) {
		return then
	}
	return with(e, []*rule.Expr{condition, then, otherwise})
}

// apply is an operator on arguments that are simple already.
func (k *known) apply(e *rule.Expr, args []*rule.Expr) *rule.Expr {
	e = with(e, args)
	switch e.Op {
	case rule.Is:
		if t := k.typeOf(args[0]); t != "" {
			return truth(t == e.Name)
		}
	case rule.Equal:
		if same(args[0], args[1]) {
			return yes
		}
		if a, b := k.typeOf(args[0]), k.typeOf(args[1]); a != "" && b != "" && a != b {
			return no
		}
	case rule.In:
		return k.in(e)
	case rule.Has, rule.Attr, rule.Tag, rule.HasTag:
		return k.read(e)
	}
	for _, a := range args {
		if a.Op != rule.Const {
			return e
		}
	}
	v, err := rule.Eval(e, new(rule.Env))
	if err != nil {
		return neither
	}
	return constant(v)
}

// typeOf returns the type of the entity that e is, "" if that is not known.
func (k *known) typeOf(e *rule.Expr) string {
	switch e.Op {
	case rule.Principal:
		return k.principal
	case rule.Resource:
		return k.resource
	case rule.Attr:
		if e.Args[0].Op == rule.Resource && k.object != nil {
			return referred(k.object, e.Name)
		}
	}
	return e.Value.EntityType()
}

// referred returns the type that an attribute refers to, "" if it refers to none.
func referred(t sallyport.AnyType, name string) string {
	for _, a := range t.Attributes() {
		if a.Name == name && a.Kind == sallyport.KindEntity {
			return a.Entity
		}
	}
	return ""
}

// in decides what the principal is in as far as roles go, and what an action is.
func (k *known) in(e *rule.Expr) *rule.Expr {
	of, within := e.Args[0], e.Args[1]
	if within.Op != rule.Const {
		return e
	}
	var open []sallyport.Value
	for _, v := range elements(within.Value) {
		switch decided := k.within(of, v.UID()); {
		case decided == nil:
			open = append(open, v)
		case holds(decided):
			return yes
		}
	}
	switch {
	case len(open) == 0:
		return no
	case within.Value.Kind() == sallyport.KindEntity || len(open) == len(within.Value.Set()):
		return e
	case len(open) == 1:
		return with(e, []*rule.Expr{of, constant(open[0])})
	}
	return with(e, []*rule.Expr{of, constant(sallyport.SetValue(open...))})
}

// within is whether an entity is in another one, nil if that is not known.
func (k *known) within(of *rule.Expr, u sallyport.UID) *rule.Expr {
	switch {
	case of.Op == rule.Const && of.Value.UID() == u:
		return yes
	case of.Op == rule.Const && of.Value.UID() == k.action:
		return truth(slices.Contains(k.groups[k.action], u))
	case of.Op == rule.Principal && k.principal == sallyport.AnonymousType:
		return truth(u == sallyport.UID{Type: sallyport.AnonymousType})
	case of.Op == rule.Principal && u.Type == sallyport.RoleType && k.has != nil:
		return truth(k.has(u.ID))
	}
	return nil
}

// read is an attribute or a tag, or whether there is one. The anonymous principal
// has none.
func (k *known) read(e *rule.Expr) *rule.Expr {
	of := e.Args[0]
	switch {
	case of.Op == rule.Principal && k.principal == sallyport.AnonymousType && (e.Op == rule.Has || e.Op == rule.HasTag):
		return no
	case of.Op == rule.Principal && k.principal == sallyport.AnonymousType:
		return neither
	case of.Op != rule.Const || of.Value.Kind() == sallyport.KindEntity:
		return e
	}
	v, err := rule.Eval(e, new(rule.Env))
	if err != nil {
		return neither
	}
	return constant(v)
}

// settle is a condition in which what surely fails counts as holding, or as not
// holding: a permit needs its condition to hold surely, and a forbid forbids unless
// its condition surely does not.
func settle(e *rule.Expr, failing bool) *rule.Expr {
	if fails(e) {
		return truth(failing)
	}
	switch e.Op {
	case rule.Not:
		arg := settle(e.Args[0], !failing)
		if arg.Op == rule.Const {
			return truth(!holds(arg))
		}
		return with(e, []*rule.Expr{arg})
	case rule.And, rule.Or:
		args := operands(e, e.Op)
		for i := range args {
			args[i] = settle(args[i], failing)
		}
		return new(known).join(joined(e.Op, args))
	case rule.If:
		return new(known).choose(with(e, []*rule.Expr{e.Args[0], settle(e.Args[1], failing), settle(e.Args[2], failing)}))
	}
	return e
}

// operands are the parts that an && or an || joins, at any depth.
func operands(e *rule.Expr, op rule.Op) []*rule.Expr {
	if e.Op != op {
		return []*rule.Expr{e}
	}
	return append(operands(e.Args[0], op), operands(e.Args[1], op)...)
}

// elements are what "in" looks for: an entity or those of a set.
func elements(v sallyport.Value) []sallyport.Value {
	if v.Kind() == sallyport.KindEntity {
		return []sallyport.Value{v}
	}
	return v.Set()
}

// same reports whether two expressions are written the same.
func same(a, b *rule.Expr) bool { return a == b || a.Op == b.Op && a.String() == b.String() }

// with is e with other arguments.
func with(e *rule.Expr, args []*rule.Expr) *rule.Expr {
	changed := *e
	changed.Args = args
	return &changed
}

package rule

import "github.com/sallyport-auth/sallyport"

// Condition returns what a rule asks for besides its action, as one tree: the
// limits on the principal and on the resource, and its condition. Limits that are
// known as soon as the entity is (its type, its identifier) stand before those
// that ask what an entity is in, so that as few as possible are neither true nor
// false. Of a rule in a [Set] it is always the same tree.
func Condition(r *Rule) *Expr {
	if r.made == nil || r.made.of != r {
		return wholeOf(r)
	}
	if e := r.made.whole.Load(); e != nil {
		return e
	}
	r.made.whole.CompareAndSwap(nil, wholeOf(r)) // most rules are never asked for it
	return r.made.whole.Load()
}

func wholeOf(r *Rule) *Expr {
	parts := scopes(r.Principal, r.Resource)
	if r.When != nil {
		parts = append(parts, r.When)
	}
	return conjunction(parts)
}

// scopes are the limits on principal and resource.
func scopes(principal, resource Scope) []*Expr {
	parts := same(nil, Principal, principal)
	parts = same(parts, Resource, resource)
	parts = within(parts, Principal, principal)
	return within(parts, Resource, resource)
}

// same appends the limits on an entity's type and identifier.
func same(parts []*Expr, op Op, s Scope) []*Expr {
	if s.Type != "" {
		parts = append(parts, &Expr{Op: Is, Name: s.Type, Args: []*Expr{limited[op]}})
	}
	if s.Is != (sallyport.UID{}) {
		parts = append(parts, &Expr{Op: Equal, Args: []*Expr{limited[op], entityConst(s.Is)}})
	}
	return parts
}

// within appends the limit on what an entity is in.
func within(parts []*Expr, op Op, s Scope) []*Expr {
	if s.In == (sallyport.UID{}) {
		return parts
	}
	return append(parts, &Expr{Op: In, Args: []*Expr{limited[op], entityConst(s.In)}})
}

// limited are the nodes of the variables that scopes limit.
var limited = map[Op]*Expr{Principal: {Op: Principal}, Resource: {Op: Resource}}

func entityConst(u sallyport.UID) *Expr {
	return &Expr{Op: Const, Value: sallyport.EntityValue(u)}
}

// conjunction joins conditions with &&; without any it is true.
func conjunction(parts []*Expr) *Expr {
	if len(parts) == 0 {
		return &Expr{Op: Const, Value: sallyport.BoolValue(true)}
	}
	e := parts[0]
	for _, p := range parts[1:] {
		e = &Expr{Op: And, Args: []*Expr{e, p}}
	}
	return e
}

// attributesOf appends the attributes of a variable that e reads.
func attributesOf(variable Op, e *Expr, names []string) []string {
	if e == nil {
		return names
	}
	if (e.Op == Attr || e.Op == Has) && e.Args[0].Op == variable {
		return append(names, e.Name)
	}
	for _, a := range e.Args {
		names = attributesOf(variable, a, names)
	}
	return names
}

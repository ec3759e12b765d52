package rule

import "github.com/sallyport-auth/sallyport"

// A compiled is a rule in a [Set]. The type of the resource is not asked again:
// its bucket has seen to that.
type compiled struct {
	rule  *Rule
	order int // in the source
	keys  keys
	reads []string // attributes of the principal
	full  program  // nil = true
	rest  program  // without the key that an index found it by
	free  program  // without an object, of a rule whose scope limits the resource; nil for the others
}

func newCompiled(r *Rule, order int) *compiled {
	c := &compiled{rule: r, order: order, keys: keysOf(r), reads: attributesOf(Principal, r.When, nil)}
	principal, resource := r.Principal, r.Resource
	resource.Type = ""
	c.full = guarded(scopes(principal, resource), r.When)
	c.rest = c.full
	if c.keys.scope {
		c.rest = guarded(scopes(c.keys.without(principal, resource)), r.When)
	}
	switch {
	case r.Resource == Scope{}:
	case r.Effect == Permit:
		c.free = endsNeither
	case r.Actions == nil:
		c.free = endsFalse
	default:
		c.free = guarded(scopes(principal, Scope{}), r.When)
		if c.free == nil {
			c.free = endsNeither
		}
	}
	return c
}

// without takes the keys out of the scopes that they are from.
func (k keys) without(principal, resource Scope) (p, r Scope) {
	switch k.place {
	case principalIs:
		principal.Is = sallyport.UID{}
	case principalIn:
		principal.In = sallyport.UID{}
	case resourceIs:
		resource.Is = sallyport.UID{}
	case resourceIn:
		resource.In = sallyport.UID{}
	}
	return principal, resource
}

// guarded compiles a rule's condition, which may be nil, behind its scopes, as one
// program. It is nil if there is neither.
func guarded(scopes []*Expr, when *Expr) program {
	if when != nil {
		scopes = append(scopes, when)
	}
	if len(scopes) == 0 {
		return nil
	}
	return compile(conjunction(scopes))
}

// present reports whether there is an object.
func present(o *Objects, env *Env) bool {
	if env != nil {
		return env.Resource != nil
	}
	return !o.Resource.IsZero()
}

// evaluate says what fires decides by, and why it is neither true nor false.
func (c *compiled) evaluate(env *Env) (Truth, error) {
	if env.Resource != nil || c.free == nil {
		return evaluate(Condition(c.rule), env)
	}
	if c.rule.Effect == Forbid {
		if c.rule.Actions == nil {
			return False, nil
		}
		free := *c.rule
		free.Resource = Scope{}
		if t, _ := evaluate(Condition(&free), env); t == False {
			return False, nil
		}
	}
	return Neither, errNoObject
}

// evaluate asks Eval for the truth of a condition, with an error exactly for
// neither.
func evaluate(e *Expr, env *Env) (Truth, error) {
	v, err := Eval(e, env)
	if err == nil && v.Kind() != sallyport.KindBool {
		err = expected(sallyport.KindBool, v)
	}
	return truthOf(v, err), err
}

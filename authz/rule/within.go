package rule

import "github.com/sallyport-auth/sallyport"

// inOf compiles "in".
func inOf(e *Expr) condition {
	left, right := e.Args[0], e.Args[1]
	if right.Op == Const && entity(left.Op) {
		return variableIn(left.Op, right.Value)
	}
	where := termOf(right)
	if op := left.Op; entity(op) {
		return func(env *Env) Truth {
			who := env.variable(op)
			if who == nil {
				return Neither
			}
			return env.inAny(who, who.UID(), where(env))
		}
	}
	a := termOf(left)
	return func(env *Env) Truth {
		v := a(env)
		if v.Kind() != sallyport.KindEntity {
			return Neither
		}
		return env.inAny(nil, v.UID(), where(env))
	}
}

// variableIn compiles whether the principal or the resource is in a constant.
func variableIn(op Op, v sallyport.Value) condition {
	where, ok := entities(v)
	if !ok {
		return always(Neither)
	}
	ancestors := make([]sallyport.UID, len(where))
	for i, a := range where {
		ancestors[i] = a.UID()
	}
	return func(env *Env) Truth {
		who := env.variable(op)
		if who == nil {
			return Neither
		}
		u, t := who.UID(), False
		for i := range ancestors {
			if t = either(t, env.inOne(who, u, ancestors[i])); t == True {
				break
			}
		}
		return t
	}
}

// inAny says whether an entity is in another one or in any of a set.
func (env *Env) inAny(who Entity, u sallyport.UID, where sallyport.Value) Truth {
	switch where.Kind() {
	case sallyport.KindEntity:
		return env.inOne(who, u, where.UID())
	case sallyport.KindSet:
		if _, ok := entities(where); !ok {
			return Neither
		}
		t := False
		for _, a := range where.Set() {
			t = either(t, env.inOne(who, u, a.UID()))
		}
		return t
	default:
		return Neither
	}
}

// inOne is like in, where who, if not nil, is the entity u.
func (env *Env) inOne(who Entity, u, ancestor sallyport.UID) Truth {
	if u == ancestor {
		return True
	}
	if who != nil {
		if t := who.In(ancestor); t != Neither {
			return t
		}
	}
	return env.in(u, ancestor)
}

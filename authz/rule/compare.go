package rule

import "github.com/sallyport-auth/sallyport"

// equalOf compiles a == b, which is the same as b == a: who is asked first makes
// no difference, as both have to be known.
func equalOf(left, right *Expr) condition {
	if entity(left.Op) && !entity(right.Op) || left.Op == Const {
		left, right = right, left
	}
	switch {
	case right.Op == Const:
		return equalConst(termOf(left), right.Value)
	case entity(left.Op) && entity(right.Op):
		return equalVariables(left.Op, right.Op)
	case entity(right.Op):
		return equalVariable(termOf(left), right.Op)
	}
	a, b := termOf(left), termOf(right)
	return func(env *Env) Truth {
		x, y := a(env), b(env)
		if !x.Known() || !y.Known() {
			return Neither
		}
		return equality(x, y)
	}
}

// entity reports whether op is a variable that has an [Entity]. Comparing its UID
// needs no value, which might have to be allocated.
func entity(op Op) bool { return op == Principal || op == Resource }

// refersTo says whether v, if it is known, is a reference to u.
func refersTo(v sallyport.Value, u sallyport.UID) Truth {
	if !v.Known() {
		return Neither
	}
	return truth(v.Kind() == sallyport.KindEntity && v.Text() == u.ID && v.EntityType() == u.Type)
}

func equalVariable(a term, op Op) condition {
	return func(env *Env) Truth {
		who := env.variable(op)
		if who == nil {
			return Neither
		}
		return refersTo(a(env), who.UID())
	}
}

func equalVariables(a, b Op) condition {
	return func(env *Env) Truth {
		x, y := env.variable(a), env.variable(b)
		if x == nil || y == nil {
			return Neither
		}
		return truth(x.UID() == y.UID())
	}
}

func equalConst(a term, v sallyport.Value) condition {
	if v.Kind() == sallyport.KindEntity {
		u := v.UID()
		return func(env *Env) Truth { return refersTo(a(env), u) }
	}
	if !v.Known() {
		return always(Neither)
	}
	return func(env *Env) Truth {
		x := a(env)
		if !x.Known() {
			return Neither
		}
		return equality(x, v)
	}
}

func lessOf(e *Expr) condition {
	a, b, op := termOf(e.Args[0]), termOf(e.Args[1]), e.Op
	if right := e.Args[1]; right.Op == Const {
		limit := right.Value
		return func(env *Env) Truth {
			v := a(env)
			return ordered(op, &v, &limit)
		}
	}
	return func(env *Env) Truth {
		x, y := a(env), b(env)
		return ordered(op, &x, &y)
	}
}

func likeOf(e *Expr) condition {
	a, pattern := termOf(e.Args[0]), e.Pattern
	return func(env *Env) Truth {
		v := a(env)
		if v.Kind() != sallyport.KindString {
			return Neither
		}
		return truth(pattern.Match(v.Text()))
	}
}

func isOf(e *Expr) condition {
	name := e.Name
	if op := e.Args[0].Op; entity(op) {
		return func(env *Env) Truth {
			who := env.variable(op)
			if who == nil {
				return Neither
			}
			return truth(who.UID().Type == name)
		}
	}
	a := termOf(e.Args[0])
	return func(env *Env) Truth {
		v := a(env)
		if v.Kind() != sallyport.KindEntity {
			return Neither
		}
		return truth(v.EntityType() == name)
	}
}

func containOf(e *Expr) condition {
	op := e.Op
	if e.Args[0].Op == Const && op == Contains {
		if c := oneOf(e.Args[0].Value, e.Args[1]); c != nil {
			return c
		}
	}
	a, b := termOf(e.Args[0]), termOf(e.Args[1])
	return func(env *Env) Truth {
		x, y := a(env), b(env)
		if x.Kind() != sallyport.KindSet || !y.Known() || op != Contains && y.Kind() != sallyport.KindSet {
			return Neither
		}
		return contain(op, x, y)
	}
}

// oneOf compiles whether a constant set of many scalars holds a value. It is nil
// for other sets.
func oneOf(set sallyport.Value, e *Expr) condition {
	if len(set.Set()) <= few {
		return nil
	}
	type key struct {
		sallyport.Scalar
		entity string
	}
	elements := make(map[key]bool, len(set.Set()))
	for _, v := range set.Set() {
		s, ok := v.Scalar()
		if !ok || !v.Known() {
			return nil
		}
		elements[key{s, v.EntityType()}] = true
	}
	a := termOf(e)
	return func(env *Env) Truth {
		v := a(env)
		if !whole(v) {
			return Neither
		}
		s, ok := v.Scalar()
		return truth(ok && elements[key{s, v.EntityType()}])
	}
}

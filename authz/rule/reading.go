package rule

import "github.com/sallyport-auth/sallyport"

// readerOf compiles what Attr and Has read: a value that may be absent or not
// loaded, and whether there was something to read it from.
func readerOf(e *Expr) func(*Env) (v sallyport.Value, ok bool) {
	name := e.Name
	switch base := e.Args[0]; base.Op {
	case Principal, Resource:
		direct := attrOf(e)
		return func(env *Env) (sallyport.Value, bool) { return direct(env), true }
	case Context:
		return func(env *Env) (sallyport.Value, bool) { return env.field(name), true }
	}
	of := termOf(e.Args[0])
	return func(env *Env) (sallyport.Value, bool) {
		switch v := of(env); v.Kind() {
		case sallyport.KindRecord:
			return field(v, name), true
		case sallyport.KindEntity:
			return env.attr(v.UID(), name), true
		default:
			return sallyport.Value{}, false
		}
	}
}

func attrOf(e *Expr) term {
	name := e.Name
	switch base := e.Args[0]; base.Op {
	case Principal:
		return func(env *Env) sallyport.Value {
			if env.Principal == nil {
				return sallyport.Value{}
			}
			if v := env.Principal.Attr(name); v.Kind() != sallyport.NotLoaded {
				return v
			}
			return env.attrOf(env.Principal, name)
		}
	case Resource:
		return func(env *Env) sallyport.Value {
			if env.Resource == nil {
				return sallyport.Value{}
			}
			if v := env.Resource.Attr(name); v.Kind() != sallyport.NotLoaded {
				return v
			}
			return env.attrOf(env.Resource, name)
		}
	case Context:
		return func(env *Env) sallyport.Value { return env.field(name) }
	}
	read := readerOf(e)
	return func(env *Env) sallyport.Value {
		v, _ := read(env)
		return v
	}
}

func tagReaderOf(e *Expr) func(*Env) (v sallyport.Value, ok bool) {
	of, name := termOf(e.Args[0]), termOf(e.Args[1])
	return func(env *Env) (sallyport.Value, bool) {
		u, n := of(env), name(env)
		if u.Kind() != sallyport.KindEntity || n.Kind() != sallyport.KindString {
			return sallyport.Value{}, false
		}
		return env.tag(u.UID(), n.Text()), true
	}
}

func tagOf(e *Expr) term {
	read := tagReaderOf(e)
	return func(env *Env) sallyport.Value {
		v, _ := read(env)
		return v
	}
}

func hasOf(e *Expr) condition {
	read := tagReaderOf
	if e.Op == Has {
		read = readerOf
	}
	reader := read(e)
	return func(env *Env) Truth {
		v, ok := reader(env)
		if !ok || v.Kind() == sallyport.NotLoaded {
			return Neither
		}
		return truth(v.Known())
	}
}

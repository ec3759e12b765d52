package rule

import "github.com/sallyport-auth/sallyport"

func (env *Env) variable(op Op) Entity {
	if op == Principal {
		return env.Principal
	}
	return env.Resource
}

// knower returns the i-th of those who may know an entity: the principal, the
// resource, and the other entities. It is nil if that one does not know it.
func (env *Env) knower(u sallyport.UID, i int) Entity {
	switch {
	case i == 0 && env.Principal != nil && env.Principal.UID() == u:
		return env.Principal
	case i == 1 && env.Resource != nil && env.Resource.UID() == u:
		return env.Resource
	case i == 2 && env.Entities != nil:
		return env.Entities.Entity(u)
	default:
		return nil
	}
}

const knowers = 3

// attrOf is like attr for the principal or the resource, which is asked first.
func (env *Env) attrOf(who Entity, name string) sallyport.Value {
	if who == nil {
		return sallyport.Value{}
	}
	v := who.Attr(name)
	if v.Kind() == sallyport.NotLoaded {
		return env.attr(who.UID(), name)
	}
	return v
}

// attr returns an attribute of an entity, from the first who has it loaded.
func (env *Env) attr(u sallyport.UID, name string) sallyport.Value {
	for i := range knowers {
		if e := env.knower(u, i); e != nil {
			if v := e.Attr(name); v.Kind() != sallyport.NotLoaded {
				return v
			}
		}
	}
	return sallyport.Value{}
}

// tag is like attr for tags.
func (env *Env) tag(u sallyport.UID, name string) sallyport.Value {
	for i := range knowers {
		if e := env.knower(u, i); e != nil {
			if v := e.Tag(name); v.Kind() != sallyport.NotLoaded {
				return v
			}
		}
	}
	return sallyport.Value{}
}

// in says whether an entity is another one or in it.
func (env *Env) in(u, ancestor sallyport.UID) Truth {
	if u == ancestor {
		return True
	}
	for i := range knowers {
		if e := env.knower(u, i); e != nil {
			if t := e.In(ancestor); t != Neither {
				return t
			}
		}
	}
	return Neither
}

// field returns a field of the context.
func (env *Env) field(name string) sallyport.Value {
	if env.Context == nil {
		return sallyport.Value{}
	}
	return env.Context(name)
}

// field returns a field of a record, which is absent if the record has none of
// that name.
func field(record sallyport.Value, name string) sallyport.Value {
	if v, ok := record.Record()[name]; ok {
		return v
	}
	return sallyport.AbsentValue()
}

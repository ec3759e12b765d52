package rule

import (
	"sync/atomic"

	"github.com/sallyport-auth/sallyport"
)

// A scalar is a compiled attribute of the principal, the resource or the context,
// as the object has it that these are made from: see [Objects]. Most of what rules
// compare is that, and then needs no value, interface or search by name.
type scalar struct {
	of       Op
	name     string
	accessor atomic.Pointer[sallyport.Accessor] // of the first type of object that was asked
}

// scalarOf compiles e, or returns nil if it is no such attribute.
func scalarOf(e *Expr) *scalar {
	if e.Op != Attr && e.Op != Has {
		return nil
	}
	switch of := e.Args[0].Op; of {
	case Principal, Resource, Context:
		return &scalar{of: of, name: e.Name}
	}
	return nil
}

// read returns the attribute, of the kind declared or absent, and what read it. It
// is not loaded if there is no such object or the object does not know: then the
// entity or the context has to be asked.
func (s *scalar) read(env *Env) (sallyport.Scalar, *sallyport.Accessor) {
	object := env.Objects.Resource
	switch s.of {
	case Principal:
		object = env.Objects.Principal
	case Context:
		object = env.Objects.Context
	}
	if object == nil {
		return sallyport.Scalar{}, nil
	}
	a := s.accessor.Load()
	if a == nil || !a.Fits(object) {
		if a = object.Accessor(s.name); a == nil {
			return sallyport.Scalar{}, nil
		}
		s.accessor.CompareAndSwap(nil, a)
	}
	return a.Read(object), a
}

// direct compiles e where it asks nothing but scalars; general is e compiled in
// the general way, for when one of them is not loaded.
func direct(e *Expr, general condition) condition {
	switch e.Op {
	case Attr:
		if s := scalarOf(e); s != nil {
			return s.holds(general)
		}
	case Has:
		if s := scalarOf(e); s != nil {
			return s.isThere(general)
		}
	case Equal, Less, LessEqual:
		left, right := scalarOf(e.Args[0]), scalarOf(e.Args[1])
		switch {
		case left != nil && right != nil:
			return left.with(e.Op, right, general)
		case left != nil:
			return left.withOther(e.Op, e.Args[1], false, general)
		case right != nil:
			return right.withOther(e.Op, e.Args[0], true, general)
		}
	}
	return general
}

func (s *scalar) holds(general condition) condition {
	return func(env *Env) Truth {
		switch v, _ := s.read(env); v.Kind {
		case sallyport.NotLoaded:
			return general(env)
		case sallyport.KindBool:
			return truth(v.N != 0)
		default:
			return Neither
		}
	}
}

func (s *scalar) isThere(general condition) condition {
	return func(env *Env) Truth {
		v, _ := s.read(env)
		if v.Kind == sallyport.NotLoaded {
			return general(env)
		}
		return truth(v.Kind != sallyport.Absent)
	}
}

// with compiles a comparison of two scalars.
func (s *scalar) with(op Op, other *scalar, general condition) condition {
	return func(env *Env) Truth {
		x, a := s.read(env)
		y, b := other.read(env)
		switch {
		case x.Kind == sallyport.NotLoaded || y.Kind == sallyport.NotLoaded:
			return general(env)
		case x.Kind == sallyport.KindEntity && y.Kind == sallyport.KindEntity && a.Entity() != b.Entity():
			return unequal(op)
		}
		return relation(op, x, y)
	}
}

// withOther compiles a comparison with what is no such attribute, which stands on
// the left if it is mirrored.
func (s *scalar) withOther(op Op, other *Expr, mirrored bool, general condition) condition {
	switch {
	case op == Equal && entity(other.Op):
		return s.refersTo(other.Op, general)
	case other.Op != Const:
		return general
	}
	c, ok := other.Value.Scalar()
	if !ok || !other.Value.Known() {
		return general
	}
	typ := other.Value.EntityType()
	return func(env *Env) Truth {
		v, by := s.read(env)
		switch {
		case v.Kind == sallyport.NotLoaded:
			return general(env)
		case v.Kind == sallyport.KindEntity && c.Kind == sallyport.KindEntity && by.Entity() != typ:
			return unequal(op)
		case mirrored:
			return relation(op, c, v)
		}
		return relation(op, v, c)
	}
}

// refersTo compiles whether the attribute is the principal or the resource.
func (s *scalar) refersTo(op Op, general condition) condition {
	return func(env *Env) Truth {
		v, by := s.read(env)
		who := env.variable(op)
		switch {
		case v.Kind == sallyport.NotLoaded || who == nil:
			return general(env)
		case v.Kind == sallyport.Absent:
			return Neither
		}
		u := who.UID()
		return truth(v.Kind == sallyport.KindEntity && v.Text == u.ID && by.Entity() == u.Type)
	}
}

// relation says whether x == y, x < y or x <= y. Entities are of the same type.
func relation(op Op, x, y sallyport.Scalar) Truth {
	switch {
	case x.Kind == sallyport.Absent || y.Kind == sallyport.Absent:
		return Neither
	case x.Kind != y.Kind:
		return unequal(op)
	case op == Equal:
		return truth(x.N == y.N && x.Text == y.Text)
	case x.Kind != sallyport.KindInt && x.Kind != sallyport.KindTime && x.Kind != sallyport.KindDuration:
		return Neither
	}
	return truth(x.N < y.N || op == LessEqual && x.N == y.N)
}

// unequal says how two values compare that are surely not equal and have no order.
func unequal(op Op) Truth {
	if op == Equal {
		return False
	}
	return Neither
}

// guardedBy compiles x has a && part, where part asks for x.a. Mostly x has it, which
// part finds out as well.
func guardedBy(has, part condition) condition {
	return func(env *Env) Truth {
		if t := part(env); t != Neither {
			return t
		}
		if t := has(env); t != True {
			return t
		}
		return Neither
	}
}

// guards reports whether has is x has a for a part of which no truth is known
// unless x.a is.
func guards(has, part *Expr) bool {
	if has.Op != Has || part.Op != Equal && part.Op != Less && part.Op != LessEqual {
		return false
	}
	of := has.Args[0].Op
	if of != Principal && of != Resource && of != Context {
		return false
	}
	for _, a := range part.Args {
		if a.Op == Attr && a.Name == has.Name && a.Args[0].Op == of {
			return true
		}
	}
	return false
}

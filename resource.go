package sallyport

import (
	"context"
	"net/http"
)

// A Type tells the policy about the Go type T, once, with typed accessors: no
// reflection, no struct tags. Declare it as a package variable; it is immutable
// and safe for concurrent use.
type Type[T any] struct{ c class }

// TypeOf declares T under the name that permissions and rules use ("Post"). id
// returns an object's identifier, which the column "id" holds: see
// [Type.KeyColumn]. It panics if name or id is missing, if an attribute has no name
// or accessor, or if two have the same name.
func TypeOf[T any](name string, id func(*T) string, attrs ...Attr[T]) *Type[T] {
	if name == "" || id == nil {
		panic("sallyport: a type needs a name and an id")
	}
	t := &Type[T]{class{name: name, key: "id", id: func(v any) string { return id(v.(*T)) }}}
	for _, a := range attrs {
		if a.blind() {
			panic("sallyport: type " + name + " has an attribute without name or accessor")
		}
		t.c.declare(a.info, a.scalar, a.value)
	}
	t.c.seal(t)
	return t
}

// KeyColumn returns the type with another column for its identifier than "id".
// Use it where the type is declared: the type that it was called on is another
// one.
func (t *Type[T]) KeyColumn(sql string) *Type[T] {
	other := &Type[T]{t.c}
	other.c.key = sql
	other.c.seal(other)
	return other
}

// Name returns the name that T was declared under.
func (t *Type[T]) Name() string { return t.c.name }

// Key returns the column that holds an object's identifier.
func (t *Type[T]) Key() string { return t.c.key }

// Attributes returns what is known of T's attributes, in the order declared. The
// caller must not change it.
func (t *Type[T]) Attributes() []Attribute { return t.c.attrs }

// InOrganizations reports whether objects of the type belong to organizations:
// see [Org].
func (t *Type[T]) InOrganizations() bool { return t.c.org != nil }

func (t *Type[T]) class() *class { return &t.c }

// Of wraps v for a query. A nil v is the zero Resource: no object.
func (t *Type[T]) Of(v *T) Resource {
	if v == nil {
		return Resource{}
	}
	return Resource{class: &t.c, object: v}
}

// Object returns the object in r if it is a T.
func (t *Type[T]) Object(r Resource) (*T, bool) {
	v, ok := r.object.(*T)
	return v, ok && r.class == &t.c
}

// From returns the object that the door loaded: see [Type.May]. It is nil
// outside such a door.
func (t *Type[T]) From(ctx context.Context) *T {
	for ps := passageFrom(ctx); ps != nil; ps = ps.outer {
		if ps.object != nil && ps.door.typ == AnyType(t) {
			return ps.object.(*T)
		}
	}
	return nil
}

// May is the door "this action on the object that load finds". The object is
// loaded after door one has opened, so that nobody learns before it whether an
// object exists. [ErrNotFound], and what the gate's NotFound lists, from load become
// 404, as does a nil object; any other error is answered as by [Gate.Error]. The
// handler finds the object with [Type.From].
func (t *Type[T]) May(action string, load func(*http.Request) (*T, error)) Door {
	if action == "" || load == nil {
		panic("sallyport: a door needs an action and a loader")
	}
	return Door{kind: may, action: action, typ: t, load: func(r *http.Request) (Resource, error) {
		v, err := load(r)
		if err == nil && v == nil {
			err = ErrNotFound
		}
		return t.Of(v), err
	}}
}

// AnyType is a [Type] of any T, or one described by [NewType]: what the policy's
// compiler, its schema and its filter know of it.
type AnyType interface {
	Name() string
	Key() string
	Attributes() []Attribute
	InOrganizations() bool

	class() *class
}

// A Resource is the object that a [Query] is about. The zero Resource is "no
// object".
type Resource struct {
	class  *class
	object any // *T
}

// IsZero reports whether r is no object at all.
func (r Resource) IsZero() bool { return r.class == nil }

// Type returns the name of the object's type, or "".
func (r Resource) Type() string {
	if r.class == nil {
		return ""
	}
	return r.class.name
}

// ID returns the object's identifier, or "".
func (r Resource) ID() string {
	if r.class == nil {
		return ""
	}
	return r.class.id(r.object)
}

// UID returns the object's type and identifier, the zero UID for no object.
func (r Resource) UID() UID { return UID{r.Type(), r.ID()} }

// Attr returns an attribute of the object: one that is not declared, or of no
// object, is not loaded.
func (r Resource) Attr(name string) Value {
	if r.class == nil {
		return Value{}
	}
	if a := r.class.accessor(name); a != nil {
		return a.read(r.object)
	}
	return Value{}
}

// Accessor returns what reads an attribute of the object, and of all others of its
// type. It is nil for an attribute that is not declared, that is a set or a range
// of addresses, or that no Go type stands behind.
func (r Resource) Accessor(name string) *Accessor {
	if r.class == nil {
		return nil
	}
	if a := r.class.accessor(name); a != nil && a.scalar != nil {
		return a
	}
	return nil
}

// Parents returns the entities that the object is directly in, of which some may
// be absent or not loaded; an object that was described wrongly may name what is
// no entity.
func (r Resource) Parents() []Value {
	if r.class == nil {
		return nil
	}
	return r.class.parents(r.object)
}

// In reports whether the object is directly in u. If it is not, sure reports that
// it is not in u at any depth: all that it is directly in is known, and is in
// nothing else (see [Attr.Top]).
func (r Resource) In(u UID) (yes, sure bool) {
	if r.class == nil {
		return false, false
	}
	return r.class.in(r.object, u)
}

// Organization returns the organization that the object belongs to, "" if it
// names none, and whether its type belongs to organizations: see [Org].
func (r Resource) Organization() (org string, belongs bool) {
	if r.class == nil || r.class.org == nil {
		return "", false
	}
	return r.class.organization(r.object), true
}

// Describe returns what is known of the object's type, nil for no object.
func (r Resource) Describe() AnyType {
	if r.class == nil {
		return nil
	}
	return r.class.of
}

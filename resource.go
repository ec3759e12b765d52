package sallyport

import (
	"context"
	"net/http"
)

// A Type tells the policy about the Go type T, once, with typed accessors: no
// reflection, no struct tags. Declare it as a package variable; it is immutable
// and safe for concurrent use.
type Type[T any] struct {
	name string
	id   func(*T) string
}

// TypeOf declares T under the name that permissions and rules use ("Post"). id
// returns an object's identifier. It panics if either is missing.
func TypeOf[T any](name string, id func(*T) string) *Type[T] {
	if name == "" || id == nil {
		panic("sallyport: a type needs a name and an id")
	}
	return &Type[T]{name, id}
}

// Name returns the name that T was declared under.
func (t *Type[T]) Name() string { return t.name }

// Of wraps v for a query. A nil v is the zero Resource: no object.
func (t *Type[T]) Of(v *T) Resource {
	if v == nil {
		return Resource{}
	}
	return Resource{typ: t, object: v}
}

// Object returns the object in r if it is a T.
func (t *Type[T]) Object(r Resource) (*T, bool) {
	v, ok := r.object.(*T)
	return v, ok && r.typ == typeOf(t)
}

// From returns the object that the door loaded: see [Type.May]. It is nil
// outside such a door.
func (t *Type[T]) From(ctx context.Context) *T {
	for ps := passageFrom(ctx); ps != nil; ps = ps.outer {
		if ps.typ == any(t) {
			return ps.object.(*T)
		}
	}
	return nil
}

// May is the door "this action on the object that load finds". The object is
// loaded after door one has opened, so that nobody learns before it whether an
// object exists. [ErrNotFound] and [database/sql.ErrNoRows] from load become
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

func (t *Type[T]) identify(v any) string { return t.id(v.(*T)) }

// typeOf is any Type[T].
type typeOf interface {
	Name() string
	identify(any) string
}

// A Resource is the object that a [Query] is about. The zero Resource is "no
// object".
type Resource struct {
	typ    typeOf
	object any // *T
}

// IsZero reports whether r is no object at all.
func (r Resource) IsZero() bool { return r.typ == nil }

// Type returns the name of the object's type, or "".
func (r Resource) Type() string {
	if r.typ == nil {
		return ""
	}
	return r.typ.Name()
}

// ID returns the object's identifier, or "".
func (r Resource) ID() string {
	if r.typ == nil {
		return ""
	}
	return r.typ.identify(r.object)
}

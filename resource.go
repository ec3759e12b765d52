package sallyport

import (
	"context"
	"net/http"
)

// A Type tells the policy about the Go type T, once, with typed accessors: no
// reflection, no struct tags. Declare it as a package variable; it is immutable
// and safe for concurrent use.
type Type[T any] struct {
	name   string
	id     func(*T) string
	key    string // column that holds the id
	attrs  []Attribute
	gets   []func(*T) Value
	org    int // index of the attribute "org", -1 = T does not belong to organizations
	inside []int
}

// TypeOf declares T under the name that permissions and rules use ("Post"). id
// returns an object's identifier, which the column "id" holds: see
// [Type.KeyColumn]. It panics if name or id is missing, if an attribute has no name
// or accessor, or if two have the same name.
func TypeOf[T any](name string, id func(*T) string, attrs ...Attr[T]) *Type[T] {
	if name == "" || id == nil {
		panic("sallyport: a type needs a name and an id")
	}
	t := &Type[T]{name: name, id: id, key: "id", org: -1}
	for i, a := range attrs {
		switch {
		case a.get == nil || a.info.Name == "":
			panic("sallyport: type " + name + " has an attribute without name or accessor")
		case t.index(a.info.Name) >= 0:
			panic("sallyport: type " + name + " has two attributes " + a.info.Name)
		}
		a.info.mustFit()
		if a.info.organization() {
			t.org = i
		}
		if a.info.Parent {
			t.inside = append(t.inside, i)
		}
		t.attrs, t.gets = append(t.attrs, a.info), append(t.gets, a.get)
	}
	return t
}

// KeyColumn returns the type with another column for its identifier than "id".
// Use it where the type is declared: the type that it was called on is another
// one.
func (t *Type[T]) KeyColumn(sql string) *Type[T] {
	c := *t
	c.key = sql
	return &c
}

// Name returns the name that T was declared under.
func (t *Type[T]) Name() string { return t.name }

// Key returns the column that holds an object's identifier.
func (t *Type[T]) Key() string { return t.key }

// Attributes returns what is known of T's attributes, in the order declared. The
// caller must not change it.
func (t *Type[T]) Attributes() []Attribute { return t.attrs }

// InOrganizations reports whether objects of the type belong to organizations:
// see [Org].
func (t *Type[T]) InOrganizations() bool { return t.org >= 0 }

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
	return v, ok && r.typ == AnyType(t)
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

func (t *Type[T]) index(name string) int {
	for i := range t.attrs {
		if t.attrs[i].Name == name {
			return i
		}
	}
	return -1
}

func (t *Type[T]) identify(v any) string { return t.id(v.(*T)) }

func (t *Type[T]) read(v any, name string) Value {
	if i := t.index(name); i >= 0 {
		return t.gets[i](v.(*T))
	}
	return Value{}
}

func (t *Type[T]) parents(v any) []Value {
	if len(t.inside) == 0 {
		return nil
	}
	found := make([]Value, len(t.inside))
	for n, i := range t.inside {
		found[n] = t.gets[i](v.(*T))
	}
	return found
}

// organization is asked only of a type that belongs to organizations.
func (t *Type[T]) organization(v any) string {
	if u := t.gets[t.org](v.(*T)).UID(); u.Type == OrganizationType { // a Described may hold anything
		return u.ID
	}
	return ""
}

// AnyType is a [Type] of any T, or one described by [NewType]: what the policy's
// compiler, its schema and its filter know of it.
type AnyType interface {
	Name() string
	Key() string
	Attributes() []Attribute
	InOrganizations() bool

	identify(v any) string
	read(v any, name string) Value
	parents(v any) []Value
	organization(v any) string
}

// A Resource is the object that a [Query] is about. The zero Resource is "no
// object".
type Resource struct {
	typ    AnyType
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

// UID returns the object's type and identifier, the zero UID for no object.
func (r Resource) UID() UID { return UID{r.Type(), r.ID()} }

// Attr returns an attribute of the object: one that is not declared, or of no
// object, is not loaded.
func (r Resource) Attr(name string) Value {
	if r.typ == nil {
		return Value{}
	}
	return r.typ.read(r.object, name)
}

// Parents returns the entities that the object is directly in, of which some may
// be absent or not loaded; an object that was described wrongly may name what is
// no entity.
func (r Resource) Parents() []Value {
	if r.typ == nil {
		return nil
	}
	return r.typ.parents(r.object)
}

// Organization returns the organization that the object belongs to, "" if it
// names none, and whether its type belongs to organizations: see [Org].
func (r Resource) Organization() (org string, belongs bool) {
	if r.typ == nil || !r.typ.InOrganizations() {
		return "", false
	}
	return r.typ.organization(r.object), true
}

// Describe returns what is known of the object's type, nil for no object.
func (r Resource) Describe() AnyType { return r.typ }

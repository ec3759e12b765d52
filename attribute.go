package sallyport

import (
	"net/netip"
	"time"
)

// The types of entity that Sallyport itself knows.
const (
	UserType         = "User"
	ServiceType      = "Service"
	AnonymousType    = "Anonymous"
	RoleType         = "Role"
	OrganizationType = "Organization"
	ActionType       = "Action"
)

// An Attribute is what the policy's compiler, its schema and its SQL know of one
// attribute of a type.
type Attribute struct {
	Name     string
	Kind     ValueKind
	Entity   string    // type of the entity it refers to, or of a set's entities
	Element  ValueKind // of a set
	Column   string    // SQL that reads it, within the caller's own SELECT; "" = it cannot be listed by
	Optional bool      // in a schema: rules must ask with "has" whether it is there
	Nullable bool      // it may be absent, and its column NULL; of what is optional anyway
	Parent   bool      // the object is in the entity it refers to, as a policy's "in" has it
	Top      bool      // of a parent: it is in nothing else. So are all of our own types
}

// organization reports whether the attribute makes its type belong to
// organizations: see [Org].
func (a *Attribute) organization() bool {
	return a.Name == "org" && a.Parent && a.Entity == OrganizationType
}

// An Attr reads one attribute of a T: see [TypeOf]. Make one with [String],
// [Subject] and their like, and refine it with its methods, each of which returns
// a new Attr.
type Attr[T any] struct {
	info   Attribute
	scalar func(object any) Scalar // object is a *T
	value  func(object any) Value  // where it is no scalar
}

// String is an attribute that holds text.
func String[T any](name string, get func(*T) string) Attr[T] {
	return scalar[T](name, Attribute{Kind: KindString}, get == nil, func(t any) Scalar {
		return Scalar{Kind: KindString, Text: get(t.(*T))}
	})
}

// Bool is an attribute that holds a truth value.
func Bool[T any](name string, get func(*T) bool) Attr[T] {
	return scalar[T](name, Attribute{Kind: KindBool}, get == nil, func(t any) Scalar {
		if get(t.(*T)) {
			return Scalar{Kind: KindBool, N: 1}
		}
		return Scalar{Kind: KindBool}
	})
}

// Int is an attribute that holds an integer.
func Int[T any](name string, get func(*T) int64) Attr[T] {
	return scalar[T](name, Attribute{Kind: KindInt}, get == nil, func(t any) Scalar {
		return Scalar{Kind: KindInt, N: get(t.(*T))}
	})
}

// Time is an attribute that holds a moment; its column holds milliseconds since
// the start of 1970 (UTC). The zero time is absent.
func Time[T any](name string, get func(*T) time.Time) Attr[T] {
	return scalar[T](name, Attribute{Kind: KindTime, Nullable: true}, get == nil, func(t any) Scalar {
		if at := get(t.(*T)); !at.IsZero() {
			return Scalar{Kind: KindTime, N: at.UnixMilli()}
		}
		return Scalar{Kind: Absent}
	})
}

// Duration is an attribute that holds a time span; its column holds milliseconds.
func Duration[T any](name string, get func(*T) time.Duration) Attr[T] {
	return scalar[T](name, Attribute{Kind: KindDuration}, get == nil, func(t any) Scalar {
		return Scalar{Kind: KindDuration, N: get(t.(*T)).Milliseconds()}
	})
}

// IP is an attribute that holds an address or a range of addresses. The zero
// Prefix is absent. It cannot be listed by.
func IP[T any](name string, get func(*T) netip.Prefix) Attr[T] {
	return value[T](name, Attribute{Kind: KindIP, Nullable: true}, get == nil, func(t any) Value {
		p := get(t.(*T))
		return IPValue(&p)
	})
}

// Subject is an attribute that names a user, by [Principal.Subject]. The empty
// one is absent, in its column as "" or NULL; a rule that compares it is then sure
// of nothing, so it permits nothing. To let rules ask whether there is one, use
// [Attr.If].
func Subject[T any](name string, get func(*T) string) Attr[T] { return Entity(name, UserType, get) }

// Entity is an attribute that names an entity of the type given, by its
// identifier. The empty one is absent, in its column as "" or NULL.
func Entity[T any](name, typ string, get func(*T) string) Attr[T] {
	return scalar[T](name, Attribute{Kind: KindEntity, Entity: typ, Nullable: true}, get == nil, func(t any) Scalar {
		if id := get(t.(*T)); id != "" {
			return Scalar{Kind: KindEntity, Text: id}
		}
		return Scalar{Kind: Absent}
	})
}

// Org is the attribute "org": the organization that the object belongs to. With
// it, the type belongs to organizations: only a principal who acts in the
// object's organization is permitted anything on it, roles of that organization
// count for it, and an object that names no organization is denied to all.
func Org[T any](get func(*T) string) Attr[T] { return Entity("org", OrganizationType, get).Parent() }

// Strings is an attribute that holds a set of texts. It cannot be listed by.
func Strings[T any](name string, get func(*T) []string) Attr[T] {
	return value[T](name, Attribute{Kind: KindSet, Element: KindString}, get == nil, func(t any) Value {
		return set(get(t.(*T)), StringValue)
	})
}

// Entities is an attribute that names a set of entities of the type given. It
// cannot be listed by.
func Entities[T any](name, typ string, get func(*T) []string) Attr[T] {
	of := boxed(typ)
	return value[T](name, Attribute{Kind: KindSet, Element: KindEntity, Entity: typ}, get == nil, func(t any) Value {
		return set(get(t.(*T)), func(id string) Value { return entity(of, id) })
	})
}

func set[E any](elements []E, value func(E) Value) Value {
	values := make([]Value, len(elements))
	for i, e := range elements {
		values[i] = value(e)
	}
	return SetValue(values...)
}

// scalar makes an attribute. One that is blind, because it was given no accessor,
// is left for [TypeOf] to find.
func scalar[T any](name string, info Attribute, blind bool, get func(any) Scalar) Attr[T] {
	info.Name, info.Column = name, name
	if blind {
		get = nil
	}
	return Attr[T]{info: info, scalar: get}
}

// value is like scalar for what no column holds.
func value[T any](name string, info Attribute, blind bool, get func(any) Value) Attr[T] {
	info.Name = name
	if blind {
		get = nil
	}
	return Attr[T]{info: info, value: get}
}

// blind reports whether the attribute has no accessor.
func (a *Attr[T]) blind() bool { return a.scalar == nil && a.value == nil }

// Column names the column that holds the attribute, where it is not the
// attribute's own name: "author_id", or with the table, "p.author_id". It is
// SQL, written into every filter as it stands. With "" the attribute cannot be
// listed by.
func (a Attr[T]) Column(sql string) Attr[T] { a.info.Column = sql; return a }

// If makes the attribute absent wherever there is no such thing: where there is
// false, and the column NULL. It panics without an accessor or there.
func (a Attr[T]) If(there func(*T) bool) Attr[T] {
	if a.blind() || there == nil {
		panic("sallyport: attribute " + a.info.Name + " needs an accessor, and to know when it is there")
	}
	a.info.Optional, a.info.Nullable = true, true
	if value := a.value; value != nil {
		a.value = func(t any) Value {
			if there(t.(*T)) {
				return value(t)
			}
			return AbsentValue()
		}
		return a
	}
	scalar := a.scalar
	a.scalar = func(t any) Scalar {
		if there(t.(*T)) {
			return scalar(t)
		}
		return Scalar{Kind: Absent}
	}
	return a
}

// Parent says that the object is in the entity that the attribute names, so that
// a rule may write "resource in Folder::…" and a grant on the folder reaches the
// object. It panics if the attribute does not name an entity.
func (a Attr[T]) Parent() Attr[T] {
	a.info.Parent = true
	a.info.mustFit()
	return a
}

// Top is [Attr.Parent], and says that the entity is in nothing else itself. Without
// it, where the entity is not the one that a rule asks for, that rule is not sure
// that the object is not in it further up: a permit does not fire, a forbid does.
func (a Attr[T]) Top() Attr[T] {
	a.info.Top = true
	return a.Parent()
}

// mustFit panics if the attribute is no parent, but says so.
func (a *Attribute) mustFit() {
	if a.Parent && a.Kind != KindEntity {
		panic("sallyport: attribute " + a.Name + " names no entity, and cannot be a parent")
	}
}

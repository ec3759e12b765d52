package sallyport

// A Described is an object whose attributes came from elsewhere than a Go value,
// such as a request to decide: see [NewType].
type Described struct {
	ID      string
	Attrs   map[string]Value // what is not in it is not loaded
	Parents []UID            // entities that it is directly in, beside those that its attributes name
}

// A DescribedType is a type of object that no Go type stands for. It is immutable
// and safe for concurrent use.
type DescribedType struct{ t *Type[Described] }

// NewType describes a type of object that no Go type stands for, as a schema
// does. A parent among attrs is one for its objects too; the attribute "org", if
// it is a reference to an organization and a parent, makes the type belong to
// organizations. It panics as [TypeOf] does, and on a parent that is no reference.
func NewType(name string, attrs ...Attribute) *DescribedType {
	made := make([]Attr[Described], len(attrs))
	for i, a := range attrs {
		a.Nullable = a.Nullable || a.Optional
		made[i] = Attr[Described]{info: a, get: func(d *Described) Value { return d.Attrs[a.Name] }}
	}
	return &DescribedType{TypeOf(name, func(d *Described) string { return d.ID }, made...)}
}

// Of wraps d for a query. A nil d is the zero Resource: no object. An attribute
// of d that the type does not have is not loaded.
func (t *DescribedType) Of(d *Described) Resource {
	if d == nil {
		return Resource{}
	}
	return Resource{typ: t, object: d}
}

// Name returns the name of the type.
func (t *DescribedType) Name() string { return t.t.name }

// Key returns the column that holds an object's identifier.
func (t *DescribedType) Key() string { return t.t.key }

// Attributes returns what is known of the attributes, in the order described. The
// caller must not change it.
func (t *DescribedType) Attributes() []Attribute { return t.t.attrs }

// InOrganizations reports whether objects of the type belong to organizations.
func (t *DescribedType) InOrganizations() bool { return t.t.org >= 0 }

func (t *DescribedType) identify(v any) string         { return t.t.identify(v) }
func (t *DescribedType) read(v any, name string) Value { return t.t.read(v, name) }
func (t *DescribedType) organization(v any) string     { return t.t.organization(v) }

func (t *DescribedType) parents(v any) []Value {
	found := t.t.parents(v)
	for _, u := range v.(*Described).Parents {
		found = append(found, EntityValue(u))
	}
	return found
}

// organizations are the objects that organizations themselves are: each belongs
// to itself.
var organizations = TypeOf(OrganizationType, func(id *string) string { return *id }, Org(func(id *string) string { return *id }))

// OrganizationResource is an organization as the object of a query, which belongs
// to itself: roles that its members have in it count for it. The empty id is the
// zero Resource: no object.
func OrganizationResource(id string) Resource {
	if id == "" {
		return Resource{}
	}
	return organizations.Of(&id)
}

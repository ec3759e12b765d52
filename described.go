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
type DescribedType struct{ c class }

// NewType describes a type of object that no Go type stands for, as a schema
// does. A parent among attrs is one for its objects too; the attribute "org", if
// it is a reference to an organization and a parent, makes the type belong to
// organizations. It panics as [TypeOf] does, and on a parent that is no reference.
func NewType(name string, attrs ...Attribute) *DescribedType {
	if name == "" {
		panic("sallyport: a type needs a name and an id")
	}
	t := &DescribedType{class{name: name, key: "id", id: func(d any) string { return d.(*Described).ID }}}
	t.c.further = func(d any) []UID { return d.(*Described).Parents }
	for _, a := range attrs {
		a.Nullable = a.Nullable || a.Optional
		t.c.declare(a, nil, func(d any) Value { return d.(*Described).Attrs[a.Name] })
	}
	t.c.seal(t)
	return t
}

// Of wraps d for a query. A nil d is the zero Resource: no object. An attribute
// of d that the type does not have is not loaded.
func (t *DescribedType) Of(d *Described) Resource {
	if d == nil {
		return Resource{}
	}
	return Resource{class: &t.c, object: d}
}

// Name returns the name of the type.
func (t *DescribedType) Name() string { return t.c.name }

// Key returns the column that holds an object's identifier.
func (t *DescribedType) Key() string { return t.c.key }

// Attributes returns what is known of the attributes, in the order described. The
// caller must not change it.
func (t *DescribedType) Attributes() []Attribute { return t.c.attrs }

// InOrganizations reports whether objects of the type belong to organizations.
func (t *DescribedType) InOrganizations() bool { return t.c.org != nil }

func (t *DescribedType) class() *class { return &t.c }

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

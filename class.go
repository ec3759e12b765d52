package sallyport

// A class is what is known of a type without its Go type. It is immutable once
// sealed.
type class struct {
	of        AnyType
	name      string
	key       string // column that holds the id
	id        func(object any) string
	attrs     []Attribute
	accessors []Accessor // by attribute
	org       *Accessor  // of the attribute "org"; nil = objects do not belong to organizations
	inside    []*Accessor
	further   func(object any) []UID // parents beside those that attributes name; nil = none
}

// declare enters an attribute with one of the two ways to read it.
func (c *class) declare(a Attribute, scalar func(any) Scalar, value func(any) Value) {
	switch {
	case a.Name == "":
		panic("sallyport: type " + c.name + " has an attribute without name or accessor")
	case c.accessor(a.Name) != nil:
		panic("sallyport: type " + c.name + " has two attributes " + a.Name)
	}
	a.mustFit()
	a.Top = a.Parent && (a.Top || topmost[a.Entity])
	c.attrs = append(c.attrs, a)
	c.accessors = append(c.accessors, Accessor{name: a.Name, entity: boxed(a.Entity), scalar: scalar, value: value})
}

// seal ends the declaration of t, whose class c is from then on.
func (c *class) seal(t AnyType) {
	c.of, c.org, c.inside = t, nil, nil
	c.accessors = append([]Accessor(nil), c.accessors...)
	for i := range c.accessors {
		a := &c.accessors[i]
		a.class = c
		if c.attrs[i].organization() {
			c.org = a
		}
		if c.attrs[i].Parent {
			c.inside = append(c.inside, a)
		}
	}
}

func (c *class) accessor(name string) *Accessor {
	for i := range c.accessors {
		if a := &c.accessors[i]; a.name == name {
			return a
		}
	}
	return nil
}

// topmost are the types of ours that are in nothing else, as far as an object's
// ancestry goes.
var topmost = map[string]bool{OrganizationType: true, UserType: true, ServiceType: true, RoleType: true}

// in says whether the object is directly in u, and if not, whether it is surely not
// in u at all.
func (c *class) in(object any, u UID) (yes, sure bool) {
	sure = true
	for i, a := range c.attrs {
		if !a.Parent {
			continue
		}
		v := c.accessors[i].read(object)
		if v.UID() == u && v.Known() {
			return true, true
		}
		sure = sure && (a.Top || v.Kind() == Absent) && v.Kind() != NotLoaded
	}
	if c.further == nil {
		return false, sure
	}
	for _, parent := range c.further(object) {
		if parent == u {
			return true, true
		}
		sure = sure && c.tops(parent.Type)
	}
	return false, sure
}

// tops reports whether entities of a type are in nothing else.
func (c *class) tops(typ string) bool {
	for _, a := range c.attrs {
		if a.Top && a.Entity == typ {
			return true
		}
	}
	return topmost[typ]
}

// organization returns the organization that an object belongs to, "" if it names
// none.
func (c *class) organization(object any) string {
	if u := c.org.read(object).UID(); u.Type == OrganizationType { // a Described may hold anything
		return u.ID
	}
	return ""
}

func (c *class) parents(object any) []Value {
	if len(c.inside) == 0 && c.further == nil {
		return nil
	}
	found := make([]Value, 0, 4)
	for _, a := range c.inside {
		found = append(found, a.read(object))
	}
	if c.further != nil {
		for _, u := range c.further(object) {
			found = append(found, EntityValue(u))
		}
	}
	return found
}

// A Scalar is a [Value] that is neither a set nor a record nor a range of
// addresses, small enough to be handed on in registers. The zero Scalar is not
// loaded.
type Scalar struct {
	Kind ValueKind
	N    int64  // as [Value.Int]; of a truth value, 0 or 1
	Text string // of an entity its identifier: for its type see [Accessor.Entity]
}

// Scalar returns v as a scalar, if it is one.
func (v Value) Scalar() (s Scalar, ok bool) {
	switch v.kind {
	case KindSet, KindRecord, KindIP:
		return Scalar{}, false
	}
	return Scalar{v.kind, v.n, v.s}, true
}

// An Accessor reads one attribute of the objects of one type without looking for
// it by name: for the policy's compiler, which asks the same of many objects. Get
// one from [Resource.Accessor].
type Accessor struct {
	class  *class
	name   string
	entity any // string: type of the entity it refers to
	scalar func(object any) Scalar
	value  func(object any) Value // where it is no scalar, or no Go type stands behind
}

// Fits reports whether a reads objects of r's type. A nil r has none.
func (a *Accessor) Fits(r *Resource) bool { return r != nil && a.class == r.class }

// Read returns the attribute of r, of the kind declared or absent. It panics if a
// does not fit.
func (a *Accessor) Read(r *Resource) Scalar { return a.scalar(r.object) }

// Entity returns the type of the entities that the attribute refers to, "" if it
// refers to none.
func (a *Accessor) Entity() string { s, _ := a.entity.(string); return s }

func (a *Accessor) read(object any) Value {
	if a.value != nil {
		return a.value(object)
	}
	s := a.scalar(object)
	v := Value{kind: s.Kind, n: s.N, s: s.Text}
	if s.Kind == KindEntity {
		v.x = a.entity
	}
	return v
}

package authz

import (
	"maps"
	"slices"

	"github.com/sallyport-auth/sallyport"
)

// Query returns the query that the entry is about, to be decided again: by the
// recorded principal, attributes and context, at the recorded time. types are what
// is known of types of objects; of one that is not among them it is known what was
// recorded. Roles are defined, and grants given, as they are when the query is
// decided: neither is in the log.
func (e *DecisionEntry) Query(types ...sallyport.AnyType) sallyport.Query {
	q := sallyport.Query{Principal: e.Principal, Action: e.Action, Context: e.Context}
	if q.Principal == nil {
		q.Principal = new(sallyport.Principal)
	}
	if q.Context.Time.IsZero() {
		q.Context.Time = e.At
	}
	if e.Resource.Type != "" {
		t := sallyport.NewType(e.Resource.Type, e.attributes(types)...)
		q.Resource = t.Of(&sallyport.Described{ID: e.Resource.ID, Attrs: e.Attrs, Parents: e.Parents})
	}
	return q
}

// attributes are those that the type of the object is known to have, and those
// that were recorded.
func (e *DecisionEntry) attributes(types []sallyport.AnyType) []sallyport.Attribute {
	var known []sallyport.Attribute
	for _, t := range types {
		if t.Name() == e.Resource.Type {
			known = slices.Clone(t.Attributes())
			break
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Attrs)) {
		i := slices.IndexFunc(known, func(a sallyport.Attribute) bool { return a.Name == name })
		if i < 0 {
			i = len(known)
			known = append(known, sallyport.Attribute{Name: name, Kind: e.Attrs[name].Kind(), Entity: e.Attrs[name].EntityType()})
		}
		if name == "org" && e.guarded() {
			known[i] = sallyport.Attribute{Name: name, Kind: sallyport.KindEntity, Entity: sallyport.OrganizationType, Parent: true}
		}
	}
	return known
}

// guarded reports whether the object belonged to organizations: it was in the one
// that its attribute names, or the attribute named none. The latter is a guess,
// and the one that denies.
func (e *DecisionEntry) guarded() bool {
	org := e.Attrs["org"]
	return org.Kind() == sallyport.Absent || org.EntityType() == sallyport.OrganizationType && slices.Contains(e.Parents, org.UID())
}

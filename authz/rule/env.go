package rule

import "github.com/sallyport-auth/sallyport"

// An Entity is a principal, a resource or whatever they refer to, as far as it is
// known.
type Entity interface {
	// UID returns its type and identifier. It never changes.
	UID() sallyport.UID
	// Attr returns an attribute: absent if the entity surely has none of that name,
	// not loaded if nobody knows.
	Attr(name string) sallyport.Value
	// Tag is like Attr for tags.
	Tag(name string) sallyport.Value
	// In says whether the entity is in ancestor, at any depth. It is not asked about
	// the entity itself.
	In(ancestor sallyport.UID) Truth
}

// Entities are the entities that neither are the principal nor the resource.
type Entities interface {
	// Entity returns nil if it is not loaded.
	Entity(sallyport.UID) Entity
}

// An Env is what a query is about. It may be reused for the next query once an
// evaluation has returned, but not by two at the same time; nothing keeps it.
type Env struct {
	Principal Entity // never nil
	Action    sallyport.UID
	Resource  Entity                            // nil: no object, every condition on one is neither true nor false
	Context   func(name string) sallyport.Value // a field of the context; nil = none is loaded
	Record    func() sallyport.Value            // the context as a whole, for conditions that hand it on; nil = not loaded
	Entities  Entities                          // nil: no other entity is loaded

	// Objects that the principal, the resource and the context are made from, if any:
	// scalars are read from them, which is faster.
	Objects Objects
}

// Objects are what an [Env] is made from: see there. What one of them has, the
// entity or the context made from it has likewise; an entity made from a principal
// has the UID of [PrincipalUID] and the attributes of [PrincipalAttr]. A nil or
// zero one is none.
//
// A context without a time is given the present one if a rule asks for it.
type Objects struct {
	Principal *sallyport.Principal
	Resource  *sallyport.Resource
	Context   *sallyport.Context
}

package rule

import (
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// A source is where the value of an operand comes from.
type source uint8

const (
	literal      source = iota + 1 // the rule itself
	thePrincipal                   // who asks, as an entity
	principalOrg                   // and what is known of them
	principalPlan
	principalAAL
	principalAuthTime
	principalCredential
	theResource       // the object, as an entity
	resourceAttribute // and what its type declares
	contextTime       // when the query is asked
	contextField      // and what else the caller knows
)

// principalSources are the attributes of a principal that are scalars.
var principalSources = map[string]source{
	"org":        principalOrg,
	"plan":       principalPlan,
	"aal":        principalAAL,
	"auth_time":  principalAuthTime,
	"credential": principalCredential,
}

// An operand is what a leaf compares: a constant, or what is read from [Objects]
// without making a value, and without an interface or a search by name.
type operand struct {
	from     source
	kind     sallyport.ValueKind // of a constant, as the next three
	n        int64
	text     string                             // or the name of an attribute
	entity   string                             // type of an entity
	accessor atomic.Pointer[sallyport.Accessor] // of the first type of object that was asked
}

// is compiles e, if it is a constant, a variable or an attribute that is a scalar
// as far as one sees, and reports whether it is.
func (o *operand) is(e *Expr) bool {
	switch e.Op {
	case Const:
		c, ok := atomOf(e.Value)
		o.from, o.kind, o.n, o.text, o.entity = literal, c.Kind, c.N, c.Text, c.entity
		return ok
	case Principal:
		o.from = thePrincipal
	case Resource:
		o.from = theResource
	case Attr:
		o.text = e.Name
		switch e.Args[0].Op {
		case Principal:
			o.from = principalSources[e.Name]
		case Resource:
			o.from = resourceAttribute
		case Context:
			o.from = contextField
			if e.Name == "time" {
				o.from = contextTime
			}
		}
	}
	return o.from != 0
}

// read returns the operand, and the type of the entity that it is. It is not loaded
// if the objects do not tell.
func (o *operand) read(from *Objects) (v sallyport.Scalar, entity string) {
	switch o.from {
	case literal:
		return sallyport.Scalar{Kind: o.kind, N: o.n, Text: o.text}, o.entity
	case resourceAttribute:
		return o.attribute(from.Resource)
	case theResource:
		if r := from.Resource; r != nil && !r.IsZero() {
			return sallyport.Scalar{Kind: sallyport.KindEntity, Text: r.ID()}, r.Type()
		}
		return sallyport.Scalar{}, ""
	case contextTime, contextField:
		return o.circumstance(from.Context)
	}
	if from.Principal == nil {
		return sallyport.Scalar{}, ""
	}
	return readPrincipal(from.Principal, o.from)
}

// number is read for what is compared as a number: N, and the kind.
func (o *operand) number(from *Objects) (int64, sallyport.ValueKind) {
	switch o.from {
	case literal:
		return o.n, o.kind
	case resourceAttribute:
		a := o.accessor.Load()
		if a == nil || !a.Fits(from.Resource) {
			if a = o.find(from.Resource); a == nil {
				return 0, sallyport.NotLoaded
			}
		}
		v := a.Read(from.Resource)
		return v.N, v.Kind
	case principalAAL:
		if p := from.Principal; p != nil && p.Kind != sallyport.Anonymous {
			return int64(p.AAL), sallyport.KindInt
		}
	case contextTime:
		if c := from.Context; c != nil {
			return now(c), sallyport.KindTime
		}
	}
	v, _ := o.read(from)
	return v.N, v.Kind
}

// word is read for what is compared as a text: Text, and the kind.
func (o *operand) word(from *Objects) (string, sallyport.ValueKind) {
	switch o.from {
	case resourceAttribute:
		a := o.accessor.Load()
		if a == nil || !a.Fits(from.Resource) {
			if a = o.find(from.Resource); a == nil {
				return "", sallyport.NotLoaded
			}
		}
		v := a.Read(from.Resource)
		return v.Text, v.Kind
	case principalPlan:
		if p := from.Principal; p != nil && p.Plan != "" && p.Kind != sallyport.Anonymous {
			return p.Plan, sallyport.KindString
		}
	}
	v, _ := o.read(from)
	return v.Text, v.Kind
}

// reference is read, for what is compared with an entity.
func (o *operand) reference(from *Objects) (sallyport.Scalar, string) {
	if o.from == resourceAttribute {
		return o.attribute(from.Resource)
	}
	return o.read(from)
}

// always reports whether the operand is of a kind, or absent, whatever is asked.
func (o *operand) always(kind sallyport.ValueKind) bool {
	switch o.from {
	case literal:
		return o.kind == kind
	case principalPlan, principalCredential:
		return kind == sallyport.KindString
	case principalAAL:
		return kind == sallyport.KindInt
	case principalAuthTime, contextTime:
		return kind == sallyport.KindTime
	}
	return false
}

// isNumber reports whether the operand is always a number.
func (o *operand) isNumber() bool {
	for _, kind := range numbers {
		if o.always(kind) {
			return true
		}
	}
	return false
}

var numbers = []sallyport.ValueKind{sallyport.KindBool, sallyport.KindInt, sallyport.KindTime, sallyport.KindDuration, sallyport.KindDecimal}

func (o *operand) attribute(r *sallyport.Resource) (sallyport.Scalar, string) {
	a := o.accessor.Load()
	if a == nil || !a.Fits(r) {
		if a = o.find(r); a == nil {
			return sallyport.Scalar{}, ""
		}
	}
	v := a.Read(r)
	if v.Kind == sallyport.KindEntity {
		return v, a.Entity()
	}
	return v, ""
}

// find returns what reads the attribute of r, nil if nothing does.
func (o *operand) find(r *sallyport.Resource) *sallyport.Accessor {
	if r == nil {
		return nil
	}
	a := r.Accessor(o.text)
	if a != nil {
		o.accessor.CompareAndSwap(nil, a)
	}
	return a
}

func (o *operand) circumstance(c *sallyport.Context) (sallyport.Scalar, string) {
	switch {
	case c == nil:
		return sallyport.Scalar{}, ""
	case o.from == contextTime:
		return sallyport.Scalar{Kind: sallyport.KindTime, N: now(c)}, ""
	case o.text == "addr":
		return sallyport.Scalar{}, ""
	}
	v, ok := c.Attrs[o.text]
	if !ok {
		return sallyport.Scalar{Kind: sallyport.Absent}, ""
	}
	s, _ := v.Scalar() // what is none is not loaded
	return s, v.EntityType()
}

// now is when the query is asked, in milliseconds. The clock is read once for all
// that ask.
func now(c *sallyport.Context) int64 {
	if c.Time.IsZero() {
		c.Time = time.Now()
	}
	return c.Time.UnixMilli()
}

// readPrincipal returns a principal or an attribute of it. The anonymous one has
// none.
func readPrincipal(p *sallyport.Principal, from source) (sallyport.Scalar, string) {
	if from == thePrincipal {
		u := PrincipalUID(p)
		return sallyport.Scalar{Kind: sallyport.KindEntity, Text: u.ID}, u.Type
	}
	if p.Kind == sallyport.Anonymous {
		return sallyport.Scalar{Kind: sallyport.Absent}, ""
	}
	switch from {
	case principalOrg:
		if p.Org != "" {
			return sallyport.Scalar{Kind: sallyport.KindEntity, Text: p.Org}, sallyport.OrganizationType
		}
	case principalPlan:
		if p.Plan != "" {
			return sallyport.Scalar{Kind: sallyport.KindString, Text: p.Plan}, ""
		}
	case principalAAL:
		return sallyport.Scalar{Kind: sallyport.KindInt, N: int64(p.AAL)}, ""
	case principalAuthTime:
		if !p.AuthTime.IsZero() {
			return sallyport.Scalar{Kind: sallyport.KindTime, N: p.AuthTime.UnixMilli()}, ""
		}
	case principalCredential:
		return sallyport.Scalar{Kind: sallyport.KindString, Text: p.Credential}, ""
	}
	return sallyport.Scalar{Kind: sallyport.Absent}, ""
}

// PrincipalAttr returns an attribute of a principal that is a scalar, as rules have
// it: see [Objects]. It is absent if a principal has none of that name.
func PrincipalAttr(p *sallyport.Principal, name string) sallyport.Value {
	from := principalSources[name]
	if from == 0 {
		return sallyport.AbsentValue()
	}
	switch v, entity := readPrincipal(p, from); v.Kind {
	case sallyport.KindEntity:
		return sallyport.EntityValue(sallyport.UID{Type: entity, ID: v.Text})
	case sallyport.KindString:
		return sallyport.StringValue(v.Text)
	case sallyport.KindInt:
		return sallyport.IntValue(v.N)
	case sallyport.KindTime:
		return sallyport.TimeMillis(v.N)
	default:
		return sallyport.AbsentValue()
	}
}

// PrincipalUID returns the entity that a principal is in rules.
func PrincipalUID(p *sallyport.Principal) sallyport.UID {
	switch p.Kind {
	case sallyport.User:
		return sallyport.UID{Type: sallyport.UserType, ID: p.Subject}
	case sallyport.Service:
		return sallyport.UID{Type: sallyport.ServiceType, ID: p.Subject}
	default:
		return sallyport.UID{Type: sallyport.AnonymousType}
	}
}

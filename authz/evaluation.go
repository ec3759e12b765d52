package authz

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// An evaluation is one query on its way through the policy. It is reused, so that
// a decision does not allocate.
type evaluation struct {
	policy *Policy
	query  sallyport.Query
	standing
	who   principal
	what  object
	env   rule.Env
	addr  netip.Prefix
	given struct { // grant, once it is read: how somebody signed in does not change it
		read bool
		by   string
	}
}

var evaluations = sync.Pool{New: func() any {
	e := new(evaluation)
	e.what.q = &e.query
	e.env.Principal, e.env.Context, e.env.Record, e.env.Entities = &e.who, e.context, e.record, e
	e.env.Objects.Resource, e.env.Objects.Context = &e.query.Resource, &e.query.Context
	return e
}}

// evaluate prepares q, which stands as s says, to be decided. End it with done,
// unless a value that it was asked for is kept: some of them share its memory, and
// would become the next principal's.
func (p *Policy) evaluate(q *sallyport.Query, s standing) *evaluation {
	e := evaluations.Get().(*evaluation)
	e.policy, e.query, e.standing = p, *q, s
	e.given.read = false
	e.as(q.Principal)
	e.who.definitions, e.who.inOrg, e.who.ancestors = s.definitions, s.place == ours, e.who.ancestors[:0]
	e.env.Action = action(q)
	e.env.Resource = nil
	if !q.Resource.IsZero() {
		e.env.Resource = &e.what
	}
	return e
}

// as makes p the principal who asks.
func (e *evaluation) as(p *sallyport.Principal) {
	e.query.Principal, e.who.p, e.who.amr = p, p, e.who.amr[:0]
	e.env.Objects.Principal = p
}

// done ends the evaluation. What is in it stays until the next query takes its
// place, or the collector empties the pool.
func (e *evaluation) done() { evaluations.Put(e) }

// context is a field of the context.
func (e *evaluation) context(name string) sallyport.Value {
	c := &e.query.Context
	switch name {
	case "time":
		return sallyport.TimeValue(e.time())
	case "addr":
		if !c.Addr.IsValid() {
			return sallyport.AbsentValue()
		}
		e.addr = netip.PrefixFrom(c.Addr, c.Addr.BitLen())
		return sallyport.IPValue(&e.addr)
	}
	if v, ok := c.Attrs[name]; ok {
		return v
	}
	return sallyport.AbsentValue()
}

// time is when the query is asked. The clock is read only if that matters.
func (e *evaluation) time() time.Time {
	if e.query.Context.Time.IsZero() {
		e.query.Context.Time = time.Now()
	}
	return e.query.Context.Time
}

// record is the context as a whole.
func (e *evaluation) record() sallyport.Value {
	fields := make(map[string]sallyport.Value, len(e.query.Context.Attrs)+2)
	for name, v := range e.query.Context.Attrs {
		fields[name] = v
	}
	for _, name := range []string{"time", "addr"} {
		delete(fields, name)
		if v := e.context(name); v.Known() {
			fields[name] = v
		}
	}
	return sallyport.RecordValue(fields)
}

// Entity implements [rule.Entities]: the principal, the object, and the
// organization that the principal acts in. No other is loaded.
func (e *evaluation) Entity(u sallyport.UID) rule.Entity {
	p := e.query.Principal
	switch {
	case u == e.who.UID():
		return &e.who
	case e.env.Resource != nil && u.Type == e.query.Resource.Type() && u.ID == e.query.Resource.ID():
		return &e.what
	case u.Type == sallyport.OrganizationType && u.ID != "" && u.ID == p.Org:
		return organization{p}
	}
	return nil
}

// A principal is the principal as rules see it: an entity in its roles and in the
// organization that it acts in.
type principal struct {
	p           *sallyport.Principal
	definitions *Definitions
	inOrg       bool // the query is about what belongs to the principal's organization
	amr         []sallyport.Value
	ancestors   []sallyport.UID
}

func (w *principal) UID() sallyport.UID { return rule.PrincipalUID(w.p) }

func (w *principal) Attr(name string) sallyport.Value {
	if name != "amr" || w.p.Kind == sallyport.Anonymous {
		return rule.PrincipalAttr(w.p, name)
	}
	if len(w.amr) != len(w.p.AMR) {
		w.amr = w.amr[:0]
		for _, m := range w.p.AMR {
			w.amr = append(w.amr, sallyport.StringValue(m))
		}
	}
	return sallyport.SetValue(w.amr...)
}

func (w *principal) Tag(string) sallyport.Value { return sallyport.AbsentValue() }

// In says whether the principal has a role, itself or by inheritance, or acts in
// an organization. Roles of the organization count only for what belongs to it.
func (w *principal) In(u sallyport.UID) rule.Truth {
	if w.p.Kind == sallyport.Anonymous {
		return rule.False
	}
	switch u.Type {
	case sallyport.RoleType:
		if w.definitions.inherits(w.p.Roles, u.ID) || w.inOrg && w.definitions.inherits(w.p.OrgRoles, u.ID) {
			return rule.True
		}
	case sallyport.OrganizationType:
		if u.ID != "" && u.ID == w.p.Org {
			return rule.True
		}
	}
	return rule.False
}

// Ancestors returns everything that the principal is in.
func (w *principal) Ancestors() []sallyport.UID {
	if len(w.ancestors) > 0 || w.p.Kind == sallyport.Anonymous {
		return w.ancestors
	}
	w.ancestors = w.definitions.ancestors(w.ancestors, w.p.Roles)
	if w.inOrg {
		w.ancestors = w.definitions.ancestors(w.ancestors, w.p.OrgRoles)
	}
	if w.p.Org != "" {
		w.ancestors = append(w.ancestors, sallyport.UID{Type: sallyport.OrganizationType, ID: w.p.Org})
	}
	return w.ancestors
}

func text(s string) sallyport.Value {
	if s == "" {
		return sallyport.AbsentValue()
	}
	return sallyport.StringValue(s)
}

// An object is the resource as rules see it.
type object struct{ q *sallyport.Query }

func (o *object) UID() sallyport.UID               { return o.q.Resource.UID() }
func (o *object) Attr(name string) sallyport.Value { return o.q.Resource.Attr(name) }
func (o *object) Tag(string) sallyport.Value       { return sallyport.Value{} }

// In looks no further than the object's own parents: what a parent is in that may
// be in something, nobody has loaded.
func (o *object) In(u sallyport.UID) rule.Truth {
	switch in, sure := o.q.Resource.In(u); {
	case in:
		return rule.True
	case sure:
		return rule.False
	}
	return rule.Neither
}

// An organization is the one that the principal acts in.
type organization struct{ p *sallyport.Principal }

func (o organization) UID() sallyport.UID {
	return sallyport.UID{Type: sallyport.OrganizationType, ID: o.p.Org}
}

func (o organization) Attr(name string) sallyport.Value {
	if name == "plan" {
		return text(o.p.Plan)
	}
	return sallyport.Value{}
}

func (o organization) Tag(string) sallyport.Value  { return sallyport.Value{} }
func (o organization) In(sallyport.UID) rule.Truth { return rule.False }

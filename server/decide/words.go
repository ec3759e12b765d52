package decide

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
	"github.com/sallyport-auth/sallyport/internal/nearest"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// words are the types and actions that one edition of the policy knows.
type words struct {
	edition *rulebook.Edition
	types   map[string]*sallyport.DescribedType // nil: there is no schema, and every type is one
	actions map[string]bool
}

// words returns those of the edition in force.
func (h *Handler) words() *words {
	e := h.Rules.Current()
	if w := h.cached.Load(); w != nil && w.edition == e {
		return w
	}
	w := &words{edition: e}
	if e.Schema != nil {
		w.types, w.actions = make(map[string]*sallyport.DescribedType), make(map[string]bool)
		for _, t := range e.Schema.Types() {
			w.types[t.Name()] = twin(t)
		}
		for a := range e.Schema.Actions() {
			w.actions[a.ID] = true
		}
		h.cached.Store(w)
	}
	return w
}

// principals are the types of entity that ask. As objects they belong to nobody:
// their attribute "org" is the organization that they act in.
var principals = []string{sallyport.UserType, sallyport.ServiceType, sallyport.AnonymousType, sallyport.RoleType}

// twin describes t for objects that are not Go values.
func twin(t sallyport.AnyType) *sallyport.DescribedType {
	attrs := slices.Clone(t.Attributes())
	switch {
	case t.Name() == sallyport.OrganizationType:
		attrs = append(slices.DeleteFunc(attrs, isOrg), orgAttribute)
	case slices.Contains(principals, t.Name()):
		for i := range attrs {
			attrs[i].Parent = attrs[i].Parent && !isOrg(attrs[i])
		}
	}
	return sallyport.NewType(t.Name(), attrs...)
}

// orgAttribute makes a type belong to organizations. An organization belongs to
// itself, as [sallyport.OrganizationResource] has it.
var orgAttribute = sallyport.Attribute{Name: "org", Kind: sallyport.KindEntity, Entity: sallyport.OrganizationType, Nullable: true, Parent: true}

func isOrg(a sallyport.Attribute) bool { return a.Name == "org" }

// typ returns the type of that name. Without a schema nothing is known about it but
// what attrs are.
func (w *words) typ(name string, attrs ...sallyport.Attribute) (*sallyport.DescribedType, error) {
	switch t := w.types[name]; {
	case t != nil:
		return t, nil
	case w.types != nil:
		return nil, exchange.Invalid(fmt.Sprintf("There is no type %.80q%s", name, hint(name, maps.Keys(w.types))))
	case name == sallyport.OrganizationType:
		attrs = append(slices.DeleteFunc(slices.Clone(attrs), isOrg), orgAttribute)
	}
	return sallyport.NewType(name, attrs...), nil
}

// checkAction returns an error about an action that nobody can do, because it is
// not written like one.
func checkAction(name string) error {
	if p, err := authz.ParsePermission(name); err != nil || p.IsPattern() {
		return exchange.Invalid(fmt.Sprintf(`The action %.80q is not written like "post:delete".`, name))
	}
	return nil
}

// unknownAction returns an error about an action that neither the schema, nor a
// role, nor a route names. Without a schema every action is known.
func (h *Handler) unknownAction(w *words, name string) error {
	definitions := h.Policy.Load()
	if w.types == nil || w.actions[name] || definitions.Names(name) {
		return nil
	}
	known := make(map[string]bool)
	for r := range h.routes.All() {
		known[r.Action] = true
	}
	if known[name] {
		return nil
	}
	maps.Copy(known, w.actions)
	for _, a := range definitions.Actions() {
		known[a] = true
	}
	return exchange.Invalid(fmt.Sprintf("There is no action %.80q%s", name, hint(name, maps.Keys(known))))
}

// grantedOr returns unknown, unless the action that nobody knows was granted.
func grantedOr(unknown error, d sallyport.Decision) error {
	if d.Allow && strings.HasPrefix(d.Rule, "grant ") {
		return nil
	}
	return unknown
}

// hint ends a sentence about a name that is not known.
func hint(name string, known iter.Seq[string]) string {
	if h := nearest.Hint(name, known); h != "" {
		return h
	}
	return "."
}

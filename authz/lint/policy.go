package lint

import (
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A Source is a policy as people keep it.
type Source struct {
	Files  []rule.File
	Schema rule.File           // without text: none
	Types  []sallyport.AnyType // of a program, from which a schema follows where none is written
	Roles  []authz.Role        // nil = not known
	Home   rule.File           // what the roles were read from, for messages; may be the zero File
}

// A Policy is a source that was read and compiled.
type Policy struct {
	Source Source
	Rules  []rule.Rule
	Set    *rule.Set
	Schema *cedar.Schema      // nil: there is none
	Roles  *authz.Definitions // nil: not known

	within map[sallyport.UID][]sallyport.UID // the groups that actions are in, at any depth
	above  map[string][]string               // the roles that roles inherit from, at any depth, and they themselves
}

// Read returns the policy, or everything that keeps it from being in force.
func Read(s Source) (*Policy, []Finding) {
	p := &Policy{Source: s}
	var found []Finding
	var err error
	p.Rules, err = cedar.Parse(s.Files...)
	found = append(found, failures("parse", err)...)
	readable := err == nil
	if p.Schema, err = s.schema(p.Rules); err != nil {
		found = append(found, failures("schema", err)...)
	}
	if p.Schema != nil {
		p.within = p.Schema.Actions()
		if readable {
			found = append(found, failures("validate", p.Schema.Validate(s.Files...))...)
		}
	}
	if s.Roles != nil {
		p.Roles, err = authz.Compile(s.Roles)
		p.above = ancestry(s.Roles)
		for _, f := range failures("roles", err) {
			f.File = s.Home.Name
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		return nil, arrange(found, s.names())
	}
	if p.Set, err = rule.Compile(p.Rules, rule.Config{Actions: p.within}); err != nil {
		return nil, failures("parse", err)
	}
	return p, nil
}

// schema is the one that is written, or else what follows from the types.
func (s Source) schema(rules []rule.Rule) (*cedar.Schema, error) {
	switch {
	case s.Schema.Text != "":
		return cedar.ParseSchema(s.Schema)
	case len(s.Types) > 0:
		return cedar.SchemaOf(s.Types, named(rules))
	}
	return nil, nil
}

// names are the files, in the order in which findings come.
func (s Source) names() []string {
	var names []string
	for _, f := range s.Files {
		names = append(names, f.Name)
	}
	return append(names, s.Schema.Name, s.Home.Name)
}

// named are the identifiers of the actions that rules name, sorted.
func named(rules []rule.Rule) []string {
	var found []string
	for _, r := range rules {
		for _, a := range r.Actions {
			if a.Type == sallyport.ActionType {
				found = append(found, a.ID)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Decider returns door two by this policy, with these roles in place of its own
// unless they are nil.
func (p *Policy) Decider(roles *authz.Definitions, grants authz.Grants) *authz.Policy {
	d := authz.New()
	if roles == nil {
		roles = p.Roles
	}
	d.Swap(roles)
	d.SwapRules(authz.Rules{Set: p.Set})
	d.Grants = grants
	return d
}

// types are the types of objects, none without a schema.
func (p *Policy) types() []sallyport.AnyType {
	if p.Schema == nil {
		return p.Source.Types
	}
	return p.Schema.Types()
}

// ancestry returns each role with those that it inherits from, at any depth, and
// itself.
func ancestry(roles []authz.Role) map[string][]string {
	parents := map[string][]string{}
	for _, r := range roles {
		parents[r.Name] = r.Inherits
	}
	above := map[string][]string{}
	for _, r := range roles {
		found := []string{r.Name}
		for i := 0; i < len(found); i++ {
			for _, parent := range parents[found[i]] {
				if !slices.Contains(found, parent) {
					found = append(found, parent)
				}
			}
		}
		above[r.Name] = found
	}
	return above
}

// inherits reports whether a role is another one or inherits from it.
func (p *Policy) inherits(role, from string) bool {
	return role == from || slices.Contains(p.above[role], from)
}

// objects are the types that actions apply to, in the order of names, each with
// its actions.
func (p *Policy) objects() []object {
	var found []object
	for _, t := range p.types() {
		if p.Schema == nil {
			break
		}
		if actions := p.Schema.ActionsOn(t.Name()); len(actions) > 0 {
			found = append(found, object{t, actions})
		}
	}
	return found
}

// An object is a type of objects with what can be done to them.
type object struct {
	sallyport.AnyType
	actions []string
}

// actions are all that can be done to any object, sorted.
func (p *Policy) actions() []string {
	var found []string
	for _, o := range p.objects() {
		found = append(found, o.actions...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func action(id string) sallyport.UID { return sallyport.UID{Type: sallyport.ActionType, ID: id} }

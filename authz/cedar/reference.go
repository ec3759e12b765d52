package cedar

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/ast"

	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/nearest"
)

// maxTypes bounds how large a schema becomes once every name in it is replaced by
// what it stands for: ten types, each a record of ten of the one before, stand
// for ten thousand million.
const maxTypes = 100_000

// references looks for names in a schema that stand for nothing. cedar-go stops
// at the first, and does not say where it is.
type references struct {
	file   rule.File
	code   []token
	tree   *ast.Schema
	known  map[string]ast.IsType // what a name stands for; nil for an entity
	weight map[string]int        // of a common type, with what it is made of
	size   int
	seen   map[string]bool
	wrong  problems
}

// checkReferences returns the names that stand for nothing, each once, or that
// the schema is too large.
func checkReferences(f rule.File, code []token, tree *ast.Schema) problems {
	r := &references{file: f, code: code, tree: tree, known: map[string]ast.IsType{}, weight: map[string]int{}, seen: map[string]bool{}}
	for _, name := range []string{"String", "Long", "Bool", "Boolean", "ipaddr", "decimal", "datetime", "duration"} {
		r.known[name], r.known["__cedar::"+name] = ast.StringType{}, ast.StringType{}
	}
	r.declare("", tree.Entities, tree.Enums, tree.CommonTypes)
	for name, ns := range tree.Namespaces {
		r.declare(string(name)+"::", ns.Entities, ns.Enums, ns.CommonTypes)
	}
	r.namespace("", tree.Entities, tree.Actions, tree.CommonTypes)
	for _, name := range sorted(tree.Namespaces) {
		ns := tree.Namespaces[name]
		r.namespace(string(name)+"::", ns.Entities, ns.Actions, ns.CommonTypes)
	}
	if r.size > maxTypes && len(r.wrong) == 0 {
		r.wrong.add(&Error{File: f.Name, Reason: fmt.Sprintf("the types of the schema stand for more than %d types", maxTypes)})
	}
	return r.wrong
}

func (r *references) declare(ns string, entities ast.Entities, enums ast.Enums, common ast.CommonTypes) {
	for name := range entities {
		r.known[ns+string(name)] = nil
	}
	for name := range enums {
		r.known[ns+string(name)] = nil
	}
	for name, c := range common {
		r.known[ns+string(name)] = c.Type
	}
}

// namespace looks through one namespace; ns ends in "::" or is empty.
func (r *references) namespace(ns string, entities ast.Entities, actions ast.Actions, common ast.CommonTypes) {
	for _, name := range sorted(common) {
		r.add(r.typ(ns, common[name].Type))
	}
	for _, name := range sorted(entities) {
		e := entities[name]
		for _, p := range e.ParentTypes {
			r.name(ns, string(p))
		}
		r.add(r.typ(ns, e.Shape))
		r.add(r.typ(ns, e.Tags))
	}
	for _, name := range sorted(actions) {
		a := actions[name]
		for _, p := range a.Parents {
			r.action(ns, p)
		}
		if a.AppliesTo == nil {
			continue
		}
		for _, ref := range slices.Concat(a.AppliesTo.Principals, a.AppliesTo.Resources) {
			r.name(ns, string(ref))
		}
		r.add(r.typ(ns, a.AppliesTo.Context))
	}
}

func (r *references) add(weight int) { r.size = min(r.size+weight, maxTypes+1) }

// typ looks through a type and returns how many types it stands for.
func (r *references) typ(ns string, t ast.IsType) int {
	switch t := t.(type) {
	case ast.SetType:
		return 1 + r.typ(ns, t.Element)
	case ast.RecordType:
		total := 1
		for _, name := range sorted(t) {
			total = min(total+r.typ(ns, t[name].Type), maxTypes+1)
		}
		return total
	case ast.EntityTypeRef:
		r.name(ns, string(t))
	case ast.TypeRef:
		return r.name(ns, string(t))
	}
	return 1
}

// name looks a name up, complains if it stands for nothing, and returns how many
// types it stands for.
func (r *references) name(ns, name string) int {
	full := ns + name
	t, ok := r.known[full]
	if !ok || strings.Contains(name, "::") {
		full = name
		t, ok = r.known[full]
	}
	switch {
	case !ok:
		r.unknown(name, "the type", nearestOf(name, sorted(r.known)))
		return 1
	case t == nil:
		return 1
	}
	if w, ok := r.weight[full]; ok {
		return w
	}
	r.weight[full] = 1 // while it is looked at: cedar-go complains about circles
	within := ""
	if i := strings.LastIndex(full, "::"); i >= 0 {
		within = full[:i+2]
	}
	w := r.typ(within, t)
	r.weight[full] = w
	return w
}

// action complains about an action's group that is not declared.
func (r *references) action(ns string, ref ast.ParentRef) {
	typ := string(ref.Type)
	known := r.tree.Actions
	if within, ok := strings.CutSuffix(typ, "::Action"); ok {
		ns = within + "::"
	}
	if n, ok := r.tree.Namespaces[types.Path(strings.TrimSuffix(ns, "::"))]; ok {
		known = n.Actions
	}
	_, declared := known[ref.ID]
	if _, bare := r.tree.Actions[ref.ID]; !declared && (!bare || strings.Contains(typ, "::")) {
		r.unknown(string(ref.ID), "the group of actions", nearestOf(string(ref.ID), sorted(known)))
	}
}

// unknown complains about a name, once.
func (r *references) unknown(name, what, suggestion string) {
	if r.seen[name] {
		return
	}
	r.seen[name] = true
	e := &Error{File: r.file.Name, Reason: what + ` "` + clip(name) + `" is not declared`, Suggestion: suggestion}
	if t, ok := find(r.code, name); ok {
		e.Line, e.Column = t.line, t.column
	}
	r.wrong.add(e)
}

// nearestOf returns which of known, a slice of some kind of string, resembles
// name.
func nearestOf[K ~string](name string, known []K) string {
	return nearest.Name(name, func(yield func(string) bool) {
		for _, k := range known {
			if !yield(string(k)) {
				return
			}
		}
	})
}

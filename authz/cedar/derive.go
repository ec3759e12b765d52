package cedar

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/ast"

	"github.com/sallyport-auth/sallyport"
)

// SchemaOf returns the schema that follows from an application's types and from
// its actions, such as "post:delete".
//
// An action applies to the type that it names before the colon, whatever the
// case and without "_" and "-" ("blog_post:read" to BlogPost); one that names no
// type applies to all of them and to Organization. Every principal can ask for
// every action, in our [ContextType]. Types that attributes refer to and that
// nobody declares have no attributes. A type with the name of one of ours, such
// as User, has its attributes beside ours.
func SchemaOf(typed []sallyport.AnyType, actions []string) (*Schema, error) {
	tree := &ast.Schema{
		Entities:    ours(),
		Actions:     ast.Actions{},
		CommonTypes: ast.CommonTypes{ContextType: {Type: ourContext()}},
	}
	var wrong []error
	seen := map[string]bool{}
	for _, t := range typed {
		switch {
		case !isIdent(t.Name()):
			wrong = append(wrong, fmt.Errorf("type %q: its name is not an identifier", t.Name()))
		case seen[t.Name()]:
			wrong = append(wrong, fmt.Errorf("type %q: there are two of it", t.Name()))
		default:
			wrong = append(wrong, declare(tree, t))
		}
		seen[t.Name()] = true
	}
	for _, a := range actions {
		tree.Actions[types.String(a)] = ast.Action{AppliesTo: &ast.AppliesTo{
			Principals: principals(),
			Resources:  resourcesOf(a, typed),
			Context:    ast.TypeRef(ContextType),
		}}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return newSchema(tree, slices.DeleteFunc(slices.Clone(typed), func(t sallyport.AnyType) bool {
		_, our := ours()[ast.Ident(t.Name())]
		return our
	}))
}

// declare adds a type to a schema.
func declare(tree *ast.Schema, t sallyport.AnyType) error {
	name := ast.Ident(t.Name())
	e := tree.Entities[name]
	shape := ast.RecordType{}
	maps.Copy(shape, e.Shape) // which our principals share
	e.Shape, e.ParentTypes = shape, slices.Clone(e.ParentTypes)
	var wrong []error
	for _, a := range t.Attributes() {
		if a.Entity != "" && !isIdent(a.Entity) {
			wrong = append(wrong, fmt.Errorf("type %q: attribute %q refers to %q, which is not an identifier", t.Name(), a.Name, a.Entity))
			continue
		}
		typ, err := typeOf(a.Kind, a)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("type %q: attribute %q: %w", t.Name(), a.Name, err))
			continue
		}
		if _, our := e.Shape[types.String(a.Name)]; !our {
			e.Shape[types.String(a.Name)] = ast.Attribute{Type: typ, Optional: a.Optional}
		}
		if a.Entity != "" {
			mention(tree, ast.Ident(a.Entity))
		}
		if parent := ast.EntityTypeRef(a.Entity); a.Parent && !slices.Contains(e.ParentTypes, parent) {
			e.ParentTypes = append(e.ParentTypes, parent)
		}
	}
	tree.Entities[name] = e
	return errors.Join(wrong...)
}

// mention declares a type that an attribute refers to, unless there is one.
func mention(tree *ast.Schema, name ast.Ident) {
	if _, ok := tree.Entities[name]; !ok {
		tree.Entities[name] = ast.Entity{}
	}
}

// typeOf returns the type of an attribute, or of the elements of one.
func typeOf(kind sallyport.ValueKind, a sallyport.Attribute) (ast.IsType, error) {
	switch kind {
	case sallyport.KindBool:
		return ast.BoolType{}, nil
	case sallyport.KindInt:
		return ast.LongType{}, nil
	case sallyport.KindString:
		return ast.StringType{}, nil
	case sallyport.KindEntity:
		return ast.EntityTypeRef(a.Entity), nil
	case sallyport.KindTime:
		return ast.Datetime(), nil
	case sallyport.KindDuration:
		return ast.Duration(), nil
	case sallyport.KindDecimal:
		return ast.Decimal(), nil
	case sallyport.KindIP:
		return ast.IPAddr(), nil
	case sallyport.KindSet:
		if a.Element == sallyport.KindSet {
			return nil, errors.New("a set of sets needs a schema that is written")
		}
		element, err := typeOf(a.Element, a)
		return ast.SetType{Element: element}, err
	default:
		return nil, fmt.Errorf("values of kind %q need a schema that is written", kind)
	}
}

// resourcesOf returns the types that an action applies to.
func resourcesOf(action string, typed []sallyport.AnyType) []ast.EntityTypeRef {
	kind, _, _ := strings.Cut(action, ":")
	var named, all []ast.EntityTypeRef
	for _, t := range typed {
		ref := ast.EntityTypeRef(t.Name())
		all = append(all, ref)
		if plainly(t.Name()) == plainly(kind) {
			named = append(named, ref)
		}
	}
	if named != nil {
		return named
	}
	if plainly(kind) == plainly(sallyport.OrganizationType) || len(all) == 0 {
		return []ast.EntityTypeRef{sallyport.OrganizationType}
	}
	if !slices.Contains(all, sallyport.OrganizationType) {
		all = append(all, sallyport.OrganizationType)
	}
	return all
}

// plainly is what a name is compared by.
func plainly(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

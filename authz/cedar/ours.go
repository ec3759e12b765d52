package cedar

import (
	"github.com/cedar-policy/cedar-go/x/exp/schema/ast"

	"github.com/sallyport-auth/sallyport"
)

// ContextType is the name that schemas use for what every query knows beside
// who, what and on which object: time: datetime, addr?: ipaddr.
const ContextType = "Context"

// ours returns the types of entity that Sallyport itself knows.
func ours() ast.Entities {
	principal := ast.Entity{
		ParentTypes: []ast.EntityTypeRef{sallyport.RoleType, sallyport.OrganizationType},
		Shape: ast.RecordType{
			"org":        {Type: ast.EntityTypeRef(sallyport.OrganizationType), Optional: true},
			"plan":       {Type: ast.StringType{}, Optional: true},
			"aal":        {Type: ast.LongType{}},
			"amr":        {Type: ast.SetType{Element: ast.StringType{}}},
			"auth_time":  {Type: ast.Datetime(), Optional: true},
			"credential": {Type: ast.StringType{}},
		},
	}
	return ast.Entities{
		sallyport.UserType:         principal,
		sallyport.ServiceType:      principal,
		sallyport.AnonymousType:    {},
		sallyport.RoleType:         {},
		sallyport.OrganizationType: {Shape: ast.RecordType{"plan": {Type: ast.StringType{}, Optional: true}}},
	}
}

// ourContext is what [ContextType] names.
func ourContext() ast.RecordType {
	return ast.RecordType{"time": {Type: ast.Datetime()}, "addr": {Type: ast.IPAddr(), Optional: true}}
}

// addOurs adds to a schema what it does not declare of what Sallyport knows.
func addOurs(tree *ast.Schema) {
	entities := ours()
	for name := range entities {
		if _, other := tree.CommonTypes[name]; other || namespaced(tree, name) {
			return
		}
	}
	if tree.Entities == nil {
		tree.Entities = ast.Entities{}
	}
	if tree.CommonTypes == nil {
		tree.CommonTypes = ast.CommonTypes{}
	}
	for name, e := range entities {
		if !declares(tree.Entities, tree.Enums, tree.CommonTypes, name) {
			tree.Entities[name] = e
		}
	}
	if !declares(tree.Entities, tree.Enums, tree.CommonTypes, ContextType) && !namespaced(tree, ContextType) {
		tree.CommonTypes[ContextType] = ast.CommonType{Type: ourContext()}
	}
}

// namespaced reports whether a namespace of the schema declares a name, which
// then cannot be declared outside as well.
func namespaced(tree *ast.Schema, name ast.Ident) bool {
	for _, ns := range tree.Namespaces {
		if declares(ns.Entities, ns.Enums, ns.CommonTypes, name) {
			return true
		}
	}
	return false
}

func declares(entities ast.Entities, enums ast.Enums, common ast.CommonTypes, name ast.Ident) bool {
	_, entity := entities[name]
	_, enum := enums[name]
	_, other := common[name]
	return entity || enum || other
}

// principals are the types of who sends a request.
func principals() []ast.EntityTypeRef {
	return []ast.EntityTypeRef{sallyport.UserType, sallyport.ServiceType, sallyport.AnonymousType}
}

// isIdent reports whether s names a type without a namespace.
func isIdent(s string) bool {
	if s == "" || isKeyword(s) {
		return false
	}
	k, n := scan(s)
	return k == word && n == len(s)
}

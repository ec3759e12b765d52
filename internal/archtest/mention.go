package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// uses checks what a file mentions of other packages.
func (c *checker) uses(f *file) {
	for _, u := range uses {
		if matchesFile(u.except, f.name) {
			continue
		}
		local := localName(f, u.pkg)
		if local == "." {
			c.report(f.ast.Package, u.name, u.why, "imports %s with a dot, which hides what is used", u.pkg)
		}
		walk(f.ast, func(n, parent ast.Node) {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains(u.names, s.Sel.Name) || compares(parent) {
				return
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == local {
				c.report(s.Pos(), u.name, u.why, "mentions %s.%s", local, s.Sel.Name)
			}
		})
	}
}

// literals finds the numbers 401 and 403 where they become the status of an answer.
func (c *checker) literals(f *file) {
	if matchesFile(answers, f.name) {
		return
	}
	walk(f.ast, func(n, parent ast.Node) {
		lit, ok := n.(*ast.BasicLit)
		if ok && lit.Kind == token.INT && (lit.Value == "401" || lit.Value == "403") && setsStatus(parent) {
			c.report(lit.Pos(), ruleLiteral, whyLiteral, "sets %s", lit.Value)
		}
	})
}

// setsStatus reports whether a node gives a number in it the meaning of a status.
func setsStatus(n ast.Node) bool {
	var name string
	switch n := n.(type) {
	case *ast.CallExpr:
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		return slices.Contains([]string{"WriteHeader", "Error", "Redirect"}, name)
	case *ast.KeyValueExpr:
		key, ok := n.Key.(*ast.Ident)
		return ok && strings.HasPrefix(key.Name, "Status")
	}
	return false
}

// compares reports whether a node only looks at a value: ==, != or case.
func compares(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return n.Op == token.EQL || n.Op == token.NEQ
	case *ast.CaseClause:
		return true
	}
	return false
}

// localName returns what a file calls an imported package, "" if it does not import it.
func localName(f *file, importedPath string) string {
	for _, spec := range f.ast.Imports {
		if importPath(spec) != importedPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importedPath)
	}
	return ""
}

// walk visits every node with its parent.
func walk(root ast.Node, visit func(n, parent ast.Node)) {
	var above []ast.Node
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return true
		}
		var parent ast.Node
		if len(above) > 0 {
			parent = above[len(above)-1]
		}
		visit(n, parent)
		above = append(above, n)
		return true
	})
}

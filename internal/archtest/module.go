// Package archtest checks the rules of the architecture that the compiler does not: who may import whom, who may read the
// environment, who may refuse a request. The rules are data, in rules.go, each with its reason. Its test runs them over this
// module; the compiler itself sees to it that there are no import cycles.
package archtest

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// modulePath is what our import paths begin with.
const modulePath = "github.com/sallyport-auth/sallyport"

// A module is the source of one Go module.
type module struct {
	fset     *token.FileSet
	packages map[string]*pkg // by folder, "." for the root
	goMod    string
}

// A pkg is the Go files of one folder, tests included.
type pkg struct {
	folder string
	files  []*file
}

type file struct {
	name string
	test bool
	ast  *ast.File
}

// load parses every package of the module in fsys. Nested modules, testdata, and folders that the go command ignores are left out,
// and so are files that are never built.
func load(fsys fs.FS) (*module, error) {
	m := &module{fset: token.NewFileSet(), packages: map[string]*pkg{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(fsys, name) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		return m.add(fsys, name)
	})
	if err != nil {
		return nil, err
	}
	goMod, err := fs.ReadFile(fsys, "go.mod")
	m.goMod = string(goMod)
	return m, err
}

func skipped(fsys fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	base := path.Base(dir)
	if base == "testdata" || base == "node_modules" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := fs.Stat(fsys, dir+"/go.mod")
	return err == nil
}

func (m *module) add(fsys fs.FS, name string) error {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	tree, err := parser.ParseFile(m.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parsing: %w", err)
	}
	if neverBuilt(tree) {
		return nil
	}
	folder := path.Dir(name)
	p := m.packages[folder]
	if p == nil {
		p = &pkg{folder: folder}
		m.packages[folder] = p
	}
	p.files = append(p.files, &file{name: name, test: strings.HasSuffix(name, "_test.go"), ast: tree})
	return nil
}

// neverBuilt reports whether a file is only run by name, as a generator is: //go:build ignore.
func neverBuilt(f *ast.File) bool {
	for _, group := range f.Comments {
		if group.Pos() > f.Package {
			break
		}
		for _, c := range group.List {
			expr, err := constraint.Parse(c.Text)
			if err != nil {
				continue // not a build constraint
			}
			if tag, ok := expr.(*constraint.TagExpr); ok && tag.Tag == "ignore" {
				return true
			}
		}
	}
	return false
}

// importPath returns what an import declaration names.
func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value // the parser does not let this happen
	}
	return p
}

// folderOf returns the folder of one of our own import paths.
func folderOf(importPath string) (folder string, ours bool) {
	if importPath == modulePath {
		return ".", true
	}
	return strings.CutPrefix(importPath, modulePath+"/")
}

// isStandard reports whether an import path is of the standard library: its first element has no dot.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// hasPathPrefix reports whether an import path is one of the prefixes or below it; the empty prefix is above all.
func hasPathPrefix(importPath string, prefixes []string) bool {
	for _, p := range prefixes {
		if p == "" || importPath == p || strings.HasPrefix(importPath, p+"/") {
			return true
		}
	}
	return false
}

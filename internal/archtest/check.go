package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// A Violation is one place that breaks one rule.
type Violation struct {
	Position string // file:line, or the folder
	Rule     string
	What     string
	Why      string // the reason of the rule
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s: %s (%s)", v.Position, v.Rule, v.What, v.Why)
}

// Check returns every violation in the module whose root is fsys, in the order of its folders and files. The error says that
// the source could not be read or parsed.
func Check(fsys fs.FS) ([]Violation, error) {
	m, err := load(fsys)
	if err != nil {
		return nil, err
	}
	c := &checker{module: m}
	c.goMod()
	for _, folder := range slices.Sorted(maps.Keys(m.packages)) {
		c.pkg(m.packages[folder])
	}
	return c.found, nil
}

type checker struct {
	module *module
	found  []Violation
}

func (c *checker) report(at token.Pos, rule, why, format string, args ...any) {
	p := c.module.fset.Position(at)
	c.found = append(c.found, Violation{fmt.Sprintf("%s:%d", p.Filename, p.Line), rule, fmt.Sprintf(format, args...), why})
}

// goMod checks that our users get no requirement of our nested test modules, and nothing that works only in this checkout.
func (c *checker) goMod() {
	for i, line := range strings.Split(c.module.goMod, "\n") {
		line, _, _ = strings.Cut(line, "//")
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "replace" || strings.HasPrefix(word, modulePath+"/") || strings.Contains(line, "require "+modulePath+"/") {
			c.found = append(c.found, Violation{fmt.Sprintf("go.mod:%d", i+1), ruleGoMod, strings.TrimSpace(line), whyGoMod})
		}
	}
}

func (c *checker) pkg(p *pkg) {
	c.notEmpty(p)
	c.graph(p)
	place, placed := layerOf(p.folder)
	if !placed {
		c.found = append(c.found, Violation{p.folder, ruleLayer, "has no layer; give it one in internal/archtest/rules.go",
			"every folder has a place in the order"})
	}
	for _, f := range p.files {
		c.banned(p, f)
		if f.test {
			continue
		}
		if placed {
			c.layer(p, f, place)
		}
		c.uses(f)
		c.noInit(f)
		c.literals(f)
	}
}

func layerOf(folder string) (layer, bool) {
	for _, l := range layers {
		if matches(l.path, folder) {
			return l, true
		}
	}
	return layer{}, false
}

// layer checks the imports of a file against its package's layer.
func (c *checker) layer(p *pkg, f *file, l layer) {
	for _, spec := range f.ast.Imports {
		imported := importPath(spec)
		folder, ours := folderOf(imported)
		switch {
		case ours:
			if !matchesAny(l.imports, folder) && !inFamily(l, p.folder, folder) {
				c.report(spec.Pos(), ruleLayer, l.why, "%s may not import %s", p.folder, folder)
			}
		case !isStandard(imported) && !hasPathPrefix(imported, l.modules):
			c.report(spec.Pos(), ruleLayer, l.why, "%s may not import %s", p.folder, imported)
		}
	}
}

func inFamily(l layer, folder, imported string) bool {
	f := family(l.path, folder)
	return f != "" && (imported == f || strings.HasPrefix(imported, f+"/"))
}

func (c *checker) banned(p *pkg, f *file) {
	for _, b := range bans {
		if f.test && !b.inTests || matchesFile(b.except, f.name) {
			continue
		}
		for _, spec := range f.ast.Imports {
			if imported := importPath(spec); hasPathPrefix(imported, b.paths) {
				c.report(spec.Pos(), b.name, b.why, "%s may not import %s", p.folder, imported)
			}
		}
	}
}

// graph follows the imports of a package through this module.
func (c *checker) graph(p *pkg) {
	for _, b := range graphBans {
		if !matches(b.from, p.folder) {
			continue
		}
		seen := map[string]bool{p.folder: true}
		for queue := []*pkg{p}; len(queue) > 0; queue = queue[1:] {
			for spec := range queue[0].imports() {
				imported := importPath(spec)
				if hasPathPrefix(imported, b.paths) {
					c.report(spec.Pos(), b.name, b.why, "%s reaches %s", p.folder, imported)
				}
				folder, _ := folderOf(imported)
				if next := c.module.packages[folder]; next != nil && !seen[folder] {
					seen[folder] = true
					queue = append(queue, next)
				}
			}
		}
	}
}

// imports yields the imports of the package itself, not of its tests.
func (p *pkg) imports() func(yield func(*ast.ImportSpec) bool) {
	return func(yield func(*ast.ImportSpec) bool) {
		for _, f := range p.files {
			if f.test {
				continue
			}
			for _, spec := range f.ast.Imports {
				if !yield(spec) {
					return
				}
			}
		}
	}
}

// notEmpty wants a declaration other than an import in every package, or a test.
func (c *checker) notEmpty(p *pkg) {
	for _, f := range p.files {
		for _, d := range f.ast.Decls {
			if g, ok := d.(*ast.GenDecl); !ok || g.Tok != token.IMPORT {
				return
			}
		}
	}
	c.found = append(c.found, Violation{p.folder, ruleEmpty, "declares nothing", whyEmpty})
}

func (c *checker) noInit(f *file) {
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			c.report(fn.Pos(), ruleNoInit, whyNoInit, "func init")
		}
	}
}

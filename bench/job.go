package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A job is the benchmarks of one package that rows need.
type job struct {
	folder    string
	functions []*function
}

// A function is one benchmark function, and what it hands to b.Run, level by level.
type function struct {
	name   string
	levels [][]string
}

// choose returns the rows whose section or name the expression matches, behind one another as "section: row".
func choose(sections []section, only *regexp.Regexp) (chosen []section) {
	for _, s := range sections {
		c := section{title: s.title}
		for _, r := range s.rows {
			if only.MatchString(s.title + ": " + r.what) {
				c.rows = append(c.rows, r)
			}
		}
		if c.rows != nil {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// jobs are what must run so that the rows have their figures, in the order of the table.
func jobs(sections []section) (all []*job) {
	byFolder, byName := map[string]*job{}, map[string]*function{}
	for _, s := range sections {
		for _, r := range s.rows {
			for _, f := range r.figures() {
				folder, name, below := f.function()
				j := byFolder[folder]
				if j == nil {
					j = &job{folder: folder}
					byFolder[folder], all = j, append(all, j)
				}
				fn := byName[folder+"."+name]
				if fn == nil {
					fn = &function{name: name, levels: make([][]string, len(below))}
					byName[folder+"."+name], j.functions = fn, append(j.functions, fn)
				}
				fn.add(below)
			}
		}
	}
	return all
}

func (f *function) add(below []string) {
	f.levels = f.levels[:min(len(f.levels), len(below))]
	for i := range f.levels {
		if !slices.Contains(f.levels[i], below[i]) {
			f.levels[i] = append(f.levels[i], below[i])
		}
	}
}

// pattern is for -test.bench. It takes in all combinations of the levels.
func (f *function) pattern() string {
	p := "^Benchmark" + f.name + "$"
	for _, names := range f.levels {
		quoted := make([]string, len(names))
		for i, name := range names {
			quoted[i] = regexp.QuoteMeta(name)
		}
		p += "/^(" + strings.Join(quoted, "|") + ")$"
	}
	return p
}

// exists reports whether there is such a benchmark in a folder of the tree.
func (f *function) exists(folder string) bool {
	files, _ := filepath.Glob(filepath.Join(folder, "*_test.go"))
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(text), "\nfunc Benchmark"+f.name+"(") {
			return true
		}
	}
	return false
}

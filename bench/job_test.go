package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestJobs(t *testing.T) {
	all := jobs([]section{{"s", []row{
		{ours: figure{"authz.Role/10", ns}, floor: figure{"authz.Floor", ns}},
		{ours: figure{"authz.Role/1e3+", ns}, rivals: []rival{{"r", figure{"bench/rivals.Role/10/casbin", ns}}}},
		{ours: figure{"bench/rivals.Role/10", ns}},
	}}})
	var got []string
	for _, j := range all {
		for _, f := range j.functions {
			got = append(got, j.folder+" "+f.pattern())
		}
	}
	want := []string{`authz ^BenchmarkRole$/^(10|1e3\+)$`, "authz ^BenchmarkFloor$", "bench/rivals ^BenchmarkRole$/^(10)$"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", got)
	}
}

func TestChoose(t *testing.T) {
	sections := []section{{"one", []row{{what: "a"}, {what: "b"}}}, {"two", []row{{what: "a"}}}}
	for _, c := range []struct{ only, want string }{
		{"", "one: a, one: b, two: a"},
		{"^one", "one: a, one: b"},
		{": a$", "one: a, two: a"},
		{"three", ""},
	} {
		var got []string
		for _, s := range choose(sections, regexp.MustCompile(c.only)) {
			for _, r := range s.rows {
				got = append(got, s.title+": "+r.what)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%q chooses %q", c.only, got)
		}
	}
}

// awaited are benchmarks that have a row and are still to be written.
var awaited = map[string]bool{}

func TestEveryRowHasItsBenchmarks(t *testing.T) {
	for _, j := range jobs(table) {
		for _, f := range j.functions {
			if name := j.folder + "." + f.name; !f.exists("../"+j.folder) && !awaited[name] {
				t.Errorf("there is no benchmark %s", name)
			}
		}
	}
}

func TestRowsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range table {
		for _, r := range s.rows {
			name := s.title + ": " + r.what
			if seen[name] {
				t.Errorf("two rows are called %q; results are kept by name", name)
			}
			seen[name] = true
		}
	}
}

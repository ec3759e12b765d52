package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const out = `goos: linux
pkg: github.com/sallyport-auth/sallyport
BenchmarkThrough/may-on-object-2    100   12.5 ns/op   16 B/op   1 allocs/op
PASS
pkg: github.com/sallyport-auth/sallyport/authz
BenchmarkRoleCheck/10-2    100   30 ns/op
BenchmarkRoleCheck/10-2    100   50 ns/op
BenchmarkRoleCheck/10-2    100   20 ns/op
BenchmarkNoProcessors    1   7 req/s
BenchmarkInterrupted/10-2
`
	f, failed, err := read(strings.NewReader(out))
	if failed || err != nil {
		t.Fatal(failed, err)
	}
	for _, c := range []struct {
		bench, unit string
		want        float64
		ok          bool
	}{
		{".Through/may-on-object", "ns/op", 12.5, true},
		{".Through/may-on-object", "allocs/op", 1, true},
		{"authz.RoleCheck/10", "ns/op", 30, true},
		{"authz.NoProcessors", "req/s", 7, true},
		{"authz.Interrupted/10", "ns/op", 0, false},
	} {
		if got, ok := f.median(figure{c.bench, c.unit}); got != c.want || ok != c.ok {
			t.Errorf("%s %s: %v, %v", c.bench, c.unit, got, ok)
		}
	}
}

func TestCells(t *testing.T) {
	ours, floor, ratio := figure{"p.Ours", "ns/op"}, figure{"p.Floor", "ns/op"}, figure{"p.Ours", "ratio"}
	f := figures{ours: {1500}, floor: {1000}, ratio: {1.25}, {"p.Zero", allocs}: {0}}
	for _, c := range []struct {
		name string
		row  row
		want string
	}{
		{"a ratio that meets its goal", row{what: "x", ours: ours, floor: floor, goal: most(1.5)}, "x|1.50 µs|1 µs|1.50|≤ 1.5|yes"},
		{"a ratio that misses it", row{what: "x", ours: ours, floor: floor, goal: least(2)}, "x|1.50 µs|1 µs|1.50|≥ 2|NO"},
		{"a ratio that was measured round by round counts", row{what: "x", ours: ours, floor: floor, ratio: ratio, goal: most(1.3)}, "x|1.50 µs|1 µs|1.25|≤ 1.3|yes"},
		{"a goal for the figure itself", row{what: "x", ours: ours, floor: floor, goal: mostOurs(100)}, "x|1.50 µs|1 µs|1.50|≤ 100 ns|NO"},
		{"nothing to compare with", row{what: "x", ours: ours, goal: leastOurs(1000)}, "x|1.50 µs|||≥ 1 µs|yes"},
		{"no goal", row{what: "x", ours: ours, floor: floor}, "x|1.50 µs|1 µs|1.50||"},
		{"no allocation", row{what: "x", ours: figure{"p.Zero", allocs}, goal: mostOurs(0)}, "x|0|||≤ 0|yes"},
	} {
		got, ok := c.row.result(f, nil)
		if cells := strings.Join(got.cells(nil), "|"); !ok || cells != c.want {
			t.Errorf("%s: %q, %v", c.name, cells, ok)
		}
	}
}

func TestRivals(t *testing.T) {
	ours, slow, zero := figure{"p.Ours", "ns/op"}, figure{"p.Slow", "ns/op"}, figure{"p.Zero", allocs}
	f := figures{ours: {50}, slow: {2000}, zero: {0}}
	names := []string{"one", "other"}
	for _, c := range []struct {
		name string
		row  row
		want string
	}{
		{"a rival is so many times ours", row{what: "x", ours: ours, rivals: []figure{slow, ours}}, "x|50 ns|2 µs (40 ×)|50 ns (1 ×)||||"},
		{"a rival that cannot do it", row{what: "x", ours: ours, rivals: []figure{{}, slow}}, "x|50 ns||2 µs (40 ×)||||"},
		{"nothing is no multiple of nothing", row{what: "x", ours: zero, rivals: []figure{zero, {}}}, "x|0|0|||||"},
	} {
		got, ok := c.row.result(f, names)
		if cells := strings.Join(got.cells(names), "|"); !ok || cells != c.want {
			t.Errorf("%s: %q, %v", c.name, cells, ok)
		}
	}
}

func TestMissingFigures(t *testing.T) {
	ours, other := figure{"p.Ours", "ns/op"}, figure{"p.Other", ns}
	f := figures{ours: {1500}}
	for name, r := range map[string]row{
		"ours":    {ours: other},
		"a rival": {ours: ours, rivals: []figure{other}},
		"a floor": {ours: ours, floor: other},
	} {
		if _, ok := r.result(f, []string{"rival"}); ok {
			t.Errorf("%s is missing, and that is not noticed", name)
		}
	}
}

func TestRun(t *testing.T) {
	var all strings.Builder
	for _, s := range table {
		for _, r := range s.rows {
			for _, f := range append([]figure{r.ours, r.floor, r.ratio}, r.rivals...) {
				if f != (figure{}) {
					pkg, name, _ := strings.Cut(f.bench, ".")
					all.WriteString("pkg: github.com/sallyport-auth/sallyport/" + pkg + "\nBenchmark" + name + "-2 1 5 " + f.unit + "\n")
				}
			}
		}
	}
	for _, c := range []struct{ name, in, err, shows string }{
		{"everything was measured", all.String(), "", "Role check"},
		{"the benchmarks' own lines are passed on", "hello\n" + all.String(), "", "hello"},
		{"a benchmark failed", all.String() + "--- FAIL: BenchmarkX\n", "failed", ""},
		{"a package failed", all.String() + "FAIL\tp\n", "failed", ""},
		{"nothing was measured", "", "lack", "not measured"},
	} {
		var out strings.Builder
		err := run(strings.NewReader(c.in), &out, "")
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || !strings.Contains(out.String(), c.shows) {
			t.Errorf("%s: %v\n%s", c.name, err, &out)
		}
	}
}

func TestJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "table.json")
	in := "pkg: github.com/sallyport-auth/sallyport/bench/rivals\n" +
		"BenchmarkOwner/cedar-2 1 60 ns/op\nBenchmarkOwner/cedar-go-2 1 600 ns/op\nBenchmarkOwner/casbin-2 1 3000 ns/op\nBenchmarkOwner/floor-2 1 5 ns/op\n"
	if err := run(strings.NewReader(in), io.Discard, file); err == nil {
		t.Error("most figures are missing, and there is no error")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var sections []measuredSection
	if err := json.Unmarshal(text, &sections); err != nil {
		t.Fatal(err)
	}
	for _, s := range sections {
		for _, r := range s.Rows {
			if r.What != "owner" {
				continue
			}
			if got := r.Rivals["casbin"]; got != (value{3000, ns}) {
				t.Errorf("casbin: %v", got)
			}
			if r.Ours.Value != 60 || *r.Ratio != 12 || !*r.Met {
				t.Errorf("%+v", r)
			}
			return
		}
	}
	t.Errorf("no such row:\n%s", text)
}

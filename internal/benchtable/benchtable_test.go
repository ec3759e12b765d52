package main

import (
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
		got, ok := c.row.cells(f)
		if !ok || strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, %v", c.name, strings.Join(got, "|"), ok)
		}
	}
	if _, ok := (row{ours: figure{"p.Other", ns}}).cells(f); ok {
		t.Error("a missing figure is not noticed")
	}
	if _, ok := (row{ours: ours, floor: figure{"p.Other", ns}}).cells(f); ok {
		t.Error("a missing floor is not noticed")
	}
}

func TestRun(t *testing.T) {
	var all strings.Builder
	for _, s := range table {
		for _, r := range s.rows {
			for _, f := range []figure{r.ours, r.floor, r.ratio} {
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
		{"nothing was measured", "", "missing", "not measured"},
	} {
		var out strings.Builder
		err := run(strings.NewReader(c.in), &out)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || !strings.Contains(out.String(), c.shows) {
			t.Errorf("%s: %v\n%s", c.name, err, &out)
		}
	}
}

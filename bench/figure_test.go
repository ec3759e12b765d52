package main

import (
	"math"
	"strings"
	"testing"
)

const output = `goos: linux
pkg: github.com/sallyport-auth/sallyport
BenchmarkThrough/may-on-object-2    100   12.5 ns/op   16 B/op   1 allocs/op
PASS
pkg: github.com/sallyport-auth/sallyport/authz
BenchmarkRoleCheck/10-2    100   30 ns/op
BenchmarkRoleCheck/10-2    100   50 ns/op
BenchmarkRoleCheck/10-2    100   20 ns/op
BenchmarkRevoke/by-100-2    1   7 req/s
BenchmarkInterrupted/10-2
BenchmarkNothing-2    0   NaN ratio   +Inf x
pkg:
`

func TestRead(t *testing.T) {
	f, failed, err := read(strings.NewReader(output), "-2")
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
		{"authz.Revoke/by-100", "req/s", 7, true},
		{"authz.Interrupted/10", "ns/op", 0, false},
		{"authz.Nothing", "ratio", 0, false},
		{"authz.Nothing", "x", 0, false},
	} {
		if got, ok := f.median(figure{c.bench, c.unit}); got != c.want || ok != c.ok {
			t.Errorf("%s %s: %v, %v", c.bench, c.unit, got, ok)
		}
	}
}

func TestReadOnOneProcessor(t *testing.T) {
	f, _, err := read(strings.NewReader("BenchmarkRevoke/by-100 1 7 req/s\n"), "")
	if _, ok := f.median(figure{".Revoke/by-100", "req/s"}); !ok || err != nil {
		t.Error("there is no number of processors to cut off", f, err)
	}
}

func TestReadNoticesFailures(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       bool
	}{
		{"a benchmark failed", "--- FAIL: BenchmarkX", true},
		{"a package failed", "FAIL\tp\t0.1s", true},
		{"a binary failed", "FAIL", true},
		{"a benchmark was skipped", "--- SKIP: BenchmarkX", false},
		{"a dash", "---", false},
	} {
		if _, failed, err := read(strings.NewReader(output+c.line+"\n"), "-2"); failed != c.want || err != nil {
			t.Errorf("%s: %v, %v", c.name, failed, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(output, "-2")
	f.Add("pkg: \nBenchmark 1 2\n--- FAIL:\n", "")
	f.Fuzz(func(t *testing.T, text, suffix string) {
		found, _, err := read(strings.NewReader(text), suffix)
		if err != nil {
			return // a line of more than a MiB
		}
		for of, values := range found {
			if folder, name, _ := of.function(); strings.Contains(folder+name, " ") || of.unit == "" || len(values) == 0 {
				t.Errorf("%q: %v", of, values)
			}
			for _, v := range values {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%q: %v, which no JSON can say", of, v)
				}
			}
		}
	})
}

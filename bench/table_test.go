package main

import (
	"strings"
	"testing"
)

func TestCells(t *testing.T) {
	ours, floor, ratio, none := figure{"p.Ours", ns}, figure{"p.Floor", ns}, figure{"p.Ours", "ratio"}, figure{"p.Ours", allocs}
	slow, part := rival{"slow", figure{"p.Slow", ns}}, rival{"scs", figure{"p.HTTP", "scs-xbare"}}
	some := figure{"p.Some", allocs}
	f := figures{ours: {1500}, floor: {1000}, ratio: {1.25}, none: {0}, some: {3}, slow.figure: {3_000_000}, part.figure: {0.381}, {"p.Rate", "op/s"}: {33_012}}
	for _, c := range []struct {
		name string
		row  row
		want string
	}{
		{"a ratio that meets its goal", row{what: "x", ours: ours, floor: floor, goal: most(1.5)}, "x|1.50 µs||1 µs|1.50|≤ 1.5|yes"},
		{"a ratio that misses it", row{what: "x", ours: ours, floor: floor, goal: least(2)}, "x|1.50 µs||1 µs|1.50|≥ 2|NO"},
		{"a ratio that was measured round by round counts", row{what: "x", ours: ours, floor: floor, ratio: ratio, goal: most(1.3)}, "x|1.50 µs||1 µs|1.25|≤ 1.3|yes"},
		{"a goal for the figure itself", row{what: "x", ours: ours, floor: floor, goal: mostOurs(100)}, "x|1.50 µs||1 µs|1.50|≤ 100 ns|NO"},
		{"nothing to compare with", row{what: "x", ours: ours, goal: leastOurs(1000)}, "x|1.50 µs||||≥ 1 µs|yes"},
		{"no goal", row{what: "x", ours: ours, floor: floor}, "x|1.50 µs||1 µs|1.50||"},
		{"no allocation", row{what: "x", ours: ours, allocs: none, goal: mostOurs(2000).withoutAllocation()}, "x|1.50 µs, 0 allocations||||≤ 2 µs, 0 allocations|yes"},
		{"quick enough, with allocations", row{what: "x", ours: ours, allocs: some, goal: mostOurs(2000).withoutAllocation()}, "x|1.50 µs, 3 allocations||||≤ 2 µs, 0 allocations|NO"},
		{"a rival is so many times ours", row{what: "x", ours: ours, rivals: []rival{slow}}, "x|1.50 µs|slow 3 ms (2,000 ×)||||"},
		{"a rival's share of its own floor", row{what: "x", ours: ours, rivals: []rival{part, slow}}, "x|1.50 µs|scs 0.38 · slow 3 ms (2,000 ×)||||"},
		{"a rate", row{what: "x", ours: figure{"p.Rate", "op/s"}, goal: leastOurs(25_000)}, "x|33,012/s||||≥ 25,000/s|yes"},
	} {
		got, ok := c.row.result(f, "2026-11-22")
		if cells := strings.Join(got.cells("NO"), "|"); !ok || cells != c.want {
			t.Errorf("%s: %q, %v", c.name, cells, ok)
		}
	}
}

func TestMissingFigures(t *testing.T) {
	ours, other := figure{"p.Ours", ns}, figure{"p.Other", ns}
	f := figures{ours: {1500}}
	for name, r := range map[string]row{
		"ours":                      {ours: other},
		"a rival":                   {ours: ours, rivals: []rival{{"r", other}}},
		"a floor":                   {ours: ours, floor: other},
		"allocations":               {ours: ours, allocs: other},
		"a ratio of its own":        {ours: ours, floor: ours, ratio: other},
		"everything but the floors": {ours: other, floor: ours},
	} {
		if _, ok := r.result(f, ""); ok {
			t.Errorf("%s is missing, and that is not noticed", name)
		}
	}
}

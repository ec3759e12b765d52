package main

import "strings"

// A section is rows that are printed together.
type section struct {
	title string
	rows  []row
}

// A row is one claim of docs/performance.md.
type row struct {
	what   string
	ours   figure
	allocs figure  // of ours; zero = not shown
	rivals []rival // others that do the same
	floor  figure  // what it is compared with; zero = nothing
	ratio  figure  // measured by the benchmark itself; zero = ours over floor
	goal   goal    // zero = there is none
}

// A rival is somebody else's figure.
type rival struct {
	name string
	figure
}

// A goal bounds the ratio, or ours where there is nothing to compare with.
type goal struct {
	sign  string // "≤" or "≥"
	bound float64
	ours  bool // bounds ours in any case
	none  bool // and there must be no allocation
}

func most(ratio float64) goal      { return goal{sign: "≤", bound: ratio} }
func least(ratio float64) goal     { return goal{sign: "≥", bound: ratio} }
func mostOurs(bound float64) goal  { return goal{sign: "≤", bound: bound, ours: true} }
func leastOurs(bound float64) goal { return goal{sign: "≥", bound: bound, ours: true} }

func (g goal) withoutAllocation() goal { g.none = true; return g }

func (g goal) String(unit string) string {
	if g.sign == "" {
		return ""
	}
	text := g.sign + " "
	if g.ours {
		text += number(g.bound, unit)
	} else {
		text += plain(g.bound)
	}
	if g.none {
		text += ", 0 allocations"
	}
	return text
}

func (g goal) met(ours, ratio, allocations float64) bool {
	v := ratio
	if g.ours {
		v = ours
	}
	kept := g.sign == "≤" && v <= g.bound || g.sign == "≥" && v >= g.bound
	return kept && !(g.none && allocations > 0)
}

// figures are all that a row needs.
func (r row) figures() (all []figure) {
	for _, f := range []figure{r.ours, r.allocs, r.floor, r.ratio} {
		if f != (figure{}) {
			all = append(all, f)
		}
	}
	for _, other := range r.rivals {
		all = append(all, other.figure)
	}
	return all
}

// A kind is what numbers must have in common to be compared.
type kind int

const (
	unlike kind = iota
	duration
	allocations
	perSecond
	share // of something that the benchmark compared itself
)

func kindOf(unit string) kind {
	switch {
	case unit == ns || strings.HasSuffix(unit, "-ns"):
		return duration
	case unit == allocs:
		return allocations
	case strings.HasSuffix(unit, "/s") || strings.HasSuffix(unit, "/cpu-s"):
		return perSecond
	case unit == "xbare" || strings.HasSuffix(unit, "-xbare"):
		return share
	}
	return unlike
}

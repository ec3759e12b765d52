package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// show writes the table for people.
func show(out io.Writer, sections []measuredSection) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range sections {
		head := slices.Concat([]string{"what", "ours"}, s.rivals, []string{"floor", "ratio", "goal", "met"})
		fmt.Fprintf(w, "\n%s\n  %s\n", s.Title, strings.Join(head, "\t"))
		for _, r := range s.Rows {
			fmt.Fprintf(w, "  %s\n", strings.Join(r.cells(s.rivals), "\t"))
		}
	}
	return w.Flush()
}

func (g goal) String(unit string) string {
	switch {
	case g.sign == "":
		return ""
	case g.ours:
		return g.sign + " " + number(g.bound, unit)
	}
	return g.sign + " " + strconv.FormatFloat(g.bound, 'f', -1, 64)
}

func (g goal) met(ours, ratio float64) bool {
	v := ratio
	if g.ours {
		v = ours
	}
	return g.sign == "≤" && v <= g.bound || g.sign == "≥" && v >= g.bound
}

// number writes a value with its unit, in three digits.
func number(v float64, unit string) string {
	switch {
	case unit == ns || strings.HasSuffix(unit, "-ns"):
		return duration(v)
	case unit == allocs:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case strings.HasSuffix(unit, "/s"), strings.HasSuffix(unit, "/cpu-s"):
		return digits(v) + "/s"
	case strings.HasSuffix(unit, "-MB"):
		return digits(v) + " MB"
	case strings.HasSuffix(unit, "-ms"):
		return digits(v) + " ms"
	case unit == "B/entry", unit == "B/rule":
		return digits(v) + " B"
	}
	return digits(v) + " " + unit
}

func duration(ns float64) string {
	switch {
	case ns >= 1e6:
		return digits(ns/1e6) + " ms"
	case ns >= 1e3:
		return digits(ns/1e3) + " µs"
	}
	return digits(ns) + " ns"
}

func digits(v float64) string {
	switch {
	case v >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// show writes the table, and returns how many of its figures were not measured.
func show(out io.Writer, f figures) (missing int, err error) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range table {
		fmt.Fprintf(w, "\n%s\n", s.title)
		fmt.Fprintln(w, "  what\tours\tfloor\tratio\tgoal\tmet")
		for _, r := range s.rows {
			cells, ok := r.cells(f)
			if !ok {
				missing++
			}
			fmt.Fprintf(w, "  %s\n", strings.Join(cells, "\t"))
		}
	}
	return missing, w.Flush()
}

// cells returns what a line of the table says, and false if a figure is missing.
func (r row) cells(f figures) ([]string, bool) {
	ours, ok := f.median(r.ours)
	if !ok {
		return []string{r.what, "not measured", "", "", r.goal.String(r.ours.unit), ""}, false
	}
	floor, ratio := "", math.NaN()
	if r.floor != (figure{}) {
		v, there := f.median(r.floor)
		ok = there
		floor, ratio = number(v, r.floor.unit), ours/v
	}
	if r.ratio != (figure{}) {
		ratio, _ = f.median(r.ratio)
	}
	shown := ""
	if !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
		shown = strconv.FormatFloat(ratio, 'f', 2, 64)
	}
	return []string{r.what, number(ours, r.ours.unit), floor, shown, r.goal.String(r.ours.unit), r.goal.met(ours, ratio)}, ok
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

func (g goal) met(ours, ratio float64) string {
	v := ratio
	if g.ours {
		v = ours
	}
	switch {
	case g.sign == "":
		return ""
	case g.sign == "≤" && v <= g.bound, g.sign == "≥" && v >= g.bound:
		return "yes"
	}
	return "NO"
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
	case unit == "B/entry":
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

package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

var head = []string{"what", "ours", "others", "floor", "ratio", "goal", "met"}

// show writes the table for people at a terminal.
func show(out io.Writer, sections []measuredSection) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range sections {
		fmt.Fprintf(w, "\n%s\n  %s\n", s.Title, strings.Join(head, "\t"))
		for _, r := range s.Rows {
			fmt.Fprintf(w, "  %s\n", strings.Join(r.cells("NO"), "\t"))
		}
	}
	return w.Flush()
}

// cells are what a line of the table says. A goal that is missed shows as no.
func (r result) cells(no string) []string {
	ours, others, floor, ratio, met := r.Ours.String(), make([]string, 0, len(r.Rivals)), "", "", ""
	if r.Allocations != nil {
		ours += ", " + plain(*r.Allocations) + " allocations"
	}
	for _, other := range r.Rivals {
		others = append(others, other.beside(r.Ours))
	}
	if r.Floor != nil {
		floor = r.Floor.String()
	}
	if r.Ratio != nil {
		ratio = strconv.FormatFloat(*r.Ratio, 'f', 2, 64)
	}
	if r.Met != nil {
		met = map[bool]string{true: "yes", false: no}[*r.Met]
	}
	return []string{r.What, ours, strings.Join(others, " · "), floor, ratio, r.Goal, met}
}

// beside says also how many times ours it is.
func (m measuredRival) beside(ours value) string {
	text := m.Name + " " + m.String()
	if kindOf(m.Unit) == share || kindOf(m.Unit) != kindOf(ours.Unit) || ours.Value == 0 {
		return text
	}
	return text + " (" + digits(m.Value/ours.Value) + " ×)"
}

// String is in three digits.
func (v value) String() string { return number(v.Value, v.Unit) }

func number(v float64, unit string) string {
	switch kindOf(unit) {
	case duration:
		return span(v)
	case allocations:
		return plain(v)
	case perSecond:
		return digits(v) + "/s"
	case share:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	switch {
	case strings.HasSuffix(unit, "-MB"):
		return digits(v) + " MB"
	case strings.HasSuffix(unit, "-ms"):
		return digits(v) + " ms"
	case strings.HasPrefix(unit, "B/"):
		return digits(v) + " B"
	}
	return digits(v) + " " + unit
}

// span writes nanoseconds.
func span(ns float64) string {
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
	case v >= 1000:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	case v >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func thousands(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

package main

import (
	"encoding/json"
	"io"
	"math"
	"strconv"
)

// A result is a row with what was measured for it.
type result struct {
	What   string           `json:"what"`
	Ours   *value           `json:"ours"` // nil = not measured
	Rivals map[string]value `json:"rivals,omitempty"`
	Floor  *value           `json:"floor,omitempty"`
	Ratio  *float64         `json:"ratio,omitempty"`
	Goal   string           `json:"goal,omitempty"`
	Met    *bool            `json:"met,omitempty"` // nil = there is no goal, or ours was not measured
}

// A value is a measured number.
type value struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

func (v value) String() string { return number(v.Value, v.Unit) }

// result returns what was measured for r, and false if a figure is missing.
func (r row) result(f figures, rivals []string) (res result, ok bool) {
	res = result{What: r.what, Goal: r.goal.String(r.ours.unit)}
	ours, ok := f.value(r.ours)
	if !ok {
		return res, false
	}
	res.Ours = &ours
	for i, rival := range r.rivals {
		if rival == (figure{}) {
			continue
		}
		v, there := f.value(rival)
		if !there {
			ok = false
			continue
		}
		if res.Rivals == nil {
			res.Rivals = map[string]value{}
		}
		res.Rivals[rivals[i]] = v
	}
	ratio := math.NaN()
	if r.floor != (figure{}) {
		v, there := f.value(r.floor)
		if there {
			res.Floor = &v
		}
		ok, ratio = ok && there, ours.Value/v.Value
	}
	if r.ratio != (figure{}) {
		ratio, _ = f.median(r.ratio)
	}
	if !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
		res.Ratio = &ratio
	}
	if r.goal.sign != "" {
		met := r.goal.met(ours.Value, ratio)
		res.Met = &met
	}
	return res, ok
}

func (f figures) value(of figure) (value, bool) {
	v, ok := f.median(of)
	return value{v, of.unit}, ok
}

// cells are what a line of the table says.
func (r result) cells(rivals []string) []string {
	ours, floor, ratio, met := "not measured", "", "", ""
	if r.Ours != nil {
		ours = r.Ours.String()
	}
	if r.Floor != nil {
		floor = r.Floor.String()
	}
	if r.Ratio != nil {
		ratio = strconv.FormatFloat(*r.Ratio, 'f', 2, 64)
	}
	if r.Met != nil {
		met = map[bool]string{true: "yes", false: "NO"}[*r.Met]
	}
	cells := []string{r.What, ours}
	for _, name := range rivals {
		cells = append(cells, r.rival(name))
	}
	return append(cells, floor, ratio, r.Goal, met)
}

// rival says also how many times ours it is.
func (r result) rival(name string) string {
	v, ok := r.Rivals[name]
	switch {
	case !ok:
		return ""
	case r.Ours.Value == 0:
		return v.String()
	}
	return v.String() + " (" + digits(v.Value/r.Ours.Value) + " ×)"
}

// A measuredSection is a section with what was measured for it.
type measuredSection struct {
	Title string   `json:"title"`
	Rows  []result `json:"rows"`

	rivals []string
}

// measure returns the table with what was measured for it, and how many of its
// rows lack a figure.
func measure(f figures) (sections []measuredSection, missing int) {
	for _, s := range table {
		m := measuredSection{Title: s.title, rivals: s.rivals}
		for _, r := range s.rows {
			res, ok := r.result(f, s.rivals)
			if !ok {
				missing++
			}
			m.Rows = append(m.Rows, res)
		}
		sections = append(sections, m)
	}
	return sections, missing
}

// writeJSON writes the table for programs.
func writeJSON(w io.Writer, sections []measuredSection) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(sections)
}

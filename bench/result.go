package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
)

// Results are what the command has measured, as its file of JSON keeps them.
type results struct {
	Machine  machine           `json:"machine"`
	Sections []measuredSection `json:"sections"`
}

// A measuredSection is a section with what was measured for it.
type measuredSection struct {
	Title string   `json:"title"`
	Rows  []result `json:"rows"`
}

// A result is a row with what was measured for it.
type result struct {
	What        string          `json:"what"`
	Date        string          `json:"date"` // of the day that it was measured
	Ours        value           `json:"ours"`
	Allocations *float64        `json:"allocations,omitempty"` // of ours
	Rivals      []measuredRival `json:"rivals,omitempty"`
	Floor       *value          `json:"floor,omitempty"`
	Ratio       *float64        `json:"ratio,omitempty"` // ours over floor, or as the benchmark measured it
	Goal        string          `json:"goal,omitempty"`
	Met         *bool           `json:"met,omitempty"` // nil = there is no goal
}

// A value is a measured number.
type value struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

type measuredRival struct {
	Name string `json:"name"`
	value
}

// result returns what was measured for r, and false if a figure is missing.
func (r row) result(f figures, date string) (res result, ok bool) {
	res = result{What: r.what, Date: date, Goal: r.goal.String(r.ours.unit)}
	for _, of := range r.figures() {
		if _, there := f.median(of); !there {
			return res, false
		}
	}
	res.Ours = f.value(r.ours)
	var allocations float64
	if r.allocs != (figure{}) {
		allocations, _ = f.median(r.allocs)
		res.Allocations = &allocations
	}
	for _, other := range r.rivals {
		res.Rivals = append(res.Rivals, measuredRival{other.name, f.value(other.figure)})
	}
	ratio := math.NaN()
	if r.floor != (figure{}) {
		floor := f.value(r.floor)
		res.Floor, ratio = &floor, res.Ours.Value/floor.Value
	}
	if r.ratio != (figure{}) {
		ratio, _ = f.median(r.ratio)
	}
	if !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
		res.Ratio = &ratio
	}
	if r.goal.sign != "" {
		met := r.goal.met(res.Ours.Value, ratio, allocations)
		res.Met = &met
	}
	return res, true
}

func (f figures) value(of figure) value {
	v, _ := f.median(of)
	return value{v, of.unit}
}

// measure returns the rows for which every figure was measured, and the names of the others.
func measure(sections []section, f figures, date string) (measured []measuredSection, missing []string) {
	for _, s := range sections {
		m := measuredSection{Title: s.title}
		for _, r := range s.rows {
			if res, ok := r.result(f, date); ok {
				m.Rows = append(m.Rows, res)
			} else {
				missing = append(missing, s.title+": "+r.what)
			}
		}
		if m.Rows != nil {
			measured = append(measured, m)
		}
	}
	return measured, missing
}

// with returns the rows of a table, in its order: the new ones, and what was known before of the others.
func (r results) with(latest []measuredSection, order []section) results {
	known := map[[2]string]result{}
	for _, sections := range [][]measuredSection{r.Sections, latest} {
		for _, s := range sections {
			for _, row := range s.Rows {
				known[[2]string{s.Title, row.What}] = row
			}
		}
	}
	all := results{Machine: r.Machine}
	for _, s := range order {
		m := measuredSection{Title: s.title}
		for _, row := range s.rows {
			if res, ok := known[[2]string{s.title, row.what}]; ok {
				m.Rows = append(m.Rows, res)
			}
		}
		if m.Rows != nil {
			all.Sections = append(all.Sections, m)
		}
	}
	return all
}

// load reads results from a file; from none if there is no such file.
func load(name string) (r results, err error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("reading earlier results: %w", err)
	}
	return r, nil
}

func (r results) save(name string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(r); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o666)
}

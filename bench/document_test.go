package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The document shows the committed results. If this fails, go run ./bench --count 0 writes the document.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	r, err := load("results.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.document(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != want {
		t.Error("docs/performance.md does not show bench/results.json: go run ./bench --count 0")
	}
}

func TestDocumentKeepsWhatPeopleWrote(t *testing.T) {
	r := results{Machine: machine{2, "Abacus", 24, "Linux 6.18", "go1.26"}, Sections: []measuredSection{
		{"s", []result{{What: "x", Date: "2026-11-20", Ours: value{5, ns}}, {What: "y", Date: "2026-11-21", Ours: value{6, ns}}}},
	}}
	const shown = "2026-11-20 to 2026-11-21, 2 processors (Abacus), 24 GiB, Linux 6.18, go1.26.\n\n" +
		"| what | ours | others | floor | ratio | goal | met |\n|---|---|---|---|---|---|---|\n" +
		"| **s** |  |  |  |  |  |  |\n| x | 5 ns |  |  |  |  |  |\n| y | 6 ns |  |  |  |  |  |\n"
	for _, c := range []struct{ name, in, want string }{
		{"before and behind", "# Title\n" + begin + "\nold\n" + end + "\n## Method\n", "# Title\n" + begin + "\n" + shown + end + "\n## Method\n"},
		{"no line to begin at", "# Title\n" + end + "\n", ""},
		{"no line to end at", begin + "\nold\n", ""},
		{"the wrong way round", end + "\n" + begin + "\n", ""},
	} {
		got, err := r.document(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %v\n%s", c.name, err, got)
		}
	}
}

func TestResultsOfAPart(t *testing.T) {
	order := []section{{"s", []row{{what: "x"}, {what: "y"}}}, {"t", []row{{what: "z"}}}}
	earlier := results{Machine: machine{Go: "go1.26"}, Sections: []measuredSection{
		{"s", []result{{What: "x", Ours: value{1, ns}}, {What: "y", Ours: value{1, ns}}, {What: "gone", Ours: value{1, ns}}}},
	}}
	all := earlier.with([]measuredSection{{"t", []result{{What: "z", Ours: value{2, ns}}}}, {"s", []result{{What: "y", Ours: value{2, ns}}}}}, order)
	var got []string
	for _, s := range all.Sections {
		for _, r := range s.Rows {
			got = append(got, s.Title+"/"+r.What+"="+r.Ours.String())
		}
	}
	if want := "s/x=1 ns s/y=2 ns t/z=2 ns"; strings.Join(got, " ") != want || all.Machine != earlier.Machine {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestResultsInAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results.json")
	if none, err := load(name); err != nil || none.Sections != nil {
		t.Errorf("a file that does not exist yet: %v, %v", none, err)
	}
	three, yes := 3.0, true
	r := results{Machine: thisMachine(), Sections: []measuredSection{{"≤ <b>", []result{{
		What: "x", Date: "2026-11-22", Ours: value{5, ns}, Allocations: &three, Rivals: []measuredRival{{"casbin", value{9, ns}}},
		Floor: &value{2, ns}, Ratio: &three, Goal: "≤ 3", Met: &yes,
	}}}}}
	if err := r.save(name); err != nil {
		t.Fatal(err)
	}
	again, err := load(name)
	if err != nil || again.markdown() != r.markdown() || again.Machine != r.Machine {
		t.Errorf("%v\n%+v", err, again)
	}
	if err := os.WriteFile(name, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(name); err == nil {
		t.Error("half a file is no results")
	}
}

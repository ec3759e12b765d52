package main

import (
	"io"
	"path/filepath"
	"testing"
)

func TestParse(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	const no = ""
	committed, document, other := filepath.Join(root, resultsFile), filepath.Join(root, documentFile), filepath.Join(root, "other.json")
	for _, c := range []struct {
		name           string
		args           []string
		json, markdown string
		part           bool
	}{
		{"everything is committed", nil, committed, document, false},
		{"a part is only shown", []string{"--only", "HTTP"}, no, no, true},
		{"a part of what is committed", []string{"--only", "HTTP", "--json", "results.json"}, "results.json", document, true},
		{"another file leaves the document", []string{"--json", other}, other, no, false},
		{"another document", []string{"--markdown", "x.md"}, committed, "x.md", false},
		{"nothing is measured", []string{"--count", "0"}, committed, document, true},
	} {
		o, err := parse(c.args, root, io.Discard)
		if err != nil || o.json != c.json || o.markdown != c.markdown || o.part != c.part {
			t.Errorf("%s: %+v, %v", c.name, o, err)
		}
	}
	for _, args := range [][]string{{"--only", "("}, {"--count", "-1"}, {"HTTP"}, {"--fast"}} {
		if _, err := parse(args, root, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

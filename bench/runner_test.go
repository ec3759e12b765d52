package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is a module with two benchmarks.
const tree = `package p

import "testing"

func BenchmarkGood(b *testing.B) {
	b.Run("this", func(b *testing.B) { b.ReportMetric(7, "answers/s") })
	b.Run("other", func(b *testing.B) { b.Fatal("was not asked for") })
}

func BenchmarkBad(b *testing.B) { b.Fatal("broken") }
`

func TestRunner(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "p")
	for name, text := range map[string]string{"go.mod": "module " + modulePath + "\n\ngo 1.26.0\n", "p/p_test.go": tree} {
		file := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(folder, 0o777), os.WriteFile(file, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	good := figure{"p.Good/this", "answers/s"}
	for _, c := range []struct {
		name    string
		figures []figure
		err     error
		log     string
	}{
		{"all is well", []figure{good}, nil, "turn 2 of 2: p BenchmarkGood"},
		{"what is not there is left out", []figure{good, {"p.Coming", ns}, {"none.Coming", ns}}, nil, "BenchmarkGood"},
		{"one fails and the others go on", []figure{{"p.Bad", ns}, good}, errFailed, "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rows []row
			for _, f := range c.figures {
				rows = append(rows, row{ours: f})
			}
			var log bytes.Buffer
			r := &runner{root: root, temp: t.TempDir(), turns: 2, time: "1x", log: &log}
			f, err := r.run(t.Context(), jobs([]section{{"s", rows}}))
			if !errors.Is(err, c.err) || !strings.Contains(log.String(), c.log) {
				t.Errorf("%v\n%s", err, &log)
			}
			if got := f[good]; len(got) != 2 || got[0] != 7 {
				t.Errorf("%v, want 7 in both turns", got)
			}
		})
	}
}

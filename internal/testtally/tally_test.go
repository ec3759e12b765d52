package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// events writes go test -json for one package; each argument is "action [test [output]]".
func events(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		f := append(strings.SplitN(l, " ", 3), "", "")
		b.WriteString(`{"Action":"` + f[0] + `","Package":"p","Test":"` + f[1] + `","Output":"` + f[2] + `"}` + "\n")
	}
	return b.String()
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name, in string
		closing  string
		err      string   // "" for exit code 0
		shows    []string // all of them
		hides    string
	}{
		{"tests and subtests pass", events("run A", "output A secret", "pass A", "pass A/sub", `output  ok p\n`, "pass"),
			"2 passed, 0 failed, 0 skipped", "", []string{"ok p"}, "secret"},
		{"a failed test is shown and fails the run", events("run A", `output A boo\n`, "fail A", "pass B", `output  FAIL\n`, "fail"),
			"1 passed, 1 failed, 0 skipped", "tests failed", []string{"boo", "FAIL"}, ""},
		{"a skipped test is shown and fails the run", events(`output A nothere\n`, "skip A", "pass B", "pass"),
			"1 passed, 0 failed, 1 skipped", "skipped", []string{"nothere"}, ""},
		{"a package without tests is no skipped test", events("pass A", "pass", "start", `output  ?\n`, "skip"),
			"1 passed, 0 failed, 0 skipped", "", nil, "?"},
		{"a package that does not compile counts as failed", `{"Action":"build-output","Output":"undefined: x\n"}` + "\n" + events("fail"),
			"0 passed, 1 failed, 0 skipped", "tests failed", []string{"undefined: x"}, ""},
		{"a test without a verdict is shown", events("run A", `output A stuck\n`, `output  panic\n`, "fail"),
			"0 passed, 1 failed, 0 skipped", "tests failed", []string{"stuck", "panic"}, ""},
		{"a package that fails twice counts twice", events("fail A", "fail", "fail"),
			"0 passed, 2 failed, 0 skipped", "tests failed", nil, ""},
		{"a line that is no event is shown", "no such package\n" + events("pass A", "pass"),
			"1 passed, 0 failed, 0 skipped", "", []string{"no such package"}, ""},
		{"no tests at all fail the run", "", "0 passed, 0 failed, 0 skipped", "no tests ran", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "summary")
			var out strings.Builder
			err := run([]string{file}, strings.NewReader(c.in), &out)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(string(got), "\n"+c.closing+"\n") {
				t.Errorf("closes with %q, want the line %q", got, c.closing)
			}
			for _, want := range c.shows {
				if !strings.Contains(out.String(), want) {
					t.Errorf("shows %q, want %q in it", out.String(), want)
				}
			}
			if c.hides != "" && strings.Contains(out.String(), c.hides) {
				t.Errorf("shows %q, want no %q in it", out.String(), c.hides)
			}
		})
	}
}

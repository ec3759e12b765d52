package main

import (
	"bufio"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A figure names one measured number.
type figure struct {
	bench string // package and name, such as "authz.RoleCheck/10"
	unit  string // "ns/op", or what the benchmark reports
}

// figures are what was measured, in the order of measurement.
type figures map[figure][]float64

// median returns the middle one of a figure's measurements, and false if there is none.
func (f figures) median(of figure) (float64, bool) {
	v := slices.Sorted(slices.Values(f[of]))
	if len(v) == 0 {
		return 0, false
	}
	return v[len(v)/2], true
}

// processors is the suffix that go test adds to a name.
var processors = regexp.MustCompile(`-\d+$`)

// read reads the output of go test -bench to its end, and reports whether something in it failed.
func read(in io.Reader) (f figures, failed bool, err error) {
	f = figures{}
	pkg := ""
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 0:
		case words[0] == "pkg:":
			_, pkg, _ = strings.Cut(words[1], "sallyport-auth/sallyport")
			pkg = strings.TrimPrefix(pkg, "/")
		case words[0] == "FAIL" || words[0] == "---" && words[1] == "FAIL:":
			failed = true
		case strings.HasPrefix(words[0], "Benchmark"):
			name := processors.ReplaceAllString(strings.TrimPrefix(words[0], "Benchmark"), "")
			f.add(pkg+"."+name, words[1:])
		}
	}
	return f, failed, lines.Err()
}

// add takes the words of a line behind its name: how often it ran, then values and units in turn.
func (f figures) add(bench string, words []string) {
	for i := 1; i+1 < len(words); i += 2 {
		if v, err := strconv.ParseFloat(words[i], 64); err == nil {
			key := figure{bench, words[i+1]}
			f[key] = append(f[key], v)
		}
	}
}

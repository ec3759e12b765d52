package main

import (
	"bufio"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// modulePath is what the names of packages begin with.
const modulePath = "github.com/sallyport-auth/sallyport"

// A figure names one measured number.
type figure struct {
	bench string // folder and name, such as "authz.RoleCheck/10"
	unit  string // "ns/op", or what the benchmark reports
}

// function returns the folder of the benchmark, the name of its function, and the names below that, which b.Run gives.
func (f figure) function() (folder, name string, below []string) {
	folder, name, _ = strings.Cut(f.bench, ".")
	parts := strings.Split(name, "/")
	return folder, parts[0], parts[1:]
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

// read reads what a test binary prints under -test.bench, to its end, and reports whether something in it failed. The names of benchmarks
// end in the suffix if there is more than one processor.
func read(in io.Reader, suffix string) (f figures, failed bool, err error) {
	f = figures{}
	folder := ""
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) < 2:
			failed = failed || len(words) == 1 && words[0] == "FAIL"
		case words[0] == "pkg:":
			folder = strings.TrimPrefix(strings.TrimPrefix(words[1], modulePath), "/")
		case words[0] == "FAIL" || words[0] == "---" && words[1] == "FAIL:":
			failed = true
		default:
			if name, ok := strings.CutPrefix(words[0], "Benchmark"); ok {
				f.add(folder+"."+strings.TrimSuffix(name, suffix), words[1:])
			}
		}
	}
	return f, failed, lines.Err()
}

// add takes the words of a line behind its name: how often it ran, then values and units in turn.
func (f figures) add(bench string, words []string) {
	for i := 1; i+1 < len(words); i += 2 {
		v, err := strconv.ParseFloat(words[i], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		key := figure{bench, words[i+1]}
		f[key] = append(f[key], v)
	}
}

// append adds what was measured later.
func (f figures) append(later figures) {
	for of := range maps.Keys(later) {
		f[of] = append(f[of], later[of]...)
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
)

// A runner runs jobs: each package is built once and then all take turns, so that what is compared runs at about the same times.
type runner struct {
	root  string // of the tree
	temp  string // for the test binaries
	turns int
	time  string // for each benchmark, as in go test -benchtime
	log   io.Writer
}

// errFailed is behind what has been shown already.
var errFailed = errors.New("a benchmark failed")

// run returns what it measured also if something failed.
func (r *runner) run(ctx context.Context, all []*job) (f figures, err error) {
	f = figures{}
	var failed error
	runnable, err := r.build(ctx, all)
	if err != nil {
		return f, err
	}
	for turn := range r.turns {
		for _, j := range runnable {
			for _, fn := range j.functions {
				if turn > 0 && itself[j.folder+"."+fn.name] {
					continue
				}
				fmt.Fprintf(r.log, "turn %d of %d: %s Benchmark%s\n", turn+1, r.turns, j.folder, fn.name)
				if err := r.measure(ctx, j.folder, fn, f); err != nil {
					if ctx.Err() != nil {
						return f, ctx.Err()
					}
					failed = err
				}
			}
		}
	}
	return f, failed
}

// build makes a test binary of each package. Benchmarks that are not there are left out.
func (r *runner) build(ctx context.Context, all []*job) (runnable []*job, err error) {
	for _, j := range all {
		there := &job{folder: j.folder}
		for _, fn := range j.functions {
			if fn.exists(filepath.Join(r.root, j.folder)) {
				there.functions = append(there.functions, fn)
			}
		}
		if there.functions == nil {
			continue
		}
		fmt.Fprintf(r.log, "building the benchmarks of %s\n", j.folder)
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", r.binary(j.folder), ".")
		cmd.Dir = filepath.Join(r.root, j.folder) // the go command finds the module
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s: %w\n%s", j.folder, err, out)
		}
		runnable = append(runnable, there)
	}
	return runnable, nil
}

func (r *runner) binary(folder string) string {
	return filepath.Join(r.temp, filepath.FromSlash(folder), "benchmarks.test")
}

// measure runs one benchmark function and adds its figures to f.
func (r *runner) measure(ctx context.Context, folder string, fn *function, f figures) error {
	cmd := exec.CommandContext(ctx, r.binary(folder), "-test.run=^$", "-test.bench="+fn.pattern(), "-test.benchmem",
		"-test.benchtime="+r.time, "-test.timeout=1h")
	cmd.Dir = filepath.Join(r.root, folder)
	cmd.Stderr = r.log
	out, err := cmd.Output()
	found, failed, readErr := read(bytes.NewReader(out), suffix())
	f.append(found)
	switch {
	case readErr != nil:
		return readErr
	case err != nil || failed:
		fmt.Fprintf(r.log, "%s\n%s Benchmark%s failed: %v\n", out, folder, fn.name, err)
		return errFailed
	}
	return nil
}

// suffix is what a benchmark's name ends in: the number of processors, unless it is 1.
func suffix() string {
	if n := runtime.GOMAXPROCS(0); n > 1 {
		return fmt.Sprintf("-%d", n)
	}
	return ""
}

// Bench measures Sallyport beside other libraries and beside floors such as the bare cryptographic operation. From the root of the
// repository:
//
//	go run ./bench
//
// runs every benchmark that docs/performance.md reports, prints its table, and writes bench/results.json and the table of
// docs/performance.md. It takes about half an hour; nothing else should run meanwhile. With flags:
//
//	go run ./bench --only 'HTTP|sign-in'         rows whose section or name match; they are printed, and nothing is written
//	go run ./bench --only HTTP --json bench/results.json
//	                                             they replace those in the file (and in the document, which shows that file)
//	go run ./bench --json FILE --markdown DOC    another file, another document with the two lines between which the table stands
//	go run ./bench --count 9 --time 1s           more turns, and longer ones
//	go run ./bench --count 0                     measures nothing and writes the document from bench/results.json
//
// Every figure is the median over the turns, of which there are five unless --count says otherwise. What a benchmark compares over turns of
// its own runs once. The exit code is 1 if a benchmark failed; a goal that is missed is only shown, because other programs on the machine
// can be the reason, and so is a row without figures, because PostgreSQL may not be installed.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// The files that belong together, from the root of the repository.
var (
	resultsFile  = filepath.Join("bench", "results.json")
	documentFile = filepath.Join("docs", "performance.md")
)

// Options are the flags.
type options struct {
	only           *regexp.Regexp
	part           bool // only is given
	json, markdown string
	count          int
	time           string
}

func parse(args []string, root string, log io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	only := flags.String("only", "", "measure rows that match the `expression`, as in \"section: row\"")
	flags.StringVar(&o.json, "json", "", "write results to the `file` (default bench/results.json, and none with --only)")
	flags.StringVar(&o.markdown, "markdown", "", "write the table into the `document` (default docs/performance.md for bench/results.json)")
	flags.IntVar(&o.count, "count", 5, "number of `turns`; 0 measures nothing")
	flags.StringVar(&o.time, "time", "500ms", "`duration` of each benchmark in each turn")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.count < 0 {
		return o, fmt.Errorf("unexpected arguments: %q", args)
	}
	o.part = *only != "" || o.count == 0
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("--only: %w", err)
	}
	ours := filepath.Join(root, resultsFile)
	if o.json == "" && *only == "" {
		o.json = ours
	}
	if o.markdown == "" && same(o.json, ours) {
		o.markdown = filepath.Join(root, documentFile)
	}
	return o, nil
}

func same(a, b string) bool {
	absolute, err := filepath.Abs(a)
	return err == nil && a != "" && absolute == b
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	root, err := findRoot(ctx)
	if err != nil {
		return err
	}
	o, err := parse(args, root, log)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	sections := choose(table, o.only)
	if sections == nil {
		return errors.New("--only matches no row")
	}
	earlier, err := o.earlier()
	if err != nil {
		return err
	}
	f := figures{}
	var failed error
	if o.count > 0 {
		temp, err := os.MkdirTemp("", "bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		r := &runner{root: root, temp: temp, turns: o.count, time: o.time, log: log}
		if f, failed = r.run(ctx, jobs(sections)); failed != nil && !errors.Is(failed, errFailed) {
			return failed
		}
	}
	measured, missing := measure(sections, f, time.Now().Format(time.DateOnly))
	if o.count > 0 {
		for _, name := range missing {
			fmt.Fprintln(log, "not measured:", name)
		}
	}
	all := earlier.with(measured, table)
	return errors.Join(failed, show(out, measured), o.write(all))
}

// earlier returns the results that those of a part of the table are added to.
func (o options) earlier() (r results, err error) {
	here := thisMachine()
	if !o.part || o.json == "" {
		return results{Machine: here}, nil
	}
	r, err = load(o.json)
	if r.Sections == nil {
		r.Machine = here
	}
	if err == nil && o.count > 0 && r.Machine != here {
		err = fmt.Errorf("%s is from another machine (%s): measure everything, or name another file", o.json, r.Machine)
	}
	return r, err
}

func (o options) write(r results) error {
	if o.json != "" {
		if err := r.save(o.json); err != nil {
			return err
		}
	}
	if o.markdown == "" {
		return nil
	}
	return r.write(o.markdown)
}

// findRoot returns the folder of the module that this command belongs to.
func findRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Module.Dir}}", modulePath+"/bench").Output()
	if err != nil {
		return "", errors.New("run it within the repository: go run ./bench")
	}
	return string(bytes.TrimSpace(out)), nil
}

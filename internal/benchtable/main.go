// Benchtable reads what go test -bench prints, passes it on, and closes with a table of the figures for which there is a goal, each
// beside what it is compared with:
//
//	go test -run '^$' -bench . -benchmem ./... | benchtable
//
// Given the name of a file, it writes the table there too, as JSON.
//
// Of a benchmark that was run several times the medians count. The exit code is 1 if a benchmark failed or a figure is missing;
// a goal that is missed is only shown, because other programs on the machine can be the reason.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	file := ""
	if len(os.Args) > 1 {
		file = os.Args[1]
	}
	if err := run(os.Stdin, os.Stdout, file); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

// run writes to file what it shows, unless file is "".
func run(in io.Reader, out io.Writer, file string) error {
	f, failed, err := read(io.TeeReader(in, out))
	if err != nil {
		return err
	}
	sections, missing := measure(f)
	if err := errors.Join(show(out, sections), save(file, sections)); err != nil {
		return err
	}
	switch {
	case failed:
		return errors.New("a benchmark failed")
	case missing > 0:
		return fmt.Errorf("%d rows lack a figure", missing)
	}
	return nil
}

func save(file string, sections []measuredSection) error {
	if file == "" {
		return nil
	}
	w, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(writeJSON(w, sections), w.Close())
}

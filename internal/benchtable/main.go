// Benchtable reads what go test -bench prints, passes it on, and closes with a table of the figures for which there is a goal, each
// beside what it is compared with:
//
//	go test -run '^$' -bench . -benchmem ./... | benchtable
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
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	f, failed, err := read(io.TeeReader(in, out))
	if err != nil {
		return err
	}
	missing, err := show(out, f)
	switch {
	case err != nil:
		return err
	case failed:
		return errors.New("a benchmark failed")
	case missing > 0:
		return fmt.Errorf("%d figures are missing", missing)
	}
	return nil
}

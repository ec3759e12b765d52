// Testtally reads what go test -json prints, shows what a person wants to see of it, and counts:
//
//	go test -json ./... | testtally summary.txt
//
// It shows a line for each package, and everything that a failed or skipped test said. The closing lines go to the file; the last
// one is "N passed, N failed, N skipped". The exit code is 1 if a test failed, if one was skipped, or if there was none.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testtally:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("usage: go test -json ./... | testtally FILE")
	}
	t, err := count(in, out)
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0], []byte(t.String()), 0o600); err != nil {
		return err
	}
	return t.verdict()
}

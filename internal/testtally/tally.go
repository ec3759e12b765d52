package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// An event is one line of go test -json, see go doc test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// A tally counts tests and subtests alike. A package that fails without a failed test (it does not compile, it exits) counts
// as one failed test.
type tally struct {
	passed, failed, skipped int
	packages, broken        int
}

// String returns the closing lines.
func (t tally) String() string {
	return fmt.Sprintf("%d packages, %d of them failed\n%d passed, %d failed, %d skipped\n",
		t.packages, t.broken, t.passed, t.failed, t.skipped)
}

func (t tally) verdict() error {
	switch {
	case t.failed > 0:
		return errors.New("tests failed")
	case t.skipped > 0:
		return errors.New("tests were skipped; here none may be")
	case t.passed == 0:
		return errors.New("no tests ran")
	}
	return nil
}

// A counter follows the packages that run.
type counter struct {
	tally
	out    io.Writer
	said   map[string]*strings.Builder // by package and test: what it printed so far
	failed map[string]bool             // packages with a failed test
}

// count reads events to the end. Lines that are none are shown as they are.
func count(in io.Reader, out io.Writer) (tally, error) {
	c := &counter{out: out, said: map[string]*strings.Builder{}, failed: map[string]bool{}}
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			c.line(line)
		}
		if err == io.EOF {
			return c.tally, nil
		}
		if err != nil {
			return c.tally, err
		}
	}
}

func (c *counter) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		c.out.Write(line)
		return
	}
	switch {
	case e.Action == "build-output":
		io.WriteString(c.out, e.Output)
	case e.Action == "output":
		c.output(e)
	case e.Test != "":
		c.test(e)
	default:
		c.pkg(e)
	}
}

func (c *counter) output(e event) {
	key := e.Package + " " + e.Test
	if c.said[key] == nil {
		c.said[key] = &strings.Builder{}
	}
	c.said[key].WriteString(e.Output)
}

// told returns what a test or package has printed, and forgets it.
func (c *counter) told(e event) string {
	key := e.Package + " " + e.Test
	b := c.said[key]
	delete(c.said, key)
	if b == nil {
		return ""
	}
	return b.String()
}

func (c *counter) test(e event) {
	switch e.Action {
	case "pass":
		c.passed++
		c.told(e)
	case "fail":
		c.tally.failed++
		c.failed[e.Package] = true
		io.WriteString(c.out, c.told(e))
	case "skip":
		c.skipped++
		io.WriteString(c.out, c.told(e))
	}
}

// pkg ends a package. Of one that passed only the line "ok …" is worth showing.
func (c *counter) pkg(e event) {
	switch e.Action {
	case "pass":
		c.packages++
		for line := range strings.Lines(c.told(e)) {
			if strings.HasPrefix(line, "ok ") {
				io.WriteString(c.out, line)
			}
		}
	case "fail":
		c.packages++
		c.broken++
		if !c.failed[e.Package] {
			c.tally.failed++
			c.unfinished(e.Package)
		}
		delete(c.failed, e.Package) // go test may run the package again, for another fuzz target
		io.WriteString(c.out, c.told(e))
	case "skip":
		c.told(e) // no test files
	}
}

// unfinished shows what the tests said that a dying package left without a verdict.
func (c *counter) unfinished(pkg string) {
	for key, b := range c.said {
		if strings.HasPrefix(key, pkg+" ") && key != pkg+" " {
			io.WriteString(c.out, b.String())
			delete(c.said, key)
		}
	}
}

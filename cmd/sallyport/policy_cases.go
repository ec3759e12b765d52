package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/authz/lint"
)

type policyTest struct {
	policyPaths
	Tests []string `placeholder:"FILE" sep:"none" help:"File of cases, in place of those beside the policy; can be repeated."`
	JUnit string   `name:"junit" placeholder:"FILE" help:"Write the results as JUnit XML as well."`
}

func (*policyTest) Help() string {
	return "Cases stand in *.test.toml, *.test.yaml and *.test.json beside the policy, and in every such file in its folder tests. " +
		"Each names a principal, an action, a resource with attributes, a context, and what it wants: allow or deny."
}

// cases are files of cases beside a policy.
var cases = []string{
	"*.test.toml", "*.test.yaml", "*.test.yml", "*.test.json",
	"tests/*.toml", "tests/*.yaml", "tests/*.yml", "tests/*.json",
}

func (c *policyTest) files(d *draft) ([]string, error) {
	if len(c.Tests) > 0 {
		return c.Tests, nil
	}
	var found []string
	for _, folder := range d.folders {
		for _, pattern := range cases {
			names, err := filepath.Glob(filepath.Join(folder, pattern))
			if err != nil {
				return nil, misused("%s: %v", folder, err)
			}
			found = append(found, names...)
		}
	}
	slices.Sort(found)
	if len(found) == 0 {
		return nil, misused("there are no cases: write some into tests/*.toml beside the policy, or name a file with --tests")
	}
	return slices.Compact(found), nil
}

func (c *policyTest) Run(ctx context.Context, p *program) error {
	d, err := c.draft()
	if err != nil {
		return err
	}
	files, err := c.files(d)
	if err != nil {
		return err
	}
	policy, err := d.policy()
	if err != nil {
		return err
	}
	results := []lint.Result{}
	for _, file := range files {
		var s lint.Suite
		if _, err := readTable(file, &s); err != nil {
			return err
		}
		ran, err := policy.Test(ctx, file, &s)
		if err != nil {
			return faulty(misuse, err)
		}
		results = append(results, ran...)
	}
	if c.JUnit != "" {
		if err := writeJUnit(c.JUnit, results); err != nil {
			return err
		}
	}
	return p.tested(results)
}

// faulty is an error of several lines.
func faulty(code int, err error) error {
	return &faultyError{code, strings.Split(err.Error(), "\n")}
}

// tested prints the results; a case that failed is an error.
func (p *program) tested(results []lint.Result) error {
	wrong := 0
	for _, r := range results {
		if !r.Passed {
			wrong++
		}
	}
	v := struct {
		Passed int           `json:"passed"`
		Failed int           `json:"failed"`
		Cases  []lint.Result `json:"cases"`
	}{len(results) - wrong, wrong, results}
	err := p.print(answer{v, func(w io.Writer) {
		for _, r := range results {
			tellResult(w, r)
		}
		fmt.Fprintf(w, "%d passed, %d failed\n", v.Passed, v.Failed)
	}})
	switch {
	case err != nil:
		return err
	case len(results) == 0:
		return misused("the files of cases have no [[case]]")
	case wrong > 0:
		return errors.New("the policy does not do what its cases want")
	}
	return nil
}

func tellResult(w io.Writer, r lint.Result) {
	if r.Passed {
		return
	}
	fmt.Fprintf(w, "FAIL %s: %s\n", r.File, printable(r.Name))
	for _, text := range r.Wrong {
		fmt.Fprintf(w, "    %s\n", printable(text))
	}
	for _, text := range r.Why {
		fmt.Fprintf(w, "      %s\n", printable(text))
	}
}

// The elements of JUnit's XML, as far as others read them.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes the results, a suite for each file.
func writeJUnit(path string, results []lint.Result) error {
	var out junitSuites
	for _, r := range results {
		if n := len(out.Suites); n == 0 || out.Suites[n-1].Name != r.File {
			out.Suites = append(out.Suites, junitSuite{Name: r.File})
		}
		s := &out.Suites[len(out.Suites)-1]
		c := junitCase{Name: r.Name, Class: r.File}
		s.Tests++
		if !r.Passed {
			s.Failures++
			c.Failure = &junitFailure{strings.Join(r.Wrong, "; "), strings.Join(r.Why, "\n")}
		}
		s.Cases = append(s.Cases, c)
	}
	text, err := xml.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	if err := os.WriteFile(path, append([]byte(xml.Header), append(text, '\n')...), 0o644); err != nil {
		return misused("--junit: %v", err)
	}
	return nil
}

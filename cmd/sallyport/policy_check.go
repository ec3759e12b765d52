package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-auth/sallyport/authz/lint"
)

type policyCheck struct {
	policyPaths
	Strict bool `help:"Fail on warnings as well."`
}

func (*policyCheck) Help() string {
	return "Reads the policy, holds every rule to the schema, and looks for conditions that are always the same, rules that change nothing, " +
		"permissions that nobody holds, roles that can do nothing, and rules that lists cannot be filtered by. " +
		"A rule that is meant as it is says so: @nolint(\"shadowed\")."
}

func (c *policyCheck) Run(p *program) error {
	d, err := c.draft()
	if err != nil {
		return err
	}
	_, found := lint.Check(d.Source)
	found = d.shown(found)
	if err := p.print(findings(found)); err != nil {
		return err
	}
	worst := lint.Worst(found)
	if worst == lint.Error || c.Strict && worst == lint.Warning {
		return fmt.Errorf("the policy is not good: %s", count(found))
	}
	return nil
}

func findings(found []lint.Finding) answer {
	v := struct {
		Findings []lint.Finding `json:"findings"`
	}{append([]lint.Finding{}, found...)}
	return answer{v, func(w io.Writer) {
		for _, f := range found {
			fmt.Fprintln(w, printable(f.String()))
		}
		if len(found) == 0 {
			fmt.Fprintln(w, "nothing found")
		}
	}}
}

// count says how many findings of each severity there are.
func count(found []lint.Finding) string {
	var parts []string
	for _, s := range []lint.Severity{lint.Error, lint.Warning, lint.Note} {
		n := 0
		for _, f := range found {
			if f.Severity == s {
				n++
			}
		}
		switch {
		case n == 1:
			parts = append(parts, "1 "+string(s))
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

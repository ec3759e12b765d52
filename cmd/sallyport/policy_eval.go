package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

type policyEval struct {
	Policies []string `required:"" placeholder:"FILE" sep:"none" help:"Policies in Cedar; - is standard input. Can be repeated."`
	Entities string   `required:"" placeholder:"FILE" help:"Entities in Cedar's JSON form; - is standard input."`
	Requests string   `required:"" placeholder:"FILE" help:"JSON array of requests, or an object with the member requests; - is standard input."`
	Schema   string   `placeholder:"FILE" help:"Schema, by which values are read and entities checked."`
}

func (*policyEval) Help() string {
	return "Needs no data folder. A policy is called by its @id, or else policy0, policy1 and so on. " +
		"A forbid whose condition fails forbids; otherwise decisions are Cedar's."
}

// A shownResult is what the policies say to one request.
type shownResult struct {
	Decision string   `json:"decision"` // "allow" or "deny"
	Reasons  []string `json:"reasons"`  // policies that decided
	Errors   []string `json:"errors"`   // of policies whose condition failed, each after its id
}

func (c *policyEval) Run(p *program) error {
	results, err := c.evaluate(p.stdin)
	if err != nil {
		return faulty(misuse, err)
	}
	return p.print(answer{results, func(w io.Writer) {
		for i, r := range results {
			text := r.Decision
			if len(r.Reasons) > 0 {
				text += " by " + strings.Join(r.Reasons, ", ")
			}
			for _, e := range r.Errors {
				text += "; " + e
			}
			fmt.Fprintf(w, "%d: %s\n", i, printable(text))
		}
	}})
}

func (c *policyEval) evaluate(stdin io.Reader) ([]shownResult, error) {
	var schema *cedar.Schema
	if c.Schema != "" {
		f, err := readInput(c.Schema, stdin)
		if err != nil {
			return nil, err
		}
		if schema, err = cedar.ParseSchema(f); err != nil {
			return nil, err
		}
	}
	rules, err := c.rules(stdin)
	if err != nil {
		return nil, err
	}
	f, err := readInput(c.Entities, stdin)
	if err != nil {
		return nil, err
	}
	entities, err := cedar.ParseEntities(f, schema)
	if err != nil {
		return nil, err
	}
	if f, err = readInput(c.Requests, stdin); err != nil {
		return nil, err
	}
	requests, err := cedar.ParseRequests(f, schema)
	if err != nil {
		return nil, err
	}
	actions := entities.Actions()
	if schema != nil {
		maps.Copy(actions, schema.Actions())
	}
	set, err := rule.Compile(rules, rule.Config{Actions: actions})
	if err != nil {
		return nil, err
	}
	results := make([]shownResult, len(requests))
	for i, r := range requests {
		results[i] = showResult(set.Evaluate(cedar.NewEnv(entities, r)))
	}
	return results, nil
}

// rules reads the policies, and calls them as Cedar does.
func (c *policyEval) rules(stdin io.Reader) ([]rule.Rule, error) {
	var files []rule.File
	for _, path := range c.Policies {
		f, err := readInput(path, stdin)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	rules, err := cedar.Parse(files...)
	for i := range rules {
		if rules[i].Annotations["id"] == "" {
			rules[i].ID = "policy" + strconv.Itoa(i)
		}
	}
	return rules, err
}

func readInput(path string, stdin io.Reader) (rule.File, error) {
	if path == "-" {
		text, err := io.ReadAll(stdin)
		return rule.File{Name: "standard input", Text: string(text)}, err
	}
	text, err := os.ReadFile(path)
	return rule.File{Name: path, Text: string(text)}, err
}

func showResult(r rule.Result) shownResult {
	out := shownResult{Decision: "deny", Reasons: []string{}, Errors: []string{}}
	if r.Allow {
		out.Decision = "allow"
	}
	for _, reason := range r.Reasons {
		out.Reasons = append(out.Reasons, reason.ID)
	}
	for _, f := range r.Errors {
		out.Errors = append(out.Errors, f.Rule.ID+": "+f.Err.Error())
	}
	return out
}

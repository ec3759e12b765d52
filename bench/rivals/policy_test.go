package rivals

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// newPolicy returns our policy, of role definitions and of files in Cedar.
func newPolicy(t testing.TB, roles []authz.Role, files ...string) *authz.Policy {
	t.Helper()
	definitions, err := authz.Compile(roles)
	if err != nil {
		t.Fatal(err)
	}
	p := authz.New()
	p.Swap(definitions)
	p.SwapRules(authz.Rules{Set: compile(t, parse(t, files...))})
	return p
}

// parse copies the files, as if they had just been read.
func parse(t testing.TB, files ...string) []rule.Rule {
	t.Helper()
	read := make([]rule.File, len(files))
	for i, text := range files {
		read[i] = rule.File{Name: fmt.Sprintf("%d.cedar", i), Text: strings.Clone(text)}
	}
	rules, err := cedar.Parse(read...)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func compile(t testing.TB, rules []rule.Rule) *rule.Set {
	t.Helper()
	set, err := rule.Compile(rules, rule.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// decider is our policy, asked as the doors ask it.
func decider(t testing.TB, name string, p sallyport.Policy, questions []question) contestant {
	queries := make([]sallyport.Query, len(questions))
	for i, q := range questions {
		queries[i] = q.query()
	}
	ctx := t.Context()
	return contestant{name, func(question int) bool {
		d, err := p.Decide(ctx, queries[question])
		return d.Allow && err == nil
	}}
}

package bench

import (
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// compile returns our policy of the text, and of roles by definition.
func compile(t testing.TB, policy string, roles ...authz.Role) *authz.Policy {
	t.Helper()
	definitions, err := authz.Compile(roles)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := cedar.Parse(rule.File{Name: "policy.cedar", Text: policy})
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Compile(rules, rule.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := authz.New()
	p.Swap(definitions)
	p.SwapRules(authz.Rules{Set: set})
	return p
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

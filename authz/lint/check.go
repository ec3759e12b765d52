package lint

import (
	"slices"

	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Check reads the policy and returns everything that is wrong with it or looks so,
// file by file. The policy is nil if there is an [Error] among the findings.
func Check(s Source) (*Policy, []Finding) {
	p, found := Read(s)
	if p == nil {
		return nil, found
	}
	return p, p.Check()
}

// Check returns what looks wrong with a policy that can be in force.
func (p *Policy) Check() []Finding {
	var found []Finding
	if p.Schema == nil && len(p.Rules) > 0 {
		found = append(found, Finding{
			Severity: Warning, Rule: "no-schema", Text: "the rules are not held to a schema, and cannot be published without one",
			Suggestion: "add a file *.cedarschema",
		})
	}
	rules := map[string]*rule.Rule{}
	for _, r := range p.Set.Rules() {
		rules[r.ID] = r
	}
	for _, look := range []func() []Finding{p.constants, p.covered, p.strangers, p.unlistable, p.unheld, p.idle} {
		found = append(found, look()...)
	}
	found = slices.DeleteFunc(found, func(f Finding) bool {
		r := rules[f.About]
		return r != nil && f.File == r.Source.File && meant(r, f.Rule)
	})
	return arrange(found, p.Source.names())
}

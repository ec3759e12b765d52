package lint_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Whoever may read the policy may have a draft looked at: no draft may take the
// machine for more than a moment.
func TestADraftThatIsHardToLookAt(t *testing.T) {
	schema, either, all := "entity User; entity P { z: Bool", "false", "true"
	for i := range 40 {
		schema += fmt.Sprintf(", a%d: Bool, b%d: Bool", i, i)
		either += fmt.Sprintf(" || resource.b%d", i)
		all += fmt.Sprintf(" && resource.a%d", i)
	}
	_, found := lint.Check(lint.Source{
		Schema: rule.File{Name: "s.cedarschema", Text: schema + `}; action "p:read" appliesTo { principal: [User], resource: [P] };`},
		Files: []rule.File{{Name: "p.cedar", Text: "permit (principal, action, resource) when { " + either + " };\n" +
			"permit (principal, action, resource) when { (" + all + ") || resource.z };"}},
	})
	if !slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Rule == "many" }) {
		t.Errorf("found %v", found)
	}
}

func TestTheMatrixOfManyRules(t *testing.T) {
	var schema, text strings.Builder
	schema.WriteString("entity User; entity P { s: String };")
	for i := range 100 {
		fmt.Fprintf(&schema, "action \"p:r%d\" appliesTo { principal: [User], resource: [P] };", i)
		fmt.Fprintf(&text, "permit (principal, action, resource) when { resource.s == \"%d\" };", i)
	}
	p, found := lint.Read(lint.Source{
		Schema: rule.File{Name: "s.cedarschema", Text: schema.String()}, Files: []rule.File{{Name: "p.cedar", Text: text.String()}},
	})
	if p == nil {
		t.Fatal(found)
	}
	m, err := p.Matrix()
	if err != nil {
		t.Fatal(err)
	}
	if c := m[len(m)-1]; len(m) != 200 || c.May != lint.When || strings.Count(c.When, "||") != 99 {
		t.Errorf("%d cells, the last %v", len(m), c)
	}
}

func TestAMatrixThatNobodyCouldRead(t *testing.T) {
	many := func(n int, what func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(what(i))
		}
		return b.String()
	}
	act := func(i int) string {
		return fmt.Sprintf("action \"p:r%d\" appliesTo { principal: [User], resource: [P] };", i)
	}
	anyAction := func(i int) string {
		return fmt.Sprintf("permit (principal, action, resource) when { resource.s == \"%d\" };", i)
	}
	for it, c := range map[string]struct{ actions, rules, roles int }{
		"too many rules in each cell": {3000, 200, 0},
		"too many cells":              {2000, 1, 60},
	} {
		var roles []authz.Role
		for i := range c.roles {
			roles = append(roles, authz.Role{Name: fmt.Sprint("r", i)})
		}
		p, found := lint.Read(lint.Source{
			Schema: rule.File{Name: "s.cedarschema", Text: "entity User; entity P { s: String };" + many(c.actions, act)},
			Files:  []rule.File{{Name: "p.cedar", Text: many(c.rules, anyAction)}}, Roles: roles,
		})
		if p == nil {
			t.Fatal(found)
		}
		if _, err := p.Matrix(); !errors.Is(err, lint.ErrTooLarge) {
			t.Errorf("%s: %v", it, err)
		}
	}
}

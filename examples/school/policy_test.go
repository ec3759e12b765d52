package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/process"
)

// TestPolicy checks the policy and runs its cases.
func TestPolicy(t *testing.T) { process.Policy(t, "../../cmd/sallyport", "policy") }

// TestWhatIsBesideThePolicy holds roles and schema, which are beside the policy for
// the tools, to what the program says.
func TestWhatIsBesideThePolicy(t *testing.T) {
	c := config("http://127.0.0.1", nil)
	var beside struct{ Roles map[string]lint.Role }
	if err := toml.Unmarshal(text(t, "policy/roles.toml"), &beside); err != nil {
		t.Fatal(err)
	}
	if len(beside.Roles) != len(c.Roles) {
		t.Errorf("%d roles beside the policy, the program has %d", len(beside.Roles), len(c.Roles))
	}
	for name, permissions := range c.Roles {
		if got := beside.Roles[name].Permissions; !slices.Equal(got, permissions) {
			t.Errorf("role %s: %q beside the policy, %q in the program", name, got, permissions)
		}
	}
	schema, err := cedar.ParseSchema(rule.File{Name: "school.cedarschema", Text: string(text(t, "policy/school.cedarschema"))})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range c.Types {
		if got, want := attributes(schema.Types(), typ.Name()), attributes(c.Types, typ.Name()); !slices.Equal(got, want) {
			t.Errorf("%s has %+v in the schema, %+v in the program", typ.Name(), got, want)
		}
	}
}

func text(t *testing.T, path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// attributes are those of the type as a schema knows them, by name.
func attributes(types []sallyport.AnyType, name string) (found []sallyport.Attribute) {
	for _, t := range types {
		if t.Name() == name {
			found = slices.Clone(t.Attributes())
		}
	}
	for i := range found {
		found[i].Column, found[i].Nullable = "", false
	}
	slices.SortFunc(found, func(a, b sallyport.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// TestGuideQuotes holds the README and the page about policies to the examples: what
// they show of rules and cases is in one of them.
func TestGuideQuotes(t *testing.T) {
	guide := string(text(t, "../../README.md")) + string(text(t, "../../docs/explanation/policies.md"))
	var examples strings.Builder
	for _, pattern := range []string{"../*/policy/*.cedar", "../*/policy/*.test.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			examples.Write(text(t, f))
		}
	}
	quotes := regexp.MustCompile("(?s)```(?:cedar|toml)\n(.*?)```").FindAllStringSubmatch(guide, -1)
	if len(quotes) == 0 {
		t.Error("they quote nothing")
	}
	for _, q := range quotes {
		if !strings.Contains(examples.String(), q[1]) {
			t.Errorf("no example says\n%s", q[1])
		}
	}
}

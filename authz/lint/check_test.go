package lint_test

import (
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

const schema = `
entity Folder;
entity Post in [Folder] { author: User, state: String, size: Long, folder: Folder, tags: Set<String>, due?: datetime };
action "post:read", "post:write" appliesTo { principal: [User, Anonymous], resource: [Post], context: Context };
action "post:delete" appliesTo { principal: [User], resource: [Post], context: Context };
`

// roles let no finding about permissions come up.
var roles = []authz.Role{
	{Name: "member", Permissions: []string{"post:read", "post:write"}},
	{Name: "editor", Permissions: []string{"post:delete"}, Inherits: []string{"member"}},
}

func source(rules string) lint.Source {
	return lint.Source{
		Files:  []rule.File{{Name: "posts.cedar", Text: rules}},
		Schema: rule.File{Name: "app.cedarschema", Text: schema},
		Roles:  roles,
		Home:   rule.File{Name: "roles.toml", Text: "[roles.member]\n[roles.editor]\n"},
	}
}

func TestCheck(t *testing.T) {
	const head = `permit (principal, action == Action::"post:read", resource is Post) when `
	for _, c := range []struct {
		it    string
		rules string
		want  string // findings, shortened, one a line
	}{
		{"nothing is wrong", head + `{ resource.author == principal };`, ""},
		{"a rule without condition", `permit (principal, action == Action::"post:read", resource is Post);`, ""},
		{"no rules", ``, ""},

		{"false && …", head + `{ false && resource.author == principal };`,
			"posts.cedar:1:1: warning: the rule posts.cedar#1 never permits anything: its condition never holds"},
		{"a part that never holds", head + "{\n  resource.state == \"x\" ||\n  (1 > 2 && resource.size == 1) };",
			"posts.cedar:3:4: warning: a part of the rule posts.cedar#1 never holds: 1 > 2 && resource.size == 1"},
		{"a part that always holds", head + `{ resource.state == "x" && 1 < 2 };`,
			"posts.cedar:1:101: warning: a part of the rule posts.cedar#1 always holds: 1 < 2"},
		{"true", head + `{ true };`, "posts.cedar:1:1: warning: the condition of the rule posts.cedar#1 always holds"},
		{"one or its opposite", head + `{ resource.size < 3 || !(resource.size < 3) };`, "posts.cedar:1:1: warning: the condition of the rule posts.cedar#1 always holds"},
		{"one and its opposite", head + `{ resource.size < 3 && resource.size >= 3 };`, "posts.cedar:1:1: warning: the rule posts.cedar#1 never permits"},
		{"two values at once", head + `{ resource.state == "a" && "b" == resource.state };`, "posts.cedar:1:1: warning: the rule posts.cedar#1 never permits"},
		{"beyond its own bounds", head + `{ resource.size > 5 && principal is User && resource.size <= 5 };`, "posts.cedar:1:1: warning: the rule posts.cedar#1 never permits"},
		{"within its bounds", head + `{ resource.size > 5 && resource.size <= 6 };`, ""},
		{"the same compared with itself", head + `{ principal == principal };`, "posts.cedar:1:1: warning: the condition of the rule posts.cedar#1 always holds"},
		{"what the limits say already", head + `{ resource is Post && resource.size == 1 };`, "posts.cedar:1:76: warning: a part of the rule posts.cedar#1 always holds: resource is Post"},
		{"a forbid that never forbids", `forbid (principal, action, resource) when { 1 == 2 };`, "posts.cedar:1:1: warning: the rule posts.cedar#1 never forbids anything"},
		{"an if that leaves nothing to choose", head + `{ if 1 == 1 then resource.size == 1 else resource.size == 2 };`, "posts.cedar:1:79: warning: a part of the rule posts.cedar#1 always holds: 1 == 1"},
		{"it is meant", "@nolint(\"always-true\")\n" + head + `{ true };`, ""},

		{"the same twice", head + `{ resource.size == 1 };` + "\n" + head + `{ resource.size == 1 };`,
			"posts.cedar:2:1: warning: the rule posts.cedar#2 says the same as posts.cedar#1 (posts.cedar:1:1); remove one of the two (shadowed)"},
		{"less general, first", head + `{ resource.size == 1 && resource.state == "a" };` + "\n" + head + `{ resource.size == 1 };`,
			"posts.cedar:1:1: warning: the rule posts.cedar#1 changes nothing: posts.cedar#2 (posts.cedar:2:1) permits all that it does, and more"},
		{"less general limits", `permit (principal, action == Action::"post:read", resource is Post);` + "\n" + `permit (principal in Role::"member", action == Action::"post:read", resource in Folder::"f") when { resource is Post };`,
			"posts.cedar:2:1: warning: the rule posts.cedar#2 changes nothing: posts.cedar#1 (posts.cedar:1:1) permits all"},
		{"a role that inherits", `permit (principal in Role::"member", action == Action::"post:read", resource is Post);` + "\n" + `permit (principal in Role::"editor", action == Action::"post:read", resource is Post);`,
			"posts.cedar:2:1: warning: the rule posts.cedar#2 changes nothing"},
		{"a role that others inherit from", `permit (principal in Role::"editor", action == Action::"post:read", resource is Post) when { resource.size == 1 };` + "\n" + `permit (principal in Role::"member", action == Action::"post:read", resource is Post) when { resource.size == 2 };`, ""},
		{"one of several ways", head + `{ resource.size == 1 || resource.size == 2 };` + "\n" + head + `{ resource.size == 2 };`,
			"posts.cedar:2:1: warning: the rule posts.cedar#2 changes nothing"},
		{"other actions", `permit (principal, action in [Action::"post:read", Action::"post:write"], resource is Post);` + "\n" + `permit (principal, action == Action::"post:delete", resource is Post);`, ""},
		{"one of the actions", `permit (principal, action in [Action::"post:read", Action::"post:write"], resource is Post);` + "\n" + `permit (principal, action == Action::"post:write", resource is Post);`,
			"posts.cedar:2:1: warning: the rule posts.cedar#2 changes nothing"},
		{"forbidden anyway", `forbid (principal, action == Action::"post:read", resource);` + "\n" + head + `{ resource.size == 1 };`,
			"posts.cedar:2:1: warning: the rule posts.cedar#2 permits nothing: posts.cedar#1 (posts.cedar:1:1) forbids all of it"},
		{"permitted and forbidden", `forbid (principal, action == Action::"post:read", resource is Post) when { resource.size == 1 };` + "\n" + head + `{ resource.size == 1 };`,
			"posts.cedar:2:1: warning: the rule posts.cedar#2 permits exactly what posts.cedar#1 (posts.cedar:1:1) forbids, and so nothing; remove one of the two (contradicted)"},
		{"a permit covers a forbid", `permit (principal, action == Action::"post:read", resource is Post);` + "\n" + `forbid (principal, action == Action::"post:read", resource is Post) when { resource.size == 1 };`, ""},

		{"a role that is not defined", `permit (principal in Role::"editr", action == Action::"post:read", resource is Post);`,
			`posts.cedar:1:1: warning: the rule posts.cedar#1 names the role "editr", which is not defined; did you mean "editor"? (unknown-role)`},
		{"it cannot be listed by", head + `{ resource.tags.contains("a") };`,
			"posts.cedar:1:1: warning: lists of Post cannot be filtered by the rule posts.cedar#1:"},

		{"it cannot be read", `permit (principal, action, resource) whne { true };`, "posts.cedar:1:38: error:"},
		{"it does not fit the schema", head + `{ resource.autor == principal };`, `posts.cedar:1:85: error: Post has no attribute "autor"; did you mean author? (validate)`},
	} {
		t.Run(c.it, func(t *testing.T) {
			_, found := lint.Check(source(c.rules))
			expect(t, found, c.want)
		})
	}
}

// expect compares findings with what each begins with.
func expect(t *testing.T, found []lint.Finding, want string) {
	t.Helper()
	lines := strings.FieldsFunc(want, func(r rune) bool { return r == '\n' })
	for i, f := range found {
		if i >= len(lines) || !strings.HasPrefix(f.String(), lines[i]) {
			t.Errorf("found %s", f)
		}
	}
	if len(found) < len(lines) {
		t.Errorf("found %v, want\n%s", found, want)
	}
	for _, f := range found {
		if lint.Rules[f.Rule] == "" {
			t.Errorf("%s is not explained", f.Rule)
		}
	}
}

func TestCheckRoles(t *testing.T) {
	const read = `permit (principal in Role::"reader", action == Action::"post:read", resource is Post);`
	for _, c := range []struct {
		it    string
		roles []authz.Role
		want  string
	}{
		{"not known", nil, ""},
		{"all hold something", []authz.Role{{Name: "reader"}, {Name: "m", Permissions: []string{"post:*"}}}, ""},
		{"nobody holds", []authz.Role{{Name: "reader"}, {Name: "m", Permissions: []string{"post:write"}}},
			"app.cedarschema:5:8: warning: nobody may do post:delete"},
		{"only who may do everything", []authz.Role{{Name: "reader"}, {Name: "admin", Permissions: []string{"*"}}},
			"app.cedarschema:4:21: note: only admin may do post:write\napp.cedarschema:5:8: note: only admin may do post:delete"},
		{"a role without anything", []authz.Role{{Name: "reader"}, {Name: "m", Permissions: []string{"post:*"}}, {Name: "idle"}},
			"roles.toml:1:7: warning: the role idle can do nothing: it has no permissions"},
		{"a role with what is misspelt", []authz.Role{{Name: "reader"}, {Name: "m", Permissions: []string{"post:*"}}, {Name: "idle", Permissions: []string{"post:delet"}}},
			`roles.toml:1:7: warning: the role idle can do nothing: the schema has no action post:delet, and no rule names the role; did you mean "post:delete"? (idle-role)`},
		{"a permission that is misspelt", []authz.Role{{Name: "reader"}, {Name: "m", Permissions: []string{"post:*", "pots:read"}}},
			`roles.toml: warning: the role m has the permission pots:read, and the schema has no such action; did you mean "post:read"? (unknown)`},
		{"our own permissions", []authz.Role{{Name: "reader"}, {Name: "m", Permissions: []string{"post:*"}}, {Name: "helper", Permissions: []string{"user:read"}}}, ""},
		{"a role that inherits from one that a rule names", []authz.Role{{Name: "reader"}, {Name: "m", Permissions: []string{"post:*"}}, {Name: "heir", Inherits: []string{"reader"}}}, ""},
		{"definitions that make no sense", []authz.Role{{Name: "Reader"}}, "roles.toml: error: role name"},
	} {
		t.Run(c.it, func(t *testing.T) {
			s := source(read)
			s.Roles, s.Home.Text = c.roles, "roles.idle = []\nroles.reader = []\n"
			_, found := lint.Check(s)
			expect(t, found, c.want)
		})
	}
}

func TestCheckWithoutSchema(t *testing.T) {
	s := source(`permit (principal, action == Action::"post:read", resource);`)
	s.Schema.Text = ""
	_, found := lint.Check(s)
	expect(t, found, "warning: the rules are not held to a schema")
	if w := lint.Worst(found); w != lint.Warning {
		t.Errorf("the worst is %q", w)
	}
	s.Schema.Text = "entity Post {"
	if p, found := lint.Check(s); p != nil || lint.Worst(found) != lint.Error {
		t.Errorf("%v: %v", p, found)
	}
	if lint.Worst(nil) != "" {
		t.Error("nothing is bad")
	}
}

package lint_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// tested is a policy of everything that cases can be about.
func tested() lint.Source {
	return lint.Source{
		Files: []rule.File{{Name: "a.cedar", Text: `
@id("authors") @message("It is yours.")
permit (principal, action in [Action::"post:write", Action::"post:export"], resource is Post) when { resource.author == principal };
@id("strong")
forbid (principal, action == Action::"post:export", resource) unless { principal has auth_time && context.time.durationSince(principal.auth_time) <= duration("15m") };
@id("inside")
permit (principal, action == Action::"post:read", resource) when { context has addr && context.addr.isInRange(ip("10.0.0.0/8")) };
@id("foldered")
permit (principal, action == Action::"post:read", resource in Folder::"public");
`}},
		Schema: rule.File{Name: "a.cedarschema", Text: `
entity Folder;
entity Post in [Folder] { author: User, due?: datetime, tags?: Set<String> };
entity Export in [Organization] { org: Organization };
action "post:read", "post:write", "post:export" appliesTo { principal: [User, Anonymous], resource: Post, context: Context };
action "export:read" appliesTo { principal: User, resource: Export, context: Context };
`},
		Roles: lint.Define(map[string]lint.Role{"member": {Permissions: []string{"export:read"}}}),
	}
}

func suite(t *testing.T, cases string) *lint.Suite {
	t.Helper()
	var s lint.Suite
	text := `{"principals": {"ann": {}}, "roles": {"editor": {"permissions": ["post:*"]}}, "case": [` + cases + `]}`
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestCases(t *testing.T) {
	for _, c := range []struct {
		it   string
		text string
		want string // what is wrong, "" for nothing
	}{
		{"a rule permits", `{"as":"ann","action":"post:write","resource":{"type":"Post","id":"1","author":"ann"},"want":"allow","rule":"authors","reason":"It is yours."}`, ""},
		{"and does not permit", `{"as":"ann","action":"post:write","resource":{"type":"Post","id":"1","author":"bob"},"want":"deny"}`, ""},
		{"what was not wanted", `{"as":"ann","action":"post:write","resource":{"type":"Post","id":"1","author":"bob"},"want":"allow"}`, "want allow, got deny"},
		{"another rule", `{"as":"ann","action":"post:write","resource":{"type":"Post","author":"ann"},"want":"allow","rule":"role editor"}`, "want it decided by role editor, got allow by authors"},
		{"another reason", `{"as":"ann","action":"post:write","resource":{"type":"Post","author":"ann"},"want":"allow","reason":"?"}`, `want the reason "?", got "It is yours."`},
		{"the anonymous", `{"action":"post:read","resource":{"type":"Post"},"context":{"addr":"10.1.2.3"},"want":"allow"}`, ""},
		{"an address elsewhere", `{"action":"post:read","resource":{"type":"Post"},"context":{"addr":"192.0.2.1"},"want":"deny"}`, ""},
		{"an entity that it is in", `{"action":"post:read","resource":{"type":"Post","in":[{"type":"Folder","id":"public"}]},"want":"allow","rule":"foldered"}`, ""},
		{"roles of the suite", `{"principal":{"subject":"bob","roles":["editor"]},"action":"post:read","want":"allow","rule":"role editor"}`, ""},
		{"roles of the policy", `{"principal":{"subject":"bob","org":"o","org_roles":["member"]},"action":"export:read","resource":{"type":"Export","org":"o"},"want":"allow"}`, ""},
		{"another organization", `{"principal":{"subject":"bob","org":"p","roles":["member"]},"action":"export:read","resource":{"type":"Export","org":"o"},"want":"deny","rule":"organization"}`, ""},
		{"a fresh sign-in", `{"principal":{"subject":"ann","auth_age":"5m"},"action":"post:export","resource":{"type":"Post","author":"ann"},"want":"allow"}`, ""},
		{"a sign-in at some time", `{"principal":{"subject":"ann","auth_age":"5m"},"context":{"time":"2020-01-01T00:00:00Z"},"action":"post:export","resource":{"type":"Post","author":"ann"},"want":"allow"}`, ""},
		{"an old sign-in", `{"principal":{"subject":"ann","auth_age":"2h"},"action":"post:export","resource":{"type":"Post","author":"ann"},"want":"deny","need":{"max_age":"15m"}}`, ""},
		{"another need", `{"principal":{"subject":"ann","auth_age":"2h"},"action":"post:export","resource":{"type":"Post","author":"ann"},"want":"deny","need":{"scope":"post:export"}}`, "want only this missing: scope post:export; got max_age 15m0s"},
		{"a narrow scope", `{"principal":{"subject":"ann","scopes":[]},"action":"post:write","resource":{"type":"Post","author":"ann"},"want":"deny","need":{"scope":"post:write"}}`, ""},
		{"a grant", `{"as":"ann","action":"post:read","resource":{"type":"Post","id":"1"},"grants":[{"subject":"ann","resource":{"type":"Post","id":"1"},"permissions":["post:*"]}],"want":"allow"}`, ""},
		{"a grant that is over", `{"as":"ann","action":"post:read","resource":{"type":"Post","id":"1"},"grants":[{"subject":"ann","resource":{"type":"Post","id":"1"},"permissions":["post:*"],"expires_at":"2020-01-01T00:00:00Z"}],"want":"deny"}`, ""},
	} {
		t.Run(c.it, func(t *testing.T) {
			results, err := read(t, tested()).Test(t.Context(), "a.test.json", suite(t, c.text))
			if err != nil || len(results) != 1 {
				t.Fatal(results, err)
			}
			r := results[0]
			if r.Passed != (c.want == "") || !strings.HasPrefix(strings.Join(r.Wrong, "; "), c.want) || r.Passed != (r.Why == nil) {
				t.Errorf("%+v, want %s", r, c.want)
			}
		})
	}
}

func TestSuitesThatMakeNoSense(t *testing.T) {
	for _, c := range []struct{ it, text, want string }{
		{"no such principal", `{"as":"an","action":"post:read","want":"deny"}`, `case 1: post:read: there is no principal "an"; did you mean "ann"?`},
		{"two principals", `{"as":"ann","principal":{},"action":"post:read","want":"deny"}`, "both as and principal"},
		{"a principal without subject", `{"principal":{},"action":"post:read","want":"deny"}`, "no subject"},
		{"no such kind", `{"principal":{"kind":"usr","subject":"x"},"action":"post:read","want":"deny"}`, "usr"},
		{"no such role", `{"principal":{"subject":"x","roles":["edtor"]},"action":"post:read","want":"deny"}`, `the role "edtor" is not defined`},
		{"no such action", `{"action":"post:raed","want":"deny"}`, `the schema has no action "post:raed"; did you mean "post:read"?`},
		{"no such type", `{"action":"post:read","resource":{"type":"Pst"},"want":"deny"}`, `the schema has no type "Pst"; did you mean "Post"?`},
		{"no such attribute", `{"action":"post:read","resource":{"type":"Post","autor":"ann"},"want":"deny"}`, `resource: autor: Post has no such attribute; did you mean "author"?`},
		{"a value of the wrong kind", `{"action":"post:read","resource":{"type":"Post","tags":"a"},"want":"deny"}`, "resource: tags: expected set, got text"},
		{"no type", `{"action":"post:read","resource":{"id":"1"},"want":"deny"}`, "resource: it has no type"},
		{"no parents", `{"action":"post:read","resource":{"type":"Post","in":["x"]},"want":"deny"}`, "resource: in: element 1: expected an entity"},
		{"no address", `{"action":"post:read","context":{"addr":"x"},"want":"deny"}`, "context: addr: x is not an address"},
		{"no time", `{"action":"post:read","context":{"time":"x"},"want":"deny"}`, "context: time: "},
		{"no answer", `{"action":"post:read","want":"denied"}`, `want: it is "allow" or "deny", not "denied"`},
		{"a need of what is allowed", `{"action":"post:read","want":"allow","need":{"scope":"a:b"}}`, "need: nothing is missing"},
		{"no age", `{"principal":{"subject":"x","auth_age":"old"},"action":"post:read","want":"deny"}`, `auth_age: "old"`},
		{"no max_age", `{"action":"post:read","want":"deny","need":{"max_age":"old"}}`, `need: max_age: "old"`},
		{"a grant to nobody", `{"action":"post:read","want":"deny","grants":[{"resource":{"type":"Post","id":"1"},"permissions":["post:*"]}]}`, "a grant needs a subject"},
		{"a grant on nothing", `{"action":"post:read","want":"deny","grants":[{"role":"editor","permissions":["post:*"]}]}`, "a grant needs a resource"},
		{"a grant of nothing", `{"action":"post:read","want":"deny","grants":[{"role":"editor","resource":{"type":"Post","id":"1"}}]}`, "a grant needs permissions"},
		{"a grant of no permission", `{"action":"post:read","want":"deny","grants":[{"role":"editor","resource":{"type":"Post","id":"1"},"permissions":["Read"]}]}`, "is not written like"},
		{"a grant until no time", `{"action":"post:read","want":"deny","grants":[{"role":"editor","resource":{"type":"Post","id":"1"},"permissions":["post:*"],"expires_at":"soon"}]}`, `expires_at: "soon"`},
	} {
		t.Run(c.it, func(t *testing.T) {
			results, err := read(t, tested()).Test(t.Context(), "a.test.json", suite(t, c.text))
			if err == nil || results != nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "a.test.json: ") {
				t.Errorf("%v, %v; want %s", results, err, c.want)
			}
		})
	}
}

func TestCasesWithoutSchema(t *testing.T) {
	s := lint.Source{Files: []rule.File{{Name: "a.cedar", Text: `permit (principal, action, resource) when { resource.public };`}}}
	results, err := read(t, s).Test(t.Context(), "a", suite(t, `{"action":"post:read","resource":{"type":"Post","public":true},"want":"allow"},{"action":"post:read","resource":{"type":"Post","org":{"type":"Organization","id":"o"},"public":true},"want":"deny"}`))
	if err != nil || !results[0].Passed || !results[1].Passed {
		t.Errorf("%+v, %v", results, err)
	}
}

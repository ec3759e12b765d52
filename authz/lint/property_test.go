package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// drawRule draws a rule of a small vocabulary, in which rules often cover each
// other, and conditions are often constant.
func drawRule(t *rapid.T, n int) string {
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "part") }
	condition := func() string {
		return pick(`resource.state == "a"`, `resource.state == "b"`, `resource.size < 2`, `resource.size >= 2`, `resource.author == principal`,
			`principal in Role::"member"`, `principal in [Role::"editor", Role::"member"]`, `1 == 1`, `1 == 2`, `principal is User`, `principal has plan`,
			`action == Action::"post:read"`, `resource has due`, `(if resource.size < 2 then resource.state == "a" else true)`)
	}
	var conditions []string
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		c := condition()
		if rapid.Bool().Draw(t, "negated") {
			c = "!(" + c + ")"
		}
		conditions = append(conditions, c)
	}
	effect, objects := pick("permit", "permit", "forbid"), []string{"", " is Post", ` == Post::"1"`, ` in Folder::"f"`}
	if effect == "forbid" {
		objects = objects[:3] // whether another folder is in this one nobody has loaded, so such a rule forbids that too
	}
	text := fmt.Sprintf(`@id("r%d") %s (principal%s, action%s, resource%s)`, n, effect,
		pick("", ` is User`, ` is Anonymous`, ` in Role::"member"`, ` in Role::"editor"`, ` == User::"ann"`),
		pick("", ` == Action::"post:read"`, ` in [Action::"post:read", Action::"post:write"]`),
		pick(objects...))
	if conditions != nil {
		text += " when { " + strings.Join(conditions, pick(" && ", " || ")) + " }"
	}
	return text + ";"
}

// queries are all that the vocabulary can tell apart.
func queries() []sallyport.Query {
	var principals []*sallyport.Principal
	for _, role := range []string{"", "member", "editor"} {
		p := &sallyport.Principal{Kind: sallyport.User, Subject: "ann" + role}
		if role != "" {
			p.Roles, p.Plan = []string{role}, "pro"
		}
		principals = append(principals, p)
	}
	principals = append(principals, new(sallyport.Principal), &sallyport.Principal{Kind: sallyport.User, Subject: "ann", Roles: []string{"editor"}})
	var found []sallyport.Query
	for _, p := range principals {
		for i := range 32 {
			due := sallyport.AbsentValue()
			if i&1 != 0 {
				due = sallyport.TimeMillis(0)
			}
			object := postType.Of(&sallyport.Described{ID: fmt.Sprint(i>>1&1 + 1), Attrs: map[string]sallyport.Value{
				"author": sallyport.EntityValue(sallyport.UID{Type: "User", ID: "ann"}), "state": sallyport.StringValue([]string{"a", "c"}[i>>2&1]),
				"size": sallyport.IntValue(int64(i >> 3 & 1 * 5)), "folder": sallyport.EntityValue(sallyport.UID{Type: "Folder", ID: []string{"f", "g"}[i>>4&1]}), "due": due,
			}})
			for _, action := range []string{"post:read", "post:write"} {
				found = append(found, sallyport.Query{Principal: p, Action: action, Resource: object})
			}
		}
	}
	return found
}

// TestFindingsAndMatrixAreTrue draws policies. What is found to change nothing can
// be left out without changing a decision, and every decision is as the matrix
// says.
func TestFindingsAndMatrixAreTrue(t *testing.T) {
	all := queries()
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		var rules []string
		for n := range rapid.IntRange(1, 5).Draw(t, "rules") {
			rules = append(rules, drawRule(t, n))
		}
		s := property(rules)
		p, wrong := lint.Read(s)
		if p == nil {
			t.Skip(wrong) // strict validation refuses some
		}
		before := decide(t, p, all)
		for _, f := range p.Check() {
			if f.Rule != "shadowed" && (f.Rule != "never-true" || strings.Contains(f.Text, "part")) {
				continue
			}
			found++
			less := slices.DeleteFunc(slices.Clone(rules), func(r string) bool { return strings.HasPrefix(r, `@id("`+f.About+`")`) })
			q, wrong := lint.Read(property(less))
			if q == nil {
				t.Fatal(wrong)
			}
			for i, allowed := range decide(t, q, all) {
				if allowed != before[i] {
					t.Fatalf("%s\nwithout it %+v of %+v is decided otherwise:\n%s", f, all[i], all[i].Principal, strings.Join(rules, "\n"))
				}
			}
		}
		matrix, err := p.Matrix()
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range all {
			c := cellOf(matrix, q)
			if c.May == lint.Never && before[i] || c.May == lint.Always && !before[i] {
				t.Fatalf("%+v, but %+v is %t:\n%s", c, q, before[i], strings.Join(rules, "\n"))
			}
		}
	})
	if found == 0 {
		t.Error("no policy had a rule that changes nothing")
	}
}

func property(rules []string) lint.Source {
	return lint.Source{
		Files: []rule.File{{Name: "a.cedar", Text: strings.Join(rules, "\n")}},
		Schema: rule.File{Name: "a.cedarschema", Text: `
entity Folder;
entity Post in [Folder] { author: User, state: String, size: Long, folder: Folder, due?: datetime };
action "post:read", "post:write" appliesTo { principal: [User, Anonymous], resource: Post, context: Context };`},
		Roles: []authz.Role{{Name: "member"}, {Name: "editor", Inherits: []string{"member"}, Permissions: []string{"post:write"}}},
	}
}

func decide(t *rapid.T, p *lint.Policy, all []sallyport.Query) []bool {
	d := p.Decider(nil, nil)
	out := make([]bool, len(all))
	for i, q := range all {
		decision, err := d.Decide(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = decision.Allow
	}
	return out
}

func cellOf(m lint.Matrix, q sallyport.Query) lint.Cell {
	role := lint.NoRole
	if q.Principal.Kind == sallyport.Anonymous {
		role = lint.Nobody
	} else if q.Principal.Roles != nil {
		role = q.Principal.Roles[0]
	}
	for _, c := range m {
		if c.Action == q.Action && c.Role == role {
			return c
		}
	}
	return lint.Cell{}
}

// postType is as queries has it.
var postType = sallyport.NewType("Post",
	sallyport.Attribute{Name: "author", Kind: sallyport.KindEntity, Entity: "User"},
	sallyport.Attribute{Name: "state", Kind: sallyport.KindString},
	sallyport.Attribute{Name: "size", Kind: sallyport.KindInt},
	sallyport.Attribute{Name: "folder", Kind: sallyport.KindEntity, Entity: "Folder", Parent: true},
	sallyport.Attribute{Name: "due", Kind: sallyport.KindTime, Optional: true},
)

package lint_test

import (
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

func read(t *testing.T, s lint.Source) *lint.Policy {
	t.Helper()
	p, found := lint.Read(s)
	if p == nil {
		t.Fatal(found)
	}
	return p
}

func cells(t *testing.T, p *lint.Policy) map[string]string {
	t.Helper()
	m, err := p.Matrix()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, c := range m {
		text := c.Text()
		if c.Organization {
			text += " in its organization"
		}
		found[c.Type+" "+c.Action+" "+c.Role] = text
	}
	return found
}

func TestMatrix(t *testing.T) {
	p := read(t, source(`
permit (principal, action == Action::"post:read", resource) when { resource.state == "public" };
permit (principal is User, action in [Action::"post:write", Action::"post:delete"], resource is Post) when { resource.author == principal };
permit (principal in Role::"editor", action == Action::"post:read", resource in Folder::"drafts");
forbid (principal, action == Action::"post:delete", resource) when { resource has due && principal.aal < 2 };
`))
	got := cells(t, p)
	for where, want := range map[string]string{
		"Post post:read (anonymous)":   `when resource.state == "public"`,
		"Post post:read (no role)":     `when resource.state == "public"`,
		"Post post:read member":        "always",
		"Post post:read editor":        "always",
		"Post post:write (anonymous)":  "never",
		"Post post:write (no role)":    "when resource.author == principal",
		"Post post:write member":       "always",
		"Post post:delete (anonymous)": "never",
		"Post post:delete (no role)":   "when resource.author == principal && !(resource has due && principal.aal < 2)",
		"Post post:delete member":      "when resource.author == principal && !(resource has due && principal.aal < 2)",
		"Post post:delete editor":      "when !(resource has due && principal.aal < 2)",
	} {
		if got[where] != want {
			t.Errorf("%s: %s, want %s", where, got[where], want)
		}
	}
	if len(got) != 12 {
		t.Errorf("%d cells: %v", len(got), got)
	}
}

func TestMatrixOfOrganizations(t *testing.T) {
	s := lint.Source{
		Files: []rule.File{{Name: "a.cedar", Text: `permit (principal, action == Action::"export:read", resource) when { principal has plan && principal.plan == "pro" };`}},
		Schema: rule.File{Name: "a.cedarschema", Text: `entity Export in [Organization] { org: Organization };
action "export:read", "export:write" appliesTo { principal: [User, Anonymous], resource: Export, context: Context };`},
		Roles: []authz.Role{{Name: "owner", Permissions: []string{"export:write"}}},
	}
	got := cells(t, read(t, s))
	for where, want := range map[string]string{
		"Export export:read owner":       `when principal has plan && principal.plan == "pro" in its organization`,
		"Export export:read (anonymous)": "never",
		"Export export:write owner":      "always in its organization",
		"Export export:write (no role)":  "never",
	} {
		if got[where] != want {
			t.Errorf("%s: %s, want %s", where, got[where], want)
		}
	}
	s.Schema.Text = ""
	if m, err := read(t, s).Matrix(); err == nil {
		t.Errorf("%v without a schema", m)
	}
}

func TestDiff(t *testing.T) {
	old := read(t, source(`permit (principal, action == Action::"post:read", resource);`))
	changed := source(`permit (principal is User, action == Action::"post:read", resource);`)
	changed.Roles = []authz.Role{{Name: "editor", Permissions: []string{"post:*"}}}
	var got []string
	before, _ := old.Matrix()
	after, _ := read(t, changed).Matrix()
	for _, c := range lint.Diff(before, after) {
		text := c.Cell().Action + " " + c.Cell().Role + ":"
		if c.Old != nil {
			text += " was " + c.Old.Text()
		}
		if c.New != nil {
			text += " is " + c.New.Text()
		}
		got = append(got, text)
	}
	want := []string{
		"post:delete member: was never", "post:read (anonymous): was always is never",
		"post:read member: was always", "post:write member: was always",
	}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s, want %s", got[i], want[i])
		}
	}
}

func TestFlips(t *testing.T) {
	p := read(t, source(`permit (principal, action == Action::"post:read", resource) when { resource.size < 5 };`))
	q := read(t, source(`permit (principal, action == Action::"post:read", resource) when { resource.size < 9 };`))
	var entries []authz.DecisionEntry
	for _, size := range []int64{1, 7, 12} {
		entries = append(entries, authz.DecisionEntry{
			At: time.Now(), Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "ann"}, Action: "post:read",
			Resource: sallyport.UID{Type: "Post", ID: "p"}, Attrs: map[string]sallyport.Value{"size": sallyport.IntValue(size)},
		})
	}
	flips, err := lint.Flips(t.Context(), entries, p.Decider(nil, nil), q.Decider(nil, nil), p.Schema.Types())
	if err != nil || len(flips) != 1 || flips[0].Entry.Attrs["size"].Int() != 7 || flips[0].Old.Allow || !flips[0].New.Allow {
		t.Errorf("%v, %v", flips, err)
	}
	entries[0].Action = "read"
	if _, err := lint.Flips(t.Context(), entries, p.Decider(nil, nil), q.Decider(nil, nil), nil); err == nil {
		t.Error("an action that nobody can have been given is decided")
	}
}

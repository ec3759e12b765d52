package authz_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/ability"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// The rules that a policy is drawn from. The last ones look at the action.
var drawnRules = []string{
	`permit (principal, action, resource is Sheet) when { resource.author == principal };`,
	`permit (principal, action == Action::"sheet:read", resource is Sheet) when { resource.state == "open" && resource.size < 50 };`,
	`permit (principal, action in [Action::"sheet:read", Action::"page:read"], resource) when { resource has note };`,
	`permit (principal in Role::"filer", action, resource in Folder::"f1");`,
	`permit (principal is User, action == Action::"page:read", resource is Page) when { principal has org && principal.org == Organization::"o1" };`,
	`permit (principal, action == Action::"sheet:create", resource);`,
	`permit (principal, action == Action::"page:read", resource is Page) when { context.time < datetime("2026-06-01") };`,
	`permit (principal, action == Action::"page:edit", resource == Page::"3");`,
	`permit (principal, action in Action::"sheet:write", resource is Sheet) when { resource.size == 1 };`,
	`forbid (principal, action, resource is Sheet) when { resource has note && resource.note like "*secret*" && resource.author != principal };`,
	`forbid (principal, action == Action::"sheet:delete", resource is Sheet) unless { resource.size <= 90 || principal.aal >= 2 };`,
	`forbid (principal, action == Action::"page:edit", resource in Folder::"f2");`,
	`forbid (principal, action, resource) when { principal has plan && principal.plan == "free" };`,
	`forbid (principal == User::"eve", action in [Action::"sheet:read", Action::"page:edit"], resource);`,
	`forbid (principal, action in [Action::"sheet:write"], resource is Sheet) when { resource.state == "" };`,
	`forbid (principal, action, resource) unless { action == Action::"sheet:read" || action == Action::"page:read" || principal.aal >= 2 };`,
	`permit (principal, action, resource is Page) when { action != Action::"page:edit" && resource.author == principal };`,
}

// Actions that drawn rules name, one that is in the group sheet:write, and one that
// nobody names.
var drawnActions = []string{
	"sheet:read", "sheet:create", "sheet:delete", "sheet:write", "sheet:export", "page:read", "page:edit", "page:stamp",
}

func drawnPolicy(t *testing.T, r *rand.Rand) (p *authz.Policy, text string) {
	t.Helper()
	var files []rule.File
	for i, s := range drawnRules {
		if r.IntN(3) == 0 {
			files = append(files, rule.File{Name: fmt.Sprintf("%d.cedar", i), Text: s})
			text += s + "\n"
		}
	}
	rules, err := cedar.Parse(files...)
	if err != nil {
		t.Fatal(err)
	}
	group := sallyport.UID{Type: sallyport.ActionType, ID: "sheet:write"}
	set, err := rule.Compile(rules, rule.Config{Actions: map[sallyport.UID][]sallyport.UID{
		{Type: sallyport.ActionType, ID: "sheet:export"}: {group}, group: nil,
	}})
	if err != nil {
		t.Fatal(err)
	}
	p = authz.New()
	p.Swap(compile(t, []authz.Role{
		{Name: "reader", Permissions: []string{"sheet:read", "page:*", "page:read"}}, {Name: "filer", Permissions: []string{"page:edit"}},
		{Name: "chief", Permissions: []string{"sheet:*"}, Inherits: []string{"reader"}}, {Name: "admin", Permissions: []string{"*"}},
	}))
	p.SwapRules(authz.Rules{Set: set})
	return p, text
}

func drawnPrincipal(r *rand.Rand) *sallyport.Principal {
	pick := func(of ...string) (picked []string) {
		return slices.DeleteFunc(of, func(string) bool { return r.IntN(4) > 0 })
	}
	p := &sallyport.Principal{
		Kind: sallyport.User, Subject: []string{"ann", "bob", "eve"}[r.IntN(3)], Org: []string{"o1", "o1", "o2", ""}[r.IntN(4)],
		Roles: pick("reader", "filer", "chief", "admin", "gone"), OrgRoles: pick("reader", "filer", "admin"),
		Plan: []string{"", "free", "pro"}[r.IntN(3)], AAL: r.IntN(4),
	}
	switch r.IntN(8) {
	case 0:
		p.Scopes = []string{"sheet:read", "openid"}
	case 1:
		return &sallyport.Principal{}
	}
	return p
}

// inBrowser is an object as a browser has it.
func inBrowser(t sallyport.AnyType, res sallyport.Resource) *ability.Object {
	o := &ability.Object{Type: t.Name(), ID: res.ID(), Attrs: map[string]any{}}
	for _, a := range t.Attributes() {
		switch v := res.Attr(a.Name); v.Kind() {
		case sallyport.Absent:
			o.Attrs[a.Name] = nil
		case sallyport.KindInt:
			o.Attrs[a.Name] = json.Number(fmt.Sprint(v.Int()))
		default:
			o.Attrs[a.Name] = v.Text()
		}
	}
	return o
}

// abilitiesOf is the document as it comes out of the browser's parser.
func abilitiesOf(t *testing.T, p *authz.Policy, q sallyport.Query, types ...sallyport.AnyType) *ability.Document {
	t.Helper()
	d, err := p.Abilities(t.Context(), q, types, drawnActions...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ability.Parse(data)
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return parsed
}

// What the document of abilities says is what is decided: roles, grants,
// organizations, scopes and rules together, with an object and without one.
func TestAbilitiesAreDecide(t *testing.T) {
	_, all := world(t, 60)
	var pages []*leaf
	for i := range 20 {
		pages = append(pages, &leaf{fmt.Sprint(i), []string{"ann", "bob", ""}[rand.N(3)], []string{"f1", "f2", ""}[rand.N(3)]})
	}
	compared, asked, allowed := 0, 0, 0
	for range testenv.Count(60, 6000) {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		p, text := drawnPolicy(t, r)
		var l ledger
		for range r.IntN(5) {
			l = append(l, gave(authz.SubjectGrantee, "ann", "Sheet", fmt.Sprint(r.IntN(len(all))), "sheet:read"),
				gave(authz.RoleGrantee, "filer", "Folder", []string{"f1", "f2"}[r.IntN(2)], "sheet:*"),
				gave(authz.OrganizationGrantee, "o1", "Page", fmt.Sprint(r.IntN(len(pages))), "page:stamp"))
		}
		p.Grants = l
		q := sallyport.Query{Principal: drawnPrincipal(r), Context: sallyport.Context{Time: time.Date(2026, 5+time.Month(r.IntN(3)), 1, 12, 0, 0, 0, time.UTC)}}
		d := abilitiesOf(t, p, q, sheets, leaves)
		compare := func(action string, typ sallyport.AnyType, res sallyport.Resource) {
			q.Action, q.Resource = action, res
			want, err := p.Decide(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			var o *ability.Object
			if !res.IsZero() {
				o = inBrowser(typ, res)
			}
			partial := o != nil && r.IntN(4) == 0
			if partial {
				maps.DeleteFunc(o.Attrs, func(string, any) bool { return r.IntN(3) == 0 })
			}
			compared++
			switch got := d.Answer(action, o, q.Context.Time); {
			case got == ability.Ask && partial:
				asked++
			case got == ability.Ask, (got == ability.Yes) != want.Allow:
				data, _ := d.Encode()
				t.Fatalf("%s of %s on %+v by %+v: %s, and it is %+v, by\n%s%s", action, typ, o, q.Principal, got, want, text, data)
			case want.Allow:
				allowed++
			}
		}
		for _, action := range drawnActions {
			for range 8 {
				compare(action, sheets, sheets.Of(all[r.IntN(len(all))]))
				compare(action, leaves, leaves.Of(pages[r.IntN(len(pages))]))
			}
			compare(action, nil, sallyport.Resource{})
		}
	}
	t.Logf("%d comparisons, %d allowed, %d to ask", compared, allowed, asked)
}

func TestAbilities(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e8, time.UTC)
	ann := &sallyport.Principal{Kind: sallyport.User, Subject: "ann"}
	on := func(typ sallyport.AnyType, id string) *ability.Object {
		return &ability.Object{Type: typ.Name(), ID: id}
	}
	ask := func(p *authz.Policy, action string, o *ability.Object, after time.Duration) ability.Answer {
		t.Helper()
		return abilitiesOf(t, p, sallyport.Query{Principal: ann, Context: sallyport.Context{Time: at}}, leaves, posts).Answer(action, o, at.Add(after))
	}
	short := gave(authz.SubjectGrantee, "ann", "Page", "1", "page:read")
	short.ExpiresAt = at.Add(10 * time.Second)
	var many ledger
	for i := range 1001 {
		many = append(many, gave(authz.SubjectGrantee, "ann", "Page", fmt.Sprint(i), "page:read"))
	}
	few, brief, tooMany, inGo := authz.New(), authz.New(), authz.New(), authz.New(authz.Permit(posts, authorMay))
	few.Grants, brief.Grants, tooMany.Grants = many[:1000], ledger{short}, many
	for _, c := range []struct {
		it     string
		p      *authz.Policy
		action string
		on     *ability.Object
		after  time.Duration
		want   ability.Answer
	}{
		{"an object that was granted", few, "page:read", on(leaves, "7"), 0, ability.Yes},
		{"one that was not", few, "page:read", &ability.Object{Type: "Page", ID: "x", Attrs: map[string]any{"folder": nil}}, 0, ability.No},
		{"after a minute", few, "page:read", on(leaves, "7"), time.Minute, ability.Ask},
		{"as long as the grant lasts", brief, "page:read", on(leaves, "1"), 9 * time.Second, ability.Yes},
		{"no longer", brief, "page:read", on(leaves, "1"), 10 * time.Second, ability.Ask},
		{"too many grants to name", tooMany, "page:read", on(leaves, "7"), 0, ability.Ask},
		{"a rule in Go", inGo, "post:delete", on(posts, "7"), 0, ability.Ask},
		{"a rule in Go, about another type", inGo, "page:delete", on(leaves, "7"), 0, ability.No},
		{"a rule in Go, without an object", inGo, "post:delete", nil, 0, ability.No},
		{"a type that was not asked for", few, "sheet:read", on(sheets, "7"), 0, ability.No},
	} {
		t.Run(c.it, func(t *testing.T) {
			if got := ask(c.p, c.action, c.on, c.after); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	few.Grants = failing{}
	if _, err := few.Abilities(t.Context(), sallyport.Query{Principal: ann}, []sallyport.AnyType{leaves}); !errors.Is(err, errDown) {
		t.Errorf("grants that cannot be read: %v", err)
	}
}

// What a document says of others is what conditions compare with, and nothing else.
func TestAbilitiesHoldNoRuleThatCannotMatter(t *testing.T) {
	p := pagePolicy(t, nil)
	d := abilitiesOf(t, p, sallyport.Query{Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "bob"}}, leaves)
	data, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"hasty", "pro", "authors", "page:export", "10.0.0.0", "editor"} {
		if strings.Contains(string(data), word) {
			t.Errorf("it tells of %s: %s", word, data)
		}
	}
}

func TestGranted(t *testing.T) {
	p := authz.New()
	p.Grants = ledger{
		gave(authz.SubjectGrantee, "ann", "Page", "2", "page:*"), gave(authz.SubjectGrantee, "ann", "Page", "1", "page:read"),
		gave(authz.SubjectGrantee, "ann", "Page", "3", "page:edit"), gave(authz.SubjectGrantee, "bob", "Page", "4", "page:read"),
		gave(authz.SubjectGrantee, "ann", "Folder", "f", "page:read"),
	}
	q := sallyport.Query{Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "ann"}, Action: "page:read"}
	got, err := p.Granted(t.Context(), q, leaves)
	if want := []sallyport.UID{{Type: "Page", ID: "1"}, {Type: "Page", ID: "2"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

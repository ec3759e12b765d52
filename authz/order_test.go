package authz_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// ledger keeps grants as a store does.
type ledger []authz.Grant

func (l ledger) On(_ context.Context, resources []sallyport.UID, grantees []authz.Grantee, now time.Time) (found []authz.Grant, err error) {
	for _, g := range l {
		if slices.Contains(resources, g.Resource) && slices.Contains(grantees, g.Grantee) && g.Live(now) {
			found = append(found, g)
		}
	}
	return found, nil
}

func (l ledger) Of(_ context.Context, grantees []authz.Grantee, typ string, now time.Time, limit int) (found []authz.Grant, err error) {
	for _, g := range l {
		if g.Resource.Type == typ && slices.Contains(grantees, g.Grantee) && g.Live(now) && len(found) < limit {
			found = append(found, g)
		}
	}
	return found, nil
}

type lost struct{ ledger }

func (lost) On(context.Context, []sallyport.UID, []authz.Grantee, time.Time) ([]authz.Grant, error) {
	return nil, errDown
}

// A leaf may be in a folder; a report, as everywhere in these tests, belongs to an
// organization.
type leaf struct{ id, author, folder string }

var leaves = sallyport.TypeOf("Page", func(p *leaf) string { return p.id },
	sallyport.Subject("author", func(p *leaf) string { return p.author }),
	sallyport.Entity("folder", "Folder", func(p *leaf) string { return p.folder }).Parent())

const pageRules = `
@id("authors") @message("authors may")
permit (principal, action == Action::"page:edit", resource is Page) when { resource.author == principal };
@id("frozen folder") @message("the folder is frozen")
forbid (principal, action == Action::"page:edit", resource in Folder::"frozen");
@id("editors in a hurry")
permit (principal in Role::"hasty", action == Action::"page:edit", resource is Page);
@id("export") permit (principal is User, action == Action::"page:export", resource is Page)
when { principal.aal >= 2 && principal has auth_time && context.time.durationSince(principal.auth_time) <= duration("10m") };
@id("not from outside") forbid (principal, action == Action::"page:print", resource)
unless { context has addr && context.addr.isInRange(ip("10.0.0.0/8")) };
@id("plan") permit (principal is User, action == Action::"page:theme", resource)
when { principal has plan && principal.plan == "pro" };
`

func pagePolicy(t testing.TB, grants authz.Grants) *authz.Policy {
	t.Helper()
	rules, err := cedar.Parse(rule.File{Name: "pages.cedar", Text: pageRules})
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Compile(rules, rule.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := authz.New()
	p.Grants = grants
	p.Swap(compile(t, []authz.Role{
		{Name: "editor", Permissions: []string{"page:edit", "page:print"}}, {Name: "chief", Inherits: []string{"editor"}},
		{Name: "hasty"}, {Name: "hastier", Inherits: []string{"hasty"}}, {Name: "admin", Permissions: []string{"*"}},
	}))
	p.SwapRules(authz.Rules{Set: set, Version: 3})
	return p
}

func gave(kind authz.GranteeKind, to, typ, id string, permissions ...string) authz.Grant {
	return authz.Grant{Grantee: authz.Grantee{Kind: kind, ID: to}, Resource: sallyport.UID{Type: typ, ID: id}, Permissions: permissions}
}

func TestOrder(t *testing.T) {
	expired := gave(authz.SubjectGrantee, "late", "Page", "1", "page:edit")
	expired.ExpiresAt = time.Now().Add(-time.Second)
	p := pagePolicy(t, ledger{
		gave(authz.SubjectGrantee, "guest", "Page", "1", "page:edit"),
		gave(authz.SubjectGrantee, "keeper", "Folder", "f", "page:*"),
		gave(authz.RoleGrantee, "editor", "Page", "1", "page:pin"),
		gave(authz.OrganizationGrantee, "org_1", "Page", "1", "page:read"),
		gave(authz.SubjectGrantee, "freezer", "Folder", "frozen", "*"),
		expired,
	})
	type who = sallyport.Principal
	for _, c := range []struct {
		it   string
		who  who
		do   string
		on   *leaf
		rule string // that decides
		ok   bool
	}{
		{"an author, by a rule", who{Subject: "ann"}, "page:edit", &leaf{"1", "ann", ""}, "authors", true},
		{"somebody else, by nothing", who{Subject: "bob"}, "page:edit", &leaf{"1", "ann", ""}, "", false},
		{"a role before a rule", who{Subject: "ann", Roles: []string{"editor"}}, "page:edit", &leaf{"1", "ann", ""}, "role editor", true},
		{"a rule for a role", who{Subject: "bob", Roles: []string{"hasty"}}, "page:edit", &leaf{"1", "ann", ""}, "editors in a hurry", true},
		{"a rule for a role that is inherited", who{Subject: "bob", Roles: []string{"hastier"}}, "page:edit", &leaf{"1", "ann", ""}, "editors in a hurry", true},
		{"a forbid before a role", who{Subject: "ann", Roles: []string{"admin"}}, "page:edit", &leaf{"1", "ann", "frozen"}, "frozen folder", false},
		{"a forbid before a grant", who{Subject: "freezer"}, "page:edit", &leaf{"1", "ann", "frozen"}, "frozen folder", false},
		{"a forbid about a folder that may be in another, fires", who{Subject: "ann"}, "page:edit", &leaf{"1", "ann", "f"}, "frozen folder", false},
		{"a grant", who{Subject: "guest"}, "page:edit", &leaf{"1", "ann", ""}, `grant to subject guest on Page::"1"`, true},
		{"a grant on another object", who{Subject: "guest"}, "page:edit", &leaf{"2", "ann", ""}, "", false},
		{"a grant of something else", who{Subject: "guest"}, "page:read", &leaf{"1", "ann", ""}, "", false},
		{"a grant that expired", who{Subject: "late"}, "page:edit", &leaf{"1", "ann", ""}, "", false},
		{"a grant on the folder", who{Subject: "keeper"}, "page:read", &leaf{"9", "ann", "f"}, `grant to subject keeper on Folder::"f"`, true},
		{"a grant to a role", who{Subject: "bob", Roles: []string{"editor"}}, "page:pin", &leaf{"1", "ann", ""}, `grant to role editor on Page::"1"`, true},
		{"a grant to a role that is inherited", who{Subject: "bob", Roles: []string{"chief"}}, "page:pin", &leaf{"1", "ann", ""}, `grant to role editor on Page::"1"`, true},
		{"a grant to an organization", who{Subject: "bob", Org: "org_1"}, "page:read", &leaf{"1", "ann", ""}, `grant to organization org_1 on Page::"1"`, true},
		{"a grant to another organization", who{Subject: "bob", Org: "org_2"}, "page:read", &leaf{"1", "ann", ""}, "", false},
		{"roles of an organization count for nothing else", who{Subject: "bob", Org: "org_1", OrgRoles: []string{"admin"}}, "page:read", &leaf{"2", "ann", ""}, "", false},
		{"nor without an object", who{Subject: "bob", Org: "org_1", OrgRoles: []string{"admin"}}, "user:delete", nil, "", false},
		{"a plan", who{Subject: "bob", Plan: "pro"}, "page:theme", nil, "plan", true},
		{"no plan", who{Subject: "bob"}, "page:theme", nil, "", false},
		{"a forbid that cannot tell, fires", who{Subject: "bob", Roles: []string{"editor"}}, "page:print", nil, "not from outside", false},
		{"a service has no sign-in", who{Kind: sallyport.Service, Subject: "svc", AAL: 3}, "page:export", &leaf{"1", "ann", ""}, "", false},
	} {
		t.Run(c.it, func(t *testing.T) {
			if c.who.Kind == sallyport.Anonymous {
				c.who.Kind = sallyport.User
			}
			d, err := p.Decide(t.Context(), sallyport.Query{Principal: &c.who, Action: c.do, Resource: leaves.Of(c.on)})
			if err != nil || d.Allow != c.ok || d.Rule != c.rule {
				t.Errorf("Allow = %v by %q, %v; want %v by %q", d.Allow, d.Rule, err, c.ok, c.rule)
			}
		})
	}
}

// What belongs to an organization is for those who act in it, and the roles that
// they have there count for it: an administrator of one organization is nobody in
// another.
func TestOrganizations(t *testing.T) {
	p := ruled(t, reportRules)
	p.Grants = ledger{gave(authz.SubjectGrantee, "ann", "Report", "1", "*")}
	type who = sallyport.Principal
	for _, c := range []struct {
		it   string
		who  who
		on   sallyport.Resource
		rule string
		ok   bool
	}{
		{"an administrator of the organization", who{Org: "o1", OrgRoles: []string{"admin"}}, reports.Of(&report{org: "o1"}), "role admin", true},
		{"an administrator of another", who{Org: "o2", OrgRoles: []string{"admin"}}, reports.Of(&report{org: "o1"}), "organization", false},
		{"an administrator of everything, who does not act in it", who{Roles: []string{"admin"}}, reports.Of(&report{org: "o1"}), "organization", false},
		{"an administrator of everything, who does", who{Roles: []string{"admin"}, Org: "o1"}, reports.Of(&report{org: "o1"}), "role admin", true},
		{"an object that names no organization", who{Roles: []string{"admin"}, Org: "o1"}, reports.Of(&report{}), "organization", false},
		{"and a principal who acts in none", who{Roles: []string{"admin"}}, reports.Of(&report{}), "organization", false},
		{"an owner elsewhere", who{Subject: "ann", Org: "o2"}, reports.Of(&report{owner: "ann", org: "o1"}), "organization", false},
		{"a grant elsewhere", who{Subject: "ann", Org: "o2"}, reports.Of(&report{id: "1", org: "o1"}), "organization", false},
		{"the organization itself", who{Org: "o1", OrgRoles: []string{"admin"}}, sallyport.OrganizationResource("o1"), "role admin", true},
		{"another organization itself", who{Org: "o1", OrgRoles: []string{"admin"}}, sallyport.OrganizationResource("o2"), "organization", false},
	} {
		t.Run(c.it, func(t *testing.T) {
			c.who.Kind = sallyport.User
			if c.who.Subject == "" {
				c.who.Subject = "bob"
			}
			d, err := p.Decide(t.Context(), sallyport.Query{Principal: &c.who, Action: "report:delete", Resource: c.on})
			if err != nil || d.Allow != c.ok || d.Rule != c.rule {
				t.Errorf("Allow = %v by %q, %v; want %v by %q", d.Allow, d.Rule, err, c.ok, c.rule)
			}
		})
	}
}

// If a stronger or fresher sign-in is all that is missing, the decision says which
// (RFC 9470); if more is, it says nothing.
func TestNeedOfASignIn(t *testing.T) {
	p := pagePolicy(t, nil)
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, c := range []struct {
		it     string
		who    sallyport.Principal
		do     string
		acr    string
		maxAge time.Duration
	}{
		{"weaker and older", sallyport.Principal{AAL: 1, AuthTime: ago(time.Hour)}, "page:export", "aal2", 10 * time.Minute},
		{"weaker", sallyport.Principal{AAL: 1, AuthTime: ago(time.Minute)}, "page:export", "aal2", 0},
		{"older", sallyport.Principal{AAL: 2, AuthTime: ago(time.Hour)}, "page:export", "", 10 * time.Minute},
		{"never signed in", sallyport.Principal{AAL: 3}, "page:export", "", 10 * time.Minute},
		{"the rule does not look at it", sallyport.Principal{AAL: 1}, "page:theme", "", 0},
		{"the scope is missing too", sallyport.Principal{AAL: 1, AuthTime: ago(time.Minute), Scopes: []string{}}, "page:export", "", 0},
	} {
		t.Run(c.it, func(t *testing.T) {
			c.who.Kind, c.who.Subject = sallyport.User, "ann"
			d, err := p.Decide(t.Context(), sallyport.Query{
				Principal: &c.who, Action: c.do, Resource: leaves.Of(&leaf{"1", "ann", ""}), Context: sallyport.Context{Time: now},
			})
			if err != nil || d.Allow {
				t.Fatalf("%+v, %v", d, err)
			}
			n := sallyport.Need{}
			if d.Need != nil {
				n = *d.Need
			}
			if strings.Join(n.ACR, " ") != c.acr || n.MaxAge != c.maxAge || n.Scope != "" {
				t.Errorf("need %+v, want acr %q, max age %v", n, c.acr, c.maxAge)
			}
		})
	}
}

// Where it is known that folders are in nothing else, a rule about another folder
// says nothing about what is in this one.
func TestTopParents(t *testing.T) {
	p := pagePolicy(t, nil)
	topped := sallyport.TypeOf("Page", func(p *leaf) string { return p.id },
		sallyport.Subject("author", func(p *leaf) string { return p.author }),
		sallyport.Entity("folder", "Folder", func(p *leaf) string { return p.folder }).Top())
	for folder, rule := range map[string]string{"f": "authors", "": "authors", "frozen": "frozen folder"} {
		d, err := p.Decide(t.Context(), sallyport.Query{
			Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "ann"}, Action: "page:edit", Resource: topped.Of(&leaf{"1", "ann", folder}),
		})
		if err != nil || d.Rule != rule {
			t.Errorf("in folder %q: decided by %q, %v; want %q", folder, d.Rule, err, rule)
		}
	}
}

func TestADecisionTellsWhereItsRuleStands(t *testing.T) {
	p := pagePolicy(t, nil)
	d, err := p.Decide(t.Context(), sallyport.Query{
		Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "ann"}, Action: "page:edit", Resource: leaves.Of(&leaf{"1", "ann", "frozen"}),
	})
	if err != nil || d.Source != "pages.cedar:4:1" || d.Reason != "the folder is frozen" {
		t.Errorf("%+v, %v", d, err)
	}
}

// counting counts how often grants are read.
type counting struct {
	ledger
	reads *int
}

func (c counting) On(ctx context.Context, resources []sallyport.UID, grantees []authz.Grantee, now time.Time) ([]authz.Grant, error) {
	*c.reads++
	return c.ledger.On(ctx, resources, grantees, now)
}

// To find out which sign-in would do takes many decisions, and one look at the
// grants.
func TestNeedReadsGrantsOnce(t *testing.T) {
	reads := 0
	p := pagePolicy(t, counting{nil, &reads})
	q := sallyport.Query{
		Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "ann", AAL: 1, AuthTime: time.Now().Add(-time.Hour)},
		Action:    "page:export", Resource: leaves.Of(&leaf{"1", "ann", ""}),
	}
	if d, err := p.Decide(t.Context(), q); err != nil || d.Need == nil || reads != 1 {
		t.Errorf("%+v, %v; grants were read %d times, want once", d, err, reads)
	}
}

func TestLostGrantsAreNoAnswer(t *testing.T) {
	p := pagePolicy(t, lost{})
	_, err := p.Decide(t.Context(), sallyport.Query{
		Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "bob"}, Action: "page:edit", Resource: leaves.Of(&leaf{"1", "ann", ""}),
	})
	if !errors.Is(err, errDown) {
		t.Errorf("error %v, want %v", err, errDown)
	}
}

// Rules, definitions and grants change while others decide: whoever begins after a
// change obeys it.
func TestAChangeIsInForceOnTheNextDecision(t *testing.T) {
	p := pagePolicy(t, nil)
	without, err := rule.Compile(nil, rule.Config{})
	if err != nil {
		t.Fatal(err)
	}
	with := p.LoadRules()
	q := sallyport.Query{Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "ann"}, Action: "page:edit", Resource: leaves.Of(&leaf{"1", "ann", ""})}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for !stop.Load() {
				if _, err := p.Decide(t.Context(), q); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 300 {
		on := i%2 == 0
		if on {
			p.SwapRules(with)
		} else {
			p.SwapRules(authz.Rules{Set: without})
		}
		if d, err := p.Decide(t.Context(), q); err != nil || d.Allow != on {
			t.Fatalf("round %d: %+v, %v", i, d, err)
		}
	}
	stop.Store(true)
	readers.Wait()
}

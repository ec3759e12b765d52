package authz_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

type report struct{ id, owner, org, state string }

var reports = sallyport.TypeOf("Report", func(r *report) string { return r.id },
	sallyport.Subject("owner", func(r *report) string { return r.owner }),
	sallyport.String("state", func(r *report) string { return r.state }),
	sallyport.Org(func(r *report) string { return r.org }),
)

const reportRules = `
@id("owners")
permit (principal, action == Action::"report:delete", resource is Report) when { resource.owner == principal };
@id("frozen")
@message("A frozen report stays as it is.")
forbid (principal, action == Action::"report:delete", resource is Report) when { resource.state == "frozen" };
@id("strong")
permit (principal is User, action == Action::"report:export", resource is Report) when { principal.aal >= 2 };
`

// given are grants that do not come from a store.
type given []authz.Grant

func (g given) On(context.Context, []sallyport.UID, []authz.Grantee, time.Time) ([]authz.Grant, error) {
	return g, nil
}

func (g given) Of(context.Context, []authz.Grantee, string, time.Time, int) ([]authz.Grant, error) {
	return g, nil
}

func ruled(t testing.TB, text string) *authz.Policy {
	t.Helper()
	rules, err := cedar.Parse(rule.File{Name: "reports.cedar", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Compile(rules, rule.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := authz.New()
	p.Swap(compile(t, []authz.Role{{Name: "editor", Permissions: []string{"report:delete"}}, {Name: "admin", Permissions: []string{"*"}}}))
	p.SwapRules(authz.Rules{Set: set, Version: 1})
	return p
}

var explained = []struct {
	it    string
	who   sallyport.Principal
	do    string
	on    *report
	allow bool
	steps string   // the answers other than "passes"
	would []string // sentences, which may be shortened
}{
	{"the owner", sallyport.Principal{Subject: "ann", Org: "o1"}, "report:delete", &report{"1", "ann", "o1", "open"}, true,
		"permit allows by owners (reports.cedar:2:1)", nil},
	{"not the owner", sallyport.Principal{Subject: "bob", Org: "o1"}, "report:delete", &report{"1", "ann", "o1", "open"}, false, "", []string{
		"the role admin or editor",
		`a grant of report:delete on Report::"1"`,
		`the rule owners, if it were so: resource.owner == principal: false (User::"ann" == User::"bob")`,
	}},
	{"a forbid", sallyport.Principal{Subject: "ann", Org: "o1", Roles: []string{"editor"}}, "report:delete", &report{"1", "ann", "o1", "frozen"}, false,
		"forbid refuses by frozen (reports.cedar:4:1); role allows by role editor (the principal's roles: editor); permit allows by owners (reports.cedar:2:1)",
		[]string{`first, that the rule frozen did not forbid it: resource is Report: true (Report::"1" is Report), and resource.state == "frozen": true ("frozen" == "frozen")`}},
	{"another organization", sallyport.Principal{Subject: "ann", Org: "o2"}, "report:delete", &report{"1", "ann", "o1", "open"}, false,
		"organization refuses (the object belongs to o1, the principal acts in o2); permit allows by owners (reports.cedar:2:1)",
		[]string{"to act in the organization o1, to which the object belongs"}},
	{"no organization", sallyport.Principal{Subject: "ann", Org: "o2"}, "report:delete", &report{"1", "ann", "", "open"}, false,
		"organization refuses (the object belongs to none, the principal acts in o2); permit allows by owners (reports.cedar:2:1)",
		[]string{"nothing: objects of this type belong to organizations"}},
	{"a narrow scope", sallyport.Principal{Subject: "ann", Org: "o1", Scopes: []string{"report:read"}}, "report:delete", &report{"1", "ann", "o1", "open"}, false,
		"scope refuses (scopes of the credential: report:read); permit allows by owners (reports.cedar:2:1)",
		[]string{"a credential whose scope covers report:delete"}},
	{"a weak sign-in", sallyport.Principal{Subject: "ann", Org: "o1", AAL: 1}, "report:export", &report{"1", "bob", "o1", "open"}, false, "",
		[]string{"a sign-in at aal2"}},
	{"roles of the organization", sallyport.Principal{Subject: "bob", Org: "o1", OrgRoles: []string{"editor"}}, "report:delete", &report{"1", "ann", "o1", "open"}, true,
		"role allows by role editor (the principal's roles: none; in o1: editor)", nil},
}

func TestExplain(t *testing.T) {
	for _, c := range explained {
		t.Run(c.it, func(t *testing.T) {
			p := ruled(t, reportRules)
			p.Grants = given(nil)
			c.who.Kind = sallyport.User
			x, err := p.Explain(t.Context(), sallyport.Query{Principal: &c.who, Action: c.do, Resource: reports.Of(c.on)})
			if err != nil {
				t.Fatal(err)
			}
			if x.Decision.Allow != c.allow {
				t.Errorf("allowed: %t, want %t", x.Decision.Allow, c.allow)
			}
			if got := answers(x.Steps); got != c.steps {
				t.Errorf("steps\n%s, want\n%s", got, c.steps)
			}
			if len(x.Would) < len(c.would) || c.would == nil && x.Would != nil {
				t.Fatalf("would be allowed by %q, want %q", x.Would, c.would)
			}
			for i, want := range c.would {
				if !strings.HasPrefix(x.Would[i], want) {
					t.Errorf("would be allowed by\n%s, want\n%s", x.Would[i], want)
				}
			}
		})
	}
}

func TestExplainAsksGrantsAndReadsNothingIntoTheAnonymous(t *testing.T) {
	p := ruled(t, reportRules)
	p.Grants = given{{Grantee: authz.Grantee{Kind: authz.SubjectGrantee, ID: "bob"}, Resource: sallyport.UID{Type: "Report", ID: "1"}, Permissions: []string{"report:delete"}}}
	on := reports.Of(&report{"1", "ann", "o1", "open"})
	x, err := p.Explain(t.Context(), sallyport.Query{Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "bob", Org: "o1"}, Action: "report:delete", Resource: on})
	if err != nil || !x.Decision.Allow || !strings.Contains(answers(x.Steps), "grant allows by grant to subject bob") {
		t.Errorf("%v, %v: %s", x.Decision, err, answers(x.Steps))
	}
	x, err = p.Explain(t.Context(), sallyport.Query{Principal: new(sallyport.Principal), Action: "report:delete"})
	if err != nil || x.Decision.Allow || strings.Contains(strings.Join(x.Would, "\n"), "a grant") {
		t.Errorf("%v, %v: %q", x.Decision, err, x.Would)
	}
}

// answers are the steps that say something.
func answers(steps []authz.Step) string {
	var said []string
	for _, s := range steps {
		if s.Answer == authz.Passes {
			continue
		}
		text := s.Question + " " + string(s.Answer)
		if s.By != "" {
			text += " by " + s.By
		}
		if s.Why != "" {
			text += " (" + s.Why + ")"
		}
		said = append(said, text)
	}
	return strings.Join(said, "; ")
}

// TestReplay decides entries of the log again, after they were stored: with what
// is known of the type, and with nothing but what was recorded.
func TestReplay(t *testing.T) {
	described := sallyport.NewType("Report", reports.Attributes()...)
	for _, c := range explained {
		t.Run(c.it, func(t *testing.T) {
			p := ruled(t, reportRules)
			c.who.Kind = sallyport.User
			q := sallyport.Query{
				Principal: &c.who, Action: c.do, Resource: reports.Of(c.on),
				Context: sallyport.Context{Addr: netip.MustParseAddr("192.0.2.1")},
			}
			d, err := p.Decide(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(authz.NewDecisionEntry(q, d, 1))
			if err != nil {
				t.Fatal(err)
			}
			var e authz.DecisionEntry
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatal(err)
			}
			for name, again := range map[string]sallyport.Query{"described": e.Query(described), "recorded": e.Query()} {
				got, err := p.Decide(t.Context(), again)
				if err != nil || got.Allow != d.Allow || got.Rule != d.Rule {
					t.Errorf("%s: %+v, %v; was %+v", name, got, err, d)
				}
			}
		})
	}
}

func TestReplayOfAQueryWithoutAnything(t *testing.T) {
	q := new(authz.DecisionEntry).Query()
	if q.Principal == nil || !q.Resource.IsZero() {
		t.Errorf("%+v", q)
	}
}

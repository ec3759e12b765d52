package authz_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// A roleWorld is role definitions, and rules of which most ask for nothing but
// roles.
type roleWorld struct {
	roles []authz.Role
	rules []rule.Rule
}

var (
	roleTypes   = []string{"", "Page", "Report", "Other"}
	roleActions = []string{"page:edit", "page:read", "report:read", "Upload", "other:do"}
)

func roleUID(name string) sallyport.UID {
	return sallyport.UID{Type: sallyport.RoleType, ID: name}
}

// drawRoleWorld draws n roles, each of which inherits from earlier ones, and rules.
func drawRoleWorld(r *rand.Rand, n, rules int) (w roleWorld) {
	for i := range n {
		d := authz.Role{Name: fmt.Sprint("r", i)}
		if r.IntN(3) == 0 {
			d.Permissions = []string{[]string{"page:edit", "page:*", "report:read", "*"}[r.IntN(3+r.IntN(2))]}
		}
		for range r.IntN(3) {
			if from := fmt.Sprint("r", r.IntN(n)); from < d.Name && len(from) == len(d.Name) && !slices.Contains(d.Inherits, from) {
				d.Inherits = append(d.Inherits, from)
			}
		}
		w.roles = append(w.roles, d)
	}
	for i := range rules {
		name := func() string { return fmt.Sprint("r", r.IntN(n+2)) } // some do not exist
		d := rule.Rule{ID: fmt.Sprint("rule ", i), Effect: rule.Permit, Resource: rule.Scope{Type: roleTypes[r.IntN(len(roleTypes))]}}
		if r.IntN(5) > 0 {
			d.Actions = []sallyport.UID{{Type: sallyport.ActionType, ID: roleActions[r.IntN(4)]}}
		}
		switch r.IntN(5) {
		case 0: // any of a set
			set := sallyport.SetValue(sallyport.EntityValue(roleUID(name())), sallyport.EntityValue(roleUID(name())))
			d.When = expr(rule.In, expr(rule.Principal), constant(set))
		case 1: // a condition besides
			d.Principal.In, d.When = roleUID(name()), expr(rule.Equal, named(rule.Attr, rule.Principal, "plan"), constant(sallyport.StringValue("pro")))
		case 2: // a kind of principal besides
			d.Principal = rule.Scope{Type: sallyport.ServiceType, In: roleUID(name())}
		default:
			d.Principal.In = roleUID(name())
		}
		if r.IntN(12) == 0 {
			d.Effect = rule.Forbid
		}
		w.rules = append(w.rules, d)
	}
	return w
}

// held are the roles with those that they inherit from.
func (w *roleWorld) held(roles []string) (all []string) {
	for _, name := range roles {
		for _, d := range w.roles {
			if d.Name == name {
				all = append(append(all, name), w.held(d.Inherits)...)
			}
		}
	}
	return all
}

// want is what door two says, as one reads the rules.
func (w *roleWorld) want(p *sallyport.Principal, action, typ string, inOrg bool) bool {
	roles := w.held(p.Roles)
	if inOrg {
		roles = append(roles, w.held(p.OrgRoles)...)
	}
	if p.Kind == sallyport.Anonymous {
		roles = nil
	}
	allowed, forbidden := false, false
	for _, d := range w.roles {
		if slices.Contains(roles, d.Name) && action != "Upload" {
			allowed = allowed || authz.ScopeAllows(d.Permissions, action) && d.Permissions != nil
		}
	}
	for i := range w.rules {
		d := &w.rules[i]
		named := d.Actions != nil && d.Actions[0].ID == action || d.Actions == nil && action != "Upload"
		if d.Actions == nil && d.Effect == rule.Forbid {
			named = true
		}
		// Without an object, a rule about a type permits nothing and forbids what it names.
		fits := d.Resource.Type == "" || d.Resource.Type == typ || typ == "" && d.Effect == rule.Forbid && d.Actions != nil
		if !named || !fits || !w.applies(d, p, roles) {
			continue
		}
		if d.Effect == rule.Forbid {
			forbidden = true
		} else {
			allowed = true
		}
	}
	return allowed && !forbidden
}

func (w *roleWorld) applies(d *rule.Rule, p *sallyport.Principal, roles []string) bool {
	switch {
	case d.Principal.Type == sallyport.ServiceType && p.Kind != sallyport.Service:
		return false
	case d.Principal.In.ID != "" && !slices.Contains(roles, d.Principal.In.ID):
		return false
	case d.When == nil:
		return true
	case d.When.Op == rule.In:
		return slices.ContainsFunc(d.When.Args[1].Value.Set(), func(v sallyport.Value) bool { return slices.Contains(roles, v.Text()) })
	}
	return p.Plan == "pro" || p.Plan == "" && d.Effect == rule.Forbid // which fires unless it surely does not
}

// drawQuery draws a query of somebody who has roles, of which some matter.
func (w *roleWorld) drawQuery(r *rand.Rand) (q sallyport.Query, typ string, inOrg bool) {
	names := func() (some []string) {
		for range r.IntN(3) {
			if len(w.rules) > 0 && r.IntN(2) == 0 {
				some = append(some, w.rules[r.IntN(len(w.rules))].Principal.In.ID)
			}
			some = append(some, fmt.Sprint("r", r.IntN(len(w.roles)+2)))
		}
		return some
	}
	q.Principal = &sallyport.Principal{
		Kind: sallyport.Kind(r.IntN(3)), Subject: "s", Org: "o1", Plan: []string{"", "pro", "free"}[r.IntN(3)],
		Roles: names(), OrgRoles: names(),
	}
	q.Action = roleActions[r.IntN(len(roleActions))]
	switch r.IntN(3) {
	case 0:
		q.Resource, typ = leaves.Of(&leaf{id: "1"}), "Page"
	case 1:
		q.Resource, typ, inOrg = reports.Of(&report{org: "o1"}), "Report", true
	}
	return q, typ, inOrg
}

// TestRulesAboutRoles holds what is found by role, without a look at conditions, to
// what the rules say, and an explanation to the decision.
func TestRulesAboutRoles(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 13))
	answers, byRule := map[bool]int{}, 0
	for world := range testenv.Count(60, 3_000) {
		n, rules := 2+r.IntN(8), r.IntN(14)
		if world%20 == 0 {
			n, rules = 9_000, 60 // few and far between
		}
		w := drawRoleWorld(r, n, rules)
		set, err := rule.Compile(w.rules, rule.Config{})
		if err != nil {
			t.Fatal(err)
		}
		p := authz.New()
		p.Swap(compile(t, w.roles))
		p.SwapRules(authz.Rules{Set: set})
		for range 60 {
			q, typ, inOrg := w.drawQuery(r)
			d, err := p.Decide(t.Context(), q)
			want := w.want(q.Principal, q.Action, typ, inOrg)
			answers[want]++
			switch {
			case d.Allow != want || (err != nil) != (q.Action == "Upload" && d.Rule == ""):
				t.Fatalf("%s on %q by %+v: %+v, %v, want %v\nroles %+v\nrules %+v", q.Action, typ, q.Principal, d, err, want, w.roles, w.rules)
			case d.Allow && strings.HasPrefix(d.Rule, "rule "):
				byRule++
				x, err := p.Explain(t.Context(), q)
				if err != nil || x.Steps[5].By != d.Rule {
					t.Fatalf("decided by %q, explained by %+v, %v", d.Rule, x.Steps[5], err)
				}
			}
		}
	}
	if answers[true] == 0 || answers[false] == 0 || byRule == 0 {
		t.Fatalf("%v, %d by a rule: everything must be asked", answers, byRule)
	}
}

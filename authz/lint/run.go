package lint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

// A Result is what became of one case.
type Result struct {
	File    string   `json:"file,omitempty"`
	Name    string   `json:"name"`
	Passed  bool     `json:"passed"`
	Wrong   []string `json:"wrong,omitempty"` // what is not as wanted, a sentence each
	Why     []string `json:"why,omitempty"`   // of a case that failed: what door two asked and what it found
	Allowed bool     `json:"allowed"`
	Rule    string   `json:"rule,omitempty"` // that decided
}

// Test runs the cases of a suite. The error joins what is wrong with the suite
// itself: then nothing was run.
func (p *Policy) Test(ctx context.Context, file string, s *Suite) ([]Result, error) {
	roles, err := p.rolesWith(s.Roles)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	runs := make([]run, len(s.Cases))
	var wrong []error
	for i := range s.Cases {
		c := &s.Cases[i]
		runs[i], err = p.prepare(s, c, roles)
		for _, e := range leaves(err) {
			wrong = append(wrong, fmt.Errorf("%s: %s: %w", file, c.title(i), e))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	results := make([]Result, len(runs))
	for i, r := range runs {
		if results[i], err = r.result(ctx); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, s.Cases[i].title(i), err)
		}
		results[i].File, results[i].Name = file, s.Cases[i].title(i)
	}
	return results, nil
}

// Query returns the query that a case is about, without grants.
func (p *Policy) Query(c *Case) (sallyport.Query, error) {
	q := sallyport.Query{Action: c.Action}
	var wrong [4]error
	q.Context, wrong[0] = c.context(time.Now())
	q.Principal, wrong[1] = new(Suite).principal(c, q.Context.Time)
	q.Resource, wrong[2] = c.resource(p)
	wrong[3] = p.knowsAction(c.Action)
	return q, errors.Join(wrong[:]...)
}

// rolesWith returns the policy's roles and those of a suite.
func (p *Policy) rolesWith(more map[string]Role) (*authz.Definitions, error) {
	if len(more) == 0 {
		return p.Roles, nil
	}
	all := Define(more)
	for _, r := range p.Source.Roles {
		if _, replaced := more[r.Name]; !replaced {
			all = append(all, r)
		}
	}
	return authz.Compile(all)
}

// A run is a case that is ready.
type run struct {
	*Case
	policy *authz.Policy
	query  sallyport.Query
	need   *sallyport.Need
}

// prepare reads a case, or says everything that is wrong with it.
func (p *Policy) prepare(s *Suite, c *Case, roles *authz.Definitions) (run, error) {
	r := run{Case: c, query: sallyport.Query{Action: c.Action}}
	var wrong []error
	keep := func(err error) { wrong = append(wrong, err) }
	var err error
	if r.query.Context, err = c.context(time.Now()); err != nil {
		keep(err)
	}
	if r.query.Principal, err = s.principal(c, r.query.Context.Time); err != nil {
		keep(err)
	}
	if r.query.Resource, err = c.resource(p); err != nil {
		keep(err)
	}
	if r.need, err = c.Need.need(); err != nil {
		keep(err)
	}
	var grants memory
	for _, g := range slices.Concat(s.Grants, c.Grants) {
		given, err := g.grant()
		if err != nil {
			keep(err)
		}
		grants = append(grants, given)
	}
	if c.Want != "allow" && c.Want != "deny" {
		keep(fmt.Errorf(`want: it is "allow" or "deny", not %q`, c.Want))
	}
	if c.Need != nil && c.Want == "allow" {
		keep(errors.New("need: nothing is missing where the answer is allow"))
	}
	keep(p.knowsAction(c.Action))
	if r.query.Principal != nil {
		keep(rolesDefined(roles, r.query.Principal))
	}
	r.policy = p.Decider(roles, grants)
	return r, errors.Join(wrong...)
}

// rolesDefined returns an error for roles of a principal that are not defined.
func rolesDefined(roles *authz.Definitions, who *sallyport.Principal) error {
	var wrong []error
	for _, name := range slices.Concat(who.Roles, who.OrgRoles) {
		if !roles.Has(name) {
			wrong = append(wrong, fmt.Errorf("the role %q is not defined: define it in the file of cases, under roles, or beside the policy", name))
		}
	}
	return errors.Join(wrong...)
}

func (n *Need) need() (*sallyport.Need, error) {
	if n == nil {
		return nil, nil
	}
	out := &sallyport.Need{Scope: n.Scope, ACR: n.ACR}
	if n.MaxAge == "" {
		return out, nil
	}
	var err error
	if out.MaxAge, err = time.ParseDuration(n.MaxAge); err != nil {
		return nil, fmt.Errorf("need: max_age: %q is not written like 15m", n.MaxAge)
	}
	return out, nil
}

// result decides, and compares.
func (r *run) result(ctx context.Context) (Result, error) {
	x, err := r.policy.Explain(ctx, r.query)
	if err != nil {
		return Result{}, err
	}
	d := x.Decision
	out := Result{Allowed: d.Allow, Rule: d.Rule}
	if d.Allow != (r.Want == "allow") {
		out.Wrong = append(out.Wrong, fmt.Sprintf("want %s, got %s", r.Want, answered(d)))
	}
	if r.Rule != "" && d.Rule != r.Rule {
		out.Wrong = append(out.Wrong, fmt.Sprintf("want it decided by %s, got %s", r.Rule, answered(d)))
	}
	if r.Reason != "" && d.Reason != r.Reason {
		out.Wrong = append(out.Wrong, fmt.Sprintf("want the reason %q, got %q", r.Reason, d.Reason))
	}
	if r.need != nil && !equal(r.need, d.Need) {
		out.Wrong = append(out.Wrong, fmt.Sprintf("want only this missing: %s; got %s", needText(r.need), needText(d.Need)))
	}
	out.Passed = len(out.Wrong) == 0
	if !out.Passed {
		out.Why = Story(x)
	}
	return out, nil
}

// answered is a decision in short.
func answered(d sallyport.Decision) string {
	text := "deny"
	if d.Allow {
		text = "allow"
	}
	if d.Rule != "" {
		return text + " by " + d.Rule
	}
	return text
}

func equal(a, b *sallyport.Need) bool {
	return b != nil && a.Scope == b.Scope && slices.Equal(a.ACR, b.ACR) && a.MaxAge == b.MaxAge
}

func needText(n *sallyport.Need) string {
	if n == nil {
		return "something else"
	}
	var parts []string
	if n.Scope != "" {
		parts = append(parts, "scope "+n.Scope)
	}
	if len(n.ACR) > 0 {
		parts = append(parts, "acr "+strings.Join(n.ACR, " "))
	}
	if n.MaxAge > 0 {
		parts = append(parts, "max_age "+n.MaxAge.String())
	}
	return strings.Join(parts, ", ")
}

// Story tells an explanation in sentences: what door two asked and found, the rules
// that could apply with the values that they saw, and what would have allowed it.
func Story(x authz.Explanation) []string {
	var story []string
	for _, s := range x.Steps {
		text := s.Question + ": " + string(s.Answer)
		if s.By != "" {
			text += " by " + s.By
		}
		if s.Why != "" {
			text += " (" + s.Why + ")"
		}
		story = append(story, text)
	}
	for _, t := range x.Rules {
		story = append(story, strings.Split(strings.TrimSuffix(t.String(), "\n"), "\n")...)
	}
	for _, w := range x.Would {
		story = append(story, "would allow it: "+w)
	}
	return story
}

// memory are grants that are given in cases.
type memory []authz.Grant

// On implements [authz.Grants].
func (m memory) On(_ context.Context, resources []sallyport.UID, grantees []authz.Grantee, now time.Time) ([]authz.Grant, error) {
	return m.live(grantees, now, func(u sallyport.UID) bool { return slices.Contains(resources, u) }), nil
}

// Of implements [authz.Grants].
func (m memory) Of(_ context.Context, grantees []authz.Grantee, resourceType string, now time.Time, limit int) ([]authz.Grant, error) {
	found := m.live(grantees, now, func(u sallyport.UID) bool { return u.Type == resourceType })
	return found[:min(limit, len(found))], nil
}

func (m memory) live(grantees []authz.Grantee, now time.Time, on func(sallyport.UID) bool) []authz.Grant {
	var found []authz.Grant
	for _, g := range m {
		if g.Live(now) && slices.Contains(grantees, g.Grantee) && on(g.Resource) {
			found = append(found, g)
		}
	}
	return found
}

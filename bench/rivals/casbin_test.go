package rivals

import (
	"strconv"
	"testing"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"
)

// A casbinPolicy is a model of casbin's and the lines for it. It permits what at
// least one line permits.
type casbinPolicy struct {
	request string // what it is asked: r
	line    string // what a line says: p
	matcher string // whether they fit
	lines   [][]string
}

// casbinRoles is asked about a role, so that casbin need not look up who has
// which: with a role definition ("g") each question takes twice as long. The role
// is compared first, because it is what most lines differ in.
func casbinRoles(lines []role) casbinPolicy {
	p := casbinPolicy{request: "role, act", line: "role, act", matcher: `r.role == p.role && r.act == p.act`}
	for _, l := range lines {
		p.lines = append(p.lines, []string{l.name, l.permission})
	}
	return p
}

// The rules stand in the matcher, so that casbin does not walk through lines.
var (
	casbinOwner = casbinPolicy{request: "sub, obj, act, now", line: "none",
		matcher: `r.act == "post:delete" && r.obj.Author == r.sub.Subject`}
	casbinABAC = casbinPolicy{request: "sub, obj, act, now", line: "none",
		matcher: `r.act == "post:publish" && r.obj.Author == r.sub.Subject && r.obj.Status == "draft" && ` +
			`r.sub.Plan == "pro" && r.sub.AAL >= 2 && r.now < r.obj.Closes`}
)

// casbinUser and casbinPost are what matchers read. Times are milliseconds.
type casbinUser struct {
	Subject, Plan string
	AAL           int
}

type casbinPost struct {
	Author, Status string
	Closes         int64
}

func (p casbinPolicy) enforcer(t testing.TB) *casbin.Enforcer {
	t.Helper()
	e, err := p.newEnforcer()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (p casbinPolicy) newEnforcer() (*casbin.Enforcer, error) {
	m, err := model.NewModelFromString("[request_definition]\nr = " + p.request + "\n[policy_definition]\np = " + p.line +
		"\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = " + p.matcher + "\n")
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	_, err = e.AddPolicies(p.lines)
	return e, err
}

// over is casbin without its cache, which goes on allowing what has been taken
// away, and asked one request after the other until one is allowed.
func (p casbinPolicy) over(t testing.TB, questions []question, requests func(question) [][]any) contestant {
	t.Helper()
	e := p.enforcer(t)
	asked := make([][][]any, len(questions))
	for i, q := range questions {
		asked[i] = requests(q)
	}
	return contestant{"casbin", func(question int) bool {
		for _, r := range asked[question] {
			if ok, err := e.Enforce(r...); ok && err == nil {
				return true
			}
		}
		return false
	}}
}

// byRole asks about each role of the principal.
func byRole(q question) (requests [][]any) {
	for _, r := range q.who.Roles {
		requests = append(requests, []any{r, q.action})
	}
	return requests
}

// byAttributes hands over principal, object, action and time.
func byAttributes(q question) [][]any {
	closes := int64(0)
	if !q.post.Closes.IsZero() {
		closes = q.post.Closes.UnixMilli()
	}
	return [][]any{{
		casbinUser{q.who.Subject, q.who.Plan, q.who.AAL}, casbinPost{q.post.Author, q.post.Status, closes},
		q.action, q.at.UnixMilli(),
	}}
}

// casbinGrants is a line for each grant: see [granted].
func casbinGrants(n int) casbinPolicy {
	p := casbinPolicy{request: "sub, obj, act", line: "sub, obj, act", matcher: `r.sub == p.sub && r.obj == p.obj && r.act == p.act`}
	for i := range n {
		p.lines = append(p.lines, []string{"user-" + strconv.Itoa(i), "post-" + strconv.Itoa(i), "post:read"})
	}
	return p
}

// byGrant hands over subject, object and action.
func byGrant(q question) [][]any { return [][]any{{q.who.Subject, q.post.ID, q.action}} }

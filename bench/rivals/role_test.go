package rivals

import (
	"fmt"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

// A role is one line of a policy: holders of the role may do that.
type role struct{ name, permission string }

// roles are n lines, each about a role of its own. Actions are few, as in a real
// policy, so that knowing the action is not enough to find the line.
func roles(n int) []role {
	made := make([]role, n)
	for i := range made {
		made[i] = role{fmt.Sprintf("role-%d", i), action(i)}
	}
	return made
}

func action(i int) string {
	return [...]string{"post:read", "post:edit", "post:delete", "post:pin"}[i%4]
}

// roleQuestions are 64 questions that are allowed and 64 that are not, spread over
// all n lines.
func roleQuestions(n int) []question {
	made := make([]question, 0, 128)
	for i := range 64 {
		line := i * (n - 1) / 63
		who := &sallyport.Principal{Kind: sallyport.User, Subject: fmt.Sprintf("user-%d", i), Roles: []string{fmt.Sprintf("role-%d", line)}}
		made = append(made,
			ask(func(q *question) { q.who, q.action = who, action(line) }),
			ask(func(q *question) { q.who, q.action, q.want = who, action(line+1), false }))
	}
	return made
}

func roleContest(t testing.TB, n int) contest {
	lines, questions := roles(n), roleQuestions(n)
	policy := cedarRoles(lines)
	return contest{questions, []contestant{
		decider(t, "roles", newPolicy(t, defined(lines, true)), questions),
		decider(t, "cedar", newPolicy(t, defined(lines, false), policy), questions),
		cedarGo(t, questions, policy),
		casbinRoles(lines).over(t, questions, byRole),
		roleMap(lines, questions),
	}}
}

// defined are the definitions of the roles, with or without their permissions.
func defined(lines []role, permitted bool) []authz.Role {
	made := make([]authz.Role, len(lines))
	for i, r := range lines {
		made[i].Name = r.name
		if permitted {
			made[i].Permissions = []string{r.permission}
		}
	}
	return made
}

// roleMap is written by hand: a map of maps, without inheritance and patterns.
func roleMap(lines []role, questions []question) contestant {
	may := permissionsByRole(lines)
	return contestant{"floor", func(question int) bool {
		q := &questions[question]
		for _, role := range q.who.Roles {
			if may[role][q.action] {
				return true
			}
		}
		return false
	}}
}

func permissionsByRole(lines []role) map[string]map[string]bool {
	may := make(map[string]map[string]bool, len(lines))
	for _, r := range lines {
		may[r.name] = map[string]bool{r.permission: true}
	}
	return may
}

func TestRole(t *testing.T) {
	for _, n := range []int{10, 1000} {
		roleContest(t, n).agree(t)
	}
}

func BenchmarkRole(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { roleContest(b, n).run(b, true) })
	}
}

func BenchmarkRoleDenied(b *testing.B) {
	b.Run("10000", func(b *testing.B) { roleContest(b, 10_000).run(b, false) })
}

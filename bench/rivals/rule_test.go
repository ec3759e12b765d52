package rivals

import (
	"testing"
	"time"
)

// A contest about one rule.
const (
	ownerPolicy = `
permit (principal, action == Action::"post:delete", resource is Post)
when { resource.author == principal };
`
	abacPolicy = `
permit (principal is User, action == Action::"post:publish", resource is Post)
when {
	resource.author == principal &&
	resource.status == "draft" &&
	principal has plan && principal.plan == "pro" &&
	principal.aal >= 2 &&
	resource has closes && context.time < resource.closes
};
`
)

func ownerContest(t testing.TB) contest {
	questions := ownerQuestions()
	return contest{questions, []contestant{
		decider(t, "cedar", newPolicy(t, nil, ownerPolicy), questions),
		cedarGo(t, questions, ownerPolicy),
		casbinOwner.over(t, questions, byAttributes),
		byHand(questions, mayDelete),
	}}
}

// ownerAmongContest is the same among n rules about other actions.
func ownerAmongContest(t testing.TB, n int) contest {
	questions, files := ownerQuestions(), append(conditions(n), ownerPolicy)
	return contest{questions, []contestant{
		decider(t, "cedar", newPolicy(t, nil, files...), questions),
		cedarGo(t, questions, files...),
		byHand(questions, mayDelete),
	}}
}

func ownerQuestions() []question {
	return []question{
		ask(func(*question) {}),
		ask(func(q *question) { q.post.Author, q.want = "bob", false }),
		ask(func(q *question) { q.post.Author, q.want = "", false }),
		ask(func(q *question) { q.action, q.want = "post:edit", false }),
	}
}

func mayDelete(q *question) bool {
	return q.action == "post:delete" && q.post.Author == q.who.Subject
}

func abacContest(t testing.TB) contest {
	questions := []question{
		ask(func(q *question) { q.action = "post:publish" }),
		ask(func(q *question) { q.action, q.post.Author, q.want = "post:publish", "bob", false }),
		ask(func(q *question) { q.action, q.post.Status, q.want = "post:publish", "public", false }),
		ask(func(q *question) { q.action, q.who.Plan, q.want = "post:publish", "free", false }),
		ask(func(q *question) { q.action, q.who.Plan, q.want = "post:publish", "", false }),
		ask(func(q *question) { q.action, q.who.AAL, q.want = "post:publish", 1, false }),
		ask(func(q *question) { q.action, q.at, q.want = "post:publish", q.post.Closes, false }),
		ask(func(q *question) { q.action, q.post.Closes, q.want = "post:publish", time.Time{}, false }),
		ask(func(q *question) { q.action, q.want = "post:delete", false }),
	}
	return contest{questions, []contestant{
		decider(t, "cedar", newPolicy(t, nil, abacPolicy), questions),
		cedarGo(t, questions, abacPolicy),
		casbinABAC.over(t, questions, byAttributes),
		byHand(questions, mayPublish),
	}}
}

func mayPublish(q *question) bool {
	return q.action == "post:publish" && q.post.Author == q.who.Subject && q.post.Status == "draft" &&
		q.who.Plan == "pro" && q.who.AAL >= 2 && !q.post.Closes.IsZero() && q.at.Before(q.post.Closes)
}

// byHand is a check written in Go, for this policy and no other.
func byHand(questions []question, may func(*question) bool) contestant {
	return contestant{"floor", func(question int) bool { return may(&questions[question]) }}
}

func TestRules(t *testing.T) {
	ownerContest(t).agree(t)
	ownerAmongContest(t, 100).agree(t)
	abacContest(t).agree(t)
}

func BenchmarkOwner(b *testing.B) { ownerContest(b).run(b, true) }

func BenchmarkOwnerAmong(b *testing.B) {
	b.Run("10000", func(b *testing.B) { ownerAmongContest(b, 10_000).run(b, true) })
}

func BenchmarkABAC(b *testing.B) { abacContest(b).run(b, true) }

package rivals

import (
	"strings"
	"testing"

	cedar "github.com/cedar-policy/cedar-go"
)

// cedarGo is cedar-go over the texts of a policy. Every entity that its questions
// need is there before they are asked.
func cedarGo(t testing.TB, questions []question, files ...string) contestant {
	t.Helper()
	set, err := cedar.NewPolicySetFromBytes("policy.cedar", []byte(strings.Join(files, "")))
	if err != nil {
		t.Fatal(err)
	}
	entities := make([]cedar.EntityMap, len(questions))
	requests := make([]cedar.Request, len(questions))
	for i, q := range questions {
		entities[i], requests[i] = cedarEntities(q), cedarRequest(q)
	}
	return contestant{"cedar-go", func(question int) bool {
		decision, diagnostic := cedar.Authorize(set, entities[question], requests[question])
		return decision == cedar.Allow && len(diagnostic.Errors) == 0
	}}
}

func cedarRequest(q question) cedar.Request {
	return cedar.Request{
		Principal: cedar.NewEntityUID("User", cedar.String(q.who.Subject)),
		Action:    cedar.NewEntityUID("Action", cedar.String(q.action)),
		Resource:  cedar.NewEntityUID("Post", cedar.String(q.post.ID)),
		Context:   cedar.NewRecord(cedar.RecordMap{"time": cedar.NewDatetime(q.at)}),
	}
}

func cedarEntities(q question) cedar.EntityMap {
	r := cedarRequest(q)
	roles := make([]cedar.EntityUID, 0, len(q.who.Roles))
	for _, role := range q.who.Roles {
		roles = append(roles, cedar.NewEntityUID("Role", cedar.String(role)))
	}
	who := cedar.RecordMap{"aal": cedar.Long(q.who.AAL)}
	if q.who.Plan != "" {
		who["plan"] = cedar.String(q.who.Plan)
	}
	what := cedar.RecordMap{"author": cedar.NewEntityUID("User", cedar.String(q.post.Author)), "status": cedar.String(q.post.Status)}
	if !q.post.Closes.IsZero() {
		what["closes"] = cedar.NewDatetime(q.post.Closes)
	}
	return cedar.EntityMap{
		r.Principal: {UID: r.Principal, Parents: cedar.NewEntityUIDSet(roles...), Attributes: cedar.NewRecord(who)},
		r.Resource:  {UID: r.Resource, Attributes: cedar.NewRecord(what)},
	}
}

// cedarRoles is the text of a policy that gives each role its permissions, one
// rule for each.
func cedarRoles(roles []role) string {
	var text strings.Builder
	for _, r := range roles {
		text.WriteString(`permit (principal in Role::"` + r.name + `", action == Action::"` + r.permission + `", resource is Post);` + "\n")
	}
	return text.String()
}

package rivals

import (
	"time"

	"github.com/sallyport-auth/sallyport"
)

// A question is may this principal do that to this post now?
type question struct {
	who    *sallyport.Principal
	action string
	post   *post
	at     time.Time
	want   bool
}

type post struct {
	ID, Author, Status string
	Closes             time.Time // zero = never
}

var posts = sallyport.TypeOf("Post", func(p *post) string { return p.ID },
	sallyport.Subject("author", func(p *post) string { return p.Author }).Column("author_id"),
	sallyport.String("status", func(p *post) string { return p.Status }),
	sallyport.Time("closes", func(p *post) time.Time { return p.Closes }).Column("closes_at"),
)

// query is the question as our policy is asked it.
func (q question) query() sallyport.Query {
	return sallyport.Query{Principal: q.who, Action: q.action, Resource: posts.Of(q.post), Context: sallyport.Context{Time: q.at}}
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// ask makes a question of nothing in particular, for with to change.
func ask(with func(*question)) question {
	q := question{
		who:    &sallyport.Principal{Kind: sallyport.User, Subject: "ann", Plan: "pro", AAL: 2, AMR: []string{"pwd", "otp"}, AuthTime: noon, Credential: "session"},
		action: "post:delete",
		post:   &post{ID: "1", Author: "ann", Status: "draft", Closes: noon.Add(time.Hour)},
		at:     noon,
		want:   true,
	}
	with(&q)
	return q
}

package authz_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

type article struct {
	id, author, state string
	pinned            bool
	size              int64
}

var articles = sallyport.TypeOf("Article", func(a *article) string { return a.id },
	sallyport.Subject("author", func(a *article) string { return a.author }),
	sallyport.String("state", func(a *article) string { return a.state }),
	sallyport.Bool("pinned", func(a *article) bool { return a.pinned }),
	sallyport.Int("size", func(a *article) int64 { return a.size }),
)

func expr(op rule.Op, args ...*rule.Expr) *rule.Expr { return &rule.Expr{Op: op, Args: args} }

func named(op rule.Op, of rule.Op, name string) *rule.Expr {
	return &rule.Expr{Op: op, Name: name, Args: []*rule.Expr{expr(of)}}
}

func constant(v sallyport.Value) *rule.Expr { return &rule.Expr{Op: rule.Const, Value: v} }

func permit(id, action string, when *rule.Expr) rule.Rule {
	return rule.Rule{
		ID: id, Effect: rule.Permit, When: when,
		Actions:  []sallyport.UID{{Type: sallyport.ActionType, ID: action}},
		Resource: rule.Scope{Type: "Article"},
		Source:   rule.Position{File: "articles.cedar", Line: 1, Column: 1},
	}
}

var owner = expr(rule.Equal, named(rule.Attr, rule.Resource, "author"), expr(rule.Principal))

// attributes is state == "draft" && !pinned && size < 1000 && principal.aal >= 2 && author == principal.
var attributes = expr(rule.And,
	expr(rule.Equal, named(rule.Attr, rule.Resource, "state"), constant(sallyport.StringValue("draft"))),
	expr(rule.And, expr(rule.Not, named(rule.Attr, rule.Resource, "pinned")),
		expr(rule.And, expr(rule.Less, named(rule.Attr, rule.Resource, "size"), constant(sallyport.IntValue(1000))),
			expr(rule.And, expr(rule.LessEqual, constant(sallyport.IntValue(2)), named(rule.Attr, rule.Principal, "aal")), owner))))

// BenchmarkRules: a decision by one rule among others, policy alone.
func BenchmarkRules(b *testing.B) {
	for _, c := range []struct {
		it   string
		when *rule.Expr
	}{{"ownership", owner}, {"attributes", attributes}} {
		b.Run(c.it, func(b *testing.B) {
			set, err := rule.Compile([]rule.Rule{permit("edit", "article:edit", c.when), permit("read", "article:read", nil)}, rule.Config{})
			if err != nil {
				b.Fatal(err)
			}
			p := authz.New()
			p.SwapRules(authz.Rules{Set: set})
			q := sallyport.Query{
				Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann", AAL: 2},
				Action:    "article:edit",
				Resource:  articles.Of(&article{id: "1", author: "usr_ann", state: "draft", size: 12}),
			}
			b.ReportAllocs()
			for b.Loop() {
				if d, err := p.Decide(b.Context(), q); err != nil || !d.Allow {
					b.Fatal(d, err)
				}
			}
		})
	}
}

package rule_test

import (
	"fmt"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// article is a resource as a program has it: attributes by accessor, no map.
type article struct{ resource sallyport.Resource }

type row struct {
	id, author, status string
	level              int64
}

var rows = sallyport.TypeOf("Post", func(r *row) string { return r.id },
	sallyport.Subject("author", func(r *row) string { return r.author }),
	sallyport.String("status", func(r *row) string { return r.status }),
	sallyport.Int("level", func(r *row) int64 { return r.level }),
)

func (a *article) UID() sallyport.UID               { return a.resource.UID() }
func (a *article) Attr(name string) sallyport.Value { return a.resource.Attr(name) }
func (a *article) Tag(string) sallyport.Value       { return sallyport.Value{} }
func (a *article) In(sallyport.UID) rule.Truth      { return rule.False }

// reader is a principal as a policy has it.
type reader struct {
	uid   sallyport.UID
	level sallyport.Value
	plan  sallyport.Value
	in    []sallyport.UID
}

func (p *reader) UID() sallyport.UID         { return p.uid }
func (p *reader) Tag(string) sallyport.Value { return sallyport.Value{} }
func (p *reader) Ancestors() []sallyport.UID { return p.in }

func (p *reader) Attr(name string) sallyport.Value {
	switch name {
	case "level":
		return p.level
	case "plan":
		return p.plan
	default:
		return sallyport.AbsentValue()
	}
}

func (p *reader) In(u sallyport.UID) rule.Truth {
	for _, a := range p.in {
		if a == u {
			return rule.True
		}
	}
	return rule.False
}

func question() *rule.Env {
	ip, _ := rule.ParseIP("10.1.2.3")
	env := &rule.Env{
		Principal: &reader{uid: user("ann"), level: num(3), plan: str("pro"), in: []sallyport.UID{role("member"), role("editor7")}},
		Action:    act("post:edit"),
		Resource:  &article{rows.Of(&row{id: "1", author: "ann", status: "draft", level: 2})},
	}
	env.Context = func(name string) sallyport.Value {
		if name == "addr" {
			return ip
		}
		return sallyport.AbsentValue()
	}
	return env
}

func must(b *testing.B, rules []rule.Rule) *rule.Set {
	b.Helper()
	s, err := rule.Compile(rules, rule.Config{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// decide asks what a policy asks: forbidden first, then permitted.
func decide(b *testing.B, s *rule.Set, env *rule.Env) {
	if s.Forbidden(env) != nil || s.Permitted(env) == nil {
		b.Fatal("not permitted")
	}
	b.ReportAllocs()
	for b.Loop() {
		if s.Forbidden(env) != nil || s.Permitted(env) == nil {
			b.Fatal("not permitted")
		}
	}
}

var edit = []sallyport.UID{act("post:edit")}

func BenchmarkOwnership(b *testing.B) {
	s := must(b, []rule.Rule{{
		ID: "own", Effect: rule.Permit, Actions: edit, Resource: rule.Scope{Type: "Post"},
		When: op(rule.Equal, attr(resource, "author"), principal),
	}})
	decide(b, s, question())
}

// BenchmarkAttributes: permit (principal is User, action == …, resource is Post)
// when { resource.status == "draft" && resource.level <= principal.level &&
// principal.plan == "pro" && context.addr.isInRange(ip("10.0.0.0/8")) }, beside a
// forbid unless principal.level >= 1.
func BenchmarkAttributes(b *testing.B) {
	s := must(b, []rule.Rule{
		{
			ID: "abac", Effect: rule.Permit, Actions: edit, Principal: rule.Scope{Type: "User"}, Resource: rule.Scope{Type: "Post"},
			When: and(
				op(rule.Equal, attr(resource, "status"), lit(str("draft"))),
				op(rule.LessEqual, attr(resource, "level"), attr(principal, "level")),
				op(rule.Equal, attr(principal, "plan"), lit(str("pro"))),
				call("isInRange", attr(context, "addr"), call("ip", lit(str("10.0.0.0/8")))),
			),
		},
		{ID: "low", Actions: edit, Resource: rule.Scope{Type: "Post"}, When: op(rule.Less, attr(principal, "level"), lit(num(1)))},
	})
	decide(b, s, question())
}

// BenchmarkRoles: as many rules as roles for one action, of which the principal
// has the second.
func BenchmarkRoles(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { decide(b, must(b, roleRules(n)), question()) })
	}
}

// BenchmarkActions: as many rules as actions.
func BenchmarkActions(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rules := roleRules(n)
			for i := range rules {
				rules[i].Principal.In = role("editor7")
				if i > 0 {
					rules[i].Actions = []sallyport.UID{act(fmt.Sprint("post:", i))}
				}
			}
			decide(b, must(b, rules), question())
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	rules := roleRules(10_000)
	b.ReportAllocs()
	for b.Loop() {
		must(b, rules)
	}
}

func roleRules(n int) []rule.Rule {
	rules := make([]rule.Rule, n)
	for i := range rules {
		rules[i] = rule.Rule{
			ID: fmt.Sprint("rule", i), Effect: rule.Permit, Actions: edit,
			Principal: rule.Scope{In: role(fmt.Sprint("editor", i))}, Resource: rule.Scope{Type: "Post"},
		}
	}
	return rules
}

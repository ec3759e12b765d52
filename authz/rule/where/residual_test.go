package where_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// TestResidualIsCheck holds that a residual, of which only the resource is known,
// is as true as the whole condition.
func TestResidualIsCheck(t *testing.T) {
	var compared int
	truths := make(map[rule.Truth]int)
	for compared < testenv.Count(5_000, 400_000) {
		rapid.Check(t, func(t *rapid.T) {
			env := drawEnv(t)
			e := conditions{t}.condition(rapid.IntRange(0, 5).Draw(t, "depth"))
			left := rule.Residual(e, env, posts)
			for i := range 12 {
				on := *env
				on.Resource = object{posts.Of(drawPost(t, fmt.Sprintf("p%d", i)))}
				alone := &rule.Env{Resource: on.Resource}
				want := truth(e, &on)
				if got := truth(left, alone); got != want {
					t.Fatalf("%s is %d of %v, but of %s there is left %s, which is %d", e, want, on.Resource, e, left, got)
				}
				compared++
				truths[want]++
			}
		})
	}
	t.Logf("%d compared: %d true, %d false, %d neither", compared, truths[rule.True], truths[rule.False], truths[rule.Neither])
}

func TestResidual(t *testing.T) {
	env := ann()
	env.Entities = others{&person{uid: sallyport.UID{Type: "Team", ID: "t"}, attrs: map[string]sallyport.Value{"plan": sallyport.StringValue("pro")}}}
	env.Principal.(*person).ancestors = []sallyport.UID{{Type: "Team", ID: "t"}}
	role := value(sallyport.EntityValue(sallyport.UID{Type: "Role", ID: "r"}))
	open, lost := of("locked"), named(rule.Attr, "nothing", expr(rule.Principal))
	yes, no := value(sallyport.BoolValue(true)), value(sallyport.BoolValue(false))
	for _, c := range []struct {
		name string
		e    *rule.Expr
		want string
	}{
		{"the principal is known", owned, `resource.author == User::"ann"`},
		{"what does not read the resource is known", expr(rule.In, expr(rule.Principal), role), `false`},
		{"an error ends it", expr(rule.And, lost, open), `<not loaded>`},
		{"an error on the right does not", expr(rule.And, open, lost), `resource.locked && <not loaded>`},
		{"nor does false", expr(rule.And, open, no), `resource.locked && false`},
		{"false on the left does", expr(rule.And, no, open), `false`},
		{"true on the left leaves what must be a truth value", expr(rule.And, yes, expr(rule.Not, open)), `!resource.locked`},
		{"true on the left of a value", expr(rule.And, yes, of("title")), `true && resource.title`},
		{"or, likewise", expr(rule.Or, no, expr(rule.Not, open)), `!resource.locked`},
		{"if takes a branch", expr(rule.If, yes, open, lost), `resource.locked`},
		{"the type is known", named(rule.Is, "Post", expr(rule.Resource)), `true`},
		{"another type", expr(rule.Equal, expr(rule.Principal), expr(rule.Resource)), `false`},
		{"an attribute that is not declared", of("colour"), `<not loaded>`},
		{"an attribute of the principal, if that is the author", expr(rule.Equal, named(rule.Attr, "plan", of("team")), text("pro")),
			`(if resource.team == Team::"t" then "pro" else <not loaded>) == "pro"`},
		{"a team of the principal", expr(rule.In, expr(rule.Principal), of("team")), `[User::"ann", Team::"t"].contains(resource.team)`},
		{"a resource that nobody knows", named(rule.Has, "title", value(sallyport.EntityValue(sallyport.UID{Type: "Post", ID: "1"}))), `Post::"1" has title`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := rule.Residual(c.e, env, posts).String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

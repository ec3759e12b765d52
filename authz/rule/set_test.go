package rule_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// policy is a small one: authors edit what is theirs, editors everything, nobody
// what is locked, and nobody without a second factor drops anything.
func policy() []rule.Rule {
	return []rule.Rule{
		{
			ID: "authors", Effect: rule.Permit, Actions: []sallyport.UID{act("write")}, Resource: rule.Scope{Type: "Post"},
			When: op(rule.Equal, attr(resource, "author"), principal),
		},
		{ID: "editors", Effect: rule.Permit, Actions: []sallyport.UID{act("all")}, Principal: rule.Scope{Type: "User", In: role("editor")}, Resource: rule.Scope{Type: "Post"}},
		{ID: "locked", Actions: []sallyport.UID{act("write")}, Resource: rule.Scope{Type: "Post"}, When: attr(resource, "locked")},
		{ID: "factor", Actions: []sallyport.UID{act("drop")}, When: op(rule.Less, attr(principal, "aal"), lit(num(2)))},
		{ID: "front", Effect: rule.Permit, Resource: rule.Scope{Is: post("front")}, When: op(rule.Equal, action, lit(ref(act("read"))))},
		{ID: "exact", Effect: rule.Permit, Actions: []sallyport.UID{act("all")}, Exact: true},
		{ID: "never", Actions: []sallyport.UID{}},
	}
}

func compiled(t testing.TB, rules ...rule.Rule) *rule.Set {
	t.Helper()
	s, err := rule.Compile(rules, rule.Config{Actions: actions})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func someone(id string, attrs map[string]sallyport.Value, in ...sallyport.UID) rule.Entity {
	return member{&thing{uid: user(id), attrs: attrs, parents: in}}
}

func something(u sallyport.UID, attrs map[string]sallyport.Value) rule.Entity {
	return &thing{uid: u, attrs: attrs}
}

func TestSetDecides(t *testing.T) {
	type attrs = map[string]sallyport.Value
	s := compiled(t, policy()...)
	open := attrs{"author": ref(user("ann")), "locked": yes(false)}
	ann, bob := someone("ann", attrs{"aal": num(1)}), someone("bob", attrs{"aal": num(2)}, role("editor"))
	for _, tt := range []struct {
		name                 string
		who                  rule.Entity
		action               string
		object               rule.Entity
		forbidden, permitted string
	}{
		{"an author edits", ann, "edit", something(post("1"), open), "", "authors"},
		{"an author does not read by that", ann, "read", something(post("1"), open), "", ""},
		{"an editor edits what is not his", bob, "edit", something(post("1"), open), "", "editors"},
		{"an editor reads", bob, "read", something(post("1"), open), "", "editors"},
		{"an editor does not read photos", bob, "read", something(sallyport.UID{Type: "Photo", ID: "1"}, open), "", ""},
		{"what is locked is not edited", bob, "edit", something(post("1"), attrs{"locked": yes(true)}), "locked", "editors"},
		{"what may be locked is not edited", bob, "edit", something(post("1"), attrs{"locked": {}}), "locked", "editors"},
		{"what has no lock is not edited", bob, "edit", something(post("1"), attrs{}), "locked", "editors"},
		{"without a second factor nothing is dropped", ann, "drop", something(post("1"), open), "factor", ""},
		{"with a second factor it is not forbidden", bob, "drop", something(post("1"), open), "", ""},
		{"everybody reads the front page", ann, "read", something(post("front"), open), "", "front"},
		{"nobody else does else with it", ann, "drop", something(post("front"), open), "factor", ""},
		{"an action that no rule names", ann, "new", something(post("1"), open), "", ""},
		{"a group is not its members", ann, "all", something(post("1"), open), "", "exact"},
		{"without an object what is limited to some forbids", ann, "edit", nil, "locked", ""},
		{"without an object what is limited to some does not permit", bob, "read", nil, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := &rule.Env{Principal: tt.who, Action: act(tt.action), Resource: tt.object}
			if got := id(s.Forbidden(env)); got != tt.forbidden {
				t.Errorf("forbidden by %q, want %q", got, tt.forbidden)
			}
			if got := id(s.Permitted(env)); got != tt.permitted {
				t.Errorf("permitted by %q, want %q", got, tt.permitted)
			}
		})
	}
}

func id(r *rule.Rule) string {
	if r == nil {
		return ""
	}
	return r.ID
}

func ids(rules []*rule.Rule) string {
	var names []string
	for _, r := range rules {
		names = append(names, r.ID)
	}
	return strings.Join(names, " ")
}

func TestSetKnowsItsRules(t *testing.T) {
	s := compiled(t, policy()...)
	if got := ids(s.Rules()); got != "authors editors locked factor front exact never" {
		t.Errorf("rules: %s", got)
	}
	for _, tt := range []struct{ action, resourceType, want string }{
		{"edit", "Post", "authors editors locked front"},
		{"edit", "Photo", ""},
		{"edit", "", "authors editors locked front"},
		{"read", "Post", "editors front"},
		{"drop", "Photo", "factor"},
		{"new", "Post", "front"},
	} {
		if got := ids(s.Candidates(act(tt.action), tt.resourceType)); got != tt.want {
			t.Errorf("candidates of %s on %q: %q, want %q", tt.action, tt.resourceType, got, tt.want)
		}
	}
	for _, tt := range []struct {
		action, resourceType, attr string
		want                       bool
	}{
		{"drop", "Post", "aal", true},
		{"drop", "", "aal", true},
		{"edit", "Post", "aal", false},
		{"drop", "Post", "amr", false},
	} {
		if got := s.Mentions(act(tt.action), tt.resourceType, tt.attr); got != tt.want {
			t.Errorf("%s on %q mentions %s: %v", tt.action, tt.resourceType, tt.attr, got)
		}
	}
}

func TestNoSetHasNoRules(t *testing.T) {
	var s *rule.Set
	env := &rule.Env{Principal: someone("ann", nil), Action: act("edit")}
	if s.Forbidden(env) != nil || s.Permitted(env) != nil || s.Rules() != nil || s.Candidates(act("edit"), "") != nil ||
		s.Explain(env) != nil || s.Mentions(act("edit"), "", "aal") || s.Evaluate(env).Allow {
		t.Error("the nil set has rules")
	}
}

func TestCompileRefuses(t *testing.T) {
	at := func(line int) rule.Position { return rule.Position{File: "a.cedar", Line: line, Column: 1} }
	_, err := rule.Compile([]rule.Rule{{ID: "a", Source: at(1)}, {ID: "b"}, {ID: "a", Source: at(3)}, {Source: at(4)}}, rule.Config{})
	want := "a.cedar:3:1: rule \"a\" has the id of the one at a.cedar:1:1\na.cedar:4:1: a rule has no id"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEvaluateReportsEverything(t *testing.T) {
	s := compiled(t, policy()...)
	env := &rule.Env{Principal: someone("bob", nil, role("editor")), Action: act("edit"), Resource: something(post("1"), nil)}
	got := s.Evaluate(env)
	if got.Allow || ids(got.Reasons) != "locked" || len(got.Errors) != 2 {
		t.Fatalf("got %+v", got)
	}
	if f := got.Errors[1]; f.Rule.ID != "locked" || f.Err.Error() != "resource.locked: absent" {
		t.Errorf("got %s: %v", f.Rule.ID, f.Err)
	}
}

func TestExplain(t *testing.T) {
	s := compiled(t, rule.Rule{
		ID: "own", Effect: rule.Permit, Principal: rule.Scope{Type: "User", In: role("writer")},
		When: and(
			op(rule.Equal, attr(resource, "author"), principal),
			op(rule.Not, op(rule.Less, attr(principal, "aal"), lit(num(2)))),
			op(rule.Contains, lit(set(str("a"))), attr(context, "kind")),
			or(has(resource, "x"), call("isInRange", attr(context, "addr"), call("ip", lit(str("10.0.0.0/8"))))),
			op(rule.Less, op(rule.Add, attr(principal, "aal"), lit(num(1))), lit(num(9))),
			op(rule.Equal, attr(attr(resource, "author"), "boss"), principal),
		),
	})
	ip, _ := rule.ParseIP("10.0.0.1")
	env := given(&rule.Env{
		Principal: someone("ann", map[string]sallyport.Value{"aal": num(1)}, role("reader")), Action: act("edit"),
		Resource: something(post("1"), map[string]sallyport.Value{"author": ref(user("bob"))}),
	}, map[string]sallyport.Value{"addr": ip})
	want := `permit own: false
  principal is User: true (User::"ann" is User)
  principal in Role::"writer": false (User::"ann" in Role::"writer")
  resource.author == principal: false (User::"bob" == User::"ann")
  principal.aal >= 2: false (1 >= 2)
  ["a"].contains(context.kind): context.kind: absent
  resource has x || context.addr.isInRange(ip("10.0.0.0/8")): true (false || true)
  principal.aal + 1 < 9: true (1 + 1 < 9)
  resource.author.boss == principal: resource.author.boss: not loaded (resource.author.boss == User::"ann")
`
	traces := s.Explain(env)
	if len(traces) != 1 {
		t.Fatalf("got %d traces", len(traces))
	}
	if got := traces[0].String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var missing []string
	for _, step := range traces[0].Missing() {
		missing = append(missing, step.Expr.String())
	}
	if got := strings.Join(missing, "; "); got != `principal in Role::"writer"; resource.author == principal; principal.aal >= 2; ["a"].contains(context.kind); resource.author.boss == principal` {
		t.Errorf("missing: %s", got)
	}
}

// TestManyTypes: a set that knows more types of resource than are searched one by
// one finds the same rules.
func TestManyTypes(t *testing.T) {
	var rules []rule.Rule
	for i := range 30 {
		rules = append(rules, rule.Rule{ID: fmt.Sprint(i), Effect: rule.Permit, Resource: rule.Scope{Type: fmt.Sprint("T", i)}})
	}
	s := compiled(t, rules...)
	for i := range 30 {
		env := &rule.Env{Principal: someone("ann", nil), Action: act("edit"), Resource: something(sallyport.UID{Type: fmt.Sprint("T", i), ID: "1"}, nil)}
		if got := id(s.Permitted(env)); got != fmt.Sprint(i) {
			t.Errorf("T%d is permitted by %q", i, got)
		}
	}
	if got := len(s.Candidates(act("edit"), "T31")); got != 0 {
		t.Errorf("a type without rules has %d", got)
	}
}

// TestLargeSets: a constant set that is looked up in a map holds what it holds.
func TestLargeSets(t *testing.T) {
	var elements []sallyport.Value
	for i := range 20 {
		elements = append(elements, num(int64(i)), str(fmt.Sprint(i)), ref(user(fmt.Sprint(i))))
	}
	for _, v := range []sallyport.Value{num(3), num(20), str("3"), str("x"), ref(user("3")), ref(role("3")), yes(true), set(), {}} {
		env := given(office(), map[string]sallyport.Value{"v": v})
		checkCompiled(t, op(rule.Contains, lit(set(elements...)), attr(context, "v")), env)
	}
}

// TestWithoutObject: where there is no object, or nobody, closures know as little
// as Eval.
func TestWithoutObject(t *testing.T) {
	var forms []*rule.Expr
	for _, who := range []*rule.Expr{principal, resource} {
		forms = append(forms,
			op(rule.Equal, attr(resource, "author"), who),
			op(rule.Equal, principal, resource),
			op(rule.Equal, attr(who, "name"), lit(str("Ann"))),
			op(rule.Equal, attr(context, "n"), who),
			op(rule.In, who, lit(ref(role("editor")))),
			op(rule.In, who, attr(principal, "org")),
			named(rule.Is, "User", who),
			has(who, "name"),
			call("isInRange", attr(who, "name"), call("ip", lit(str("::1")))),
			or(lit(yes(false)), attr(who, "on"), attr(who, "on"), attr(who, "on"), attr(who, "on")),
		)
	}
	for _, form := range forms {
		for _, change := range []func(*rule.Env){
			func(env *rule.Env) {},
			func(env *rule.Env) { env.Resource = nil },
			func(env *rule.Env) { env.Principal = nil },
			func(env *rule.Env) { env.Context, env.Record, env.Entities = nil, nil, nil },
			func(env *rule.Env) { env.Principal = &thing{uid: user("ann"), vague: true} },
		} {
			env := office()
			change(env)
			checkCompiled(t, form, env)
		}
	}
}

// TestConcurrentDecisions: one set answers many at once.
func TestConcurrentDecisions(t *testing.T) {
	s := compiled(t, policy()...)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				author := fmt.Sprint("user", (i+j)%2)
				env := &rule.Env{
					Principal: someone("user0", map[string]sallyport.Value{"aal": num(2)}), Action: act("edit"),
					Resource: something(post("1"), map[string]sallyport.Value{"author": ref(user(author)), "locked": yes(j%3 == 0)}),
				}
				if (s.Permitted(env) != nil) != (author == "user0") || (s.Forbidden(env) != nil) != (j%3 == 0) {
					t.Errorf("wrong in round %d", j)
				}
				if s.Evaluate(env).Allow != (author == "user0" && j%3 != 0) || len(s.Explain(env)) != 4 {
					t.Errorf("wrongly reported in round %d", j)
				}
			}
		})
	}
	wg.Wait()
}

// TestReusedEnv: an Env that is asked about one thing after another, of one set
// after another, remembers nothing.
func TestReusedEnv(t *testing.T) {
	all := compiled(t, rule.Rule{ID: "all", Effect: rule.Permit})
	edits := compiled(t, rule.Rule{ID: "edits", Effect: rule.Permit, Actions: []sallyport.UID{act("edit")}})
	env := &rule.Env{Principal: someone("ann", nil)}
	for i, want := range []string{"", "edits", "all", "all", "", "edits"} {
		env.Action = act([]string{"read", "edit", "read", "edit", "read", "edit"}[i])
		s := edits
		if i == 2 || i == 3 {
			s = all
		}
		if got := id(s.Permitted(env)); got != want {
			t.Errorf("question %d: %q, want %q", i, got, want)
		}
	}
}

func TestTruthsAndEffectsHaveNames(t *testing.T) {
	if got := fmt.Sprint(rule.True, rule.False, rule.Neither, rule.Permit, rule.Forbid); got != "true false neither permit forbid" {
		t.Error(got)
	}
}

func TestActionGroups(t *testing.T) {
	groups := rule.GroupsOf(actions)
	edit := groups.Entity(act("edit"))
	if edit.UID() != act("edit") || edit.In(act("write")) != rule.True || edit.In(act("read")) != rule.False ||
		edit.Attr("x").Kind() != sallyport.Absent || edit.Tag("x").Kind() != sallyport.Absent {
		t.Error("the action does not know itself")
	}
	if got := edit.(rule.Ancestry).Ancestors(); !slices.Equal(got, actions[act("edit")]) {
		t.Errorf("ancestors: %v", got)
	}
	if groups.Entity(act("new")) != nil || rule.Groups(nil).Entity(act("edit")) != nil {
		t.Error("an unknown action is known")
	}
}

// TestForbidsWithoutObject: a rule that forbids something about some objects does
// not lock everybody out of what has no object.
func TestForbidsWithoutObject(t *testing.T) {
	posts := rule.Scope{Type: "Post"}
	for _, c := range []struct {
		it   string
		rule rule.Rule
		want bool
	}{
		{"one for every action, about some objects", rule.Rule{ID: "r", Resource: posts}, false},
		{"one for this action, about some objects", rule.Rule{ID: "r", Resource: posts, Actions: []sallyport.UID{act("edit")}}, true},
		{"one for every action, about all objects", rule.Rule{ID: "r", When: attr(resource, "locked")}, true},
	} {
		env := office()
		env.Action, env.Resource = act("edit"), nil
		if got := compiled(t, c.rule).Forbidden(env) != nil; got != c.want {
			t.Errorf("%s: forbids %v, want %v", c.it, got, c.want)
		}
	}
}

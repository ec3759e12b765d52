package rule_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// TestClosuresAreEval: on random trees, with whatever is absent, not loaded or of
// the wrong kind, the closures know exactly what Eval knows.
func TestClosuresAreEval(t *testing.T) {
	n := testenv.Count(20, 500) // rapid's own count multiplies this
	rapid.Check(t, func(t *rapid.T) {
		env := anyEnv(t)
		for range n {
			checkCompiled(t, anyExpr(4, kinds).Draw(t, "expr"), env)
		}
	})
}

// TestSetIsEvaluate: whatever index finds the rules, a set decides as evaluating
// every candidate does.
func TestSetIsEvaluate(t *testing.T) {
	n := testenv.Count(5, 50)
	rapid.Check(t, func(t *rapid.T) {
		rules := make([]rule.Rule, rapid.IntRange(0, 12).Draw(t, "rules"))
		for i := range rules {
			rules[i] = anyRule(t, i)
		}
		s, err := rule.Compile(rules, rule.Config{Actions: actions})
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			env := anyEnv(t)
			if rapid.IntRange(0, 5).Draw(t, "no object") == 0 {
				env.Resource = nil
			}
			checkDecision(t, s, rules, env)
		}
	})
}

var actions = map[sallyport.UID][]sallyport.UID{
	act("edit"): {act("write"), act("all")},
	act("read"): {act("all")},
	act("drop"): nil,
}

func checkDecision(t *rapid.T, s *rule.Set, rules []rule.Rule, env *rule.Env) {
	result := s.Evaluate(env)
	forbidden, permitted := s.Forbidden(env), s.Permitted(env)
	forbids, permits := map[string]bool{}, map[string]bool{}
	for i := range rules {
		r := &rules[i]
		if !names(r, env.Action) || env.Resource == nil && r.Actions == nil && r.Resource != (rule.Scope{}) {
			continue // a rule about every action says nothing about one that has no such object
		}
		truth := truthOf(r, env)
		if r.Effect == rule.Permit && truth == rule.True {
			permits[r.ID] = true
		}
		if r.Effect == rule.Forbid && truth != rule.False {
			forbids[r.ID] = true
		}
	}
	if (forbidden != nil) != (len(forbids) > 0) || forbidden != nil && !forbids[forbidden.ID] {
		t.Fatalf("forbidden by %v, want one of %v", forbidden, forbids)
	}
	if (permitted != nil) != (len(permits) > 0) || permitted != nil && !permits[permitted.ID] {
		t.Fatalf("permitted by %v, want one of %v", permitted, permits)
	}
	if result.Allow != (forbidden == nil && permitted != nil) {
		t.Fatalf("Evaluate allows: %v", result.Allow)
	}
	want := permits
	if len(forbids) > 0 {
		want = forbids
	}
	for _, r := range result.Reasons {
		if !want[r.ID] {
			t.Fatalf("%s is no reason", r.ID)
		}
	}
	if len(result.Reasons) != len(want) {
		t.Fatalf("%d reasons, want %d", len(result.Reasons), len(want))
	}
	traces := map[string]rule.Trace{}
	for _, trace := range s.Explain(env) {
		traces[trace.Rule.ID] = trace
	}
	for id := range permits {
		if tr := traces[id]; tr.Truth != rule.True || !tr.Fires() || len(tr.Missing()) > 0 {
			t.Fatalf("%s permits, but its trace says %v, missing %v", id, tr.Truth, tr.Missing())
		}
	}
	for id, tr := range traces {
		if tr.Fires() != (permits[id] || forbids[id]) {
			t.Fatalf("%s fires: %v", id, tr.Fires())
		}
		if tr.Truth != rule.True && len(tr.Missing()) == 0 {
			t.Fatalf("%s is not true, but nothing is missing:\n%s", id, tr)
		}
	}
}

// truthOf is what a rule's condition should be, without a set.
func truthOf(r *rule.Rule, env *rule.Env) rule.Truth {
	e := *r
	if env.Resource == nil && r.Resource != (rule.Scope{}) {
		e.Resource = rule.Scope{}
		if t := evaluated(rule.Condition(&e), env); t == rule.False && r.Effect == rule.Forbid {
			return rule.False
		}
		return rule.Neither
	}
	if r.Resource.Type != "" && r.Resource.Type != env.Resource.UID().Type {
		return rule.False
	}
	return evaluated(rule.Condition(&e), env)
}

func evaluated(e *rule.Expr, env *rule.Env) rule.Truth {
	v, err := rule.Eval(e, env)
	switch {
	case err != nil || v.Kind() != sallyport.KindBool:
		return rule.Neither
	case v.Bool():
		return rule.True
	default:
		return rule.False
	}
}

func names(r *rule.Rule, action sallyport.UID) bool {
	if r.Actions == nil {
		return true
	}
	for _, a := range r.Actions {
		if a == action || !r.Exact && slices.Contains(actions[action], a) {
			return true
		}
	}
	return false
}

// The things that random rules and worlds are made of: few, so that they meet.
var (
	uids = []sallyport.UID{
		user("ann"), user("bob"), role("ann"), role("editor"), post("1"), post("2"), {Type: "Photo", ID: "1"},
		{Type: "Folder", ID: "f"}, act("edit"), act("all"),
	}
	attrNames  = []string{"a", "b", "c", "owner"}
	texts      = []string{"", "a", "ab", "a*", "1.0", "1h", "2024-01-01", "10.0.0.0/8"}
	values     = anyValue(2)
	kinds      = []string{"bool", "int", "string", "entity", "set", "record", "extension"}
	anyUID     = rapid.SampledFrom(uids)
	principals = []sallyport.UID{user("ann"), user("bob")}
	resources  = []sallyport.UID{post("1"), post("2"), {Type: "Photo", ID: "1"}, user("ann")}
)

// anyValue makes values, some of them absent, not loaded, or holding such.
func anyValue(depth int) *rapid.Generator[sallyport.Value] {
	return rapid.Custom(func(t *rapid.T) sallyport.Value {
		most := 10
		if depth == 0 {
			most = 8
		}
		switch rapid.IntRange(0, most).Draw(t, "value") {
		case 0:
			return sallyport.AbsentValue()
		case 1:
			return sallyport.Value{}
		case 2:
			return yes(rapid.Bool().Draw(t, "bool"))
		case 3:
			return num(rapid.SampledFrom([]int64{-1 << 63, -1, 0, 1, 2, 1<<63 - 1}).Draw(t, "int"))
		case 4:
			return str(rapid.SampledFrom(texts).Draw(t, "text"))
		case 5:
			return sallyport.TimeMillis(rapid.SampledFrom([]int64{-1, 0, 1704067200000}).Draw(t, "time"))
		case 6:
			return sallyport.DecimalValue(rapid.Int64Range(9999, 10001).Draw(t, "decimal"))
		case 7, 8:
			return ref(anyUID.Draw(t, "uid"))
		case 9:
			return set(rapid.SliceOfN(anyValue(depth-1), 0, 3).Draw(t, "set")...)
		default:
			return sallyport.RecordValue(rapid.MapOfN(rapid.SampledFrom(attrNames), anyValue(depth-1), 0, 3).Draw(t, "record"))
		}
	})
}

// knownValue makes values that can stand in a policy's text.
var knownValue = values.Filter(func(v sallyport.Value) bool { return v.Known() && v.Equal(v) })

func anyAttrs(t *rapid.T) map[string]sallyport.Value {
	return rapid.MapOfN(rapid.SampledFrom(attrNames), values, 0, 4).Draw(t, "attrs")
}

// anyThing makes an entity; if it is not vague, it can often name its ancestors.
func anyThing(t *rapid.T, u sallyport.UID) rule.Entity {
	th := &thing{
		uid: u, attrs: anyAttrs(t), tags: anyAttrs(t), vague: rapid.IntRange(0, 2).Draw(t, "vague") == 0,
		parents: rapid.SliceOfN(anyUID.Filter(func(p sallyport.UID) bool { return p != u }), 0, 3).Draw(t, "parents"),
	}
	if !th.vague && rapid.Bool().Draw(t, "named") {
		return member{th}
	}
	return th
}

func anyEnv(t *rapid.T) *rule.Env {
	env := &rule.Env{
		Principal: anyThing(t, rapid.SampledFrom(principals).Draw(t, "principal")),
		Action:    rapid.SampledFrom([]sallyport.UID{act("edit"), act("read"), act("drop"), act("new")}).Draw(t, "action"),
	}
	env.Resource = env.Principal // nobody contradicts himself
	if u := rapid.SampledFrom(resources).Draw(t, "resource"); u != env.Principal.UID() {
		env.Resource = anyThing(t, u)
	}
	if rapid.Bool().Draw(t, "context") {
		given(env, anyAttrs(t))
	}
	if rapid.Bool().Draw(t, "entities") {
		s := store{}
		for _, u := range uids {
			if u != env.Principal.UID() && u != env.Resource.UID() && rapid.Bool().Draw(t, "loaded") {
				s[u] = anyThing(t, u)
			}
		}
		env.Entities = s
	}
	return env
}

func anyScope(t *rapid.T, types []string, uids []sallyport.UID) rule.Scope {
	var s rule.Scope
	if rapid.IntRange(0, 2).Draw(t, "is a") == 0 {
		s.Type = rapid.SampledFrom(types).Draw(t, "type")
	}
	switch rapid.IntRange(0, 4).Draw(t, "scope") {
	case 0:
		s.Is = rapid.SampledFrom(uids).Draw(t, "is")
	case 1:
		s.In = anyUID.Draw(t, "in")
	}
	return s
}

func anyRule(t *rapid.T, i int) rule.Rule {
	r := rule.Rule{
		ID: fmt.Sprint("rule", i), Effect: rule.Effect(rapid.IntRange(0, 1).Draw(t, "effect")),
		Principal: anyScope(t, []string{"User", "Service"}, principals),
		Resource:  anyScope(t, []string{"Post", "Photo", "User"}, resources),
	}
	if rapid.Bool().Draw(t, "some actions") {
		r.Actions = rapid.SliceOfN(rapid.SampledFrom([]sallyport.UID{act("edit"), act("write"), act("all"), act("other")}), 0, 3).Draw(t, "actions")
		r.Exact = rapid.Bool().Draw(t, "exact")
		if r.Actions == nil {
			r.Actions = []sallyport.UID{}
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "conjuncts") {
		part := anyConjunct(t)
		if r.When != nil {
			part = and(r.When, part)
		}
		r.When = part
	}
	return r
}

// anyConjunct is often one that an index may make use of.
func anyConjunct(t *rapid.T) *rule.Expr {
	who := rapid.SampledFrom([]*rule.Expr{principal, resource}).Draw(t, "who")
	switch rapid.IntRange(0, 7).Draw(t, "conjunct") {
	case 0:
		return op(rule.Equal, who, lit(ref(anyUID.Draw(t, "uid"))))
	case 1:
		return op(rule.Equal, lit(ref(anyUID.Draw(t, "uid"))), who)
	case 2:
		return op(rule.In, who, lit(ref(anyUID.Draw(t, "uid"))))
	case 3:
		return op(rule.In, who, op(rule.SetOf, lit(ref(anyUID.Draw(t, "uid"))), lit(ref(anyUID.Draw(t, "uid")))))
	case 4:
		return named(rule.Is, rapid.SampledFrom([]string{"User", "Post"}).Draw(t, "type"), who)
	default:
		return anyExpr(2, []string{"bool"}).Draw(t, "when")
	}
}

// anyExpr makes expressions that mostly are of one of the kinds given.
func anyExpr(depth int, of []string) *rapid.Generator[*rule.Expr] {
	return rapid.Custom(func(t *rapid.T) *rule.Expr {
		if rapid.IntRange(0, 9).Draw(t, "wrong kind") == 0 {
			of = kinds
		}
		kind := rapid.SampledFrom(of).Draw(t, "kind")
		sub := func(kinds ...string) *rule.Expr { return anyExpr(depth-1, kinds).Draw(t, "arg") }
		if depth <= 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
			return anyLeaf(t, kind)
		}
		name := rapid.SampledFrom(attrNames).Draw(t, "name")
		switch kind {
		case "bool":
			return anyBool(t, name, sub)
		case "int":
			return op(rapid.SampledFrom([]rule.Op{rule.Add, rule.Sub, rule.Mul}).Draw(t, "op"), sub("int"), sub("int"))
		case "set":
			return op(rule.SetOf, sub(kinds...), sub(kinds...))
		case "record":
			return record([]string{name, "z"}, sub(kinds...), sub(kinds...))
		case "extension":
			return call(rapid.SampledFrom([]string{"ip", "decimal", "datetime", "duration", "nothing"}).Draw(t, "function"), sub("string"))
		case "entity":
			return op(rule.If, sub("bool"), sub("entity"), sub("entity"))
		default:
			if rapid.Bool().Draw(t, "tag") {
				return op(rule.Tag, sub("entity"), sub("string"))
			}
			return attr(sub("entity", "record"), name)
		}
	})
}

func anyBool(t *rapid.T, name string, sub func(...string) *rule.Expr) *rule.Expr {
	switch o := rapid.SampledFrom([]rule.Op{
		rule.Not, rule.And, rule.And, rule.Or, rule.Or, rule.If, rule.Equal, rule.Equal, rule.Less, rule.LessEqual, rule.In, rule.In,
		rule.Is, rule.Like, rule.Has, rule.HasTag, rule.Contains, rule.ContainsAll, rule.ContainsAny, rule.IsEmpty, rule.Call, rule.Attr,
	}).Draw(t, "op"); o {
	case rule.Not:
		return op(o, sub("bool"))
	case rule.And, rule.Or:
		return op(o, sub("bool"), sub("bool"))
	case rule.If:
		return op(o, sub("bool"), sub("bool"), sub("bool"))
	case rule.Equal:
		kind := rapid.SampledFrom(kinds).Draw(t, "both")
		return op(o, sub(kind), sub(kind))
	case rule.Less, rule.LessEqual:
		kind := rapid.SampledFrom([]string{"int", "extension"}).Draw(t, "both")
		return op(o, sub(kind), sub(kind))
	case rule.In:
		return op(o, sub("entity"), sub("entity", "set"))
	case rule.Is:
		return named(o, rapid.SampledFrom([]string{"User", "Post"}).Draw(t, "type"), sub("entity"))
	case rule.Like:
		return like(sub("string"), rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "*"}), 0, 3).Draw(t, "pattern")...)
	case rule.Has:
		return has(sub("entity", "record"), name)
	case rule.HasTag:
		return op(o, sub("entity"), sub("string"))
	case rule.Contains:
		return op(o, sub("set"), sub(kinds...))
	case rule.ContainsAll, rule.ContainsAny:
		return op(o, sub("set"), sub("set"))
	case rule.IsEmpty:
		return op(o, sub("set"))
	case rule.Call:
		return call(rapid.SampledFrom([]string{"lessThan", "isInRange", "durationSince", "isIpv4", "toDate"}).Draw(t, "method"), sub("extension"), sub("extension"))
	default:
		return attr(sub("entity", "record"), name)
	}
}

func anyLeaf(t *rapid.T, kind string) *rule.Expr {
	variable := rapid.SampledFrom([]*rule.Expr{principal, resource, action, context}).Draw(t, "variable")
	switch rapid.IntRange(0, 5).Draw(t, "leaf") {
	case 0:
		return lit(knownValue.Draw(t, "value"))
	case 1:
		return variable
	case 2, 3:
		if kind == "entity" {
			return rapid.SampledFrom([]*rule.Expr{principal, resource, lit(ref(anyUID.Draw(t, "uid")))}).Draw(t, "entity")
		}
		return attr(variable, rapid.SampledFrom(attrNames).Draw(t, "name"))
	}
	switch kind {
	case "bool":
		return lit(yes(rapid.Bool().Draw(t, "bool")))
	case "int":
		return lit(num(rapid.Int64Range(-2, 2).Draw(t, "int")))
	case "string":
		return lit(str(rapid.SampledFrom(texts).Draw(t, "text")))
	case "entity":
		return lit(ref(anyUID.Draw(t, "uid")))
	case "set":
		return lit(set(ref(anyUID.Draw(t, "uid")), ref(anyUID.Draw(t, "uid"))))
	default:
		return attr(variable, rapid.SampledFrom(attrNames).Draw(t, "name"))
	}
}

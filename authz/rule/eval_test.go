package rule_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// office is a small world: ann, an editor with an organization, a post of hers, a
// folder that the post is in, bob, of whom little is loaded, and carl, of whom
// nobody knows anything.
func office() *rule.Env {
	ann := member{&thing{
		uid: user("ann"), parents: []sallyport.UID{role("editor"), role("member")},
		attrs: map[string]sallyport.Value{
			"level": num(3), "name": str("Ann"), "org": ref(sallyport.UID{Type: "Organization", ID: "acme"}),
			"tags": set(str("a"), str("b")), "big": num(math.MaxInt64), "small": num(math.MinInt64),
			"secret": {}, "boss": ref(user("bob")), "friend": ref(user("carl")),
			"partly": set(str("a"), sallyport.Value{}), "on": yes(true),
		},
		tags: map[string]sallyport.Value{"team": str("red"), "hidden": {}},
	}}
	doc := &thing{
		uid: post("1"), parents: []sallyport.UID{{Type: "Folder", ID: "f"}},
		attrs: map[string]sallyport.Value{
			"author": ref(user("ann")), "title": str("a*b"), "readers": set(ref(user("ann")), ref(role("editor"))),
			"meta": sallyport.RecordValue(map[string]sallyport.Value{"size": num(5), "odd": {}}),
			"time": sallyport.TimeMillis(-1), "price": sallyport.DecimalValue(12345), "mixed": set(ref(role("editor")), num(1)),
		},
	}
	bob := &thing{uid: user("bob"), vague: true, attrs: map[string]sallyport.Value{"level": num(9)}, parents: []sallyport.UID{role("member")}}
	env := &rule.Env{
		Principal: ann, Action: act("edit"), Resource: doc,
		Entities: store{
			user("bob"): bob,
			act("edit"): rule.GroupsOf(map[sallyport.UID][]sallyport.UID{act("edit"): {act("write")}}).Entity(act("edit")),
		},
	}
	ip, _ := rule.ParseIP("10.1.2.3")
	return given(env, map[string]sallyport.Value{"addr": ip, "n": num(7), "lost": {}})
}

func TestEval(t *testing.T) {
	boss, friend := attr(principal, "boss"), attr(principal, "friend")
	yesLit, noLit := lit(yes(true)), lit(yes(false))
	oops := attr(principal, "nothing")
	time := func(s string) *rule.Expr { return call("datetime", lit(str(s))) }
	span := func(s string) *rule.Expr { return call("duration", lit(str(s))) }
	dec := func(s string) *rule.Expr { return call("decimal", lit(str(s))) }
	ip := func(s string) *rule.Expr { return call("ip", lit(str(s))) }
	for _, tt := range []struct {
		name string
		expr *rule.Expr
		want string // the value as text, or "error: " and a part of the message
	}{
		{"the principal", principal, `User::"ann"`},
		{"the action", action, `Action::"edit"`},
		{"the resource", resource, `Post::"1"`},
		{"the context", attr(context, "n"), "7"},
		{"an attribute", attr(principal, "level"), "3"},
		{"an absent attribute", oops, "error: principal.nothing: absent"},
		{"an attribute that is not loaded", attr(principal, "secret"), "error: principal.secret: not loaded"},
		{"an absent field of the context", attr(context, "x"), "error: context.x: absent"},
		{"a field of the context that is not loaded", attr(context, "lost"), "error: context.lost: not loaded"},
		{"a field of a record", attr(attr(resource, "meta"), "size"), "5"},
		{"an absent field of a record", attr(attr(resource, "meta"), "x"), "error: resource.meta.x: absent"},
		{"an attribute of another entity", attr(boss, "level"), "9"},
		{"an attribute of another entity that is not loaded", attr(boss, "name"), "error: principal.boss.name: not loaded"},
		{"an attribute of an entity that is not loaded", attr(friend, "name"), "error: principal.friend.name: not loaded"},
		{"an attribute of a reference to the principal", attr(attr(resource, "author"), "level"), "3"},
		{"an attribute of a number", attr(attr(principal, "level"), "x"), "error: expected entity or record, got int"},
		{"has", has(principal, "level"), "true"},
		{"has what is absent", has(principal, "x"), "false"},
		{"has what is not loaded", has(principal, "secret"), "error: principal has secret: not loaded"},
		{"has in a record", has(attr(resource, "meta"), "size"), "true"},
		{"has in a record what is absent", has(attr(resource, "meta"), "x"), "false"},
		{"has in a record what is not loaded", has(attr(resource, "meta"), "odd"), "error: not loaded"},
		{"has on an entity that is not loaded", has(friend, "name"), "error: not loaded"},
		{"has on a number", has(lit(num(1)), "x"), "error: expected entity or record, got int"},
		{"has after an error", has(oops, "x"), "error: absent"},

		{"a tag", op(rule.Tag, principal, lit(str("team"))), `"red"`},
		{"an absent tag", op(rule.Tag, principal, lit(str("x"))), `error: principal.getTag("x"): absent`},
		{"a tag that is not loaded", op(rule.Tag, principal, lit(str("hidden"))), "error: not loaded"},
		{"hasTag", op(rule.HasTag, principal, lit(str("team"))), "true"},
		{"hasTag of what is absent", op(rule.HasTag, principal, lit(str("x"))), "false"},
		{"hasTag of what is not loaded", op(rule.HasTag, friend, lit(str("x"))), "error: not loaded"},
		{"hasTag with a number", op(rule.HasTag, principal, lit(num(1))), "error: expected string, got int"},
		{"hasTag of a number", op(rule.HasTag, lit(num(1)), lit(str("x"))), "error: expected entity, got int"},

		{"and stops at false", and(noLit, oops), "false"},
		{"and goes on after true", and(yesLit, oops), "error"},
		{"and does not look beyond an error", and(oops, noLit), "error"},
		{"and wants truth on the right", and(yesLit, lit(num(1))), "error: expected bool, got int"},
		{"and wants truth on the left", and(lit(num(1)), yesLit), "error: expected bool, got int"},
		{"or stops at true", or(yesLit, oops), "true"},
		{"or goes on after false", or(noLit, yesLit), "true"},
		{"or does not look beyond an error", or(oops, yesLit), "error"},
		{"not", op(rule.Not, noLit), "true"},
		{"not a number", op(rule.Not, lit(num(1))), "error: expected bool, got int"},
		{"if true", op(rule.If, yesLit, lit(num(1)), oops), "1"},
		{"if false", op(rule.If, noLit, oops, lit(num(2))), "2"},
		{"if with an error", op(rule.If, oops, lit(num(1)), lit(num(2))), "error"},

		{"equal numbers", op(rule.Equal, attr(context, "n"), lit(num(7))), "true"},
		{"different kinds are different", op(rule.Equal, attr(context, "n"), lit(str("7"))), "false"},
		{"what is absent equals nothing", op(rule.Equal, oops, oops), "error"},
		{"sets are equal whatever their order", op(rule.Equal, attr(principal, "tags"), lit(set(str("b"), str("a"), str("a")))), "true"},
		{"a set that is partly loaded is not compared", op(rule.Equal, attr(principal, "partly"), lit(set(str("a")))), "error: not known"},
		{"a record that is partly loaded is not compared", op(rule.Equal, attr(resource, "meta"), lit(num(1))), "false"},
		{"records of the same fields", op(rule.Equal, record([]string{"a"}, lit(num(1))), lit(sallyport.RecordValue(map[string]sallyport.Value{"a": num(1)}))), "true"},
		{"a record that is partly loaded and another", op(rule.Equal, attr(resource, "meta"), record(nil)), "error: not known"},

		{"less", op(rule.Less, lit(num(1)), lit(num(2))), "true"},
		{"less is not equal", op(rule.Less, lit(num(2)), lit(num(2))), "false"},
		{"less or equal", op(rule.LessEqual, lit(num(2)), lit(num(2))), "true"},
		{"times are ordered", op(rule.Less, attr(resource, "time"), time("1970-01-01")), "true"},
		{"durations are ordered", op(rule.LessEqual, span("1h"), span("59m")), "false"},
		{"texts are not ordered", op(rule.Less, lit(str("a")), lit(str("b"))), "error: only two integers, times or durations can be compared, not string with string"},
		{"decimals have methods for that", op(rule.Less, dec("1.0"), dec("2.0")), "error"},
		{"a time is not compared with a number", op(rule.Less, lit(num(1)), time("1970-01-01")), "error: not int with time"},

		{"addition", op(rule.Add, lit(num(1)), lit(num(2))), "3"},
		{"subtraction", op(rule.Sub, lit(num(1)), lit(num(2))), "-1"},
		{"multiplication", op(rule.Mul, lit(num(-3)), lit(num(2))), "-6"},
		{"multiplication by zero", op(rule.Mul, attr(principal, "small"), lit(num(0))), "0"},
		{"negation", op(rule.Neg, lit(num(2))), "-2"},
		{"addition overflows", op(rule.Add, attr(principal, "big"), lit(num(1))), "error: principal.big + 1: integer overflow"},
		{"addition underflows", op(rule.Add, attr(principal, "small"), lit(num(-1))), "error: overflow"},
		{"adding nothing to the least", op(rule.Add, attr(principal, "small"), lit(num(0))), "-9223372036854775808"},
		{"subtraction overflows", op(rule.Sub, attr(principal, "small"), lit(num(1))), "error: overflow"},
		{"subtracting the least", op(rule.Sub, lit(num(-1)), attr(principal, "small")), "9223372036854775807"},
		{"subtracting the least from nothing", op(rule.Sub, lit(num(0)), attr(principal, "small")), "error: overflow"},
		{"multiplication overflows", op(rule.Mul, attr(principal, "big"), lit(num(2))), "error: overflow"},
		{"the least times -1 overflows", op(rule.Mul, attr(principal, "small"), lit(num(-1))), "error: overflow"},
		{"-1 times the least overflows", op(rule.Mul, lit(num(-1)), attr(principal, "small")), "error: overflow"},
		{"negation overflows", op(rule.Neg, attr(principal, "small")), "error: overflow"},
		{"text is not added", op(rule.Add, lit(num(1)), lit(str("a"))), "error: expected two integers, got int and string"},

		{"in itself", op(rule.In, principal, lit(ref(user("ann")))), "true"},
		{"in an ancestor", op(rule.In, principal, lit(ref(role("editor")))), "true"},
		{"not in a stranger", op(rule.In, principal, lit(ref(role("admin")))), "false"},
		{"in one of a set", op(rule.In, principal, lit(set(ref(role("admin")), ref(role("editor"))))), "true"},
		{"in one of an attribute", op(rule.In, principal, attr(resource, "readers")), "true"},
		{"in the first of some", op(rule.In, principal, op(rule.SetOf, lit(ref(role("editor"))), boss)), "true"},
		{"perhaps in the first of some", op(rule.In, boss, op(rule.SetOf, friend, lit(ref(post("9"))))), "error: it is not loaded what"},
		{"in none", op(rule.In, principal, lit(set())), "false"},
		{"in a set with a number", op(rule.In, principal, attr(resource, "mixed")), "error: expected entity or set of entities"},
		{"in a number", op(rule.In, principal, lit(num(1))), "error: expected entity or set of entities, got int"},
		{"a number in", op(rule.In, lit(num(1)), lit(ref(role("editor")))), "error: expected entity, got int"},
		{"another entity is in", op(rule.In, boss, lit(ref(role("member")))), "true"},
		{"of another entity it is not known", op(rule.In, boss, lit(ref(role("editor")))), `error: it is not loaded what User::"bob" is in`},
		{"known and unknown ancestors", op(rule.In, boss, lit(set(ref(role("editor")), ref(role("member"))))), "true"},
		{"an entity that is not loaded is in itself", op(rule.In, friend, lit(ref(user("carl")))), "true"},
		{"an entity that is not loaded", op(rule.In, friend, lit(ref(role("member")))), "error"},
		{"an action in its group", op(rule.In, action, lit(ref(act("write")))), "true"},
		{"an action not in a group", op(rule.In, action, lit(ref(act("read")))), "false"},
		{"is", named(rule.Is, "User", principal), "true"},
		{"is not", named(rule.Is, "Post", principal), "false"},
		{"a number is", named(rule.Is, "User", lit(num(1))), "error: expected entity, got int"},

		{"like", like(attr(resource, "title"), "a*", ""), "true"},
		{"unlike", like(attr(resource, "title"), "a", "c"), "false"},
		{"a number is like nothing", like(lit(num(1)), "1"), "error: expected string, got int"},

		{"contains", op(rule.Contains, attr(principal, "tags"), lit(str("a"))), "true"},
		{"does not contain", op(rule.Contains, attr(principal, "tags"), lit(str("c"))), "false"},
		{"contains in a set that is partly loaded", op(rule.Contains, attr(principal, "partly"), lit(str("a"))), "error: not known"},
		{"a number contains nothing", op(rule.Contains, lit(num(1)), lit(num(1))), "error: expected set, got int"},
		{"contains all", op(rule.ContainsAll, attr(principal, "tags"), lit(set(str("a"), str("b")))), "true"},
		{"contains all of nothing", op(rule.ContainsAll, lit(set()), lit(set())), "true"},
		{"does not contain all", op(rule.ContainsAll, attr(principal, "tags"), lit(set(str("a"), str("c")))), "false"},
		{"contains any", op(rule.ContainsAny, attr(principal, "tags"), lit(set(str("c"), str("b")))), "true"},
		{"contains any of nothing", op(rule.ContainsAny, attr(principal, "tags"), lit(set())), "false"},
		{"contains all of a number", op(rule.ContainsAll, attr(principal, "tags"), lit(num(1))), "error: expected set, got int"},
		{"empty", op(rule.IsEmpty, lit(set())), "true"},
		{"not empty", op(rule.IsEmpty, attr(principal, "tags")), "false"},
		{"a number is not empty", op(rule.IsEmpty, lit(num(1))), "error: expected set, got int"},
		{"a set of expressions", op(rule.SetOf, attr(principal, "level"), lit(num(1))), "[3, 1]"},
		{"a set of errors", op(rule.SetOf, oops), "error"},
		{"a record of expressions", record([]string{"b", "a c"}, attr(principal, "level"), lit(num(1))), `{"a c": 1, b: 3}`},
		{"a record of errors", record([]string{"a"}, oops), "error"},

		{"IPv4", call("isIpv4", attr(context, "addr")), "true"},
		{"not IPv6", call("isIpv6", attr(context, "addr")), "false"},
		{"IPv6", call("isIpv6", ip("::ffff:7f00:1")), "true"},
		{"loopback", call("isLoopback", ip("127.0.0.1/8")), "true"},
		{"a range beyond loopback", call("isLoopback", ip("127.0.0.1/7")), "false"},
		{"IPv6 loopback", call("isLoopback", ip("::1")), "true"},
		{"a range around IPv6 loopback", call("isLoopback", ip("::1/127")), "false"},
		{"a mapped address is no loopback", call("isLoopback", ip("::ffff:7f00:1")), "false"},
		{"multicast", call("isMulticast", ip("224.0.0.1")), "true"},
		{"a range beyond multicast", call("isMulticast", ip("224.0.0.0/3")), "false"},
		{"IPv6 multicast", call("isMulticast", ip("ff02::1")), "true"},
		{"a mapped address is no multicast", call("isMulticast", ip("::ffff:e000:1")), "false"},
		{"in range", call("isInRange", attr(context, "addr"), ip("10.0.0.0/8")), "true"},
		{"in its own range", call("isInRange", ip("10.0.0.0/8"), ip("10.0.0.0/8")), "true"},
		{"a wider range is not in range", call("isInRange", ip("10.0.0.0/7"), ip("10.0.0.0/8")), "false"},
		{"IPv4 is not in an IPv6 range", call("isInRange", attr(context, "addr"), ip("::/0")), "false"},
		{"an address and a range differ", op(rule.Equal, ip("10.0.0.1/8"), ip("10.0.0.0/8")), "false"},
		{"in range of a number", call("isInRange", attr(context, "addr"), lit(num(1))), "error: expected ip, got int"},
		{"no address", ip("localhost"), `error: "localhost" is no IP address`},

		{"less than", call("lessThan", attr(resource, "price"), dec("1.2346")), "true"},
		{"less than or equal", call("lessThanOrEqual", attr(resource, "price"), dec("1.2345")), "true"},
		{"greater than", call("greaterThan", attr(resource, "price"), dec("1.2345")), "false"},
		{"greater than or equal", call("greaterThanOrEqual", attr(resource, "price"), dec("1.2345")), "true"},
		{"a decimal is no number", call("lessThan", lit(num(1)), dec("1.0")), "error: expected decimal, got int"},

		{"offset", call("offset", time("2024-01-01"), span("-1d")), `datetime("2023-12-31T00:00:00.000Z")`},
		{"offset overflows", call("offset", time("+292278994-08-17T07:12:55.807Z"), span("1ms")), "error: overflow"},
		{"duration since", call("durationSince", time("2024-01-02"), time("2024-01-01")), `duration("1d")`},
		{"duration since overflows", call("durationSince", time("+292278994-08-17T07:12:55.807Z"), time("1969-12-31")), "error: overflow"},
		{"to date", call("toDate", time("2024-01-01T10:00:00Z")), `datetime("2024-01-01T00:00:00.000Z")`},
		{"to date before 1970", call("toDate", attr(resource, "time")), `datetime("1969-12-31T00:00:00.000Z")`},
		{"to date at midnight before 1970", call("toDate", time("1969-12-31")), `datetime("1969-12-31T00:00:00.000Z")`},
		{"to date overflows", call("toDate", time("-292275055-05-16T16:47:04.192Z")), "error: overflow"},
		{"to time", call("toTime", time("2024-01-01T10:00:00Z")), `duration("10h")`},
		{"to time before 1970", call("toTime", attr(resource, "time")), `duration("23h59m59s999ms")`},
		{"to milliseconds", call("toMilliseconds", span("1s")), "1000"},
		{"to seconds", call("toSeconds", span("-1500ms")), "-1"},
		{"to minutes", call("toMinutes", span("90s")), "1"},
		{"to hours", call("toHours", span("1d")), "24"},
		{"to days", call("toDays", span("47h")), "1"},
		{"to days of a number", call("toDays", lit(num(1))), "error: expected duration, got int"},

		{"an unknown function", call("sqrt", lit(num(1))), "error: there is no function sqrt"},
		{"too few arguments", call("lessThan", dec("1.0")), "error: lessThan takes 2 arguments, got 1"},
		{"no arguments", call("ip"), "error: ip takes 1 arguments, got 0"},
		{"an argument that is an error", call("ip", oops), "error: principal.nothing: absent"},
		{"an unknown operator", op(99), "error: unknown operator 99"},
		{"a constant that is not loaded", lit(sallyport.Value{}), "error: a value is not loaded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := rule.Eval(tt.expr, office())
			message, wantsError := strings.CutPrefix(tt.want, "error")
			switch {
			case wantsError && err == nil:
				t.Errorf("%s is %s, want an error", tt.expr, rule.ValueText(v))
			case wantsError && !strings.Contains(err.Error(), strings.TrimPrefix(message, ": ")):
				t.Errorf("%s: error %q, want %q in it", tt.expr, err, message)
			case !wantsError && err != nil:
				t.Errorf("%s: %v", tt.expr, err)
			case !wantsError && rule.ValueText(v) != tt.want:
				t.Errorf("%s is %s, want %s", tt.expr, rule.ValueText(v), tt.want)
			}
			checkCompiled(t, tt.expr, office())
		})
	}
}

// checkCompiled holds the closures against Eval: of the expression itself, and of
// it within others, as a value.
func checkCompiled(t interface{ Errorf(string, ...any) }, e *rule.Expr, env *rule.Env) {
	v, err := rule.Eval(e, env)
	forms := []*rule.Expr{e, op(rule.Not, e), op(rule.Equal, e, lit(yes(true)))}
	if err == nil {
		forms = append(forms, op(rule.Equal, e, lit(v)))
	}
	for _, form := range forms {
		s, err := rule.Compile([]rule.Rule{{ID: "p", Effect: rule.Permit, When: form}, {ID: "f", When: form}}, rule.Config{})
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		v, err := rule.Eval(form, env)
		truth := err == nil && v.Bool()
		falsehood := err == nil && v.Kind() == sallyport.KindBool && !v.Bool()
		if (s.Permitted(env) != nil) != truth || (s.Forbidden(env) == nil) != falsehood {
			t.Errorf("%s is %s, %v, but permits: %v, forbids: %v", form, rule.ValueText(v), err, s.Permitted(env) != nil, s.Forbidden(env) != nil)
		}
	}
}

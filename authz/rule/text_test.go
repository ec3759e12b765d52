package rule_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

func TestExpressionsAreWrittenAsCedar(t *testing.T) {
	a, b := attr(principal, "a"), attr(resource, "b")
	not := func(e *rule.Expr) *rule.Expr { return op(rule.Not, e) }
	for _, tt := range []struct {
		want string
		expr *rule.Expr
	}{
		{`principal.a && (principal.a || resource.b)`, and(a, or(a, b))},
		{`principal.a && principal.a || resource.b`, or(and(a, a), b)},
		{`principal.a && (principal.a && resource.b)`, op(rule.And, a, and(a, b))},
		{`principal.a && principal.a && resource.b`, and(a, a, b)},
		{`!(principal.a && resource.b)`, not(and(a, b))},
		{`!!principal.a`, not(not(a))},
		{`principal.a != resource.b`, not(op(rule.Equal, a, b))},
		{`principal.a > resource.b`, not(op(rule.LessEqual, a, b))},
		{`principal.a >= resource.b`, not(op(rule.Less, a, b))},
		{`!(principal.a > resource.b)`, not(not(op(rule.LessEqual, a, b)))},
		{`(principal.a == resource.b) == true`, op(rule.Equal, op(rule.Equal, a, b), lit(yes(true)))},
		{`(principal.a != resource.b) == true`, op(rule.Equal, not(op(rule.Equal, a, b)), lit(yes(true)))},
		{`(principal.a + 1) * 2 - (3 - 4)`, op(rule.Sub, op(rule.Mul, op(rule.Add, a, lit(num(1))), lit(num(2))), op(rule.Sub, lit(num(3)), lit(num(4))))},
		{`-(1)`, op(rule.Neg, lit(num(1)))},
		{`-principal.a`, op(rule.Neg, a)},
		{`--principal.a`, op(rule.Neg, op(rule.Neg, a))},
		{`-(principal.a + resource.b)`, op(rule.Neg, op(rule.Add, a, b))},
		{`1 - -2`, op(rule.Sub, lit(num(1)), lit(num(-2)))},
		{`(if principal.a then 1 else 2) + 3`, op(rule.Add, op(rule.If, a, lit(num(1)), lit(num(2))), lit(num(3)))},
		{`if principal.a then 1 else 2`, op(rule.If, a, lit(num(1)), lit(num(2)))},
		{`principal has "a b" && principal["a b"].c`, and(has(principal, "a b"), attr(attr(principal, "a b"), "c"))},
		{`principal["if"]`, attr(principal, "if")},
		{`context has _x1`, has(context, "_x1")},
		{`(if principal.a then principal else resource).x`, attr(op(rule.If, a, principal, resource), "x")},
		{`resource.b like "a\**\"\n*"`, like(b, "a*", "\"\n", "")},
		{`principal is User && principal in [Role::"x", resource]`, and(named(rule.Is, "User", principal), op(rule.In, principal, op(rule.SetOf, lit(ref(role("x"))), resource)))},
		{`principal.hasTag("k") && principal.getTag("k")`, and(op(rule.HasTag, principal, lit(str("k"))), op(rule.Tag, principal, lit(str("k"))))},
		{`[1, 2].contains(principal.a) && [1].containsAll([]) && [].containsAny([]) && resource.b.isEmpty()`, and(
			op(rule.Contains, lit(set(num(1), num(2))), a), op(rule.ContainsAll, lit(set(num(1))), lit(set())),
			op(rule.ContainsAny, lit(set()), lit(set())), op(rule.IsEmpty, b))},
		{`ip("::1").isInRange(principal.a)`, call("isInRange", call("ip", lit(str("::1"))), a)},
		{`sqrt(1, 2)`, call("sqrt", lit(num(1)), lit(num(2)))},
		{`isIpv4()`, call("isIpv4")},
		{`{a: principal.a, "b c": {}} == action`, op(rule.Equal, record([]string{"a", "b c"}, a, record(nil)), action)},
		{`User::"\"\\\t\r\n\0\u{7f}é"`, lit(ref(user("\"\\\t\r\n\x00\x7fé")))},
		{`decimal("-0.0001") == duration("0ms")`, op(rule.Equal, lit(sallyport.DecimalValue(-1)), lit(sallyport.DurationMillis(0)))},
		{`<not loaded> == <absent>`, op(rule.Equal, lit(sallyport.Value{}), lit(sallyport.AbsentValue()))},
	} {
		if got := tt.expr.String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestConditionJoinsScopesAndWhen(t *testing.T) {
	r := &rule.Rule{
		Principal: rule.Scope{Type: "User", In: role("editor")}, Resource: rule.Scope{Is: post("1"), In: post("2")},
		When: op(rule.Equal, attr(resource, "author"), principal),
	}
	want := `principal is User && resource == Post::"1" && principal in Role::"editor" && resource in Post::"2" && resource.author == principal`
	if got := rule.Condition(r).String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := rule.Condition(&rule.Rule{}).String(); got != "true" {
		t.Errorf("got %s, want true", got)
	}
}

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern rule.Pattern
		text    string
		want    bool
	}{
		{nil, "", true},
		{nil, "a", false},
		{rule.Pattern{"ab"}, "ab", true},
		{rule.Pattern{"ab"}, "abc", false},
		{rule.Pattern{"", ""}, "", true},
		{rule.Pattern{"", ""}, "anything", true},
		{rule.Pattern{"a", ""}, "abc", true},
		{rule.Pattern{"", "c"}, "abc", true},
		{rule.Pattern{"a", "a"}, "a", false},
		{rule.Pattern{"ab", "ba"}, "aba", false},
		{rule.Pattern{"", "b", "b", ""}, "abcb", true},
		{rule.Pattern{"", "b", "b", ""}, "abc", false},
		{rule.Pattern{"a", "b", "c"}, "abbc", true},
		{rule.Pattern{"a", "bc", "c"}, "abc", false},
		{rule.Pattern{"A"}, "a", false},
		{rule.Pattern{"*"}, "a", false},
		{rule.Pattern{"", "é"}, "né", true},
	} {
		if got := tt.pattern.Match(tt.text); got != tt.want {
			t.Errorf("%q like %s: %v", tt.text, like(lit(str("")), tt.pattern...), got)
		}
	}
}

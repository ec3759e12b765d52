package cedar_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// file is a policy file for tests.
func file(text string) rule.File { return rule.File{Name: "posts.cedar", Text: text} }

// when is a policy with a condition, on one line, which begins at column 42.
func when(condition string) string {
	return "permit (principal, action, resource) when { " + condition + " };"
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want string // the error, without the name of the file
	}{
		{"a variable that is not known", when("resorce.author == principal"),
			`1:45: there is no variable "resorce"; did you mean "resource"?`},
		{"a variable of another language", when("user.name == \"ann\""), `1:45: there is no variable "user"; did you mean "principal"?`},
		{"a missing semicolon", "permit (principal, action, resource)\n\npermit (principal, action, resource);",
			`1:37: the rule does not end: ";" is missing`},
		{"a missing semicolon at the end", "permit (principal, action, resource)\nwhen { true }\n", `2:14: the rule does not end: ";" is missing`},
		{"one equals sign", when("resource.author = principal"), `1:61: "=" compares nothing; did you mean "=="?`},
		{"one equals sign in the scope", `permit (principal = User::"ann", action, resource);`,
			`1:19: "=" compares nothing; did you mean "=="?`},
		{"three equals signs", when("1 === 1"), `1:47: "===" is not an operator; did you mean "=="?`},
		{"one ampersand", when("true & false"), `1:50: "&" is not an operator; did you mean "&&"?`},
		{"a word for an operator", when("true and false"), `1:50: "and" is not an operator; did you mean "&&"?`},
		{"a word for a negation", when("not resource.public"), `1:45: there is no variable "not"; did you mean "!"?`},
		{"a function that is not known", when(`IPaddr("10.0.0.1")`), `1:45: there is no function "IPaddr"; did you mean "ip"?`},
		{"a function that is nearly known", when(`dateTime("2026-01-01")`), `1:45: there is no function "dateTime"; did you mean "datetime"?`},
		{"a method that is not known", when(`context.addr.inRange(ip("10.0.0.0/8"))`),
			`1:58: there is no method "inRange"; did you mean "isInRange"?`},
		{"a method as a function", when(`contains(principal.amr, "otp")`), `1:45: "contains" is a method; did you mean "value.contains(…)"?`},
		{"a function as a method", when(`"10.0.0.1".ip()`), `1:56: "ip" is a function, not a method; did you mean "ip(…)"?`},
		{"arguments that are missing", when("principal.amr.contains()"), "1:59: contains takes one argument, not 0"},
		{"arguments too many", when("principal.amr.isEmpty(1, [2, 3])"), "1:59: isEmpty takes no argument, not 2"},
		{"single quotes", when("resource.title == 'hello'"), "1:63: text stands in double quotes; did you mean `\"hello\"`?"},
		{"text without an end", when(`resource.title == "hello`), `1:63: this text has no end: a double quote is missing in its line`},
		{"an escape that does not exist", when(`resource.title == "äb\qc"`),
			`1:66: in text, \q is not an escape: there are \n \r \t \0 \\ \" \' \x41 \u{1F600}`},
		{"a comment without an end", "/* hello", `1:1: this comment has no end: "*/" is missing`},
		{"an entity without quotes", `permit (principal == User::ann, action, resource);`,
			"1:28: the identifier of an entity stands in double quotes; did you mean `User::\"ann\"`?"},
		{"an entity without a type", `permit (principal == "ann", action, resource);`,
			"1:22: an entity has a type; did you mean `User::\"ann\"`?"},
		{"an effect that is not known", "premit (principal, action, resource);",
			`1:1: a rule begins with "permit" or "forbid", not with "premit"; did you mean "permit"?`},
		{"an effect of another language", "allow (principal, action, resource);",
			`1:1: a rule begins with "permit" or "forbid", not with "allow"; did you mean "permit"?`},
		{"a clause that is not known", "permit (principal, action, resource) whne { true };",
			`1:38: expected when, unless or ";" after the rule, not "whne"; did you mean "when"?`},
		{"an action with a type", "permit (principal, action is Action, resource);",
			`1:27: an action has no other type: write action == Action::"…", or action in [ … ]`},
		{"a condition in the scope", `permit (principal, action, resource has author);`,
			`1:37: "has" does not stand in the scope, only "==", "in" and "is"; conditions stand in when { … }`},
		{"the scope in another order", "permit (action, principal, resource);",
			`1:9: the scope names principal, action and resource in this order; expected principal, not "action"`},
		{"a name of the scope that is misspelt", "permit (principal, action, resorce);",
			`1:28: the scope names principal, action and resource in this order; expected resource, not "resorce"; did you mean "resource"?`},
		{"an empty condition", "permit (principal, action, resource) when { };", `1:45: the condition is missing between { and }`},
		{"comparisons in a row", when("1 < 2 < 3"), `1:51: comparisons do not follow one another: join them with "&&"`},
		{"a number that is too large", when("9223372036854775808 > 1"),
			"1:45: numbers have 64 bits: at most 9223372036854775807, at least -9223372036854775808"},
		{"a keyword as an attribute", when("resource.in"), "1:54: \"in\" is a word of the language; did you mean `[\"in\"]`?"},
		{"a field twice", when(`{a: 1, a: 2} == {}`), `1:52: the record has two fields "a"`},
		{"an annotation twice", "@id(\"a\")\n@id(\"b\")\npermit (principal, action, resource);", "2:2: the annotation @id stands twice on one rule"},
		{"a file that ends early", "permit (principal, action,", `1:27: expected resource, but the file ends`},
		{"an annotation without a name", "@", `1:2: expected the name of an annotation after "@", but the file ends`},
		{"an if without else", when("if true then false"), `1:64: expected "else" of an if, which has all three: if … then … else …, not "}"`},
		{"NUL", "permit (principal, action, resource);\n\x00", "2:1: the file holds a NUL character"},
		{"not UTF-8", "// é\xff", "1:5: the file is not UTF-8"},
		{"too large", strings.Repeat(" ", 1<<20+1), "the file has 1048577 bytes; at most 1048576 are read"},
		{"brackets too deep", when(strings.Repeat("(", 500_000) + "true" + strings.Repeat(")", 500_000)), "1:144: nested more than 100 levels deep"},
		{"negations too deep", when(strings.Repeat("!", 500_000) + "true"), "1:144: nested more than 100 levels deep"},
		{"ifs too deep", when(strings.Repeat("if ", 300_000) + "true"), "1:342: nested more than 100 levels deep"},
		{"else ifs too deep", when(strings.Repeat("if true then true else ", 40_000) + "true"), "1:2322: nested more than 100 levels deep"},
		{"a sum too long", when(strings.Repeat("1+", 400_000) + "1"), "1:20042: a rule with more than 10000 operators"},
		{"a path too long", when("resource has " + strings.Repeat("a.", 400_000) + "a"), `1:89: a path of more than 16 names after "has"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := cedar.Parse(file(c.text))
			if err == nil {
				t.Fatal("no error")
			}
			separator := ":"
			if strings.HasPrefix(c.want, "the") {
				separator = ": "
			}
			if want := "posts.cedar" + separator + c.want; err.Error() != want {
				t.Errorf("error\n%s\nwant\n%s", err, want)
			}
			if e := (*cedar.Error)(nil); !errors.As(err, &e) || e.File != "posts.cedar" {
				t.Errorf("%#v is no *Error with its file", err)
			}
		})
	}
}

func TestParseReportsEverythingAtOnce(t *testing.T) {
	_, err := cedar.Parse(
		rule.File{Name: "b.cedar", Text: when("resorce") + "\n" + when("true") + "\n" + when("contxt")},
		rule.File{Name: "ok.cedar", Text: `@id("one") permit (principal, action, resource);`},
		rule.File{Name: "a.cedar", Text: "\n\tpermit (principal, action, resource"},
		rule.File{Name: "twice.cedar", Text: `@id("one") forbid (principal, action, resource);`},
	)
	want := `b.cedar:1:45: there is no variable "resorce"; did you mean "resource"?
b.cedar:3:45: there is no variable "contxt"; did you mean "context"?
a.cedar:2:37: expected ")" after resource, but the file ends
twice.cedar:1:1: a rule "one" stands at ok.cedar:1:1 already`
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
}

func TestParseDoesNotComplainForEver(t *testing.T) {
	_, err := cedar.Parse(file(strings.Repeat(";", 1<<20)))
	if err == nil || strings.Count(err.Error(), "\n") != 99 {
		t.Error("not 100 errors")
	}
}

func TestParseReturnsRules(t *testing.T) {
	text := `// Posts.
@id("own")
@message("Only your own posts.")
@note
permit (
  principal is User in Organization::"acme",
  action in [Action::"post:read", Action::"post:list"],
  resource is Post
)
when { resource.author == principal } // a comment; with a semicolon
unless { resource has "hidden" };

forbid (principal == User::"a\"b", action == Action::"post:delete", resource in Folder::"x");
permit (principal, action in [], resource);`
	rules, err := cedar.Parse(file(text))
	if err != nil {
		t.Fatal(err)
	}
	author := &rule.Expr{Op: rule.Attr, Name: "author", Args: []*rule.Expr{{Op: rule.Resource}}}
	want := []rule.Rule{{
		ID: "own", Effect: rule.Permit,
		Principal: rule.Scope{Type: "User", In: sallyport.UID{Type: "Organization", ID: "acme"}},
		Actions:   []sallyport.UID{{Type: "Action", ID: "post:read"}, {Type: "Action", ID: "post:list"}},
		Resource:  rule.Scope{Type: "Post"},
		When: &rule.Expr{Op: rule.And, Args: []*rule.Expr{
			{Op: rule.Equal, Args: []*rule.Expr{author, {Op: rule.Principal}}},
			{Op: rule.Not, Args: []*rule.Expr{{Op: rule.Has, Name: "hidden", Args: []*rule.Expr{{Op: rule.Resource}}}}},
		}},
		Message:     "Only your own posts.",
		Source:      rule.Position{File: "posts.cedar", Line: 2, Column: 1},
		Text:        text[len("// Posts.\n"):strings.Index(text, "\n\nforbid")],
		Annotations: map[string]string{"id": "own", "message": "Only your own posts.", "note": ""},
	}, {
		ID: "posts.cedar#2", Effect: rule.Forbid,
		Principal: rule.Scope{Is: sallyport.UID{Type: "User", ID: `a"b`}},
		Actions:   []sallyport.UID{{Type: "Action", ID: "post:delete"}}, Exact: true,
		Resource: rule.Scope{In: sallyport.UID{Type: "Folder", ID: "x"}},
		Source:   rule.Position{File: "posts.cedar", Line: 13, Column: 1},
		Text:     text[strings.Index(text, "forbid ("):strings.LastIndex(text, "\n")], Annotations: map[string]string{},
	}, {
		ID: "posts.cedar#3", Effect: rule.Permit, Actions: []sallyport.UID{},
		Source: rule.Position{File: "posts.cedar", Line: 14, Column: 1},
		Text:   "permit (principal, action in [], resource);", Annotations: map[string]string{},
	}}
	if d := cmp.Diff(want, rules, compareValues, cmpopts.IgnoreUnexported(rule.Rule{})); d != "" {
		t.Error(d)
	}
}

// compareValues compares values as policies do.
var compareValues = cmp.Comparer(func(a, b sallyport.Value) bool { return a.Kind() == b.Kind() && (!a.Known() || a.Equal(b)) })

func TestParseReadsEveryConstruct(t *testing.T) {
	for _, c := range []struct{ condition, want string }{
		{"true", "true"},
		{"-9223372036854775808 == 1", "(Equal -9223372036854775808 1)"},
		{"- 5 == -(5)", "(Equal -5 (Neg 5))"},
		{`principal.a["b c"].d`, `(Attr.d (Attr."b c" (Attr.a principal)))`},
		{"context has a.b", "(And (Has.a context) (Has.b (Attr.a context)))"},
		{"1 > 2", "(Less 2 1)"},
		{"1 >= 2", "(LessEqual 2 1)"},
		{"1 < 2", "(Less 1 2)"},
		{"1 <= 2", "(LessEqual 1 2)"},
		{"1 != 2", "(Not (Equal 1 2))"},
		{"1 + 2 - 3 * 4 == 5", "(Equal (Sub (Add 1 2) (Mul 3 4)) 5)"},
		{"true && false || !true", "(Or (And true false) (Not true))"},
		{"if true then 1 == 1 else false", "(If true (Equal 1 1) false)"},
		{"action in [Action::\"a\"]", "(In action (SetOf Action::\"a\"))"},
		{"principal is A::B", "(Is.A::B principal)"},
		{`principal is User in Role::"r"`, `(And (Is.User principal) (In principal Role::"r"))`},
		{`resource.t like "a*\*b**"`, `(Like ["a" "*b" ""] (Attr.t resource))`},
		{`resource.t like ""`, `(Like [""] (Attr.t resource))`},
		{`resource.t like "*"`, `(Like ["" ""] (Attr.t resource))`},
		{`[1, 2].contains(1)`, "(Contains (SetOf 1 2) 1)"},
		{`[1].containsAll([])`, "(ContainsAll (SetOf 1) (SetOf))"},
		{`[1].containsAny([])`, "(ContainsAny (SetOf 1) (SetOf))"},
		{`[1].isEmpty()`, "(IsEmpty (SetOf 1))"},
		{`{a: 1, "b c": "x"} == context`, `(Equal (RecordOf[a b c] 1 "x") context)`},
		{`resource.hasTag("t") && resource.getTag("t") == 1`, `(And (HasTag resource "t") (Equal (Tag resource "t") 1))`},
		{`ip("10.0.0.1").isInRange(context.range)`, `(Call.isInRange (Call.ip "10.0.0.1") (Attr.range context))`},
		{`decimal("1.5").lessThan(decimal("2.0"))`, `(Call.lessThan (Call.decimal "1.5") (Call.decimal "2.0"))`},
		{`"\u{1F600}\x41\0" == ""`, "(Equal \"\U0001F600A\\0\" \"\")"},
	} {
		t.Run(c.condition, func(t *testing.T) {
			rules, err := cedar.Parse(file(when(c.condition)))
			if err != nil {
				t.Fatal(err)
			}
			if got := tree(rules[0].When); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// tree writes a condition for tests.
func tree(e *rule.Expr) string {
	names := map[rule.Op]string{
		rule.Principal: "principal", rule.Action: "action", rule.Resource: "resource", rule.Context: "context",
		rule.Attr: "Attr", rule.Has: "Has", rule.Tag: "Tag", rule.HasTag: "HasTag", rule.Not: "Not", rule.And: "And", rule.Or: "Or",
		rule.If: "If", rule.Equal: "Equal", rule.Less: "Less", rule.LessEqual: "LessEqual", rule.Add: "Add", rule.Sub: "Sub",
		rule.Mul: "Mul", rule.Neg: "Neg", rule.In: "In", rule.Is: "Is", rule.Like: "Like", rule.Contains: "Contains",
		rule.ContainsAll: "ContainsAll", rule.ContainsAny: "ContainsAny", rule.IsEmpty: "IsEmpty", rule.SetOf: "SetOf",
		rule.RecordOf: "RecordOf", rule.Call: "Call",
	}
	if e.Op == rule.Const {
		return e.Value.String()
	}
	s := names[e.Op]
	switch {
	case strings.Contains(e.Name, " "):
		s += fmt.Sprintf(".%q", e.Name)
	case e.Name != "":
		s += "." + e.Name
	case e.Names != nil:
		s += fmt.Sprint(e.Names)
	case e.Pattern != nil:
		s += fmt.Sprintf(" %q", e.Pattern)
	}
	for _, a := range e.Args {
		s += " " + tree(a)
	}
	switch e.Op {
	case rule.Principal, rule.Action, rule.Resource, rule.Context:
		return s
	}
	return "(" + s + ")"
}

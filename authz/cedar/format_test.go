package cedar_test

import (
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authz/cedar"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"only a comment", "  // hello  \n\n\n/* you */", "// hello\n\n/* you */\n"},
		{"a short rule", "permit(principal,action==Action::\"post:read\" , resource is Post)when{resource.author==principal};",
			`permit (principal, action == Action::"post:read", resource is Post)
when { resource.author == principal };
`},
		{"no clause", "permit(principal,action,resource,);", "permit (principal, action, resource,);\n"},
		{"annotations", `@id("a")@note @message("b")forbid(principal,action,resource)unless{true}when{false};`,
			`@id("a")
@note
@message("b")
forbid (principal, action, resource)
unless { true }
when { false };
`},
		{"one empty line between rules", "permit(principal,action,resource);permit(principal,action,resource);\n\n\n\npermit(principal,action,resource);",
			"permit (principal, action, resource);\n\npermit (principal, action, resource);\n\npermit (principal, action, resource);\n"},
		{"spaces within conditions",
			`permit(principal,action,resource)when{-1- -2==-(3)*4&&!(!true)&&principal in[User::"a"]&&resource["x y"].a.contains([])&&{a:1,"b":{}}has a.b&&ip("::1").isInRange(ip("::/1"))};`,
			`permit (principal, action, resource)
when {
  -1 - -2 == -(3) * 4 &&
  !(!true) &&
  principal in [User::"a"] &&
  resource["x y"].a.contains([]) &&
  { a: 1, "b": {} } has a.b &&
  ip("::1").isInRange(ip("::/1"))
};
`},
		{"a long head", `permit(principal is User in Organization::"a very long name of it",action in[Action::"post:read",Action::"post:list"],resource is Post);`,
			`permit (
  principal is User in Organization::"a very long name of it",
  action in [Action::"post:read", Action::"post:list"],
  resource is Post
);
`},
		{"a long list", `permit(principal,action in[Action::"` + strings.Repeat("a", 40) + `",Action::"` + strings.Repeat("b", 40) + `"],resource is Post);`,
			`permit (
  principal,
  action in [
    Action::"` + strings.Repeat("a", 40) + `",
    Action::"` + strings.Repeat("b", 40) + `"
  ],
  resource is Post
);
`},
		{"and within or", when(`resource.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa == 1 && resource.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb == 2 && true || resource.public`),
			`permit (principal, action, resource)
when {
  resource.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa == 1 &&
    resource.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb == 2 &&
    true ||
  resource.public
};
`},
		{"a long if", when(`if resource.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa == 1 then resource.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb else false`),
			`permit (principal, action, resource)
when {
  if resource.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa == 1
  then resource.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
  else false
};
`},
		{"comments", `// The file.

// The rule.
@id("a") // its name
permit ( // who
  principal,
  // what
  action, resource) // ends
when { true // yes
  && false }
// and
; // done
// Last.
`, `// The file.

// The rule.
@id("a") // its name
permit ( // who
  principal,
  // what
  action,
  resource
) // ends
when {
  true // yes
  &&
  false
}
// and
; // done

// Last.
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := cedar.Format(file(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if again, err := cedar.Format(file(got)); err != nil || again != got {
				t.Errorf("the second time\n%s\nerror %v", again, err)
			}
		})
	}
	if _, err := cedar.Format(file("permit")); err == nil {
		t.Error("no error for what is not Cedar")
	}
}

// FuzzFormat holds the formatter to: what it writes means the same, and stays as
// it is when it is formatted again.
func FuzzFormat(f *testing.F) {
	for _, seed := range []string{
		"", "// a\n\n/* b\nc */ // d\n", when("true"), when("/*a*/ -1 /*b\n*/ - /*c*/ -2 // d\n == 3"),
		"@id(\"x\")/*a*/\n// b\n" + when(`principal has a.b && resource["x y"] like "a\**" || {"a": [1, ip("::1"),],}.a.isEmpty()`) + "// c\n// d",
		`forbid (principal is A::B in C::"d", action in [Action::"a",], resource == R::"\0",) unless { if true then false else !!true } when {--1==1};`,
		when(strings.Repeat("(aaaa::\"bbbbbbbbbb\" == ", 8) + "1" + strings.Repeat(")", 8)),
		when("[" + strings.Repeat(`"aaaaaaaaaaaaaa",`, 9) + "].contains(if true && false || true then 1 else 2)"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := cedar.Parse(file(text))
		if err != nil {
			if _, err := cedar.Format(file(text)); err == nil {
				t.Errorf("%q is formatted, though it cannot be read", text)
			}
			return
		}
		formatted, err := cedar.Format(file(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := cedar.Parse(file(formatted))
		if err != nil || len(again) != len(rules) {
			t.Fatalf("%q becomes %q: %d rules of %d, error %v", text, formatted, len(again), len(rules), err)
		}
		for i := range rules {
			if a, b := whole(rules[i]), whole(again[i]); a != b {
				t.Errorf("%q becomes %q: %s becomes %s", text, formatted, a, b)
			}
		}
		if twice, err := cedar.Format(file(formatted)); err != nil || twice != formatted {
			t.Errorf("%q becomes %q, and then %q, error %v", text, formatted, twice, err)
		}
	})
}

package cedar_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// FuzzParse holds the reader of policies to: no panic; every error has its file
// and a reason; what was read has a name, a place and its own text, which reads
// as the same rule.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", ";", "permit", when("true"), when("resorce"), when(`"\u{110000}" == '`), "// c\n@id(\"x\")@y\n" + when("1 + -1 == 2"),
		when(`principal has a.b && resource["x y"] like "a\**" || {"a": [1, ip("::1")]}.a.isEmpty()`),
		`forbid (principal is A::B in C::"d", action in [Action::"a",], resource == R::"\0",) unless { if true then false else !!true };`,
		when("a.b(") + when("[1,"), "/*", "\"\\", "@\"", "permit(principal,action,resource)when{" + strings.Repeat("(", 99),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := cedar.Parse(file(text))
		if err != nil {
			joined, ok := err.(interface{ Unwrap() []error })
			if !ok {
				t.Fatalf("%#v is no list of errors", err)
			}
			for _, one := range joined.Unwrap() {
				if e := (*cedar.Error)(nil); !errors.As(one, &e) || e.File != "posts.cedar" || e.Reason == "" {
					t.Errorf("%#v is incomplete", one)
				}
			}
			return
		}
		for _, r := range rules {
			if r.ID == "" || r.Source.Line < 1 || r.Source.Column < 1 || !strings.Contains(text, r.Text) {
				t.Errorf("%+v is incomplete", r)
			}
			again, err := cedar.Parse(rule.File{Name: "posts.cedar", Text: r.Text})
			if err != nil || len(again) != 1 {
				t.Fatalf("%q reads as %d rules, error %v", r.Text, len(again), err)
			}
			if a, b := whole(r), whole(again[0]); a != b {
				t.Errorf("%q reads as %s on its own, as %s in its file", r.Text, b, a)
			}
		}
	})
}

// whole writes what a rule means for tests.
func whole(r rule.Rule) string {
	s := r.Effect.String()
	for _, scope := range []rule.Scope{r.Principal, r.Resource} {
		s += " " + scope.Type + " " + scope.Is.String() + " " + scope.In.String() + ";"
	}
	if r.Actions != nil {
		s += fmt.Sprint(" actions ", r.Exact)
	}
	for _, a := range r.Actions {
		s += " " + a.String()
	}
	if r.When != nil {
		s += "; " + tree(r.When)
	}
	return s
}

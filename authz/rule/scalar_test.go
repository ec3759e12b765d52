package rule_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// fields are what attributes of an object are made of.
type fields struct {
	id, s, r string
	n        int64
	b        bool
	at       time.Time
	d        time.Duration
	there    bool
}

func (f *fields) isThere() bool { return f.there }

// Two types with the same names of attributes, which are of different kinds.
var (
	posted = sallyport.TypeOf("Post", func(f *fields) string { return f.id },
		sallyport.String("a", func(f *fields) string { return f.s }),
		sallyport.Int("b", func(f *fields) int64 { return f.n }).If((*fields).isThere),
		sallyport.Subject("c", func(f *fields) string { return f.r }),
		sallyport.Time("d", func(f *fields) time.Time { return f.at }),
		sallyport.Bool("e", func(f *fields) bool { return f.b }),
		sallyport.Strings("f", func(f *fields) []string { return []string{f.s} }),
	)
	pictured = sallyport.TypeOf("Photo", func(f *fields) string { return f.id },
		sallyport.Bool("a", func(f *fields) bool { return f.b }).If((*fields).isThere),
		sallyport.Int("b", func(f *fields) int64 { return f.n }),
		sallyport.Entity("c", "Post", func(f *fields) string { return f.r }),
		sallyport.Duration("d", func(f *fields) time.Duration { return f.d }),
		sallyport.String("e", func(f *fields) string { return f.s }),
	)
)

// An objective is an entity made from an object, with one attribute more.
type objective struct{ sallyport.Resource }

func (o *objective) Tag(string) sallyport.Value  { return sallyport.Value{} }
func (o *objective) In(sallyport.UID) rule.Truth { return rule.False }

func (o *objective) Attr(name string) sallyport.Value {
	if name == "more" {
		return str("a")
	}
	return o.Resource.Attr(name)
}

func anyObject(t *rapid.T) sallyport.Resource {
	f := &fields{
		id: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "id"), s: rapid.SampledFrom([]string{"", "a", "1"}).Draw(t, "text"),
		r: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "reference"), n: rapid.Int64Range(0, 2).Draw(t, "number"),
		b: rapid.Bool().Draw(t, "truth"), there: rapid.Bool().Draw(t, "there"), d: time.Duration(rapid.IntRange(0, 2).Draw(t, "span")) * time.Millisecond,
	}
	if rapid.Bool().Draw(t, "dated") {
		f.at = time.UnixMilli(rapid.Int64Range(0, 2).Draw(t, "moment"))
	}
	if rapid.Bool().Draw(t, "photo") {
		return pictured.Of(f)
	}
	return posted.Of(f)
}

func anyOperand(t *rapid.T) *rule.Expr {
	if rapid.IntRange(0, 3).Draw(t, "attribute") > 0 {
		of := rapid.SampledFrom([]*rule.Expr{principal, resource, context}).Draw(t, "of")
		return attr(of, rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "more", "none"}).Draw(t, "name"))
	}
	return rapid.SampledFrom([]*rule.Expr{
		principal, resource, lit(str("a")), lit(str("1")), lit(num(1)), lit(yes(true)), lit(ref(user("1"))), lit(ref(post("1"))),
		lit(sallyport.TimeMillis(1)), lit(sallyport.DurationMillis(1)), lit(set(str("a"))), lit(sallyport.AbsentValue()),
	}).Draw(t, "constant")
}

func anyComparison(t *rapid.T) *rule.Expr {
	a, b := anyOperand(t), anyOperand(t)
	compared := op(rapid.SampledFrom([]rule.Op{rule.Equal, rule.Less, rule.LessEqual}).Draw(t, "op"), a, b)
	switch rapid.IntRange(0, 4).Draw(t, "shape") {
	case 0:
		return a
	case 1:
		return has(principal, "b")
	case 2, 3:
		if b.Op == rule.Attr {
			a = b
		}
		if a.Op == rule.Attr {
			return and(has(a.Args[0], a.Name), compared)
		}
	}
	return compared
}

// TestScalarsAreEval: what is read from an object is what its entity says, whatever
// type of object was asked before.
func TestScalarsAreEval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyComparison(t)
		if rapid.Bool().Draw(t, "two") {
			e = rapid.SampledFrom([]func(...*rule.Expr) *rule.Expr{and, or}).Draw(t, "join")(e, anyComparison(t))
		}
		s, err := rule.Compile([]rule.Rule{{ID: "permit", Effect: rule.Permit, When: e}, {ID: "forbid", When: e}}, rule.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			who, what, around := anyObject(t), anyObject(t), anyObject(t)
			env := &rule.Env{
				Principal: &objective{who}, Resource: &objective{what}, Context: around.Attr, Action: act("read"),
				Objects: rule.Objects{Principal: &who, Resource: &what, Context: &around},
			}
			want := evaluated(e, env)
			if got := s.Permitted(env) != nil; got != (want == rule.True) {
				t.Fatalf("%s permits %v, but is %d of %v, %v, %v", e, got, want, who, what, around)
			}
			if got := s.Forbidden(env) != nil; got != (want != rule.False) {
				t.Fatalf("%s forbids %v, but is %d of %v, %v, %v", e, got, want, who, what, around)
			}
		}
	})
}

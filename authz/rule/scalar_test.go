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

// A person is an entity made from a principal.
type person struct{ *sallyport.Principal }

func (p person) UID() sallyport.UID               { return rule.PrincipalUID(p.Principal) }
func (p person) Tag(string) sallyport.Value       { return sallyport.Value{} }
func (p person) In(sallyport.UID) rule.Truth      { return rule.False }
func (p person) Attr(name string) sallyport.Value { return rule.PrincipalAttr(p.Principal, name) }

func anyPrincipal(t *rapid.T) *sallyport.Principal {
	p := &sallyport.Principal{
		Kind:    rapid.SampledFrom([]sallyport.Kind{sallyport.Anonymous, sallyport.User, sallyport.User, sallyport.Service}).Draw(t, "kind"),
		Subject: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "subject"), Org: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "org"),
		Plan: rapid.SampledFrom([]string{"", "a", "1"}).Draw(t, "plan"), Credential: rapid.SampledFrom([]string{"a", ""}).Draw(t, "credential"),
		AAL: rapid.IntRange(0, 2).Draw(t, "aal"),
	}
	if rapid.Bool().Draw(t, "signed in") {
		p.AuthTime = time.UnixMilli(rapid.Int64Range(0, 2).Draw(t, "signed in at"))
	}
	return p
}

func anyContext(t *rapid.T) *sallyport.Context {
	c := &sallyport.Context{Time: time.UnixMilli(rapid.Int64Range(0, 2).Draw(t, "now")), Attrs: map[string]sallyport.Value{}}
	for _, name := range []string{"a", "b", "c"} {
		if v := rapid.SampledFrom([]sallyport.Value{
			{}, sallyport.AbsentValue(), str("a"), num(1), yes(true), ref(user("1")), ref(post("1")), set(str("a")), sallyport.DecimalValue(1),
		}).Draw(t, name); rapid.Bool().Draw(t, "given") {
			c.Attrs[name] = v
		}
	}
	return c
}

func fieldOf(c *sallyport.Context) func(string) sallyport.Value {
	return func(name string) sallyport.Value {
		if name == "time" {
			return sallyport.TimeValue(c.Time)
		}
		if v, ok := c.Attrs[name]; ok {
			return v
		}
		return sallyport.AbsentValue()
	}
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
		if of == principal {
			return attr(of, rapid.SampledFrom([]string{"org", "plan", "aal", "auth_time", "credential", "amr", "none"}).Draw(t, "name"))
		}
		if of == context && rapid.Bool().Draw(t, "time") {
			return attr(of, "time")
		}
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
	switch rapid.IntRange(0, 7).Draw(t, "test") {
	case 0:
		compared = like(b, "a", "")
	case 1:
		compared = named(rule.Is, "User", b)
	case 2:
		compared = op(rule.Contains, lit(set(str("a"), num(1), ref(user("1")))), b)
	case 3:
		compared = op(rule.Not, compared)
	}
	switch rapid.IntRange(0, 4).Draw(t, "shape") {
	case 0:
		return a
	case 1:
		return has(principal, "plan")
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

// unless is if args[0] then !args[1] else args[1].
func unless(args ...*rule.Expr) *rule.Expr {
	return op(rule.If, args[0], op(rule.Not, args[1]), args[1])
}

// TestScalarsAreEval: what is read from an object is what its entity says, whatever
// type of object was asked before.
func TestScalarsAreEval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyComparison(t)
		if rapid.Bool().Draw(t, "two") {
			e = rapid.SampledFrom([]func(...*rule.Expr) *rule.Expr{and, or, unless}).Draw(t, "join")(e, anyComparison(t))
		}
		s, err := rule.Compile([]rule.Rule{{ID: "permit", Effect: rule.Permit, When: e}, {ID: "forbid", When: e}}, rule.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			who, what, around := anyPrincipal(t), anyObject(t), anyContext(t)
			env := &rule.Env{
				Principal: person{who}, Resource: &objective{what}, Context: fieldOf(around), Action: act("read"),
				Objects: rule.Objects{Principal: who, Resource: &what, Context: around},
			}
			if rapid.IntRange(0, 5).Draw(t, "no object") == 0 {
				what, env.Resource = sallyport.Resource{}, nil
			}
			want := evaluated(e, env)
			if got := s.Permitted(env) != nil; got != (want == rule.True) {
				t.Fatalf("%s permits %v, but is %d of %v, %v, %v", e, got, want, who, what, around)
			}
			if got := s.Forbidden(env) != nil; got != (want != rule.False) {
				t.Fatalf("%s forbids %v, but is %d of %v, %v, %v", e, got, want, who, what, around)
			}
			rules := s.For(env.Action)
			if r, known := rules.Permits(&env.Objects); known && (r != nil) != (want == rule.True) {
				t.Fatalf("%s permits without an env: %v, but is %d of %v, %v, %v", e, r != nil, want, who, what, around)
			}
			if r, known := rules.Forbids(&env.Objects); known && (r != nil) != (want != rule.False) {
				t.Fatalf("%s forbids without an env: %v, but is %d of %v, %v, %v", e, r != nil, want, who, what, around)
			}
		}
	})
}

// TestComparisonsNeedNoEnv: what is about scalars alone is decided by the objects
// alone, whatever joins it; of everything else that is not claimed.
func TestComparisonsNeedNoEnv(t *testing.T) {
	who := &sallyport.Principal{Kind: sallyport.User, Subject: "1", Plan: "pro", AAL: 2, Credential: "session"}
	what := posted.Of(&fields{id: "1", s: "draft", n: 3, r: "1", b: true, there: true})
	ours, asked := attr(principal, "plan"), attr(context, "time")
	for name, test := range map[string]struct {
		e           *rule.Expr
		known, true bool
	}{
		"type of the principal":              {named(rule.Is, "User", principal), true, true},
		"type of the object":                 {named(rule.Is, "Photo", resource), true, false},
		"reference to the principal":         {op(rule.Equal, attr(resource, "c"), principal), true, true},
		"text":                               {op(rule.Equal, attr(resource, "a"), lit(str("draft"))), true, true},
		"two attributes":                     {op(rule.Equal, attr(resource, "a"), ours), true, false},
		"attribute that is there":            {and(has(principal, "plan"), op(rule.Equal, ours, lit(str("pro")))), true, true},
		"attribute that is not there":        {and(has(resource, "d"), op(rule.Less, asked, attr(resource, "d"))), true, false},
		"not below":                          {op(rule.Not, op(rule.Less, attr(principal, "aal"), lit(num(2)))), true, true},
		"at most":                            {op(rule.LessEqual, attr(resource, "b"), lit(num(3))), true, true},
		"pattern":                            {like(attr(resource, "a"), "dr", ""), true, true},
		"one of a set":                       {op(rule.Contains, lit(set(str("public"), str("draft"))), attr(resource, "a")), true, true},
		"truth":                              {attr(resource, "e"), true, true},
		"or, beside what takes an env":       {or(attr(resource, "e"), attr(resource, "f")), true, true},
		"if":                                 {unless(attr(resource, "e"), op(rule.Equal, ours, lit(str("free")))), true, true},
		"what the caller knows":              {op(rule.Equal, attr(context, "a"), lit(num(1))), true, true},
		"set of the object":                  {op(rule.Contains, attr(resource, "f"), lit(str("draft"))), false, false},
		"what the principal is in":           {op(rule.In, principal, lit(ref(role("editor")))), false, false},
		"and, but first what takes an env":   {and(op(rule.In, principal, lit(ref(role("editor")))), attr(resource, "e")), false, false},
		"attribute that the type lacks":      {has(resource, "more"), false, false},
		"methods with which one signed in":   {op(rule.Contains, attr(principal, "amr"), lit(str("otp"))), false, false},
		"address that the query comes from ": {has(context, "addr"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := rule.Compile([]rule.Rule{{ID: "permit", Effect: rule.Permit, When: test.e}}, rule.Config{})
			if err != nil {
				t.Fatal(err)
			}
			around := &sallyport.Context{Attrs: map[string]sallyport.Value{"a": num(1)}}
			r, known := s.For(act("read")).Permits(&rule.Objects{Principal: who, Resource: &what, Context: around})
			if known != test.known || (r != nil) != test.true {
				t.Errorf("%s: known %v, permits %v", test.e, known, r != nil)
			}
			if around.Time.IsZero() == (name == "attribute that is not there") {
				t.Error("the clock is read exactly if a rule asks for the time")
			}
		})
	}
}

package where_test

import (
	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// conditions draws random conditions over the part of the language that can be
// listed by. Most are well typed; the rest must be neither true nor false alike.
type conditions struct{ *rapid.T }

func (c conditions) n(n int) int { return rapid.IntRange(0, n-1).Draw(c.T, "choice") }

func expr(op rule.Op, args ...*rule.Expr) *rule.Expr { return &rule.Expr{Op: op, Args: args} }

func named(op rule.Op, name string, args ...*rule.Expr) *rule.Expr {
	return &rule.Expr{Op: op, Name: name, Args: args}
}

func value(v sallyport.Value) *rule.Expr { return &rule.Expr{Op: rule.Const, Value: v} }

func of(name string) *rule.Expr { return named(rule.Attr, name, expr(rule.Resource)) }

func (c conditions) condition(depth int) *rule.Expr {
	if depth == 0 {
		return c.leaf()
	}
	switch c.n(8) {
	case 0, 1:
		return expr(rule.And, c.condition(depth-1), c.condition(depth-1))
	case 2, 3:
		return expr(rule.Or, c.condition(depth-1), c.condition(depth-1))
	case 4:
		return expr(rule.Not, c.condition(depth-1))
	case 5:
		return expr(rule.If, c.condition(depth-1), c.condition(depth-1), c.condition(depth-1))
	case 6:
		return expr(rule.Equal, c.condition(depth-1), c.condition(depth-1))
	}
	return c.leaf()
}

func (c conditions) leaf() *rule.Expr {
	switch c.n(20) {
	case 0:
		return value(sallyport.BoolValue(c.n(2) == 0))
	case 1, 2:
		return named(rule.Has, c.attribute(), expr(rule.Resource))
	case 3:
		return named(rule.Has, pick(c.T, []string{"plan", "name", "nothing"}), expr(rule.Principal))
	case 4:
		return named(rule.Is, pick(c.T, []string{"Post", "User"}), pick(c.T, []*rule.Expr{expr(rule.Resource), of("author"), expr(rule.Principal), of("title")}))
	case 5, 6:
		return &rule.Expr{Op: rule.Like, Args: []*rule.Expr{c.text()}, Pattern: c.pattern()}
	case 7, 8:
		return c.in()
	case 9, 10:
		return c.sets()
	case 11, 12:
		return c.ordered(pick(c.T, []rule.Op{rule.Less, rule.LessEqual}))
	case 13:
		return of(pick(c.T, []string{"pinned", "locked", "title"}))
	case 14, 15:
		return expr(rule.Equal, c.reference(), c.reference())
	case 16:
		return expr(rule.Equal, c.text(), c.text())
	case 17:
		return expr(rule.Equal, c.any(), c.any())
	}
	return c.ordered(rule.Equal)
}

// ordered compares two numbers, times or spans.
func (c conditions) ordered(op rule.Op) *rule.Expr {
	of := pick(c.T, []func() *rule.Expr{c.integer, c.moment, c.span})
	if c.n(20) == 0 {
		return expr(op, c.any(), of())
	}
	return expr(op, of(), of())
}

func (c conditions) any() *rule.Expr {
	return pick(c.T, []func() *rule.Expr{c.text, c.reference, c.integer, c.moment, c.span, func() *rule.Expr { return of(c.attribute()) }})()
}

func (c conditions) attribute() string {
	return pick(c.T, []string{"title", "note", "author", "editor", "team", "folder", "owner", "pinned", "locked", "views", "score", "created", "due", "ttl", "rest", "undeclared"})
}

// branch sometimes lets a condition choose between two values.
func (c conditions) branch(of func() *rule.Expr) *rule.Expr {
	if c.n(12) == 0 {
		return expr(rule.If, c.condition(1), of(), of())
	}
	return of()
}

func (c conditions) text() *rule.Expr {
	return c.branch(func() *rule.Expr {
		switch c.n(8) {
		case 0, 1, 2:
			return value(sallyport.StringValue(pick(c.T, texts)))
		case 3:
			return named(rule.Attr, pick(c.T, []string{"name", "plan"}), expr(rule.Principal))
		case 4:
			return named(rule.Attr, pick(c.T, []string{"word", "nothing", "other"}), expr(rule.Context))
		case 5:
			return named(rule.Attr, "plan", of(pick(c.T, []string{"author", "owner", "team"})))
		}
		return of(pick(c.T, []string{"title", "note"}))
	})
}

var referenced = []string{"author", "editor", "team", "folder", "owner"}

func (c conditions) reference() *rule.Expr {
	return c.branch(func() *rule.Expr {
		switch c.n(8) {
		case 0, 1:
			return expr(rule.Principal)
		case 2:
			return c.entity()
		case 3:
			return expr(rule.Resource)
		}
		return of(pick(c.T, referenced))
	})
}

func (c conditions) entity() *rule.Expr { return value(sallyport.EntityValue(c.uid())) }

func (c conditions) uid() sallyport.UID {
	return pick(c.T, []sallyport.UID{
		{Type: "User", ID: pick(c.T, ids)}, {Type: "User"}, {Type: "Team", ID: pick(c.T, ids)}, {Type: "Folder", ID: pick(c.T, ids)},
		{Type: "Post", ID: "p1"}, {Type: "Role", ID: pick(c.T, ids)}, {Type: "Folder"},
	})
}

// in is what is said of an entity that is in others.
func (c conditions) in() *rule.Expr {
	var set []sallyport.Value
	for range c.n(4) {
		set = append(set, sallyport.EntityValue(c.uid()))
	}
	if c.n(20) == 0 {
		set = append(set, sallyport.IntValue(1))
	}
	ancestors := pick(c.T, []*rule.Expr{c.entity(), value(sallyport.SetValue(set...))})
	switch c.n(6) {
	case 0:
		return expr(rule.In, expr(rule.Principal), ancestors)
	case 1:
		return expr(rule.In, of(pick(c.T, append(referenced, "relative", "title"))), ancestors)
	case 2:
		return expr(rule.In, expr(rule.Principal), of(pick(c.T, referenced)))
	case 3:
		return named(pick(c.T, []rule.Op{rule.Attr, rule.Has}), pick(c.T, []string{"title", "pinned", "note"}), of("relative"))
	}
	return expr(rule.In, expr(rule.Resource), ancestors)
}

// sets are the methods of sets.
func (c conditions) sets() *rule.Expr {
	element := pick(c.T, []func() *rule.Expr{c.text, c.reference, c.integer, c.any})
	set := func() *rule.Expr {
		args := make([]*rule.Expr, c.n(4))
		values := make([]sallyport.Value, len(args))
		for i := range args {
			args[i] = element()
			values[i] = sallyport.StringValue(pick(c.T, texts))
			if c.n(2) == 0 {
				values[i] = sallyport.EntityValue(c.uid())
			}
		}
		if c.n(2) == 0 {
			return value(sallyport.SetValue(values...))
		}
		return expr(rule.SetOf, args...)
	}
	switch c.n(6) {
	case 0:
		return expr(rule.ContainsAll, set(), set())
	case 1:
		return expr(rule.ContainsAny, set(), set())
	case 2:
		return expr(rule.IsEmpty, set())
	case 3:
		return expr(rule.Contains, value(sallyport.SetValue(sallyport.BoolValue(c.n(2) == 0))), of(pick(c.T, []string{"pinned", "locked"})))
	}
	return expr(rule.Contains, set(), element())
}

func (c conditions) pattern() rule.Pattern {
	p := make(rule.Pattern, 1+c.n(4))
	for i := range p {
		p[i] = pick(c.T, append([]string{"", "", "", "b", "%", "*", "_", "?", "[", "]", "!", "'"}, texts...))
	}
	return p
}

func (c conditions) integer() *rule.Expr {
	if c.n(3) == 0 {
		sum := func(op rule.Op) *rule.Expr {
			return expr(op, c.integerLeaf(), value(sallyport.IntValue(pick(c.T, integers))))
		}
		switch c.n(5) {
		case 0:
			return expr(rule.Neg, c.integerLeaf())
		case 1:
			return expr(rule.Sub, value(sallyport.IntValue(pick(c.T, integers))), c.integerLeaf())
		case 2:
			return sum(rule.Add)
		case 3:
			return expr(rule.Add, sum(rule.Mul), value(sallyport.IntValue(pick(c.T, integers))))
		}
		return sum(rule.Mul)
	}
	return c.branch(c.integerLeaf)
}

func (c conditions) integerLeaf() *rule.Expr {
	switch c.n(5) {
	case 0:
		return value(sallyport.IntValue(pick(c.T, integers)))
	case 1:
		return named(rule.Attr, "aal", expr(rule.Principal))
	case 2:
		return named(rule.Call, "toMilliseconds", of(pick(c.T, []string{"ttl", "rest"})))
	}
	return of(pick(c.T, []string{"views", "score"}))
}

func (c conditions) moment() *rule.Expr {
	switch c.n(6) {
	case 0:
		return value(sallyport.TimeMillis(pick(c.T, moments)))
	case 1:
		return named(rule.Attr, "time", expr(rule.Context))
	case 2:
		return named(rule.Call, "offset", of(pick(c.T, []string{"created", "due"})), value(sallyport.DurationMillis(pick(c.T, append(spans, integers...)))))
	case 3:
		return named(rule.Call, "offset", value(sallyport.TimeMillis(pick(c.T, moments))), of(pick(c.T, []string{"ttl", "rest"})))
	}
	return of(pick(c.T, []string{"created", "due"}))
}

func (c conditions) span() *rule.Expr {
	switch c.n(5) {
	case 0:
		return value(sallyport.DurationMillis(pick(c.T, spans)))
	case 1:
		return named(rule.Call, "durationSince", named(rule.Attr, "time", expr(rule.Context)), of(pick(c.T, []string{"created", "due"})))
	}
	return of(pick(c.T, []string{"ttl", "rest"}))
}

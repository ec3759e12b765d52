package ability

import "github.com/sallyport-auth/sallyport/authz/rule"

// An operator is how an operator of conditions is written: its name, then as many
// arguments, then, for some, a name or the pieces of a pattern.
type operator struct {
	op   rule.Op
	args int // -1 = any number
	tail int // texts after the arguments, -1 = one or more
	call string
}

var operators = map[string]operator{
	"!":           {op: rule.Not, args: 1},
	"&&":          {op: rule.And, args: 2},
	"||":          {op: rule.Or, args: 2},
	"if":          {op: rule.If, args: 3},
	"==":          {op: rule.Equal, args: 2},
	"<":           {op: rule.Less, args: 2},
	"<=":          {op: rule.LessEqual, args: 2},
	"+":           {op: rule.Add, args: 2},
	"-":           {op: rule.Sub, args: 2},
	"*":           {op: rule.Mul, args: 2},
	"neg":         {op: rule.Neg, args: 1},
	"in":          {op: rule.In, args: 2},
	"is":          {op: rule.Is, args: 1, tail: 1},
	"has":         {op: rule.Has, args: 1, tail: 1},
	"like":        {op: rule.Like, args: 1, tail: -1},
	"contains":    {op: rule.Contains, args: 2},
	"containsAll": {op: rule.ContainsAll, args: 2},
	"containsAny": {op: rule.ContainsAny, args: 2},
	"isEmpty":     {op: rule.IsEmpty, args: 1},
	"set":         {op: rule.SetOf, args: -1},

	"offset":         {op: rule.Call, args: 2, call: "offset"},
	"durationSince":  {op: rule.Call, args: 2, call: "durationSince"},
	"toMilliseconds": {op: rule.Call, args: 1, call: "toMilliseconds"},
	"toSeconds":      {op: rule.Call, args: 1, call: "toSeconds"},
	"toMinutes":      {op: rule.Call, args: 1, call: "toMinutes"},
	"toHours":        {op: rule.Call, args: 1, call: "toHours"},
	"toDays":         {op: rule.Call, args: 1, call: "toDays"},
}

// written finds how an expression is written.
type written struct {
	op   rule.Op
	call string
}

var names = func() map[written]string {
	m := make(map[written]string, len(operators))
	for name, o := range operators {
		m[written{o.op, o.call}] = name
	}
	return m
}()

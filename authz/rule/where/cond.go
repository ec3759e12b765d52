package where

import (
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// An op says what a [cond] is.
type op uint8

const (
	never   op = iota // no row
	always            // every row
	every             // every one of kids
	some              // one of kids
	present           // col holds something
	absent            // col holds nothing
	compare           // col cmp arg, or col cmp other
	oneOf             // col is one of args, or surely none of them
	matches           // col matches pattern, or surely does not
)

// A cond is a condition of SQL. It is immutable once made. The zero cond holds
// for no row.
type cond struct {
	op      op
	want    bool // of oneOf and matches: false = surely not
	cmp     string
	col     *col
	other   *col // nil: compare with arg
	arg     any  // string, int64 or bool
	args    []any
	pattern rule.Pattern
	kids    []cond
}

// A col is a column as conditions need to know it.
type col struct {
	sql      string
	kind     sallyport.ValueKind
	entity   string // type that it refers to
	nullable bool
}

// text reports whether the column's values are text in SQL.
func (c *col) text() bool { return c.kind == sallyport.KindString || c.kind == sallyport.KindEntity }

// there is where a column holds something, there being false where it holds
// nothing.
func (c *col) there(want bool) cond {
	switch {
	case !c.nullable && want:
		return cond{op: always}
	case !c.nullable:
		return cond{}
	case want:
		return cond{op: present, col: c}
	}
	return cond{op: absent, col: c}
}

// and is where all conds hold. It leaves out what the others imply.
func and(conds ...cond) cond {
	if len(conds) == 2 {
		switch a, b := &conds[0], &conds[1]; {
		case a.op == always, a.op == present && b.implies(a.col):
			return *b
		case b.op == always, a.op == never:
			return *a
		}
	}
	kids := flatten(every, always, conds)
	if slices.ContainsFunc(kids, func(c cond) bool { return c.op == never }) {
		return cond{}
	}
	return join(every, always, slices.DeleteFunc(kids, implied(kids)))
}

// implied tells which of kids follow from the others.
func implied(kids []cond) func(cond) bool {
	for _, c := range kids {
		if c.op == present {
			seen := []*col(nil)
			return func(c cond) bool {
				if c.op != present {
					return false
				}
				again := slices.Contains(seen, c.col)
				seen = append(seen, c.col)
				return again || slices.ContainsFunc(kids, func(k cond) bool { return k.implies(c.col) })
			}
		}
	}
	return func(cond) bool { return false }
}

// or is where one of conds holds.
func or(conds ...cond) cond {
	if len(conds) == 2 && conds[0].op == never {
		return conds[1]
	}
	kids := flatten(some, never, conds)
	if slices.ContainsFunc(kids, func(c cond) bool { return c.op == always }) {
		return cond{op: always}
	}
	return join(some, never, kids)
}

// flatten takes conds without those that make no difference, and what is joined
// the same way in them.
func flatten(op, nothing op, conds []cond) []cond {
	kids := make([]cond, 0, len(conds))
	for _, c := range conds {
		switch {
		case c.op == nothing:
		case c.op == op:
			kids = append(kids, c.kids...)
		default:
			kids = append(kids, c)
		}
	}
	return kids
}

func join(op, nothing op, kids []cond) cond {
	switch len(kids) {
	case 0:
		return cond{op: nothing}
	case 1:
		return kids[0]
	}
	return cond{op: op, kids: kids}
}

// implies reports whether c holds only where p holds something. In a column of
// references "" is nothing, and not equal to what is asked for.
func (c *cond) implies(p *col) bool {
	switch c.op {
	case compare:
		if c.col != p && c.other != p {
			return false
		}
		return p.kind != sallyport.KindEntity || c.cmp == "=" && c.other == nil
	case oneOf:
		return c.col == p && (p.kind != sallyport.KindEntity || c.want)
	case matches:
		return c.col == p
	}
	return false
}

// appendArgs appends the arguments in the order in which they are written.
func (c *cond) appendArgs(args []any) []any {
	switch c.op {
	case compare:
		if c.other == nil && c.col.kind != sallyport.KindBool {
			args = append(args, c.arg)
		}
	case oneOf:
		args = append(args, c.args...)
	default:
		for i := range c.kids {
			args = c.kids[i].appendArgs(args)
		}
	}
	return args
}

// depth is how many conditions are nested.
func (c *cond) depth() int {
	deepest := 0
	for i := range c.kids {
		deepest = max(deepest, c.kids[i].depth())
	}
	return deepest + 1
}

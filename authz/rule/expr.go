package rule

import (
	"fmt"
	"sync/atomic"

	"github.com/sallyport-auth/sallyport"
)

// Op says what an [Expr] computes.
type Op uint8

// The operators, with their arguments. Where Cedar has a mirror image or a
// negation of one (>, >=, !=, unless), it is written with these.
const (
	Const       Op = iota + 1 // Value
	Principal                 // who asks
	Action                    // what for
	Resource                  // on which object
	Context                   // and under what circumstances, a record
	Attr                      // attribute Name of Args[0]
	Has                       // whether Args[0] has attribute Name
	Tag                       // tag Args[1] of entity Args[0]
	HasTag                    // whether Args[0] has tag Args[1]
	Not                       // ! Args[0]
	And                       // Args[0] && Args[1], from left to right
	Or                        // Args[0] || Args[1], from left to right
	If                        // if Args[0] then Args[1] else Args[2]
	Equal                     // Args[0] == Args[1]
	Less                      // Args[0] < Args[1]: integers, times, durations
	LessEqual                 // Args[0] <= Args[1]
	Add                       // Args[0] + Args[1]
	Sub                       // Args[0] - Args[1]
	Mul                       // Args[0] * Args[1]
	Neg                       // - Args[0]
	In                        // entity Args[0] in Args[1], an entity or a set of them
	Is                        // entity Args[0] is of type Name
	Like                      // text Args[0] matches Pattern
	Contains                  // set Args[0] holds Args[1]
	ContainsAll               // set Args[0] holds all of set Args[1]
	ContainsAny               // set Args[0] holds any of set Args[1]
	IsEmpty                   // set Args[0] is empty
	SetOf                     // of Args
	RecordOf                  // of Args, named by Names
	Call                      // extension function or method Name ("ip", "lessThan") on Args
)

// An Expr is a node of a condition: one tree, which the programs, the residual,
// the SQL and the browser's JSON are all made from. It is immutable once it is in
// a [Rule]; trees may share nodes.
type Expr struct {
	Op      Op
	Args    []*Expr
	Name    string   // of the attribute, entity type or function
	Names   []string // of a record's fields
	Value   sallyport.Value
	Pattern Pattern
}

// A Pattern is the right side of "like": pieces of text with one wildcard, any
// number of any characters, between each and the next. ["a", "b"] is "a*b".
type Pattern []string

// A Truth is what is known of a condition: that it surely holds, that it surely
// does not, or neither, because something that it reads is missing, not loaded
// or of the wrong kind.
type Truth uint8

// The truths. The zero Truth is Neither.
const (
	Neither Truth = iota
	False
	True
)

// Effect says what a rule does where its condition holds.
type Effect uint8

// The effects. The zero Effect forbids.
const (
	Forbid Effect = iota
	Permit
)

// String returns "forbid" or "permit".
func (e Effect) String() string {
	if e == Permit {
		return "permit"
	}
	return "forbid"
}

// A Scope limits a rule to some principals or resources. Both limits count. The
// zero Scope is all of them.
type Scope struct {
	Type string        // "" = any type
	Is   sallyport.UID // this one only; zero = any
	In   sallyport.UID // this one and what is in it, at any depth; zero = any
}

// A Position is where a rule stands in its source. Lines and columns count from 1.
type Position struct {
	File         string
	Line, Column int
}

// String returns the position as messages have it: "posts.cedar:12:1".
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// A Rule permits or forbids: who, what, on which objects, and under which
// condition.
type Rule struct {
	ID        string // unique in its policy: its @id, or "posts.cedar#3"
	Effect    Effect
	Principal Scope
	Actions   []sallyport.UID // these and what is in them; nil = every action, empty = none
	Exact     bool            // the Actions are these only, not what is in them: action == …
	Resource  Scope
	When      *Expr  // nil = always
	Message   string // its @message: a public reason
	Source    Position
	Text      string // as it was written, annotations included

	Annotations map[string]string

	made *made // what a set has made of it, if that is of this rule: a copy may be changed
}

// A made is what is made of a rule once.
type made struct {
	of       *Rule
	decision sallyport.Decision
	whole    atomic.Pointer[Expr]
}

func newMade(r *Rule) *made {
	r.made = nil
	return &made{of: r, decision: *r.Decision()}
}

// At is where the rule stands, as messages have it. Of a rule in a [Set] it does
// not allocate.
func (r *Rule) At() string {
	if r.made != nil && r.made.of == r {
		return r.made.decision.Source
	}
	return r.Source.String()
}

// Decision returns what the rule decides where it does what its effect says. It
// must not be changed. Of a rule in a [Set] it is always the same, and does not
// allocate.
func (r *Rule) Decision() *sallyport.Decision {
	if r.made != nil && r.made.of == r {
		return &r.made.decision
	}
	return &sallyport.Decision{Allow: r.Effect == Permit, Rule: r.ID, Source: r.Source.String(), Reason: r.Message}
}

// A File is a policy file: what it is called in messages, and its text.
type File struct{ Name, Text string }

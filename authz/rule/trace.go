package rule

import (
	"fmt"
	"strings"

	"github.com/sallyport-auth/sallyport"
)

// A Trace is what a rule made of a query.
type Trace struct {
	Rule  *Rule
	Truth Truth
	Steps []Step // the parts that the rule's limits and its condition join with &&
}

// A Step is an expression with its value. Steps are computed on their own, also
// where an evaluation from left to right would not have got that far.
type Step struct {
	Expr  *Expr
	Value sallyport.Value // not loaded if there is an error
	Err   error
	Steps []Step // its arguments
}

// Explain returns the traces of all candidates, in the order of their source.
func (s *Set) Explain(env *Env) []Trace {
	var traces []Trace
	for _, c := range s.candidates(env.Action, env.resourceType()) {
		truth, _ := c.evaluate(env)
		t := Trace{Rule: c.rule, Truth: truth}
		for _, part := range operands(nil, Condition(c.rule), And) {
			t.Steps = append(t.Steps, step(part, env))
		}
		traces = append(traces, t)
	}
	return traces
}

func step(e *Expr, env *Env) Step {
	s := Step{Expr: e}
	s.Value, s.Err = Eval(e, env)
	for _, a := range e.Args {
		s.Steps = append(s.Steps, step(a, env))
	}
	return s
}

// Fires reports whether the rule did what its effect says: see [Set.Forbidden]
// and [Set.Permitted].
func (t Trace) Fires() bool { return fires(t.Rule.Effect, t.Truth) }

// Missing returns the steps that were not true. For a permit that did not fire
// they are what would have to change.
func (t Trace) Missing() []Step {
	var missing []Step
	for _, s := range t.Steps {
		if s.Truth() != True {
			missing = append(missing, s)
		}
	}
	return missing
}

// String returns the rule's id, its effect, what became of it, and a line for
// each step.
func (t Trace) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", t.Rule.Effect, t.Rule.ID, t.Truth)
	for _, s := range t.Steps {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	return b.String()
}

// Truth returns what is known of the step as a condition.
func (s Step) Truth() Truth { return truthOf(s.Value, s.Err) }

// String returns the expression, what it came to, and in parentheses the values
// that decided, as in
//
//	resource.author == principal: false (User::"bob" == User::"ann")
func (s Step) String() string {
	text := s.Expr.String() + ": " + s.outcome()
	with := s.substituted()
	if with == nil {
		return text
	}
	if filled := with.String(); filled != s.Expr.String() {
		text += " (" + filled + ")"
	}
	return text
}

func (s Step) outcome() string {
	if s.Err == nil {
		return ValueText(s.Value)
	}
	// Most errors begin with the text of the expression that they are about.
	return strings.TrimPrefix(s.Err.Error(), s.Expr.String()+": ")
}

// substituted returns the expression with the values of its arguments in their
// place. It is nil if that would not say more.
func (s Step) substituted() *Expr {
	switch s.Expr.Op {
	case Const, Principal, Action, Resource, Context, Attr, Has, Tag, HasTag, SetOf, RecordOf:
		return nil
	}
	with := *s.Expr
	with.Args = make([]*Expr, len(s.Steps))
	for i, arg := range s.Steps {
		with.Args[i] = arg.filled()
	}
	return &with
}

// filled returns the value of a step as an expression: of an operator, its
// arguments' values.
func (s Step) filled() *Expr {
	if inner := s.substituted(); inner != nil && s.Expr.Op != Call {
		return inner
	}
	if s.Err != nil {
		return s.Expr
	}
	return &Expr{Op: Const, Value: s.Value}
}

// String returns "true", "false" or "neither".
func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	default:
		return "neither"
	}
}

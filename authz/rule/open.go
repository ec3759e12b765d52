package rule

import (
	"slices"

	"github.com/sallyport-auth/sallyport"
)

// Asking compiles a condition for who asks it without a [Set]: what it returns is
// true where [Eval] says true, false where it says false, and otherwise neither.
// It is safe for concurrent use, each with an [Env] of its own.
func Asking(e *Expr) func(*Env) Truth { return conditionOf(fold(e)) }

// Reading compiles an expression for its value: one that is not
// [sallyport.Value.Known] where Eval has an error.
func Reading(e *Expr) func(*Env) sallyport.Value { return termOf(fold(e)) }

// Settled reports whether e is the same for every resource of a type, as far as
// one sees without a query: it neither reads the resource, nor asks anything of an
// entity that might turn out to be it.
func Settled(e *Expr, t sallyport.AnyType) bool {
	switch e.Op {
	case Resource:
		return false
	case Attr, Has:
		return e.Args[0].Op == Principal || e.Args[0].Op == Context
	case In:
		of := e.Args[0].Op == Principal || e.Args[0].Op == Action && t.Name() != sallyport.ActionType
		return of && e.Args[1].Op == Const
	case Tag, HasTag:
		return false
	}
	return !slices.ContainsFunc(e.Args, func(a *Expr) bool { return !Settled(a, t) })
}

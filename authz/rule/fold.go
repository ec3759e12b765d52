package rule

import "github.com/sallyport-auth/sallyport"

// fold computes what of e does not depend on a query. What is surely an error
// becomes a constant that is not loaded.
func fold(e *Expr) *Expr {
	if len(e.Args) == 0 && e.Op != SetOf && e.Op != RecordOf {
		return e
	}
	folded := *e
	folded.Args = make([]*Expr, len(e.Args))
	constants := true
	for i, a := range e.Args {
		folded.Args[i] = fold(a)
		constants = constants && folded.Args[i].Op == Const
	}
	switch first := folded.first(); e.Op {
	case And, Or, If:
		return folded.choose(first)
	case In, Tag, HasTag:
		return &folded // an entity's
	case Attr, Has:
		constants = constants && first.Value.Kind() != sallyport.KindEntity
	}
	if !constants {
		return &folded
	}
	v, _ := Eval(&folded, &Env{}) // an error leaves the value that is not loaded
	return &Expr{Op: Const, Value: v}
}

func (e *Expr) first() *Expr {
	if len(e.Args) == 0 {
		return e
	}
	return e.Args[0]
}

// choose folds an operator that may leave out arguments by the first of them.
func (e *Expr) choose(first *Expr) *Expr {
	if first.Op != Const {
		return e
	}
	switch t := truthOf(first.Value, nil); {
	case t == Neither:
		return &Expr{Op: Const}
	case e.Op == If && t == True:
		return e.Args[1]
	case e.Op == If:
		return e.Args[2]
	case (t == True) == (e.Op == Or):
		return first
	default:
		return e
	}
}

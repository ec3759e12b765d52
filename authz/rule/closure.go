package rule

import (
	"net/netip"

	"github.com/sallyport-auth/sallyport"
)

// A condition is a compiled expression that is asked for its truth. It allocates
// nothing unless the expression makes a set, a record or a value from text.
type condition func(*Env) Truth

// A term is a compiled expression that is asked for its value. Where [Eval] has
// an error, the value is not [sallyport.Value.Known].
type term func(*Env) sallyport.Value

// generalOf compiles a condition that a program does not take apart.
func generalOf(e *Expr) condition {
	switch e.Op {
	case Equal:
		return equalOf(e.Args[0], e.Args[1])
	case Less, LessEqual:
		return lessOf(e)
	case In:
		return inOf(e)
	case Is:
		return isOf(e)
	case Like:
		return likeOf(e)
	case Contains, ContainsAll, ContainsAny:
		return containOf(e)
	case IsEmpty:
		set := termOf(e.Args[0])
		return func(env *Env) Truth {
			v := set(env)
			if v.Kind() != sallyport.KindSet {
				return Neither
			}
			return truth(len(v.Set()) == 0)
		}
	case Has, HasTag:
		return hasOf(e)
	case Call:
		if within := constIP(e); within != nil {
			return inRangeOf(termOf(e.Args[0]), within)
		}
	}
	value := termOf(e)
	return func(env *Env) Truth {
		v := value(env)
		if v.Kind() != sallyport.KindBool {
			return Neither
		}
		return truth(v.Bool())
	}
}

func always(t Truth) condition { return func(*Env) Truth { return t } }

// operands appends the parts that op joins in e, from left to right.
func operands(parts []*Expr, e *Expr, op Op) []*Expr {
	if e.Op != op {
		return append(parts, e)
	}
	return operands(operands(parts, e.Args[0], op), e.Args[1], op)
}

func termOf(e *Expr) term {
	switch e.Op {
	case Const:
		v := e.Value
		return func(*Env) sallyport.Value { return v }
	case Principal, Resource:
		return variableOf(e.Op)
	case Action:
		return func(env *Env) sallyport.Value { return sallyport.EntityValue(env.Action) }
	case Context:
		return func(env *Env) sallyport.Value {
			if env.Record == nil {
				return sallyport.Value{}
			}
			return env.Record()
		}
	case Attr:
		return attrOf(e)
	case Tag:
		return tagOf(e)
	case If:
		c, yes, no := conditionOf(e.Args[0]), termOf(e.Args[1]), termOf(e.Args[2])
		return func(env *Env) sallyport.Value {
			switch c(env) {
			case True:
				return yes(env)
			case False:
				return no(env)
			default:
				return sallyport.Value{}
			}
		}
	case Add, Sub, Mul:
		return arithmeticOf(e.Op, e.Args[0], e.Args[1])
	case Neg:
		return arithmeticOf(Sub, &Expr{Op: Const, Value: sallyport.IntValue(0)}, e.Args[0])
	case SetOf:
		return setOf(e)
	case RecordOf:
		return recordOf(e)
	case Call:
		return callOf(e)
	case Not, And, Or, Equal, Less, LessEqual, In, Is, Like, Contains, ContainsAll, ContainsAny, IsEmpty, Has, HasTag:
		return valueOf(conditionOf(e))
	default:
		return func(*Env) sallyport.Value { return sallyport.Value{} }
	}
}

func valueOf(c condition) term {
	return func(env *Env) sallyport.Value {
		switch c(env) {
		case True:
			return sallyport.BoolValue(true)
		case False:
			return sallyport.BoolValue(false)
		default:
			return sallyport.Value{}
		}
	}
}

func variableOf(op Op) term {
	return func(env *Env) sallyport.Value {
		who := env.variable(op)
		if who == nil {
			return sallyport.Value{}
		}
		return sallyport.EntityValue(who.UID())
	}
}

func arithmeticOf(op Op, left, right *Expr) term {
	a, b := termOf(left), termOf(right)
	return func(env *Env) sallyport.Value {
		x, y := a(env), b(env)
		if x.Kind() != sallyport.KindInt || y.Kind() != sallyport.KindInt {
			return sallyport.Value{}
		}
		n, ok := calculate(op, x.Int(), y.Int())
		if !ok {
			return sallyport.Value{}
		}
		return sallyport.IntValue(n)
	}
}

func termsOf(exprs []*Expr) []term {
	terms := make([]term, len(exprs))
	for i, e := range exprs {
		terms[i] = termOf(e)
	}
	return terms
}

func setOf(e *Expr) term {
	elements := termsOf(e.Args)
	return func(env *Env) sallyport.Value {
		values := make([]sallyport.Value, len(elements))
		for i, t := range elements {
			if values[i] = t(env); !values[i].Known() {
				return sallyport.Value{}
			}
		}
		return sallyport.SetValue(values...)
	}
}

func recordOf(e *Expr) term {
	fields, names := termsOf(e.Args), e.Names
	return func(env *Env) sallyport.Value {
		values := make(map[string]sallyport.Value, len(fields))
		for i, t := range fields {
			v := t(env)
			if !v.Known() {
				return sallyport.Value{}
			}
			values[names[i]] = v
		}
		return sallyport.RecordValue(values)
	}
}

// constIP returns the range of e, if e is a call of isInRange with a constant one.
func constIP(e *Expr) *netip.Prefix {
	if e.Name != "isInRange" || len(e.Args) != 2 || e.Args[1].Op != Const {
		return nil
	}
	return e.Args[1].Value.IP()
}

func inRangeOf(a term, within *netip.Prefix) condition {
	return func(env *Env) Truth {
		v := a(env)
		if v.Kind() != sallyport.KindIP {
			return Neither
		}
		return truth(inRange(v.IP(), within))
	}
}

func callOf(e *Expr) term {
	f := functions[e.Name]
	if f == nil || len(e.Args) != len(f.args) {
		return func(*Env) sallyport.Value { return sallyport.Value{} }
	}
	a, b := termOf(e.Args[0]), term(nil)
	if len(e.Args) == 2 {
		b = termOf(e.Args[1])
	}
	return func(env *Env) sallyport.Value {
		x, y := a(env), sallyport.Value{}
		if x.Kind() != f.args[0] {
			return sallyport.Value{}
		}
		if b != nil {
			if y = b(env); y.Kind() != f.args[1] {
				return sallyport.Value{}
			}
		}
		v, err := f.apply(x, y)
		if err != nil {
			return sallyport.Value{}
		}
		return v
	}
}

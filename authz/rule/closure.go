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

// compile turns an expression into a condition: True where [Eval] says true,
// False where it says false, and otherwise Neither.
func compile(e *Expr) condition { return conditionOf(fold(e)) }

func conditionOf(e *Expr) condition { return direct(e, generalOf(e)) }

func generalOf(e *Expr) condition {
	switch e.Op {
	case Const:
		return always(truthOf(e.Value, nil))
	case Not:
		return not(conditionOf(e.Args[0]))
	case And:
		return chain(e, False)
	case Or:
		return chain(e, True)
	case If:
		return choice(conditionOf(e.Args[0]), conditionOf(e.Args[1]), conditionOf(e.Args[2]))
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

func not(a condition) condition {
	return func(env *Env) Truth {
		switch a(env) {
		case True:
			return False
		case False:
			return True
		default:
			return Neither
		}
	}
}

func choice(c, yes, no condition) condition {
	return func(env *Env) Truth {
		switch c(env) {
		case True:
			return yes(env)
		case False:
			return no(env)
		default:
			return Neither
		}
	}
}

// chain compiles a && b && …, which goes on until one is not True, or a || b || …,
// until one is not False. stop is the truth that decides all: False or True.
func chain(e *Expr, stop Truth) condition {
	goOn := True + False - stop
	var parts []condition
	for i, all := 0, operands(nil, e, e.Op); i < len(all); i++ {
		switch part := all[i]; {
		case part.Op == Const && truthOf(part.Value, nil) == goOn:
		case stop == False && i+1 < len(all) && guards(part, all[i+1]):
			parts = append(parts, guardedBy(conditionOf(part), conditionOf(all[i+1])))
			i++
		default:
			parts = append(parts, conditionOf(part))
		}
	}
	switch len(parts) {
	case 0:
		return always(goOn)
	case 1:
		return parts[0]
	case 2:
		a, b := parts[0], parts[1]
		return func(env *Env) Truth {
			if t := a(env); t != goOn {
				return t
			}
			return b(env)
		}
	case 3:
		a, b, c := parts[0], parts[1], parts[2]
		return func(env *Env) Truth {
			if t := a(env); t != goOn {
				return t
			}
			if t := b(env); t != goOn {
				return t
			}
			return c(env)
		}
	default:
		return func(env *Env) Truth {
			for _, part := range parts {
				if t := part(env); t != goOn {
					return t
				}
			}
			return goOn
		}
	}
}

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

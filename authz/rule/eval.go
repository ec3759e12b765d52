package rule

import (
	"errors"
	"fmt"

	"github.com/sallyport-auth/sallyport"
)

// Eval computes an expression as Cedar does: from left to right, && and || only
// as far as needed, with an error for a missing attribute, a value of the wrong
// kind or an integer that overflows. Beyond Cedar, whatever depends on something
// that is not loaded is an error too, be it only "has".
//
// It is the reference for the programs of a [Set], which decide, and is used to
// fold constants and to explain. A value without an error is always
// [sallyport.Value.Known].
func Eval(e *Expr, env *Env) (sallyport.Value, error) {
	switch e.Op {
	case Const:
		if !e.Value.Known() {
			return sallyport.Value{}, fmt.Errorf("a value is %s", e.Value.Kind())
		}
		return e.Value, nil
	case Principal, Resource:
		who := env.variable(e.Op)
		if who == nil {
			return sallyport.Value{}, fmt.Errorf("%s is not loaded", e)
		}
		return sallyport.EntityValue(who.UID()), nil
	case Action:
		return sallyport.EntityValue(env.Action), nil
	case Context:
		return evalContext(env)
	case Attr, Tag:
		return evalRead(e, env)
	case Has, HasTag:
		v, err := read(e, env)
		if err == nil && v.Kind() == sallyport.NotLoaded {
			err = fmt.Errorf("%s: not loaded", e)
		}
		return only(sallyport.BoolValue(v.Known()), err)
	case Not:
		v, err := evalKind(e.Args[0], env, sallyport.KindBool)
		return only(sallyport.BoolValue(!v.Bool()), err)
	case And, Or:
		v, err := evalKind(e.Args[0], env, sallyport.KindBool)
		if err != nil || v.Bool() == (e.Op == Or) {
			return v, err
		}
		return evalKind(e.Args[1], env, sallyport.KindBool)
	case If:
		v, err := evalKind(e.Args[0], env, sallyport.KindBool)
		if err != nil {
			return v, err
		}
		if v.Bool() {
			return Eval(e.Args[1], env)
		}
		return Eval(e.Args[2], env)
	case In:
		return evalIn(e, env)
	case SetOf:
		elements, err := evalAll(e.Args, env)
		return only(sallyport.SetValue(elements...), err)
	case RecordOf:
		return evalRecord(e, env)
	default:
		return evalPure(e, env)
	}
}

// evalPure computes an operator whose result depends on its arguments alone.
func evalPure(e *Expr, env *Env) (sallyport.Value, error) {
	args, err := evalAll(e.Args, env)
	if err != nil {
		return sallyport.Value{}, err
	}
	v, err := apply(e, args)
	if err != nil {
		return sallyport.Value{}, fmt.Errorf("%s: %w", e, err)
	}
	return v, nil
}

func evalAll(exprs []*Expr, env *Env) ([]sallyport.Value, error) {
	values := make([]sallyport.Value, len(exprs))
	for i, e := range exprs {
		v, err := Eval(e, env)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func evalKind(e *Expr, env *Env, kind sallyport.ValueKind) (sallyport.Value, error) {
	v, err := Eval(e, env)
	if err == nil && v.Kind() != kind {
		err = fmt.Errorf("%s: expected %s, got %s", e, kind, v.Kind())
	}
	return only(v, err)
}

func evalContext(env *Env) (sallyport.Value, error) {
	if env.Record != nil {
		if v := env.Record(); v.Known() {
			return v, nil
		}
	}
	return sallyport.Value{}, errors.New("context is not loaded")
}

func evalRecord(e *Expr, env *Env) (sallyport.Value, error) {
	values, err := evalAll(e.Args, env)
	if err != nil {
		return sallyport.Value{}, err
	}
	fields := make(map[string]sallyport.Value, len(values))
	for i, v := range values {
		fields[e.Names[i]] = v
	}
	return sallyport.RecordValue(fields), nil
}

// evalRead computes Attr and Tag.
func evalRead(e *Expr, env *Env) (sallyport.Value, error) {
	v, err := read(e, env)
	if err == nil && !v.Known() {
		err = fmt.Errorf("%s: %s", e, v.Kind())
	}
	return only(v, err)
}

// read finds what Attr, Has, Tag and HasTag are about, which may be absent or not
// loaded.
func read(e *Expr, env *Env) (sallyport.Value, error) {
	if e.Op == Tag || e.Op == HasTag {
		return readTag(e, env)
	}
	switch base := e.Args[0]; base.Op {
	case Context:
		return env.field(e.Name), nil
	case Principal, Resource:
		return env.attrOf(env.variable(base.Op), e.Name), nil
	}
	v, err := Eval(e.Args[0], env)
	if err != nil {
		return sallyport.Value{}, err
	}
	switch v.Kind() {
	case sallyport.KindRecord:
		return field(v, e.Name), nil
	case sallyport.KindEntity:
		return env.attr(v.UID(), e.Name), nil
	default:
		return sallyport.Value{}, fmt.Errorf("%s: expected entity or record, got %s", e.Args[0], v.Kind())
	}
}

func readTag(e *Expr, env *Env) (sallyport.Value, error) {
	of, err := evalKind(e.Args[0], env, sallyport.KindEntity)
	if err != nil {
		return sallyport.Value{}, err
	}
	name, err := evalKind(e.Args[1], env, sallyport.KindString)
	if err != nil {
		return sallyport.Value{}, err
	}
	return env.tag(of.UID(), name.Text()), nil
}

func evalIn(e *Expr, env *Env) (sallyport.Value, error) {
	who, err := evalKind(e.Args[0], env, sallyport.KindEntity)
	if err != nil {
		return sallyport.Value{}, err
	}
	where, err := Eval(e.Args[1], env)
	if err != nil {
		return sallyport.Value{}, err
	}
	ancestors, ok := entities(where)
	if !ok {
		return sallyport.Value{}, fmt.Errorf("%s: expected entity or set of entities, got %s", e.Args[1], describe(where))
	}
	var self Entity
	if op := e.Args[0].Op; entity(op) {
		self = env.variable(op)
	}
	truth := False
	for _, a := range ancestors {
		truth = either(truth, env.inOne(self, who.UID(), a.UID()))
	}
	if truth == Neither {
		return sallyport.Value{}, fmt.Errorf("%s: it is not loaded what %s is in", e, who.UID())
	}
	return sallyport.BoolValue(truth == True), nil
}

// either is the truth of "one of both", where the order does not matter.
func either(a, b Truth) Truth {
	switch {
	case a == True || b == True:
		return True
	case a == False && b == False:
		return False
	default:
		return Neither
	}
}

// entities returns the right side of "in" as entities.
func entities(v sallyport.Value) ([]sallyport.Value, bool) {
	if v.Kind() == sallyport.KindEntity {
		return []sallyport.Value{v}, true
	}
	for _, u := range v.Set() {
		if u.Kind() != sallyport.KindEntity {
			return nil, false
		}
	}
	return v.Set(), v.Kind() == sallyport.KindSet
}

// only returns v only where there is no error.
func only(v sallyport.Value, err error) (sallyport.Value, error) {
	if err != nil {
		return sallyport.Value{}, err
	}
	return v, nil
}

func describe(v sallyport.Value) string {
	if v.Kind() == sallyport.KindSet {
		return "set of other values"
	}
	return v.Kind().String()
}

// truthOf is what is known of a condition that was evaluated.
func truthOf(v sallyport.Value, err error) Truth {
	switch {
	case err != nil || v.Kind() != sallyport.KindBool:
		return Neither
	case v.Bool():
		return True
	default:
		return False
	}
}

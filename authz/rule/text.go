package rule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sallyport-auth/sallyport"
)

// String returns the expression as Cedar text, on one line. Negated comparisons
// are written as !=, > and >=. What Cedar has no text for, a value that is absent
// or not loaded, is written <absent> or <not loaded>.
func (e *Expr) String() string {
	var w writer
	w.expr(e, 0)
	return w.String()
}

// ValueText returns a value as Cedar text: see [Expr.String].
func ValueText(v sallyport.Value) string {
	return (&Expr{Op: Const, Value: v}).String()
}

// How tightly the operators bind.
const (
	bindIf = iota
	bindOr
	bindAnd
	bindRelation
	bindAdd
	bindMul
	bindUnary
	bindMember
	bindPrimary
)

var binds = map[Op]int{
	If: bindIf, Or: bindOr, And: bindAnd,
	Equal: bindRelation, Less: bindRelation, LessEqual: bindRelation,
	In: bindRelation, Is: bindRelation, Like: bindRelation, Has: bindRelation,
	Add: bindAdd, Sub: bindAdd, Mul: bindMul, Not: bindUnary, Neg: bindUnary,
	Attr: bindMember, Tag: bindMember, HasTag: bindMember,
	Contains: bindMember, ContainsAll: bindMember, ContainsAny: bindMember, IsEmpty: bindMember,
	Call: bindMember,
}

var infix = map[Op]string{
	Or: " || ", And: " && ", Equal: " == ", Less: " < ", LessEqual: " <= ", In: " in ",
	Add: " + ", Sub: " - ", Mul: " * ",
}

var negated = map[Op]string{Equal: " != ", Less: " >= ", LessEqual: " > "}

var methods = map[Op]string{
	Tag: "getTag", HasTag: "hasTag", Contains: "contains", ContainsAll: "containsAll",
	ContainsAny: "containsAny", IsEmpty: "isEmpty",
}

var variables = map[Op]string{Principal: "principal", Action: "action", Resource: "resource", Context: "context"}

// bind returns how tightly e binds as it is written.
func bind(e *Expr) int {
	if e.Op == Not && negated[e.Args[0].Op] != "" {
		return bindRelation
	}
	if e.Op == Const && e.Value.Kind() == sallyport.KindInt && e.Value.Int() < 0 {
		return bindUnary
	}
	if b, ok := binds[e.Op]; ok {
		return b
	}
	return bindPrimary
}

type writer struct{ strings.Builder }

// expr writes e, in parentheses if it binds less tightly than needed.
func (w *writer) expr(e *Expr, needed int) {
	if bind(e) < needed {
		w.WriteByte('(')
		defer w.WriteByte(')')
	}
	switch e.Op {
	case Const:
		w.value(e.Value)
	case Principal, Action, Resource, Context:
		w.WriteString(variables[e.Op])
	case Or, And, Add, Sub, Mul:
		w.binary(e, infix[e.Op], bind(e), bind(e)+1)
	case Equal, Less, LessEqual, In:
		w.binary(e, infix[e.Op], bindAdd, bindAdd)
	case Not:
		w.not(e)
	case Neg:
		w.WriteByte('-')
		if arg := e.Args[0]; arg.Op == Const { // -(1) is not the literal -1
			w.WriteByte('(')
			w.expr(arg, 0)
			w.WriteByte(')')
			return
		}
		w.expr(e.Args[0], bindUnary)
	case If:
		w.WriteString("if ")
		w.expr(e.Args[0], 0)
		w.WriteString(" then ")
		w.expr(e.Args[1], 0)
		w.WriteString(" else ")
		w.expr(e.Args[2], 0)
	case Is:
		w.expr(e.Args[0], bindAdd)
		w.WriteString(" is " + e.Name)
	case Like:
		w.expr(e.Args[0], bindAdd)
		w.WriteString(" like ")
		w.pattern(e.Pattern)
	case Has:
		w.expr(e.Args[0], bindAdd)
		w.WriteString(" has " + name(e.Name))
	case Attr:
		w.expr(e.Args[0], bindMember)
		if identifier(e.Name) {
			w.WriteString("." + e.Name)
		} else {
			w.WriteString("[" + quote(e.Name) + "]")
		}
	case SetOf:
		w.list('[', e.Args, ']')
	case RecordOf:
		w.record(e)
	case Call:
		w.call(e)
	default:
		w.expr(e.Args[0], bindMember)
		w.WriteString("." + methods[e.Op])
		w.list('(', e.Args[1:], ')')
	}
}

func (w *writer) binary(e *Expr, op string, left, right int) {
	w.expr(e.Args[0], left)
	w.WriteString(op)
	w.expr(e.Args[1], right)
}

func (w *writer) not(e *Expr) {
	if op := negated[e.Args[0].Op]; op != "" {
		w.binary(e.Args[0], op, bindAdd, bindAdd)
		return
	}
	w.WriteByte('!')
	w.expr(e.Args[0], bindUnary)
}

func (w *writer) call(e *Expr) {
	if f := functions[e.Name]; f != nil && f.method && len(e.Args) > 0 {
		w.expr(e.Args[0], bindMember)
		w.WriteString("." + e.Name)
		w.list('(', e.Args[1:], ')')
		return
	}
	w.WriteString(e.Name)
	w.list('(', e.Args, ')')
}

func (w *writer) list(open byte, args []*Expr, end byte) {
	w.WriteByte(open)
	for i, a := range args {
		if i > 0 {
			w.WriteString(", ")
		}
		w.expr(a, 0)
	}
	w.WriteByte(end)
}

func (w *writer) record(e *Expr) {
	w.WriteByte('{')
	for i, a := range e.Args {
		if i > 0 {
			w.WriteString(", ")
		}
		w.WriteString(name(e.Names[i]) + ": ")
		w.expr(a, 0)
	}
	w.WriteByte('}')
}

func (w *writer) value(v sallyport.Value) {
	switch v.Kind() {
	case sallyport.KindBool:
		w.WriteString(strconv.FormatBool(v.Bool()))
	case sallyport.KindInt:
		w.WriteString(strconv.FormatInt(v.Int(), 10))
	case sallyport.KindString:
		w.WriteString(quote(v.Text()))
	case sallyport.KindEntity:
		w.WriteString(v.EntityType() + "::" + quote(v.Text()))
	case sallyport.KindTime:
		w.WriteString(`datetime("` + timeText(v.Int()) + `")`)
	case sallyport.KindDuration:
		w.WriteString(`duration("` + durationText(v.Int()) + `")`)
	case sallyport.KindDecimal:
		w.WriteString(`decimal("` + decimalText(v.Int()) + `")`)
	case sallyport.KindIP:
		w.WriteString(`ip("` + ipText(v.IP()) + `")`)
	case sallyport.KindSet:
		w.list('[', constants(v.Set()), ']')
	case sallyport.KindRecord:
		w.record(recordExpr(v.Record()))
	default:
		w.WriteString("<" + v.Kind().String() + ">")
	}
}

func constants(values []sallyport.Value) []*Expr {
	exprs := make([]*Expr, len(values))
	for i, v := range values {
		exprs[i] = &Expr{Op: Const, Value: v}
	}
	return exprs
}

func recordExpr(fields map[string]sallyport.Value) *Expr {
	e := &Expr{Op: RecordOf}
	for n := range fields {
		e.Names = append(e.Names, n)
	}
	slices.Sort(e.Names)
	for _, n := range e.Names {
		e.Args = append(e.Args, &Expr{Op: Const, Value: fields[n]})
	}
	return e
}

func (w *writer) pattern(p Pattern) {
	w.WriteByte('"')
	for i, piece := range p {
		if i > 0 {
			w.WriteByte('*')
		}
		q := quote(piece)
		w.WriteString(strings.ReplaceAll(q[1:len(q)-1], "*", `\*`))
	}
	w.WriteByte('"')
}

// name writes the name of an attribute, quoted if it is no identifier.
func name(s string) string {
	if identifier(s) {
		return s
	}
	return quote(s)
}

var reserved = []string{"true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"}

func identifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && !slices.Contains(reserved, s)
}

// quote writes a text as Cedar reads it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case 0:
			b.WriteString(`\0`)
		default:
			if unicode.IsPrint(r) {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, `\u{%x}`, r)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}

package rule

import "github.com/sallyport-auth/sallyport"

// A program is a compiled condition: the leaf to begin with. A leaf is a comparison
// that knows where to go on if it is true, and where if it is false. As in Cedar,
// what is neither ends all. So &&, ||, ! and if cost nothing themselves. A program
// is immutable, but for the accessors that its operands remember.
type program = *leaf

// Where programs end.
var (
	endsTrue    = &leaf{test: ends, truth: True}
	endsFalse   = &leaf{test: ends, truth: False}
	endsNeither = &leaf{test: ends, truth: Neither}
)

// open is what a program says that would need an [Env] to tell, and has none.
const open = True + 1

// compile turns an expression into a program: True where [Eval] says true, False
// where it says false, and otherwise Neither.
func compile(e *Expr) program { return goingOn(fold(e), endsTrue, endsFalse) }

// conditionOf compiles e for who has an [Env].
func conditionOf(e *Expr) condition {
	p := goingOn(e, endsTrue, endsFalse)
	return func(env *Env) Truth { return p.run(&env.Objects, env) }
}

// goingOn compiles e. If it is true, the program goes on at yes, if false, at no.
func goingOn(e *Expr, yes, no *leaf) program {
	switch e.Op {
	case Const:
		switch truthOf(e.Value, nil) {
		case True:
			return yes
		case False:
			return no
		default:
			return endsNeither
		}
	case Not:
		return goingOn(e.Args[0], no, yes)
	case And:
		return all(operands(nil, e, And), yes, no)
	case Or:
		return goingOn(e.Args[0], yes, goingOn(e.Args[1], yes, no))
	case If:
		return goingOn(e.Args[0], goingOn(e.Args[1], yes, no), goingOn(e.Args[2], yes, no))
	}
	return leafOf(e, yes, no)
}

// all compiles parts that are joined with &&. What x has a asks before a comparison
// with x.a, the comparison finds out.
func all(parts []*Expr, yes, no *leaf) program {
	for i := len(parts) - 1; i >= 0; i-- {
		next := goingOn(parts[i], yes, no)
		if i > 0 && next.yes == yes && next.guard(parts[i-1], parts[i]) {
			i--
		}
		yes = next
	}
	return yes
}

// run says what is known of the condition. What objects do not tell, env does; if
// it is nil, the program is open.
func (l *leaf) run(o *Objects, env *Env) Truth {
	for {
		var t Truth
		switch l.test {
		case ends:
			return l.truth
		case isResourceText: // the commonest, without a call of its own
			if a := l.x.accessor.Load(); a == nil || !a.Fits(o.Resource) {
				t = l.texts(o)
			} else if v := a.Read(o.Resource); v.Kind == sallyport.KindString {
				t = truth(v.Text == l.y.text)
			} else {
				t = l.unlike(v.Kind, sallyport.KindString)
			}
		case isPlan:
			if p := o.Principal; p != nil && p.Plan != "" && p.Kind != sallyport.Anonymous {
				t = truth(p.Plan == l.y.text)
			} else {
				t = l.texts(o)
			}
		case isBelow:
			if p := o.Principal; p != nil && p.Kind != sallyport.Anonymous {
				t = truth(int64(p.AAL) < l.y.n)
			} else {
				t = l.numbers(o)
			}
		case isText:
			t = l.texts(o)
		case isNumber, isLess, isLessOrEq:
			t = l.numbers(o)
		case isPrincipal:
			t = l.principal(o)
		case isOfKind:
			if p := o.Principal; p != nil {
				t = truth(int64(p.Kind) == l.y.n)
			} else {
				t = open
			}
		default:
			t = l.other(o)
		}
		if t == open && env != nil {
			t = l.general(env)
		}
		switch t {
		case True:
			l = l.yes
		case False:
			l = l.no
		default:
			return t
		}
	}
}

// A test is what a leaf asks. Of most comparisons, one side's kind is known when
// they are compiled: a number or a text is then all that is read of the other.
type test uint8

const (
	general        test = iota // what is left to closures
	ends                       // nothing: the program ends with the leaf's truth
	isEqual                    // x == y
	isText                     // x == y, one of which is a text
	isResourceText             // x == y, an attribute of the resource and a constant text
	isNumber                   // x == y, one of which is a truth value, integer, time, …
	isLess                     // x < y
	isLessOrEq                 // x <= y
	isPlan                     // x == y, the plan of the principal and a constant text
	isBelow                    // x < y, the assurance level of the principal and a constant integer
	isPrincipal                // x == y, which is the principal
	isOfKind                   // the principal is of the kind y
	isOfType                   // x is an entity of the type y
	isThere                    // the attribute x is there
	isTrue                     // x is a truth value, and true
	isOneOf                    // x is among the atoms
	isLike                     // x is a text that fits the pattern
)

// A leaf is one comparison in a program.
type leaf struct {
	test    test
	guarded guardable
	truth   Truth // of ends
	yes, no *leaf
	x, y    operand
	among   []atom    // of isOneOf
	pattern Pattern   // of isLike
	general condition // the same, asked of an Env
}

// guardable says whether a leaf is false if an operand is absent, as "x has a"
// before it would have it.
type guardable uint8

const (
	notGuarded guardable = iota
	guardedX
	guardedY
)

// An atom is a scalar that a rule names.
type atom struct {
	sallyport.Scalar
	entity string // its type, if it is an entity
}

func atomOf(v sallyport.Value) (c atom, ok bool) {
	s, ok := v.Scalar()
	return atom{s, v.EntityType()}, ok && v.Known()
}

// kinds are the types of principals, but for the anonymous.
var kinds = map[string]sallyport.Kind{sallyport.UserType: sallyport.User, sallyport.ServiceType: sallyport.Service}

// leafOf compiles a comparison. What is none, or is not about scalars alone, is left
// to closures.
func leafOf(e *Expr, yes, no *leaf) *leaf {
	l := &leaf{yes: yes, no: no, general: generalOf(e)}
	switch e.Op {
	case Attr, Has:
		if l.x.is(&Expr{Op: Attr, Name: e.Name, Args: e.Args}) {
			l.test = isTrue
			if e.Op == Has {
				l.test = isThere
			}
		}
	case Equal, Less, LessEqual:
		l.relation(e.Op, e.Args[0], e.Args[1])
	case Is:
		switch kind, ours := kinds[e.Name]; {
		case ours && e.Args[0].Op == Principal:
			l.test, l.y.n = isOfKind, int64(kind)
		case l.x.is(e.Args[0]):
			l.test, l.y.entity = isOfType, e.Name
		}
	case Like:
		if l.x.is(e.Args[0]) {
			l.test, l.pattern = isLike, e.Pattern
		}
	case Contains:
		if set := e.Args[0]; set.Op == Const && set.Value.Kind() == sallyport.KindSet && len(set.Value.Set()) <= few && l.x.is(e.Args[1]) {
			if among, ok := atomsOf(set.Value.Set()); ok {
				l.test, l.among = isOneOf, among
			}
		}
	}
	return l
}

// relation makes the leaf compare two operands.
func (l *leaf) relation(op Op, x, y *Expr) {
	if op == Equal && (x.Op == Principal || x.Op == Const) {
		x, y = y, x // which makes no difference
	}
	if !l.x.is(x) || !l.y.is(y) {
		return
	}
	switch {
	case op == Less && l.x.from == principalAAL && l.y.from == literal && l.y.kind == sallyport.KindInt:
		l.test = isBelow
	case op == Less:
		l.test = isLess
	case op == LessEqual:
		l.test = isLessOrEq
	case l.y.from == thePrincipal:
		l.test = isPrincipal
	case l.x.from == resourceAttribute && l.y.from == literal && l.y.always(sallyport.KindString):
		l.test = isResourceText
	case l.x.from == principalPlan && l.y.from == literal && l.y.always(sallyport.KindString):
		l.test = isPlan
	case l.x.always(sallyport.KindString) || l.y.always(sallyport.KindString):
		l.test = isText
	case l.x.isNumber() || l.y.isNumber():
		l.test = isNumber
	default:
		l.test = isEqual
	}
}

func atomsOf(values []sallyport.Value) ([]atom, bool) {
	atoms := make([]atom, len(values))
	for i, v := range values {
		c, ok := atomOf(v)
		if !ok {
			return nil, false
		}
		atoms[i] = c
	}
	return atoms, true
}

// guard makes the leaf, of the expression part, false without the attribute that
// has asks for, and reports whether it could.
func (l *leaf) guard(has, part *Expr) bool {
	if has.Op != Has || l.guarded != notGuarded || l.test == general || part.Op == Attr || part.Op == Has {
		return false
	}
	var asked operand
	if !asked.is(&Expr{Op: Attr, Name: has.Name, Args: has.Args}) {
		return false
	}
	switch {
	case part.Op != Equal && part.Op != Less && part.Op != LessEqual && part.Op != Is && part.Op != Like && part.Op != Contains:
		return false
	case l.x.from == asked.from && l.x.text == asked.text:
		l.guarded = guardedX
	case l.y.from == asked.from && l.y.text == asked.text:
		l.guarded = guardedY
	default:
		return false
	}
	g, had := l.general, generalOf(has)
	l.general = func(env *Env) Truth {
		if t := had(env); t != True {
			return t
		}
		return g(env)
	}
	return true
}

// texts compares two operands of which one is a text.
func (l *leaf) texts(o *Objects) Truth {
	x, a := l.x.word(o)
	y, b := l.y.text, l.y.kind
	if l.y.from != literal {
		y, b = l.y.word(o)
	}
	if a == b && a == sallyport.KindString {
		return truth(x == y)
	}
	return l.unlike(a, b)
}

// numbers compares two operands of which one is a number, or that have to be to
// have an order.
func (l *leaf) numbers(o *Objects) Truth {
	x, a := l.x.number(o)
	y, b := l.y.n, l.y.kind
	if l.y.from != literal {
		y, b = l.y.number(o)
	}
	switch {
	case a != b || a <= sallyport.Absent:
		return l.unlike(a, b)
	case l.test == isNumber:
		return truth(x == y)
	case a != sallyport.KindInt && a != sallyport.KindTime && a != sallyport.KindDuration:
		return Neither
	case l.test == isLessOrEq:
		return truth(x <= y)
	}
	return truth(x < y)
}

// unlike compares operands of two kinds that are not both the kind compared.
func (l *leaf) unlike(x, y sallyport.ValueKind) Truth {
	switch {
	case x == sallyport.NotLoaded || y == sallyport.NotLoaded:
		return open
	case x == sallyport.Absent && l.guarded == guardedX, y == sallyport.Absent && l.guarded == guardedY:
		return False
	case x == sallyport.Absent || y == sallyport.Absent || l.test == isLess || l.test == isLessOrEq || l.test == isBelow:
		return Neither
	}
	return False
}

// principal says whether x is who asks.
func (l *leaf) principal(o *Objects) Truth {
	p := o.Principal
	if p == nil {
		return open
	}
	x, of := l.x.reference(o)
	switch {
	case x.Kind != sallyport.KindEntity:
		return l.unlike(x.Kind, sallyport.KindEntity)
	case p.Kind == sallyport.User: // the commonest
		return truth(x.Text == p.Subject && of == sallyport.UserType)
	}
	u := PrincipalUID(p)
	return truth(x.Text == u.ID && of == u.Type)
}

// other asks what the rest of the tests do.
func (l *leaf) other(o *Objects) Truth {
	if l.test == general {
		return open
	}
	x, of := l.x.read(o)
	switch {
	case l.test == isEqual:
		y, other := l.y.read(o)
		if x.Kind != y.Kind || x.Kind <= sallyport.Absent {
			return l.unlike(x.Kind, y.Kind)
		}
		return truth(x.N == y.N && x.Text == y.Text && of == other)
	case x.Kind == sallyport.NotLoaded:
		return open
	case l.test == isThere:
		return truth(x.Kind != sallyport.Absent)
	case x.Kind == sallyport.Absent && l.guarded == guardedX:
		return False
	case x.Kind == sallyport.Absent:
		return Neither
	}
	switch l.test {
	case isTrue:
		if x.Kind == sallyport.KindBool {
			return truth(x.N != 0)
		}
	case isOfType:
		if x.Kind == sallyport.KindEntity {
			return truth(of == l.y.entity)
		}
	case isLike:
		if x.Kind == sallyport.KindString {
			return truth(l.pattern.Match(x.Text))
		}
	case isOneOf:
		for i := range l.among {
			if c := &l.among[i]; x.Kind == c.Kind && x.N == c.N && x.Text == c.Text && of == c.entity {
				return True
			}
		}
		return False
	}
	return Neither
}

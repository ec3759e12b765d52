package rule

import "github.com/sallyport-auth/sallyport"

// Ancestry is an [Entity] that can name everything it is in, so that "principal in
// resource.team" can be asked of a resource that is not known yet.
type Ancestry interface {
	// Ancestors returns every entity for which In is True. For all others In is False.
	Ancestors() []sallyport.UID
}

// Loaded are [Entities] that can name those they have: every other one is not
// loaded. Without it, a condition that reads an attribute of what the resource
// refers to stays open in a residual.
type Loaded interface {
	Loaded() []sallyport.UID
}

// Residual returns what is left of e where the principal, the action and the
// context are known, and of the resource only that it is a t, with attributes of
// the kinds that t declares. It surely holds of a resource, and surely does not,
// exactly where e does; a [Const] that is no truth value is neither. It reads
// nothing but the resource, and shares nodes with e.
//
// An attribute that t does not declare is not loaded. What cannot be decided
// without the resource although it does not mention it, such as an attribute of
// an entity that might be the resource, is left as it stands.
func Residual(e *Expr, env *Env, t sallyport.AnyType) *Expr {
	r := residual{env: env, t: t}
	if env.Principal != nil {
		r.principal = env.Principal.UID()
	}
	return r.of(e)
}

type residual struct {
	env       *Env
	t         sallyport.AnyType
	principal sallyport.UID
}

// The residuals that leave nothing to ask. What they say is told by comparing
// pointers.
var (
	constNeither = &Expr{Op: Const}
	constTrue    = constant(sallyport.BoolValue(true))
	constFalse   = constant(sallyport.BoolValue(false))
)

func constant(v sallyport.Value) *Expr { return &Expr{Op: Const, Value: v} }

// fixed is the constant v, or neither where v is absent or not loaded, as to read
// it is an error.
func fixed(v sallyport.Value) *Expr {
	switch {
	case !v.Known():
		return constNeither
	case v.Kind() == sallyport.KindBool && v.Bool():
		return constTrue
	case v.Kind() == sallyport.KindBool:
		return constFalse
	}
	return constant(v)
}

func (r *residual) of(e *Expr) *Expr {
	switch e.Op {
	case Const:
		if e.Value.Known() && e.Value.Kind() != sallyport.KindBool {
			return e
		}
		return fixed(e.Value)
	case Principal:
		if r.env.Principal == nil {
			return constNeither
		}
		return constant(sallyport.EntityValue(r.principal))
	case Action:
		return constant(sallyport.EntityValue(r.env.Action))
	case Resource:
		return e
	case Context:
		if r.env.Record == nil {
			return constNeither
		}
		return fixed(r.env.Record())
	case And:
		return r.and(e)
	case Or:
		return r.or(e)
	case If:
		return r.choose(e)
	case Attr, Has:
		return r.access(e)
	case In:
		return r.in(e)
	default:
		return r.strict(e)
	}
}

// and keeps a right side that errs after an open left one: where the left one is
// false, nobody looks to the right.
func (r *residual) and(e *Expr) *Expr {
	left := r.of(e.Args[0])
	if left.Op != Const {
		right := r.of(e.Args[1])
		if right == constTrue && left.boolean() {
			return left
		}
		return e.with(left, right)
	}
	switch left {
	case constFalse:
		return constFalse
	case constTrue:
		return e.onlyRight(left, r.of(e.Args[1]))
	}
	return constNeither
}

func (r *residual) or(e *Expr) *Expr {
	left := r.of(e.Args[0])
	if left.Op != Const {
		right := r.of(e.Args[1])
		if right == constFalse && left.boolean() {
			return left
		}
		return e.with(left, right)
	}
	switch left {
	case constTrue:
		return constTrue
	case constFalse:
		return e.onlyRight(left, r.of(e.Args[1]))
	}
	return constNeither
}

// onlyRight is a && or || that its right side decides, if that is a truth value.
func (e *Expr) onlyRight(left, right *Expr) *Expr {
	switch {
	case right.boolean():
		return right
	case right.Op == Const:
		return constNeither
	}
	return e.with(left, right)
}

func (r *residual) choose(e *Expr) *Expr {
	condition := r.of(e.Args[0])
	switch {
	case condition == constTrue:
		return r.of(e.Args[1])
	case condition == constFalse:
		return r.of(e.Args[2])
	case condition.Op == Const:
		return constNeither
	}
	yes, no := r.of(e.Args[1]), r.of(e.Args[2])
	if yes == constNeither && no == constNeither {
		return constNeither
	}
	return e.with(condition, yes, no)
}

// access is an attribute, or whether there is one, of whatever it is of.
func (r *residual) access(e *Expr) *Expr {
	switch arg := e.Args[0]; arg.Op {
	case Resource:
		a := r.attribute(e.Name)
		switch {
		case a == nil:
			return constNeither
		case e.Op == Has && !a.Nullable:
			return constTrue
		}
		return e
	case Principal:
		if r.env.Principal == nil {
			return constNeither
		}
		return e.read(r.env.Principal.Attr(e.Name))
	case Context:
		if r.env.Context == nil {
			return constNeither
		}
		return e.read(r.env.Context(e.Name))
	}
	return r.strict(e)
}

// read is what e, which is Attr or Has, makes of the attribute's value.
func (e *Expr) read(v sallyport.Value) *Expr {
	if e.Op == Attr || v.Kind() == sallyport.NotLoaded {
		return fixed(v)
	}
	return fixed(sallyport.BoolValue(v.Known()))
}

// in decides what a known principal is in: all that it is in is known as well.
func (r *residual) in(e *Expr) *Expr {
	left, right := r.of(e.Args[0]), r.of(e.Args[1])
	if left.Op == Const && right.Op != Const && left.Value.UID() == r.principal && r.reference(right) != "" {
		if a, ok := r.env.Principal.(Ancestry); ok {
			set := []sallyport.Value{left.Value}
			for _, u := range a.Ancestors() {
				set = append(set, sallyport.EntityValue(u))
			}
			return &Expr{Op: Contains, Args: []*Expr{constant(sallyport.SetValue(set...)), right}}
		}
	}
	return r.apply(e, left, right)
}

// strict is an operator that needs all its arguments.
func (r *residual) strict(e *Expr) *Expr {
	switch len(e.Args) {
	case 1:
		return r.apply(e, r.of(e.Args[0]))
	case 2:
		return r.apply(e, r.of(e.Args[0]), r.of(e.Args[1]))
	}
	args := make([]*Expr, len(e.Args))
	for i, a := range e.Args {
		args[i] = r.of(a)
	}
	return r.apply(e, args...)
}

// apply is e on arguments that are residuals.
func (r *residual) apply(e *Expr, args ...*Expr) *Expr {
	open := false
	for _, a := range args {
		if a == constNeither {
			return constNeither
		}
		open = open || a.Op != Const
	}
	switch {
	case open:
		return r.open(e, args)
	case r.aboutEntity(e) && r.maybeResource(args[0].Value):
		return e.with(args...)
	}
	switch e.Op { // the commonest, without a tree and an error that nobody reads
	case Equal:
		return known(equality(args[0].Value, args[1].Value))
	case Less, LessEqual:
		return known(ordered(e.Op, &args[0].Value, &args[1].Value))
	}
	return r.eval(e.with(args...))
}

func known(t Truth) *Expr {
	switch t {
	case True:
		return constTrue
	case False:
		return constFalse
	}
	return constNeither
}

func (r *residual) eval(e *Expr) *Expr {
	v, err := Eval(e, r.env)
	if err != nil {
		return constNeither
	}
	return fixed(v)
}

// open is e on arguments of which some read the resource.
func (r *residual) open(e *Expr, args []*Expr) *Expr {
	typ := r.reference(args[0])
	switch {
	case e.Op == Is && typ != "" && args[0].Op == Resource:
		return fixed(sallyport.BoolValue(typ == e.Name))
	case e.Op == Equal && r.differ(args[0], args[1]):
		return constFalse
	case (e.Op == Tag || e.Op == HasTag) && args[0].Op == Resource:
		return constNeither // no resource has loaded tags
	case r.aboutEntity(e) && typ != "" && args[0].Op != Resource && (len(args) == 1 || args[1].Op == Const):
		return r.follow(e, args, typ)
	}
	return e.with(args...)
}

// differ reports whether one is the resource and the other a constant that it
// surely is not.
func (r *residual) differ(a, b *Expr) bool {
	if b.Op == Resource {
		a, b = b, a
	}
	return a.Op == Resource && b.Op == Const && b.Value.EntityType() != r.t.Name()
}

// follow is e about the entity that an attribute of the resource refers to, as it
// is of each entity that this could be: the few that are loaded. Of every other
// one it is neither, except that an entity is in itself.
func (r *residual) follow(e *Expr, args []*Expr, typ string) *Expr {
	candidates, complete := r.loaded()
	if !complete {
		return e.with(args...)
	}
	rest := constNeither
	if e.Op == In {
		rest = r.same(args[0], args[1])
	}
	if typ == r.t.Name() {
		itself := &Expr{Op: Resource}
		of := append([]*Expr{itself}, args[1:]...)
		rest = branch(areEqual(args[0], itself), r.of(e.with(of...)), rest)
	}
	for _, u := range candidates {
		if u.Type != typ || u.ID == "" { // no reference holds the empty identifier
			continue
		}
		itself := constant(sallyport.EntityValue(u))
		of := append([]*Expr{itself}, args[1:]...)
		rest = branch(areEqual(args[0], itself), r.eval(e.with(of...)), rest)
	}
	return rest
}

// same is what of "entity in set" can be told of an entity that is not loaded.
func (r *residual) same(entity, set *Expr) *Expr {
	is := areEqual(entity, set)
	if set.Value.Kind() == sallyport.KindSet {
		if len(set.Value.Set()) == 0 {
			return &Expr{Op: Not, Args: []*Expr{areEqual(entity, entity)}} // false of every entity
		}
		for _, v := range set.Value.Set() {
			if v.Kind() != sallyport.KindEntity {
				return constNeither
			}
		}
		is = &Expr{Op: Contains, Args: []*Expr{set, entity}}
	} else if set.Value.Kind() != sallyport.KindEntity {
		return constNeither
	}
	return branch(is, constTrue, constNeither)
}

// loaded are the entities that are loaded, and whether these are all of them.
func (r *residual) loaded() (found []sallyport.UID, complete bool) {
	if r.env.Principal != nil {
		found = append(found, r.principal)
	}
	switch entities := r.env.Entities.(type) {
	case nil:
		return found, true
	case Loaded:
		for _, u := range entities.Loaded() {
			if u != r.principal {
				found = append(found, u)
			}
		}
		return found, true
	}
	return nil, false
}

// aboutEntity reports whether e asks something of the entity that its first
// argument refers to.
func (r *residual) aboutEntity(e *Expr) bool {
	switch e.Op {
	case Attr, Has, Tag, HasTag, In:
		return true
	}
	return false
}

// maybeResource reports whether v refers to what the resource may turn out to be.
// The principal is known, even where it is the resource.
func (r *residual) maybeResource(v sallyport.Value) bool {
	return v.Kind() == sallyport.KindEntity && v.EntityType() == r.t.Name() && v.UID() != r.principal
}

// reference returns the type of the entity that e refers to, if it is the
// resource or an attribute of it, and "" if it is anything else.
func (r *residual) reference(e *Expr) string {
	switch {
	case e.Op == Resource:
		return r.t.Name()
	case e.Op == Attr && e.Args[0].Op == Resource:
		if a := r.attribute(e.Name); a != nil && a.Kind == sallyport.KindEntity {
			return a.Entity
		}
	}
	return ""
}

func (r *residual) attribute(name string) *sallyport.Attribute {
	attrs := r.t.Attributes()
	for i := range attrs {
		if attrs[i].Name == name {
			return &attrs[i]
		}
	}
	return nil
}

func areEqual(a, b *Expr) *Expr { return &Expr{Op: Equal, Args: []*Expr{a, b}} }

// branch is an if, or what both its branches are.
func branch(condition, yes, no *Expr) *Expr {
	if yes == constNeither && no == constNeither {
		return constNeither
	}
	return &Expr{Op: If, Args: []*Expr{condition, yes, no}}
}

// with is e with other arguments, and e itself if they are the same.
func (e *Expr) with(args ...*Expr) *Expr {
	for i, a := range args {
		if a != e.Args[i] {
			return &Expr{Op: e.Op, Args: append([]*Expr(nil), args...), Name: e.Name, Names: e.Names, Pattern: e.Pattern}
		}
	}
	return e
}

// boolean reports whether e is a truth value wherever it is anything.
func (e *Expr) boolean() bool {
	switch e.Op {
	case Const:
		return e.Value.Kind() == sallyport.KindBool
	case Has, HasTag, Not, And, Or, Equal, Less, LessEqual, In, Is, Like, Contains, ContainsAll, ContainsAny, IsEmpty:
		return true
	case If:
		return e.Args[1].boolean() && e.Args[2].boolean()
	}
	return false
}

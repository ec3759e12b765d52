package rule_test

import (
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Short names for what every test writes down.
func user(id string) sallyport.UID             { return sallyport.UID{Type: "User", ID: id} }
func role(id string) sallyport.UID             { return sallyport.UID{Type: "Role", ID: id} }
func post(id string) sallyport.UID             { return sallyport.UID{Type: "Post", ID: id} }
func act(id string) sallyport.UID              { return sallyport.UID{Type: "Action", ID: id} }
func ref(u sallyport.UID) sallyport.Value      { return sallyport.EntityValue(u) }
func str(s string) sallyport.Value             { return sallyport.StringValue(s) }
func num(n int64) sallyport.Value              { return sallyport.IntValue(n) }
func yes(b bool) sallyport.Value               { return sallyport.BoolValue(b) }
func set(v ...sallyport.Value) sallyport.Value { return sallyport.SetValue(v...) }

func lit(v sallyport.Value) *rule.Expr                { return &rule.Expr{Op: rule.Const, Value: v} }
func op(o rule.Op, args ...*rule.Expr) *rule.Expr     { return &rule.Expr{Op: o, Args: args} }
func attr(e *rule.Expr, name string) *rule.Expr       { return named(rule.Attr, name, e) }
func has(e *rule.Expr, name string) *rule.Expr        { return named(rule.Has, name, e) }
func call(name string, args ...*rule.Expr) *rule.Expr { return named(rule.Call, name, args...) }
func and(args ...*rule.Expr) *rule.Expr               { return fold(rule.And, args) }
func or(args ...*rule.Expr) *rule.Expr                { return fold(rule.Or, args) }

func named(o rule.Op, name string, args ...*rule.Expr) *rule.Expr {
	return &rule.Expr{Op: o, Name: name, Args: args}
}

func like(e *rule.Expr, p ...string) *rule.Expr {
	return &rule.Expr{Op: rule.Like, Args: []*rule.Expr{e}, Pattern: p}
}

func record(names []string, args ...*rule.Expr) *rule.Expr {
	return &rule.Expr{Op: rule.RecordOf, Names: names, Args: args}
}

func fold(o rule.Op, args []*rule.Expr) *rule.Expr {
	e := args[0]
	for _, a := range args[1:] {
		e = op(o, e, a)
	}
	return e
}

var (
	principal = &rule.Expr{Op: rule.Principal}
	action    = &rule.Expr{Op: rule.Action}
	resource  = &rule.Expr{Op: rule.Resource}
	context   = &rule.Expr{Op: rule.Context}
)

// A thing is an entity of which attributes and tags that are not in the maps are
// absent, or not loaded if it is vague. What a vague one is in is only partly
// known.
type thing struct {
	uid         sallyport.UID
	attrs, tags map[string]sallyport.Value
	parents     []sallyport.UID
	vague       bool
}

func (t *thing) UID() sallyport.UID               { return t.uid }
func (t *thing) Attr(name string) sallyport.Value { return t.find(t.attrs, name) }
func (t *thing) Tag(name string) sallyport.Value  { return t.find(t.tags, name) }

func (t *thing) find(values map[string]sallyport.Value, name string) sallyport.Value {
	if v, ok := values[name]; ok || t.vague {
		return v
	}
	return sallyport.AbsentValue()
}

func (t *thing) In(ancestor sallyport.UID) rule.Truth {
	switch {
	case slices.Contains(t.parents, ancestor):
		return rule.True
	case t.vague && ancestor.Type != "Post": // nobody is in a post that is not known to be
		return rule.Neither
	default:
		return rule.False
	}
}

// A member is a thing that can name what it is in. It is not vague.
type member struct{ *thing }

func (m member) Ancestors() []sallyport.UID { return m.parents }

// A store is some entities.
type store map[sallyport.UID]rule.Entity

func (s store) Entity(u sallyport.UID) rule.Entity { return s[u] }

// given sets the context of env; fields that are not in it are absent.
func given(env *rule.Env, fields map[string]sallyport.Value) *rule.Env {
	env.Context = func(name string) sallyport.Value {
		if v, ok := fields[name]; ok {
			return v
		}
		return sallyport.AbsentValue()
	}
	env.Record = func() sallyport.Value { return sallyport.RecordValue(fields) }
	return env
}

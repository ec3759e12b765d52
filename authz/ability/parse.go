package ability

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Parse reads a document, strictly: what [Document.Encode] would not write is an
// error.
func Parse(data []byte) (*Document, error) {
	v, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("abilities: %w", err)
	}
	d, err := parseDocument(v)
	if err != nil {
		return nil, fmt.Errorf("abilities: %w", err)
	}
	return d, nil
}

func parseDocument(v any) (*Document, error) {
	m := object("document", v)
	if n := m.integer("v"); m.err == nil && n != Version {
		return nil, fmt.Errorf("version %d is not known here, only %d", n, Version)
	}
	d := &Document{Epoch: m.integer("epoch"), Expires: time.Unix(m.integer("exp"), 0).UTC(), Types: make(map[string]*Type)}
	who := object("principal", take[map[string]any](m, "principal", "an object"))
	d.Principal = sallyport.UID{Type: who.text("type"), ID: who.text("id")}
	m.failWith(who.done())
	if _, ok := m.left["scopes"]; ok {
		d.Scopes = m.texts("scopes")
		m.checkActions(d.Scopes)
	}
	for name, t := range take[map[string]any](m, "types", "an object") {
		typ, err := parseType("type "+name, t)
		m.failWith(err)
		d.Types[name] = typ
	}
	rules := take[[]any](m, "rules", "a list")
	if m.err != nil {
		return nil, m.err
	}
	for i, r := range rules {
		parsed, err := d.parseRule(fmt.Sprintf("rule %d", i), r)
		if err != nil {
			return nil, err
		}
		d.Rules = append(d.Rules, parsed)
	}
	return d, m.done()
}

func parseType(name string, v any) (*Type, error) {
	m := object(name, v)
	t := &Type{Attrs: make(map[string]string), Parents: make(map[string]bool)}
	for a, kind := range take[map[string]any](m, "attrs", "an object") {
		k, _ := kind.(string)
		if !isKind(strings.TrimPrefix(k, "set:")) {
			m.fail("attribute %.80q has an unknown kind", a)
		}
		t.Attrs[a] = k
	}
	for a, open := range take[map[string]any](m, "parents", "an object") {
		b, ok := open.(bool)
		if !ok || !strings.HasPrefix(t.Attrs[a], "entity:") {
			m.fail("parent %.80q must be a reference, and true or false", a)
		}
		t.Parents[a] = b
	}
	if _, ok := m.left["org"]; ok {
		org := m.text("org")
		if t.Org = &org; t.Attrs["org"] != "entity:"+sallyport.OrganizationType {
			m.fail("it belongs to organizations, and names none")
		}
	}
	return t, m.done()
}

func isKind(s string) bool {
	switch s {
	case "bool", "int", "string", "time", "duration":
		return true
	}
	return strings.HasPrefix(s, "entity:") && len(s) > len("entity:")
}

func (d *Document) parseRule(name string, v any) (Rule, error) {
	m := object(name, v)
	r := Rule{Type: m.text("type"), Actions: m.texts("actions")}
	m.checkActions(r.Actions)
	switch m.text("effect") {
	case rule.Permit.String():
		r.Effect = rule.Permit
	case rule.Forbid.String():
	default:
		m.fail("effect must be permit or forbid")
	}
	if ask, ok := m.take("ask"); ok {
		if r.Ask = ask == true; !r.Ask {
			m.fail("ask can only be true")
		}
	}
	t, known := d.Types[r.Type]
	if !known && r.Type != "" && r.Type != AnyType {
		m.fail("its type is not among the types")
	}
	if when, ok := m.take("when"); ok {
		p := parser{t}
		var err error
		r.When, err = p.expr(when)
		m.failWith(err)
		if r.Ask {
			m.fail("it has both a condition and ask")
		}
	}
	return r, m.done()
}

// checkActions refuses what is not written like a permission.
func (m *members) checkActions(actions []string) {
	for _, a := range actions {
		kind, verb, ok := strings.Cut(a, ":")
		if a != "*" && (!ok || kind == "" || verb == "" || strings.Contains(kind, "*") || strings.Contains(verb, "*") && verb != "*") {
			m.fail("action %.80q is not written like post:delete, post:* or *", a)
		}
	}
}

// A parser reads conditions on objects of a type, nil if there are none.
type parser struct{ t *Type }

var errExpression = errors.New("not an expression")

func (p *parser) expr(v any) (*rule.Expr, error) {
	switch v := v.(type) {
	case nil:
		return &rule.Expr{Op: rule.Const}, nil
	case bool:
		return constant(sallyport.BoolValue(v)), nil
	case string:
		return constant(sallyport.StringValue(v)), nil
	case json.Number:
		n, err := v.Int64()
		if err != nil || !isSafe(n) {
			return nil, fmt.Errorf("%.40s is not an integer that every browser knows", v)
		}
		return constant(sallyport.IntValue(n)), nil
	case []any:
		if len(v) > 0 {
			if name, ok := v[0].(string); ok {
				return p.list(name, v[1:])
			}
		}
	}
	return nil, errExpression
}

func constant(v sallyport.Value) *rule.Expr { return &rule.Expr{Op: rule.Const, Value: v} }

func (p *parser) list(name string, args []any) (*rule.Expr, error) {
	switch name {
	case "r":
		return p.resource(args)
	case "i", "t", "d":
		return number(name, args)
	case "e":
		if len(args) == 2 {
			typ, ok := args[0].(string)
			id, alsoOK := args[1].(string)
			if ok && alsoOK && typ != "" {
				return constant(sallyport.EntityValue(sallyport.UID{Type: typ, ID: id})), nil
			}
		}
		return nil, errors.New(`an entity is written ["e", type, id]`)
	}
	o, ok := operators[name]
	if !ok {
		return nil, fmt.Errorf("operator %.40q is not known", name)
	}
	return p.operator(name, o, args)
}

func (p *parser) resource(args []any) (*rule.Expr, error) {
	if len(args) == 0 && p.t != nil {
		return &rule.Expr{Op: rule.Resource}, nil
	}
	if len(args) == 1 {
		name, _ := args[0].(string)
		if p.declared(name) {
			return &rule.Expr{Op: rule.Attr, Name: name, Args: []*rule.Expr{{Op: rule.Resource}}}, nil
		}
	}
	return nil, fmt.Errorf("the type has no attribute %.80q", args)
}

func (p *parser) declared(name string) bool { return p.t != nil && p.t.Attrs[name] != "" }

// number reads integers that a browser's numbers may not hold.
func number(name string, args []any) (*rule.Expr, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%q takes one number", name)
	}
	var n int64
	var err error
	switch v := args[0].(type) {
	case json.Number:
		if n, err = v.Int64(); err == nil && (name == "i" || !isSafe(n)) {
			err = errExpression
		}
	case string:
		if n, err = strconv.ParseInt(v, 10, 64); err == nil && (isSafe(n) || strconv.FormatInt(n, 10) != v) {
			err = errExpression
		}
	default:
		err = errExpression
	}
	if err != nil {
		return nil, fmt.Errorf("%q takes an integer, as text only if it is beyond ±(2^53-1)", name)
	}
	switch name {
	case "t":
		return constant(sallyport.TimeMillis(n)), nil
	case "d":
		return constant(sallyport.DurationMillis(n)), nil
	}
	return constant(sallyport.IntValue(n)), nil
}

func (p *parser) operator(name string, o operator, args []any) (*rule.Expr, error) {
	count := o.args
	if count < 0 {
		count = len(args)
	}
	tail := len(args) - count
	if tail < 0 || o.tail >= 0 && tail != o.tail || o.tail < 0 && tail == 0 {
		return nil, fmt.Errorf("%q has %d arguments", name, len(args))
	}
	x := &rule.Expr{Op: o.op, Name: o.call}
	for _, a := range args[:count] {
		arg, err := p.expr(a)
		if err != nil {
			return nil, err
		}
		x.Args = append(x.Args, arg)
	}
	for _, a := range args[count:] {
		s, ok := a.(string)
		if !ok {
			return nil, fmt.Errorf("%q ends with text", name)
		}
		if o.tail == 1 {
			x.Name = s
		} else {
			x.Pattern = append(x.Pattern, s)
		}
	}
	return x, p.check(x)
}

// check refuses what is well formed and yet nothing that a browser can tell.
func (p *parser) check(x *rule.Expr) error {
	switch {
	case x.Op == rule.Has && (x.Args[0].Op != rule.Resource || !p.declared(x.Name)):
		return fmt.Errorf("the type has no attribute %.80q", x.Name)
	case x.Op == rule.In && x.Args[0].Op != rule.Resource:
		return errors.New(`"in" is about the object itself`)
	}
	return nil
}

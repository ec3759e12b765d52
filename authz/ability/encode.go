package ability

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// The limits of a document, when it is written and when it is read.
const (
	maxBytes = 1 << 20
	maxDepth = 64 // of values within each other, the document included
)

var errUnwritable = errors.New("cannot be written for a browser")

// Encode writes the document, as JSON that must not stand in HTML as it is. A rule whose condition cannot be written is one to
// ask about; a type tells of the attributes that rules read, and of no others. The
// only error is that the document is too long.
func (d *Document) Encode() ([]byte, error) {
	e := encoder{doc: d, read: make(map[string]map[string]bool)}
	rules := make([]any, 0, len(d.Rules))
	for _, r := range d.Rules {
		rules = append(rules, e.rule(r))
	}
	types := make(map[string]any, len(d.Types))
	for name, t := range d.Types {
		types[name] = e.typ(name, t)
	}
	doc := map[string]any{
		"v": Version, "epoch": d.Epoch, "exp": d.Expires.Unix(), "rules": rules, "types": types,
		"principal": map[string]any{"type": d.Principal.Type, "id": d.Principal.ID},
	}
	if d.Scopes != nil {
		doc["scopes"] = d.Scopes
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // half of the operators would be escaped
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	data := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(data) > maxBytes {
		return nil, fmt.Errorf("abilities: the document has %d bytes, the limit is %d", len(data), maxBytes)
	}
	return data, nil
}

type encoder struct {
	doc  *Document
	read map[string]map[string]bool // attributes that rules read, by type
	of   string                     // type of the rule being written
	now  []string                   // attributes that it reads, so far
}

func (e *encoder) rule(r Rule) map[string]any {
	m := map[string]any{"effect": r.Effect.String(), "actions": append([]string{}, r.Actions...), "type": r.Type}
	ask := r.Ask
	if r.When != nil && !ask {
		e.of, e.now = r.Type, nil
		when, err := e.expr(r.When, 4)
		if ask = err != nil; !ask {
			m["when"] = when
			e.keep()
		}
	}
	if ask {
		m["ask"] = true
	}
	return m
}

// typ tells what rules need of a type. The guard needs "org", and "in" all
// parents.
func (e *encoder) typ(name string, t *Type) map[string]any {
	attrs, parents := make(map[string]string), make(map[string]bool)
	for a, kind := range t.Attrs {
		_, parent := t.Parents[a]
		if e.read[name][a] || parent && e.read[name][parentsOf] || t.Org != nil && a == "org" {
			attrs[a] = kind
		}
		if parent && e.read[name][parentsOf] {
			parents[a] = t.Parents[a]
		}
	}
	m := map[string]any{"attrs": attrs, "parents": parents}
	if t.Org != nil {
		m["org"] = *t.Org
	}
	return m
}

// parentsOf stands for all parents among the attributes that are read: no
// attribute has the empty name.
const parentsOf = ""

// keep notes what the rule, which could be written, reads.
func (e *encoder) keep() {
	if e.read[e.of] == nil {
		e.read[e.of] = make(map[string]bool)
	}
	for _, name := range e.now {
		e.read[e.of][name] = true
	}
}

func (e *encoder) expr(x *rule.Expr, depth int) (any, error) {
	if depth >= maxDepth { // its name is one deeper
		return nil, errUnwritable
	}
	switch x.Op {
	case rule.Const:
		return e.value(x.Value, depth)
	case rule.Resource:
		if e.doc.Types[e.of] == nil {
			return nil, errUnwritable
		}
		return []any{"r"}, nil
	case rule.Attr:
		if !e.known(x) {
			return nil, errUnwritable
		}
		e.now = append(e.now, x.Name)
		return []any{"r", x.Name}, nil
	case rule.Has:
		if !e.known(x) {
			return nil, errUnwritable
		}
		e.now = append(e.now, x.Name)
	case rule.In:
		if x.Args[0].Op != rule.Resource || e.doc.Types[e.of] == nil {
			return nil, errUnwritable // what an attribute refers to is in more than a browser knows
		}
		e.now = append(e.now, parentsOf)
	}
	return e.operator(x, depth)
}

// known reports whether x is about an attribute of the object that its type
// declares.
func (e *encoder) known(x *rule.Expr) bool {
	t := e.doc.Types[e.of]
	return x.Args[0].Op == rule.Resource && t != nil && t.Attrs[x.Name] != ""
}

func (e *encoder) operator(x *rule.Expr, depth int) (any, error) {
	key := written{op: x.Op}
	if x.Op == rule.Call {
		key.call = x.Name
	}
	name, ok := names[key]
	if !ok {
		return nil, errUnwritable
	}
	list := []any{name}
	for _, a := range x.Args {
		v, err := e.expr(a, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	switch {
	case operators[name].tail == 1:
		list = append(list, x.Name)
	case operators[name].tail == -1:
		for _, piece := range x.Pattern {
			list = append(list, piece)
		}
	}
	return list, nil
}

func (e *encoder) value(v sallyport.Value, depth int) (any, error) {
	if depth >= maxDepth || !utf8.ValidString(v.Text()) {
		return nil, errUnwritable
	}
	switch v.Kind() {
	case sallyport.NotLoaded, sallyport.Absent:
		return nil, nil
	case sallyport.KindBool:
		return v.Bool(), nil
	case sallyport.KindString:
		return v.Text(), nil
	case sallyport.KindInt:
		if isSafe(v.Int()) {
			return v.Int(), nil
		}
		return []any{"i", strconv.FormatInt(v.Int(), 10)}, nil
	case sallyport.KindTime:
		return []any{"t", integer(v.Int())}, nil
	case sallyport.KindDuration:
		return []any{"d", integer(v.Int())}, nil
	case sallyport.KindEntity:
		return []any{"e", v.EntityType(), v.Text()}, nil
	case sallyport.KindSet:
		list := []any{"set"}
		for _, element := range v.Set() {
			w, err := e.value(element, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, w)
		}
		return list, nil
	}
	return nil, errUnwritable
}

// maxSafe is the greatest integer that a number in JavaScript holds exactly, with
// all that are less.
const maxSafe = 1<<53 - 1

func isSafe(n int64) bool { return -maxSafe <= n && n <= maxSafe }

// integer is a number, or where a browser would round it, text.
func integer(n int64) any {
	if isSafe(n) {
		return n
	}
	return strconv.FormatInt(n, 10)
}

package decide

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// An object is how a request describes the object of a query.
type object struct {
	where   string // in messages: "resource"
	typ, id string
	attrs   map[string]any // as JSON has them: nil is absent, what is missing is not known
	parents any
	loose   bool // attributes that the type does not have are left out
}

const (
	// maxDepth bounds how deep values may be nested in each other.
	maxDepth = 16
	// maxParents bounds what grants are looked for on: a store takes only so many at
	// once.
	maxParents = 100
)

// decode reads a JSON object with the digits of its numbers. nil is an empty one.
func decode(where string, raw json.RawMessage) (map[string]any, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil {
		return nil, exchange.Invalid(fmt.Sprintf("The member %q must be an object.", where))
	}
	if deep(o, maxDepth) {
		return nil, exchange.Invalid(fmt.Sprintf("The values in %q are nested more than %d deep.", where, maxDepth))
	}
	return o, nil
}

// deep reports whether v is nested more than most levels.
func deep(v any, most int) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, w := range v {
			if most == 0 || deep(w, most-1) {
				return true
			}
		}
	case []any:
		return most == 0 || slices.ContainsFunc(v, func(w any) bool { return deep(w, most-1) })
	}
	return false
}

// described reads an object whose attributes are members beside its type and id.
// nil is no object.
func described(raw json.RawMessage) (*object, error) {
	members, err := decode("resource", raw)
	if err != nil || members == nil {
		return nil, err
	}
	o := &object{where: "resource"}
	if o.typ, err = needText(members, "resource", "type"); err != nil {
		return nil, err
	}
	if members["id"] != nil {
		if o.id, err = needText(members, "resource", "id"); err != nil {
			return nil, err
		}
	}
	o.parents = members["parents"]
	for _, name := range []string{"type", "id", "parents"} {
		delete(members, name)
	}
	o.attrs = members
	return o, nil
}

// needText returns a member that must be there, and a text.
func needText(o map[string]any, where, name string) (string, error) {
	s, ok := o[name].(string)
	if !ok {
		return "", exchange.Invalid(fmt.Sprintf("The member %q must be there, and a text.", where+"."+name))
	}
	return s, nil
}

// resource is o as the object of a query, nil for no object. Attributes are read as
// the schema says.
func (w *words) resource(o *object) (sallyport.Resource, error) {
	if o == nil {
		return sallyport.Resource{}, nil
	}
	if o.typ == "" {
		return sallyport.Resource{}, exchange.Invalid(fmt.Sprintf("The member %q must not be empty.", o.where+".type"))
	}
	if w.types == nil {
		return w.guessed(o)
	}
	t, err := w.typ(o.typ)
	if err != nil {
		return sallyport.Resource{}, err
	}
	d := &sallyport.Described{ID: o.id, Attrs: make(map[string]sallyport.Value, len(o.attrs))}
	for name, plain := range o.attrs {
		i := slices.IndexFunc(t.Attributes(), func(a sallyport.Attribute) bool { return a.Name == name })
		if i < 0 {
			if o.loose {
				continue
			}
			return sallyport.Resource{}, exchange.Invalid(fmt.Sprintf("The type %s has no attribute %.80q%s", t.Name(), name, hint(name, names(t))))
		}
		if d.Attrs[name], err = o.value(t.Attributes()[i], plain); err != nil {
			return sallyport.Resource{}, err
		}
	}
	if d.Parents, err = w.parents(o); err != nil {
		return sallyport.Resource{}, err
	}
	return of(t, d), nil
}

// of is the resource that d describes. An organization belongs to itself.
func of(t *sallyport.DescribedType, d *sallyport.Described) sallyport.Resource {
	if t.Name() == sallyport.OrganizationType {
		d.Attrs["org"] = sallyport.AbsentValue()
		if d.ID != "" {
			d.Attrs["org"] = sallyport.EntityValue(sallyport.UID{Type: sallyport.OrganizationType, ID: d.ID})
		}
	}
	return t.Of(d)
}

// guessed is o where there is no schema: its attributes are what they look like,
// and "org" is the organization that it belongs to.
func (w *words) guessed(o *object) (sallyport.Resource, error) {
	d := &sallyport.Described{ID: o.id, Attrs: make(map[string]sallyport.Value, len(o.attrs))}
	var attrs []sallyport.Attribute
	for _, name := range slices.Sorted(maps.Keys(o.attrs)) {
		a := sallyport.Attribute{Name: name}
		if name == "org" {
			a = orgAttribute
		}
		if name == "" {
			return sallyport.Resource{}, exchange.Invalid("An attribute needs a name.")
		}
		v, err := o.value(a, o.attrs[name])
		if err != nil {
			return sallyport.Resource{}, err
		}
		if name != "org" {
			a.Kind, a.Entity = v.Kind(), v.EntityType()
		}
		attrs, d.Attrs[name] = append(attrs, a), v
	}
	t, err := w.typ(o.typ, attrs...)
	if err != nil {
		return sallyport.Resource{}, err
	}
	d.Parents, err = w.parents(o)
	return of(t, d), err
}

// value reads an attribute as a browser may have it: see testdata/abilities.
func (o *object) value(a sallyport.Attribute, plain any) (sallyport.Value, error) {
	v, err := valueOf(a, plain)
	if err != nil {
		return v, exchange.Invalid(fmt.Sprintf("The attribute %.80q in %q: %s.", a.Name, o.where, err))
	}
	return v, nil
}

// zeroTime is how JSON has Go's zero time, which is absent.
var zeroTime = time.Time{}.UnixMilli()

func valueOf(a sallyport.Attribute, plain any) (sallyport.Value, error) {
	number, isNumber := plain.(json.Number)
	switch {
	case a.Kind == sallyport.KindEntity && plain == "":
		return sallyport.AbsentValue(), nil
	case isNumber && (a.Kind == sallyport.KindTime || a.Kind == sallyport.KindDuration):
		ms, err := number.Int64()
		if err != nil {
			return sallyport.Value{}, fmt.Errorf("expected %s in whole milliseconds, got %.40s", a.Kind, number)
		}
		if a.Kind == sallyport.KindTime {
			return sallyport.TimeMillis(ms), nil
		}
		return sallyport.DurationMillis(ms), nil
	}
	v, err := authz.ValueOf(a, plain)
	if err == nil && v.Kind() == sallyport.KindTime && v.Int() == zeroTime {
		return sallyport.AbsentValue(), nil
	}
	return v, err
}

// parents are the entities that the object is in, beside those that its attributes
// name.
func (w *words) parents(o *object) ([]sallyport.UID, error) {
	if o.parents == nil {
		return nil, nil
	}
	list, ok := o.parents.([]any)
	if !ok {
		return nil, exchange.Invalid(fmt.Sprintf("The member %q must be a list.", o.where+".parents"))
	}
	if len(list) > maxParents {
		return nil, exchange.Invalid(fmt.Sprintf("The member %q has more than %d elements.", o.where+".parents", maxParents))
	}
	found := make([]sallyport.UID, len(list))
	for i, p := range list {
		where := fmt.Sprintf("%s.parents[%d]", o.where, i)
		entity, _ := p.(map[string]any)
		var err1, err2 error
		found[i].Type, err1 = needText(entity, where, "type")
		found[i].ID, err2 = needText(entity, where, "id")
		switch {
		case err1 != nil:
			return nil, err1
		case err2 != nil:
			return nil, err2
		case found[i].Type == "" || found[i].ID == "":
			return nil, exchange.Invalid(fmt.Sprintf("The member %q needs a type and an id.", where))
		case w.types != nil && w.types[found[i].Type] == nil:
			_, err := w.typ(found[i].Type)
			return nil, err
		}
	}
	return found, nil
}

// circumstances are what a request says of the context.
func circumstances(members map[string]any) (map[string]sallyport.Value, error) {
	found := make(map[string]sallyport.Value, len(members))
	for name, plain := range members {
		v, err := authz.ValueOf(sallyport.Attribute{}, plain)
		if err != nil {
			return nil, exchange.Invalid(fmt.Sprintf("The value of %.80q in \"context\": %s.", name, err))
		}
		if v.Known() {
			found[name] = v
		}
	}
	return found, nil
}

func names(t sallyport.AnyType) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, a := range t.Attributes() {
			if !yield(a.Name) {
				return
			}
		}
	}
}

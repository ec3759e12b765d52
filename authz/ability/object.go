package ability

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// itself is the object as a reference.
func (a asked) itself() (sallyport.Value, state) {
	switch {
	case a.object == nil:
		return sallyport.Value{}, failed
	case a.object.ID == "":
		return sallyport.Value{}, missing
	}
	return sallyport.EntityValue(sallyport.UID{Type: a.object.Type, ID: a.object.ID}), known
}

// attribute reads what the browser has. What is not of the kind that the document
// tells, is missing: only the server knows what it is.
func (a asked) attribute(name string) (sallyport.Value, state) {
	if a.object == nil {
		return sallyport.Value{}, failed
	}
	raw, ok := a.object.Attrs[name]
	if !ok || a.typ == nil {
		return sallyport.Value{}, missing
	}
	if raw == nil {
		return sallyport.AbsentValue(), failed
	}
	kind := a.typ.Attrs[name]
	v, ok := valueOf(kind, raw)
	switch {
	case !ok:
		return sallyport.Value{}, missing
	case v.Kind() == sallyport.Absent:
		return v, failed
	}
	return v, known
}

// valueOf turns what JSON has into a value of a kind. "" is no reference.
func valueOf(kind string, raw any) (v sallyport.Value, ok bool) {
	if of, isSet := strings.CutPrefix(kind, "set:"); isSet {
		return setOf(of, raw)
	}
	switch kind {
	case "bool":
		b, ok := raw.(bool)
		return sallyport.BoolValue(b), ok
	case "string":
		s, ok := raw.(string)
		return sallyport.StringValue(s), ok
	case "int":
		n, ok := whole(raw)
		return sallyport.IntValue(n), ok
	case "duration":
		n, ok := whole(raw)
		return sallyport.DurationMillis(n), ok
	case "time":
		return timeOf(raw)
	}
	typ, ok := strings.CutPrefix(kind, "entity:")
	id, isText := raw.(string)
	switch {
	case !ok || !isText:
		return sallyport.Value{}, false
	case id == "":
		return sallyport.AbsentValue(), true
	}
	return sallyport.EntityValue(sallyport.UID{Type: typ, ID: id}), true
}

func setOf(kind string, raw any) (sallyport.Value, bool) {
	list, ok := raw.([]any)
	elements := make([]sallyport.Value, len(list))
	for i, e := range list {
		v, fits := valueOf(kind, e)
		if elements[i] = v; !fits || !v.Known() {
			return sallyport.Value{}, false
		}
	}
	return sallyport.SetValue(elements...), ok
}

// whole is an integer that a browser's number holds exactly.
func whole(raw any) (int64, bool) {
	switch n := raw.(type) {
	case float64:
		return int64(n), n == math.Trunc(n) && math.Abs(n) <= maxSafe
	case json.Number:
		i, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil {
			f, err := n.Float64()
			return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) <= maxSafe
		}
		return i, isSafe(i)
	}
	return 0, false
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$`)

// timeOf reads milliseconds since the start of 1970, or RFC 3339, of which only
// the milliseconds count. Go's zero time is absent.
func timeOf(raw any) (sallyport.Value, bool) {
	if s, ok := raw.(string); ok {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err == nil && at.IsZero() {
			return sallyport.AbsentValue(), true
		}
		return sallyport.TimeValue(at), err == nil && rfc3339.MatchString(s)
	}
	n, ok := whole(raw)
	return sallyport.TimeMillis(n), ok
}

// in is whether the object is one of ancestors, or in one. What is above a parent
// may not be known to anybody: then it is surely only in the parent.
func (a asked) in(ancestors sallyport.Value) (sallyport.Value, state) {
	set := ancestors
	if ancestors.Kind() == sallyport.KindEntity {
		set = sallyport.SetValue(ancestors)
	}
	if set.Kind() != sallyport.KindSet {
		return sallyport.Value{}, failed
	}
	for _, v := range set.Set() {
		if v.Kind() != sallyport.KindEntity {
			return sallyport.Value{}, failed
		}
	}
	if len(set.Set()) == 0 {
		return sallyport.BoolValue(false), known
	}
	return a.within(set)
}

func (a asked) within(ancestors sallyport.Value) (sallyport.Value, state) {
	if a.object == nil || a.typ == nil {
		return sallyport.Value{}, missing
	}
	worst := known
	look := func(v sallyport.Value, s state, opened bool) bool {
		switch {
		case s == known && ancestors.Holds(v):
			return true
		case s == missing:
			worst = missing
		case s == known && opened && worst == known:
			worst = failed
		}
		return false
	}
	itself, s := a.itself()
	if look(itself, s, false) {
		return sallyport.BoolValue(true), known
	}
	for name, opened := range a.typ.Parents {
		parent, s := a.attribute(name)
		if look(parent, s, opened) {
			return sallyport.BoolValue(true), known
		}
	}
	return sallyport.BoolValue(false), worst
}

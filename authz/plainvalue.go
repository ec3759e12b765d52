package authz

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// ValueOf reads the attribute a from plain, as people and other programs write it
// in JSON, TOML or YAML: a truth value, a number, a text, a list, an object, or nil
// for what is absent. What a text means is for the attribute to say: text, the
// identifier of the entity that it refers to, a moment (RFC 3339), a time span
// ("1h30m"), a decimal or an address. An entity may also be an object of its type
// and id.
//
// An attribute of kind [sallyport.NotLoaded] takes what is written as it is: a text
// is text, and an object of just type and id is an entity. So are the fields of a
// record.
func ValueOf(a sallyport.Attribute, plain any) (sallyport.Value, error) {
	if plain == nil {
		return sallyport.AbsentValue(), nil
	}
	switch a.Kind {
	case sallyport.NotLoaded:
		return natural(plain)
	case sallyport.KindBool:
		if b, ok := plain.(bool); ok {
			return sallyport.BoolValue(b), nil
		}
	case sallyport.KindInt:
		if n, ok := integer(plain); ok {
			return sallyport.IntValue(n), nil
		}
	case sallyport.KindEntity:
		return entityOf(a.Entity, plain)
	case sallyport.KindSet:
		if list, ok := plain.([]any); ok {
			return setOf(sallyport.Attribute{Kind: a.Element, Entity: a.Entity}, list)
		}
	case sallyport.KindRecord:
		if fields, ok := plain.(map[string]any); ok {
			return recordOf(fields)
		}
	default:
		return readText(a.Kind, plain)
	}
	return sallyport.Value{}, fmt.Errorf("expected %s, got %s", a.Kind, plainly(plain))
}

// readText reads the kinds that are written as text.
func readText(kind sallyport.ValueKind, plain any) (sallyport.Value, error) {
	if t, ok := plain.(time.Time); ok && kind == sallyport.KindTime {
		return sallyport.TimeValue(t), nil
	}
	text, ok := plain.(string)
	if number, is := decimalText(plain); is && kind == sallyport.KindDecimal {
		text, ok = number, true
	}
	if !ok {
		return sallyport.Value{}, fmt.Errorf("expected %s as text, got %s", kind, plainly(plain))
	}
	switch kind {
	case sallyport.KindString:
		return sallyport.StringValue(text), nil
	case sallyport.KindTime:
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return sallyport.TimeValue(t), nil
		}
		return rule.ParseTime(text)
	case sallyport.KindDuration:
		return rule.ParseDuration(text)
	case sallyport.KindDecimal:
		return rule.ParseDecimal(text)
	case sallyport.KindIP:
		return rule.ParseIP(text)
	}
	return sallyport.Value{}, fmt.Errorf("a value of kind %s cannot be read", kind)
}

// decimalText is a number with at least one and at most four decimal places.
func decimalText(plain any) (string, bool) {
	switch n := plain.(type) {
	case float64:
		if s := strconv.FormatFloat(n, 'f', 4, 64); math.Abs(n) < 1e11 && !math.IsNaN(n) {
			back, err := strconv.ParseFloat(s, 64)
			return s, err == nil && back == n
		}
	case json.Number:
		f, err := n.Float64()
		if err != nil {
			return "", false
		}
		return decimalText(f)
	case int64:
		return strconv.FormatInt(n, 10) + ".0", true
	case uint64:
		return strconv.FormatUint(n, 10) + ".0", true
	}
	return "", false
}

func integer(plain any) (int64, bool) {
	switch n := plain.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case uint64:
		return int64(n), n <= math.MaxInt64
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	case float64: // what JSON's decoder makes of every number
		return int64(n), n == math.Trunc(n) && math.Abs(n) <= 1<<53
	}
	return 0, false
}

func entityOf(typ string, plain any) (sallyport.Value, error) {
	if id, ok := plain.(string); ok && typ != "" {
		return sallyport.EntityValue(sallyport.UID{Type: typ, ID: id}), nil
	}
	fields, _ := plain.(map[string]any)
	u, ok := named(fields)
	switch {
	case !ok && typ != "":
		return sallyport.Value{}, fmt.Errorf("expected the id of a %s, got %s", typ, plainly(plain))
	case !ok:
		return sallyport.Value{}, errors.New("expected an entity as an object of its type and id")
	case typ != "" && u.Type != typ:
		return sallyport.Value{}, fmt.Errorf("expected a %s, got a %.80s", typ, u.Type)
	}
	return sallyport.EntityValue(u), nil
}

// named is the entity that an object of just type and id is.
func named(fields map[string]any) (sallyport.UID, bool) {
	typ, isType := fields["type"].(string)
	id, isID := fields["id"].(string)
	return sallyport.UID{Type: typ, ID: id}, isType && isID && typ != "" && len(fields) == 2
}

func setOf(a sallyport.Attribute, list []any) (sallyport.Value, error) {
	elements := make([]sallyport.Value, len(list))
	for i, plain := range list {
		v, err := ValueOf(a, plain)
		switch {
		case err != nil:
			return sallyport.Value{}, fmt.Errorf("element %d: %w", i+1, err)
		case !v.Known():
			return sallyport.Value{}, fmt.Errorf("element %d is null", i+1)
		}
		elements[i] = v
	}
	return sallyport.SetValue(elements...), nil
}

func recordOf(fields map[string]any) (sallyport.Value, error) {
	values := make(map[string]sallyport.Value, len(fields))
	for name, plain := range fields {
		v, err := natural(plain)
		if err != nil {
			return sallyport.Value{}, fmt.Errorf("%.80q: %w", name, err)
		}
		if v.Known() {
			values[name] = v
		}
	}
	return sallyport.RecordValue(values), nil
}

// natural is what plain is without anybody saying what it means.
func natural(plain any) (sallyport.Value, error) {
	if n, ok := integer(plain); ok {
		return sallyport.IntValue(n), nil
	}
	switch v := plain.(type) {
	case nil:
		return sallyport.AbsentValue(), nil
	case bool:
		return sallyport.BoolValue(v), nil
	case string:
		return sallyport.StringValue(v), nil
	case time.Time:
		return sallyport.TimeValue(v), nil
	case []any:
		return setOf(sallyport.Attribute{}, v)
	case map[string]any:
		if u, ok := named(v); ok {
			return sallyport.EntityValue(u), nil
		}
		return recordOf(v)
	}
	if text, ok := decimalText(plain); ok {
		return rule.ParseDecimal(text)
	}
	return sallyport.Value{}, fmt.Errorf("%s cannot be a value", plainly(plain))
}

// plainly says what plain is, in a person's words.
func plainly(plain any) string {
	switch v := plain.(type) {
	case bool:
		return "a truth value"
	case string:
		return "text"
	case int, int64, uint64, float64, json.Number:
		return fmt.Sprintf("the number %.40s", fmt.Sprint(v))
	case time.Time:
		return "a moment"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("%T", plain)
}

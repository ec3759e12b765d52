package conform

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"
)

// A validation holds one value against a schema.
type validation struct {
	d *Document
	// closed: a member that its object does not describe is a mistake, as if every
	// object said additionalProperties false. That is how answers are checked: what
	// clients may ignore should be described all the same.
	closed bool
	errs   []error
}

func (v *validation) report(at, format string, args ...any) {
	if at == "" {
		at = "body"
	}
	v.errs = append(v.errs, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

// validate returns every way in which the value is not as the schema says.
func (d *Document) validate(s, value any, closed bool) error {
	v := &validation{d: d, closed: closed}
	v.value("", s, value)
	return errors.Join(v.errs...)
}

func (v *validation) value(at string, schema, value any) {
	s, ok := schema.(object)
	if !ok {
		if schema == false {
			v.report(at, "must not be there")
		}
		return
	}
	if ref, ok := s["$ref"].(string); ok {
		target, _ := v.d.lookUp(ref)
		v.value(at, target, value)
	}
	if t := s["type"]; t != nil && !typed(t, value) {
		v.report(at, "%s is not %v", show(value), t)
		return
	}
	v.constant(at, s, value)
	switch value := value.(type) {
	case string:
		v.text(at, s, value)
	case json.Number:
		v.number(at, s, value)
	case []any:
		v.list(at, s, value)
	case object:
		v.object(at, s, value)
	}
	v.oneOf(at, s, value)
}

func typed(t, value any) bool {
	if several, ok := t.([]any); ok {
		return slices.ContainsFunc(several, func(t any) bool { return typed(t, value) })
	}
	switch value := value.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case json.Number:
		return t == "number" || t == "integer" && whole(value)
	case []any:
		return t == "array"
	}
	return t == "object"
}

func whole(n json.Number) bool {
	r, ok := new(big.Rat).SetString(n.String())
	return ok && r.IsInt()
}

func (v *validation) constant(at string, s object, value any) {
	if c, ok := s["const"]; ok && !reflect.DeepEqual(c, value) {
		v.report(at, "%s is not %s", show(value), show(c))
	}
	if enum, ok := s["enum"].([]any); ok && !slices.ContainsFunc(enum, func(e any) bool { return reflect.DeepEqual(e, value) }) {
		v.report(at, "%s is none of %s", show(value), show(enum))
	}
}

func (v *validation) text(at string, s object, value string) {
	length := utf8.RuneCountInString(value)
	if n, ok := bound(s, "minLength"); ok && int64(length) < n {
		v.report(at, "%q is shorter than %d", value, n)
	}
	if n, ok := bound(s, "maxLength"); ok && int64(length) > n {
		v.report(at, "%q is longer than %d", value, n)
	}
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(value) {
		v.report(at, "%q does not match %s", value, p)
	}
	var err error
	switch s["format"] {
	case "date-time":
		_, err = time.Parse(time.RFC3339, value)
	case "uri":
		var u *url.URL
		if u, err = url.Parse(value); err == nil && !u.IsAbs() {
			err = errors.New("not absolute")
		}
	}
	if err != nil {
		v.report(at, "%q is no %v: %v", value, s["format"], err)
	}
}

func bound(s object, name string) (int64, bool) {
	n, ok := s[name].(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

func (v *validation) number(at string, s object, value json.Number) {
	is, _ := new(big.Rat).SetString(value.String())
	if n, ok := bound(s, "minimum"); ok && is.Cmp(new(big.Rat).SetInt64(n)) < 0 {
		v.report(at, "%s is less than %d", value, n)
	}
	if n, ok := bound(s, "maximum"); ok && is.Cmp(new(big.Rat).SetInt64(n)) > 0 {
		v.report(at, "%s is more than %d", value, n)
	}
}

func (v *validation) list(at string, s object, value []any) {
	if n, ok := bound(s, "minItems"); ok && int64(len(value)) < n {
		v.report(at, "fewer than %d items", n)
	}
	if n, ok := bound(s, "maxItems"); ok && int64(len(value)) > n {
		v.report(at, "more than %d items", n)
	}
	if s["items"] == nil {
		return
	}
	for i, item := range value {
		v.value(fmt.Sprintf("%s[%d]", at, i), s["items"], item)
	}
}

func (v *validation) object(at string, s object, value object) {
	for _, name := range list(s["required"]) {
		if _, ok := value[fmt.Sprint(name)]; !ok {
			v.report(at, "member %v is missing", name)
		}
	}
	properties, others := member(s, "properties"), s["additionalProperties"]
	if others == nil && v.closed && s["type"] == "object" {
		others = false
	}
	for _, name := range slices.Sorted(maps.Keys(value)) {
		inside := at + "." + name
		switch p, ok := properties[name]; {
		case ok:
			v.value(inside, p, value[name])
		case others == false:
			v.report(inside, "is not described")
		case others != nil:
			v.value(inside, others, value[name])
		}
	}
}

func (v *validation) oneOf(at string, s object, value any) {
	choices := list(s["oneOf"])
	if choices == nil {
		return
	}
	fits := 0
	for _, one := range choices {
		if v.d.validate(one, value, v.closed) == nil {
			fits++
		}
	}
	if fits != 1 {
		v.report(at, "fits %d of the %d schemas of oneOf", fits, len(choices))
	}
}

// show is a value in an error, cut short.
func show(value any) string {
	text, _ := json.Marshal(value)
	return fmt.Sprintf("%.120s", text)
}

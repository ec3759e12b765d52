package authz

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
)

// EncodeValue writes v as JSON such that [DecodeValue] returns the same value, of
// the same kind. Truth values, integers and texts are what JSON has for them,
// null is absent and an array is a set; everything else is an object with one
// member, whose name begins with "$":
//
//	{"$entity": ["User", "usr_1"]}   {"$record": {"name": …}}   {"$ip": "10.0.0.0/8"}
//	{"$time": ms}   {"$duration": ms}   {"$decimal": ten-thousandths}
//	{"$bytes": base64}, for text that is not UTF-8   {"$unknown": true}, for what is not loaded
//
// Equal values have equal JSON, except that a set keeps the order it was made in.
// It is an error if a record has a name that is not UTF-8, or an address is not
// valid.
func EncodeValue(v sallyport.Value) ([]byte, error) {
	tree, err := treeOf(v)
	if err != nil {
		return nil, err
	}
	return marshal(tree)
}

// marshal is json.Marshal that leaves <, > and & alone.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// treeOf returns what encoding/json writes as the value.
func treeOf(v sallyport.Value) (any, error) {
	switch v.Kind() {
	case sallyport.NotLoaded:
		return tagged("$unknown", true), nil
	case sallyport.Absent:
		return nil, nil
	case sallyport.KindBool:
		return v.Bool(), nil
	case sallyport.KindInt:
		return v.Int(), nil
	case sallyport.KindString:
		return textTree(v.Text()), nil
	case sallyport.KindEntity:
		return tagged("$entity", []any{textTree(v.EntityType()), textTree(v.Text())}), nil
	case sallyport.KindTime:
		return tagged("$time", v.Int()), nil
	case sallyport.KindDuration:
		return tagged("$duration", v.Int()), nil
	case sallyport.KindDecimal:
		return tagged("$decimal", v.Int()), nil
	case sallyport.KindIP:
		return ipTree(v.IP())
	case sallyport.KindSet:
		return setTree(v.Set())
	case sallyport.KindRecord:
		fields, err := recordTree(v.Record())
		return tagged("$record", fields), err
	}
	return nil, fmt.Errorf("value of unknown kind %d", v.Kind())
}

func tagged(tag string, v any) map[string]any { return map[string]any{tag: v} }

func textTree(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return tagged("$bytes", base64.StdEncoding.EncodeToString([]byte(s)))
}

func ipTree(p *netip.Prefix) (any, error) {
	if p == nil || !p.IsValid() {
		return nil, errors.New("value of kind ip without an address")
	}
	return tagged("$ip", p.String()), nil
}

func setTree(elements []sallyport.Value) (any, error) {
	out := make([]any, len(elements))
	for i, e := range elements {
		tree, err := treeOf(e)
		if err != nil {
			return nil, err
		}
		out[i] = tree
	}
	return out, nil
}

func recordTree(fields map[string]sallyport.Value) (map[string]any, error) {
	out := make(map[string]any, len(fields))
	for name, v := range fields {
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("name %.40q is not UTF-8", name)
		}
		tree, err := treeOf(v)
		if err != nil {
			return nil, fmt.Errorf("%.40q: %w", name, err)
		}
		out[name] = tree
	}
	return out, nil
}

// DecodeValue reads what [EncodeValue] wrote, and refuses what it would not have
// written: another number than a 64-bit integer, an object without its one
// member.
func DecodeValue(text []byte) (sallyport.Value, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return sallyport.Value{}, fmt.Errorf("value is not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return sallyport.Value{}, errors.New("value has something behind it")
	}
	return valueOf(tree)
}

func valueOf(tree any) (sallyport.Value, error) {
	switch t := tree.(type) {
	case nil:
		return sallyport.AbsentValue(), nil
	case bool:
		return sallyport.BoolValue(t), nil
	case json.Number:
		n, err := integerOf(t)
		return sallyport.IntValue(n), err
	case string:
		return sallyport.StringValue(t), nil
	case []any:
		elements, err := valuesOf(t)
		return sallyport.SetValue(elements...), err
	case map[string]any:
		return taggedValue(t)
	}
	return sallyport.Value{}, fmt.Errorf("value of unknown form %T", tree)
}

func valuesOf(trees []any) ([]sallyport.Value, error) {
	out := make([]sallyport.Value, len(trees))
	for i, tree := range trees {
		v, err := valueOf(tree)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func integerOf(tree any) (int64, error) {
	number, ok := tree.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%T where an integer belongs", tree)
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("number %.40q is not a 64-bit integer", number)
	}
	return n, nil
}

// taggedValue reads an object.
func taggedValue(object map[string]any) (sallyport.Value, error) {
	for tag, tree := range object {
		if len(object) != 1 {
			break
		}
		switch tag {
		case "$unknown":
			if tree == true {
				return sallyport.Value{}, nil
			}
		case "$bytes":
			s, err := textOf(object)
			return sallyport.StringValue(s), err
		case "$entity":
			uid, err := uidOf(tree)
			return sallyport.EntityValue(uid), err
		case "$time":
			n, err := integerOf(tree)
			return sallyport.TimeMillis(n), err
		case "$duration":
			n, err := integerOf(tree)
			return sallyport.DurationMillis(n), err
		case "$decimal":
			n, err := integerOf(tree)
			return sallyport.DecimalValue(n), err
		case "$ip":
			p, err := ipOf(tree)
			return sallyport.IPValue(&p), err
		case "$record":
			fields, err := fieldsOf(tree)
			return sallyport.RecordValue(fields), err
		}
	}
	return sallyport.Value{}, errors.New("object that is no value")
}

// textOf reads a text, or the bytes of what is none.
func textOf(tree any) (string, error) {
	switch t := tree.(type) {
	case string:
		return t, nil
	case map[string]any:
		encoded, _ := t["$bytes"].(string)
		b, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err == nil && len(t) == 1 && !utf8.Valid(b) {
			return string(b), nil
		}
	}
	return "", errors.New("text of unknown form")
}

func uidOf(tree any) (sallyport.UID, error) {
	pair, _ := tree.([]any)
	if len(pair) != 2 {
		return sallyport.UID{}, errors.New("entity that is not a type and an id")
	}
	typ, err1 := textOf(pair[0])
	id, err2 := textOf(pair[1])
	return sallyport.UID{Type: typ, ID: id}, errors.Join(err1, err2)
}

func ipOf(tree any) (netip.Prefix, error) {
	s, _ := tree.(string)
	p, err := netip.ParsePrefix(s)
	if err == nil && p.String() != s {
		err = fmt.Errorf("address %.60q is not in its usual form", s)
	}
	return p, err
}

func fieldsOf(tree any) (map[string]sallyport.Value, error) {
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("record without fields")
	}
	fields := make(map[string]sallyport.Value, len(object))
	for name, tree := range object {
		v, err := valueOf(tree)
		if err != nil {
			return nil, fmt.Errorf("%.40q: %w", name, err)
		}
		fields[name] = v
	}
	return fields, nil
}

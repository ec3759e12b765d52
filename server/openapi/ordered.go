package openapi

import (
	"bytes"
	"encoding/json"
)

// ordered is a JSON object whose members stay in the order in which somebody
// wrote them: that is the order in which people read them.
type ordered[T any] []member[T]

type member[T any] struct {
	name  string
	value T
}

// add appends a member.
func (o *ordered[T]) add(name string, value T) { *o = append(*o, member[T]{name, value}) }

// at returns the member of that name, which it adds if it is not there.
func (o *ordered[T]) at(name string) *T {
	for i := range *o {
		if (*o)[i].name == name {
			return &(*o)[i].value
		}
	}
	var none T
	o.add(name, none)
	return &(*o)[len(*o)-1].value
}

// has reports whether there is a member of that name.
func (o ordered[T]) has(name string) bool {
	for _, m := range o {
		if m.name == name {
			return true
		}
	}
	return false
}

func (o ordered[T]) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := encode(m.name)
		if err != nil {
			return nil, err
		}
		value, err := encode(m.value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// encode is json.Marshal without the escapes that only HTML needs.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

package ability

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// decode reads one JSON value with the limits of a document. Members with the
// same name are an error, and numbers keep their digits.
func decode(data []byte) (any, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%d bytes, the limit is %d", len(data), maxBytes)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := decodeValue(d, 1)
	if err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("there is more after the document")
	}
	if _, err := d.Token(); err == nil {
		return nil, errors.New("there is more after the document")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values are nested more than %d deep", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return decodeList(d, depth)
	case json.Delim('{'):
		return decodeObject(d, depth)
	}
	return token, nil
}

func decodeList(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	object := make(map[string]any)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if _, twice := object[name]; !ok || twice {
			return nil, fmt.Errorf("member %.80q is there twice", name)
		}
		if object[name], err = decodeValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}

// A members is a JSON object that is taken apart. The first thing that is wrong
// with it is kept.
type members struct {
	name string // of the object, in messages
	left map[string]any
	err  error
}

func object(name string, v any) *members {
	m, ok := v.(map[string]any)
	o := &members{name: name, left: m}
	if !ok {
		o.fail("it must be an object")
	}
	return o
}

func (m *members) fail(format string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf("%s: %s", m.name, fmt.Sprintf(format, args...))
	}
}

func (m *members) failWith(err error) {
	if m.err == nil && err != nil {
		m.err = fmt.Errorf("%s: %w", m.name, err)
	}
}

// take removes a member and returns it, nil if there is none.
func (m *members) take(name string) (v any, ok bool) {
	v, ok = m.left[name]
	delete(m.left, name)
	return v, ok
}

func take[T any](m *members, name string, what string) (v T) {
	raw, _ := m.take(name)
	v, ok := raw.(T)
	if !ok {
		m.fail("%s must be %s", name, what)
	}
	return v
}

func (m *members) text(name string) string { return take[string](m, name, "text") }

func (m *members) integer(name string) int64 {
	n, err := take[json.Number](m, name, "a number").Int64()
	if err != nil || !isSafe(n) {
		m.fail("%s must be an integer", name)
	}
	return n
}

func (m *members) texts(name string) []string {
	list := take[[]any](m, name, "a list")
	found := make([]string, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			m.fail("%s must be a list of texts", name)
		}
		found[i] = s
	}
	return found
}

// done returns what is wrong, members that nobody took included.
func (m *members) done() error {
	for name := range m.left {
		m.fail("there is no member %.80q", name)
	}
	return m.err
}

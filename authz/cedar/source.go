package cedar

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/authz/rule"
)

// maxData bounds entities and requests, in bytes.
const maxData = 64 << 20

// An element is a value within a JSON file.
type element struct {
	raw    json.RawMessage
	offset int // in the file
}

// readableData returns what stops a JSON file from being read.
func readableData(f rule.File) *Error {
	if len(f.Text) > maxData {
		return &Error{File: f.Name, Reason: fmt.Sprintf("the file has %d bytes; at most %d are read", len(f.Text), maxData)}
	}
	if !utf8.ValidString(f.Text) {
		return at(f, len(f.Text)-len(afterValid(f.Text)), "the file is not UTF-8")
	}
	depth, quoted := 0, false
	for i := 0; i < len(f.Text); i++ {
		switch c := f.Text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == '[' || c == '{'):
			depth++
		case !quoted && (c == ']' || c == '}'):
			depth--
		}
		if depth > maxDepth {
			return at(f, i, fmt.Sprintf("nested more than %d levels deep", maxDepth))
		}
	}
	return wellFormed(f)
}

// afterValid returns s from its first byte that is not UTF-8.
func afterValid(s string) string {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return s[i:]
		}
	}
	return ""
}

// wellFormed returns what keeps a file from being JSON.
func wellFormed(f rule.File) *Error {
	var whole json.RawMessage
	err := json.Unmarshal([]byte(f.Text), &whole)
	s := (*json.SyntaxError)(nil)
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &s):
		return &Error{File: f.Name, Reason: "this is not JSON: " + err.Error()}
	case int(s.Offset) == len(f.Text) && strings.Contains(err.Error(), "unexpected end"):
		return at(f, len(f.Text), "this is not JSON: it ends early")
	default:
		return at(f, max(int(s.Offset)-1, 0), "this is not JSON: "+err.Error())
	}
}

// list returns the elements of an array, which stands in f at offset.
func list(f rule.File, text string, offset int) ([]element, *Error) {
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, at(f, offset+skipped(text), `expected an array, [ … ]`)
	}
	var found []element
	for d.More() {
		e, err := next(d, offset)
		if err != nil {
			return nil, at(f, offset, err.Error())
		}
		found = append(found, e)
	}
	return found, nil
}

// members returns the members of an object, each of which may be there once.
func members(f rule.File, text string, offset int) (map[string]element, *Error) {
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, at(f, offset+skipped(text), `expected an object, { … }`)
	}
	found := map[string]element{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, at(f, offset, err.Error())
		}
		e, err := next(d, offset)
		if err != nil {
			return nil, at(f, offset, err.Error())
		}
		key, _ := name.(string)
		if _, twice := found[key]; twice {
			return nil, at(f, e.offset, fmt.Sprintf("the member %q is there twice", clip(key)))
		}
		found[key] = e
	}
	return found, nil
}

// next returns the next value of a text that stands at offset.
func next(d *json.Decoder, offset int) (element, error) {
	var e element
	err := d.Decode(&e.raw)
	e.offset = offset + int(d.InputOffset()) - len(e.raw)
	return e, err
}

// skipped counts the white space that a text begins with.
func skipped(text string) int { return len(text) - len(strings.TrimLeft(text, " \t\r\n")) }

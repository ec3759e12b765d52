package cedar

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	return nil
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

// list returns the elements of the JSON array that text is, which stands in f at
// offset.
func list(f rule.File, text string, offset int) ([]element, *Error) {
	d := json.NewDecoder(strings.NewReader(text))
	if err := open(d, '['); err != nil {
		return nil, syntax(f, offset, d, err)
	}
	var found []element
	for d.More() {
		var e element
		if err := d.Decode(&e.raw); err != nil {
			return nil, syntax(f, offset, d, err)
		}
		e.offset = offset + int(d.InputOffset()) - len(e.raw)
		found = append(found, e)
	}
	return found, closed(f, offset, d)
}

// members returns the members of the JSON object that text is, each of which may
// be there once.
func members(f rule.File, text string, offset int) (map[string]element, *Error) {
	d := json.NewDecoder(strings.NewReader(text))
	if err := open(d, '{'); err != nil {
		return nil, syntax(f, offset, d, err)
	}
	found := map[string]element{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, syntax(f, offset, d, err)
		}
		var e element
		if err := d.Decode(&e.raw); err != nil {
			return nil, syntax(f, offset, d, err)
		}
		e.offset = offset + int(d.InputOffset()) - len(e.raw)
		key, _ := name.(string)
		if _, twice := found[key]; twice {
			return nil, at(f, e.offset, fmt.Sprintf("the member %q is there twice", clip(key)))
		}
		found[key] = e
	}
	return found, closed(f, offset, d)
}

var errShape = errors.New("shape")

// open takes the bracket that a value begins with.
func open(d *json.Decoder, bracket json.Delim) error {
	t, err := d.Token()
	if err == nil && t != bracket {
		return fmt.Errorf("%w: expected %q", errShape, bracket)
	}
	return err
}

// closed takes the last bracket, behind which there is nothing.
func closed(f rule.File, offset int, d *json.Decoder) *Error {
	if _, err := d.Token(); err != nil {
		return syntax(f, offset, d, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return at(f, offset+int(d.InputOffset())-1, "there is something behind the end of the JSON")
	}
	return nil
}

// syntax says what is wrong with the JSON that d reads.
func syntax(f rule.File, offset int, d *json.Decoder, err error) *Error {
	if s := (*json.SyntaxError)(nil); errors.As(err, &s) {
		return at(f, min(offset+max(int(s.Offset)-1, 0), len(f.Text)), "this is not JSON: "+s.Error())
	}
	if errors.Is(err, errShape) {
		_, reason, _ := strings.Cut(err.Error(), ": ")
		return at(f, offset+max(int(d.InputOffset())-1, 0), reason+" here")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return at(f, len(f.Text), "this is not JSON: it ends early")
	}
	return at(f, min(offset+int(d.InputOffset()), len(f.Text)), "this is not JSON: "+err.Error())
}

// Package exchange is what every flow shares of HTTP: one strict way to read a
// request, whether a program posts JSON or a page posts a form, and one way to
// answer.
package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
)

// MaxBody is the largest body that is read, in bytes; MaxPolicy the largest that
// holds a policy.
const (
	MaxBody   = 64 << 10
	MaxPolicy = 1 << 20
)

// Read decodes the body into v. JSON is the rule: UTF-8, one object, no unknown
// or repeated members, no NUL. A form of a page is read into the string members
// of v, which is then told apart by [IsForm]. Errors are 400, 413 and 415
// problems. An empty body is an empty object.
func Read(w http.ResponseWriter, r *http.Request, v any) error { return read(w, r, v, MaxBody) }

// ReadPolicy is [Read] for a body that holds a policy.
func ReadPolicy(w http.ResponseWriter, r *http.Request, v any) error { return read(w, r, v, MaxPolicy) }

func read(w http.ResponseWriter, r *http.Request, v any, most int64) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return err
		}
		return Invalid("The body could not be read.")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(body) == 0:
		return nil
	case err == nil && kind == "application/x-www-form-urlencoded" && !json.Valid(body):
		return readForm(body, v)
	case err == nil && kind != "application/json" && kind != "application/x-www-form-urlencoded":
		return &sallyport.Problem{Status: http.StatusUnsupportedMediaType, Code: "invalid_request",
			Detail: "Send the body as application/json."}
	}
	return readJSON(body, v)
}

// Embedded returns JSON that a program sends as a member, and a form as the text of one.
func Embedded(raw json.RawMessage) []byte {
	var text string
	if bytes.HasPrefix(raw, []byte(`"`)) && json.Unmarshal(raw, &text) == nil {
		return []byte(text)
	}
	return raw
}

// IsForm reports whether a page sent r, so that the answer is a page too.
func IsForm(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "application/x-www-form-urlencoded" && sallyport.Navigation(r)
}

func readJSON(body []byte, v any) error {
	if err := checkText(body); err != nil {
		return err
	}
	if err := unrepeated(body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return Invalid(explain(err))
	}
	if d.More() {
		return Invalid("The body holds more than one JSON value.")
	}
	return nil
}

// readForm turns the fields into a JSON object of strings and reads that, so
// that a form knows exactly the members that JSON knows. Empty fields are left
// out: that is how a page leaves something out.
func readForm(body []byte, v any) error {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return Invalid("The form is malformed.")
	}
	object := make(map[string]string, len(form))
	for name, values := range form {
		if len(values) > 1 {
			return Invalid(fmt.Sprintf("The field %q is sent twice.", name))
		}
		if values[0] != "" {
			object[name] = values[0]
		}
	}
	encoded, err := json.Marshal(object)
	if err != nil {
		return Invalid("The form is malformed.")
	}
	if err := checkText([]byte(strings.Join(formText(form), ""))); err != nil {
		return err
	}
	return readJSON(encoded, v)
}

// A Flag is a bool that a page can send, too: as a ticked box.
type Flag bool

// UnmarshalJSON reads a bool, or the text of a ticked box.
func (f *Flag) UnmarshalJSON(b []byte) error {
	if string(b) == `"true"` {
		*f = true
		return nil
	}
	return json.Unmarshal(b, (*bool)(f))
}

func formText(form url.Values) []string {
	var all []string
	for name, values := range form {
		all = append(append(all, name), values...)
	}
	return all
}

func checkText(body []byte) error {
	if !utf8.Valid(body) {
		return Invalid("The body is not valid UTF-8.")
	}
	if bytes.IndexByte(body, 0) >= 0 || bytes.Contains(body, []byte(`\u0000`)) {
		return Invalid("The body contains a NUL character.")
	}
	return nil
}

// unrepeated refuses an object that names a member twice, also in another case:
// what one reader takes for the value, another would not.
func unrepeated(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	var open []map[string]bool // nil for an array
	key := false               // the next string names a member
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return Invalid(explain(err))
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			key = len(open) > 0 && open[len(open)-1] != nil
			continue
		case string:
			if key {
				name := strings.ToLower(t)
				if open[len(open)-1][name] {
					return Invalid(fmt.Sprintf("The member %.40q is there twice.", t))
				}
				open[len(open)-1][name] = true
				key = false
				continue
			}
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}

// explain says what is wrong with JSON without showing what it says.
func explain(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("The member %.40q cannot be a %s.", e.Field, e.Value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("The body is not JSON: look at byte %d.", e.Offset)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Sprintf("The member %.60s is not known here.", name)
	}
	return "The body is not a JSON object."
}

// Invalid is a 400 problem that says what to change.
func Invalid(detail string) *sallyport.Problem {
	return &sallyport.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: detail}
}

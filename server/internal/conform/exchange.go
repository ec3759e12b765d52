package conform

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// An Exchange is a request and its answer.
type Exchange struct {
	Method string
	URL    *url.URL
	Header http.Header
	Body   []byte

	Status       int
	AnswerHeader http.Header
	Answer       []byte
}

// Check returns every way in which the exchange is not as the operation
// describes. A request is held against it if it was taken: what the server
// refuses, the schemas may allow or not. An answer is held against it always, and
// more strictly than clients should: every member must be described.
func (d *Document) Check(o *Operation, x *Exchange) error {
	response, ok := member(o.raw, "responses")[strconv.Itoa(x.Status)].(object)
	if !ok {
		return fmt.Errorf("%s: status %d is not described\n%s", o.ID, x.Status, x.Answer)
	}
	errs := []error{d.answer(d.resolve(response), x)}
	if x.Status < 400 {
		errs = append(errs, d.request(o, x))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s, status %d:\n%w", o.ID, x.Status, err)
	}
	return nil
}

// Names is how [Operation.Answers] lists the exchange's answer.
func (x *Exchange) Names() string {
	status := strconv.Itoa(x.Status)
	var problem struct{ Code string }
	if mediaType(x.AnswerHeader) == "application/problem+json" && json.Unmarshal(x.Answer, &problem) == nil {
		return status + " " + problem.Code
	}
	return status
}

func mediaType(h http.Header) string {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return kind
}

func (d *Document) answer(response object, x *Exchange) error {
	var errs []error
	for name, h := range member(response, "headers") {
		if h.(object)["required"] == true && len(x.AnswerHeader.Values(name)) == 0 {
			errs = append(errs, fmt.Errorf("answer without header %s", name))
		}
	}
	content := member(response, "content")
	if x.Method == http.MethodHead || content == nil && len(x.Answer) == 0 {
		return errors.Join(errs...)
	}
	kind := mediaType(x.AnswerHeader)
	described, ok := content[kind].(object)
	if !ok {
		if x.Status == http.StatusSeeOther { // a redirect has a line of HTML for old browsers
			return errors.Join(errs...)
		}
		return errors.Join(append(errs, fmt.Errorf("answer of media type %q is not described", kind))...)
	}
	return errors.Join(append(errs, d.body("answer", described, kind, x.Answer, true))...)
}

// body holds a body against its description, if it is JSON.
func (d *Document) body(what string, described object, kind string, body []byte, closed bool) error {
	if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return nil
	}
	value, err := decode(body)
	if err != nil {
		return fmt.Errorf("%s is not JSON: %w", what, err)
	}
	if err := d.validate(described["schema"], value, closed); err != nil {
		return fmt.Errorf("%s:\n%w", what, err)
	}
	return nil
}

func (d *Document) request(o *Operation, x *Exchange) error {
	errs := []error{d.query(o, x), d.requestBody(o, x)}
	return errors.Join(errs...)
}

func (d *Document) requestBody(o *Operation, x *Exchange) error {
	body := member(o.raw, "requestBody")
	switch {
	case len(x.Body) == 0 && body["required"] == true:
		return errors.New("request without its body was taken")
	case len(x.Body) == 0:
		return nil
	case body == nil:
		return errors.New("request with a body, and none is described")
	}
	kind := mediaType(x.Header)
	if kind == "" {
		kind = "application/json"
	}
	described, ok := member(body, "content")[kind].(object)
	if !ok {
		return fmt.Errorf("request of media type %q is not described", kind)
	}
	return d.body("request", described, kind, x.Body, false)
}

func (d *Document) query(o *Operation, x *Exchange) error {
	var errs []error
	var described []string
	q := x.URL.Query()
	for _, v := range list(o.raw["parameters"]) {
		p := v.(object)
		name := fmt.Sprint(p["name"])
		if p["in"] != "query" {
			continue
		}
		described = append(described, name)
		switch {
		case !q.Has(name) && p["required"] == true:
			errs = append(errs, fmt.Errorf("request without parameter %s was taken", name))
		case q.Get(name) != "":
			errs = append(errs, d.parameter(p, q.Get(name)))
		}
	}
	for name := range q {
		if !slices.Contains(described, name) {
			errs = append(errs, fmt.Errorf("parameter %s was taken, and is not described", name))
		}
	}
	return errors.Join(errs...)
}

// parameter holds the text of a parameter against its schema, which may mean a
// number or a boolean by it.
func (d *Document) parameter(p object, text string) error {
	if d.validate(p["schema"], text, false) == nil {
		return nil
	}
	value, err := decode([]byte(text))
	if err != nil {
		value = text
	}
	if err := d.validate(p["schema"], value, false); err != nil {
		return fmt.Errorf("parameter %v:\n%w", p["name"], err)
	}
	return nil
}

// Package conform holds what a server does against its OpenAPI 3.1 document, as
// it was served: whether the document is one, and whether the requests that the
// server takes and the answers that it gives are as described. It knows the part
// of JSON Schema that our documents use, and refuses documents that use more, so
// that nothing in them goes unchecked. It is for tests.
package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// A Document is an OpenAPI 3.1 document. It is safe for concurrent use.
type Document struct {
	Operations []*Operation // in no particular order

	root object
}

// object is any JSON object.
type object = map[string]any

// An Operation is one method of one path.
type Operation struct {
	ID      string
	Method  string   // "GET"
	Path    string   // "/users/{id}"
	Answers []string // the statuses that are described, each as "200" or "409 username_taken"

	Permission string // x-permission
	Scope      string // x-scope

	segments []string
	raw      object
}

// Parse reads a document and checks its structure. The error names every mistake.
func Parse(data []byte) (*Document, error) {
	root, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	d := &Document{}
	var ok bool
	if d.root, ok = root.(object); !ok {
		return nil, errors.New("document: not an object")
	}
	if err := d.structure(); err != nil {
		return nil, err
	}
	for path, item := range member(d.root, "paths") {
		for method, raw := range item.(object) {
			d.Operations = append(d.Operations, d.operation(strings.ToUpper(method), path, raw.(object)))
		}
	}
	return d, nil
}

func (d *Document) operation(method, path string, raw object) *Operation {
	id, _ := raw["operationId"].(string)
	permission, _ := raw["x-permission"].(string)
	scope, _ := raw["x-scope"].(string)
	o := &Operation{ID: id, Method: method, Path: path, Permission: permission, Scope: scope, segments: strings.Split(path, "/"), raw: raw}
	for status, response := range member(raw, "responses") {
		codes := d.codes(response.(object))
		for _, code := range codes {
			o.Answers = append(o.Answers, status+" "+code)
		}
		if codes == nil {
			o.Answers = append(o.Answers, status)
		}
	}
	slices.Sort(o.Answers)
	return o
}

// codes are those of the problems that a response describes.
func (d *Document) codes(response object) []string {
	problem := member(member(d.resolve(response), "content"), "application/problem+json")
	enum, _ := member(member(member(problem, "schema"), "properties"), "code")["enum"].([]any)
	var codes []string
	for _, code := range enum {
		codes = append(codes, fmt.Sprint(code))
	}
	return codes
}

// HasBody reports whether the operation reads a body.
func (o *Operation) HasBody() bool { return o.raw["requestBody"] != nil }

// Find returns the operation that a request for the path means, as ServeMux finds
// it: of several, the one that says more. It is nil if there is none.
func (d *Document) Find(method, path string) *Operation {
	if method == "HEAD" {
		method = "GET"
	}
	segments := strings.Split(path, "/")
	var best *Operation
	for _, o := range d.Operations {
		if o.Method == method && o.matches(segments) && (best == nil || o.variables() < best.variables()) {
			best = o
		}
	}
	return best
}

func (o *Operation) matches(segments []string) bool {
	if len(segments) != len(o.segments) {
		return false
	}
	for i, s := range o.segments {
		if s != segments[i] && !variable(s) {
			return false
		}
		if variable(s) && segments[i] == "" {
			return false
		}
	}
	return true
}

func (o *Operation) variables() (n int) {
	for _, s := range o.segments {
		if variable(s) {
			n++
		}
	}
	return n
}

func variable(segment string) bool { return strings.HasPrefix(segment, "{") }

// resolve follows the reference of an object, if it has one that leads somewhere.
func (d *Document) resolve(o object) object {
	ref, ok := o["$ref"].(string)
	if !ok {
		return o
	}
	target, _ := d.lookUp(ref)
	return target
}

// lookUp finds what a reference within the document leads to (RFC 6901).
func (d *Document) lookUp(ref string) (object, bool) {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, false
	}
	at := d.root
	for name := range strings.SplitSeq(pointer, "/") {
		name, err := url.PathUnescape(strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
		if err != nil {
			return nil, false
		}
		if at, ok = at[name].(object); !ok {
			return nil, false
		}
	}
	return at, true
}

// member is an object's member that is an object itself, nil if it is not.
func member(o object, name string) object {
	m, _ := o[name].(object)
	return m
}

// decode reads one JSON value, numbers as they are written.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

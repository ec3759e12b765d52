package openapi

import (
	"net/http"
	"strings"
)

// A group is what belongs together: the operations of one flow, and the schemas
// that they use by name.
type group struct {
	tag        string
	says       string
	operations []operation
	schemas    ordered[schema]
}

// An operation describes one route. What the route's own door says is not
// repeated here: credentials, permission, freshness, limit and their refusals
// are taken from the door.
type operation struct {
	route   string // its pattern as registered, with {base} for the prefix: "POST {base}/login"
	id      string // its name in generated clients; unique
	summary string // in a few words, as an order: "End a session"
	says    string // what else one should know; may be empty

	scope   string      // what a limited credential's scope must reach for, if the handler asks and not the door
	query   []parameter // of the query
	headers []parameter // that the request may carry
	body    *schema     // nil: none is read
	form    bool        // a page may post it as a form, and is answered with the next page
	stays   bool        // or with a page that shows something once, and never with a redirect
	oauth   bool        // the body is a form, and mistakes in it are answered as RFC 6749 §5.2 has it
	json    bool        // and yet the body is JSON
	accepts []security  // in place of what the door says
	answers []answer    // the good ones, best first
	refuses []refusal   // those of the handler; see refusal.go
}

// A parameter is one of the query or one header.
type parameter struct {
	name     string
	schema   schema
	required bool
}

// The parameters of a list that comes in pages.
var paging = []parameter{
	optional("limit", integer.between(1, 200).or(50).says("The most items that the page may have.")),
	optional("cursor", text.says("The `next_cursor` of the page before.")),
}

// ifMatch makes a change depend on the version that was read.
var ifMatch = []parameter{optional("If-Match", text.says("The `ETag` that was read, or `*` for whatever is there. Left out: change it in any case."))}

func needed(name string, s schema) parameter   { return parameter{name, s, true} }
func optional(name string, s schema) parameter { return parameter{name, s, false} }

// read is for the field body of an operation.
func read(s schema) *schema { return &s }

// An answer is one good answer of an operation.
type answer struct {
	status  int
	says    string
	kind    string  // media type; "" without a body
	schema  *schema // of JSON
	page    bool    // a browser that navigates gets a page instead
	headers ordered[string]
}

// shows is JSON.
func shows(status int, s schema, says string) answer {
	return answer{status: status, says: says, kind: "application/json", schema: &s}
}

// done is an answer without a body.
func done(says string) answer { return answer{status: http.StatusNoContent, says: says} }

// page is HTML for a person.
func page(says string) answer {
	return answer{status: http.StatusOK, says: says, kind: "text/html", schema: &text}
}

// orPage is the answer, or a page for a browser that navigates.
func (a answer) orPage() answer { a.page = true; return a }

// leads is a redirect.
func leads(says string) answer {
	return answer{status: http.StatusSeeOther, says: says}.with("Location", "Where to.")
}

// plain is a line of text.
func plain(status int, says string) answer {
	return answer{status: status, says: says, kind: "text/plain", schema: &text}
}

// with adds a header that the answer always has.
func (a answer) with(name, says string) answer {
	a.headers = append(a.headers[:len(a.headers):len(a.headers)], member[string]{name, says})
	return a
}

// pattern is the route's pattern on a server with that base.
func (o *operation) pattern(base string) string { return strings.Replace(o.route, "{base}", base, 1) }

// path splits a pattern into the method and the path as documents write it.
func split(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	return strings.ToLower(method), strings.TrimSuffix(path, "{$}")
}

// pathParameters says what the names in curly brackets stand for.
var pathParameters = map[string]string{
	"id":      "Of the one that is meant, as lists show it.",
	"channel": "`email` or `sms`.",
	"role":    "Name of the role.",
	"name":    "Name of the role.",
	"org":     "Id of the organization.",
	"user":    "Id of the user.",
	"version": "Number of the version.",
	"kid":     "Key identifier.",
	"code":    "From the one-time link.",
	"token":   "From the link.",
	"stream":  "Id of the stream.",
	"client":  "Id of the client.",

	"provider": "Id of the provider, as it is configured.",
	"path":     "Of the original request.",
}

package conform

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The members that the objects of a document may have (OpenAPI 3.1 §4.8), as far
// as we use them, and those that they must have. "x-…" may be anywhere.
var shapes = map[string]struct{ must, may []string }{
	"document":    {[]string{"openapi", "info", "paths"}, []string{"servers", "security", "tags", "components"}},
	"info":        {[]string{"title", "version"}, []string{"description", "summary", "license", "contact"}},
	"server":      {[]string{"url"}, []string{"description"}},
	"tag":         {[]string{"name"}, []string{"description"}},
	"components":  {nil, []string{"schemas", "responses", "securitySchemes"}},
	"path item":   {nil, []string{"get", "put", "post", "delete", "patch", "head", "options"}},
	"operation":   {[]string{"operationId", "summary", "responses", "tags"}, []string{"description", "parameters", "requestBody", "security", "deprecated"}},
	"parameter":   {[]string{"name", "in", "schema"}, []string{"description", "required", "deprecated"}},
	"header":      {[]string{"schema"}, []string{"description", "required"}},
	"body":        {[]string{"content"}, []string{"description", "required"}},
	"response":    {[]string{"description"}, []string{"headers", "content"}},
	"media type":  {[]string{"schema"}, nil},
	"scheme":      {[]string{"type"}, []string{"description", "name", "in", "scheme", "bearerFormat"}},
	"a reference": {[]string{"$ref"}, nil},
}

// keywords are what [Document.validate] knows, and what only people read.
var keywords = []string{
	"$ref", "type", "format", "const", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems",
	"items", "properties", "required", "additionalProperties", "oneOf",
	"description", "default", "title", "examples", "deprecated",
}

// An inspection collects the mistakes of a document.
type inspection struct {
	d    *Document
	errs []error
	ids  map[string]string // operationId to where it is
	used map[string]bool   // references
}

// structure returns every mistake of the document, joined.
func (d *Document) structure() error {
	in := &inspection{d: d, ids: map[string]string{}, used: map[string]bool{}}
	in.document()
	return errors.Join(in.errs...)
}

func (in *inspection) report(at, format string, args ...any) {
	in.errs = append(in.errs, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

// shaped checks the members' names and returns the object, nil if it is none.
func (in *inspection) shaped(at, shape string, v any) object {
	o, ok := v.(object)
	if !ok {
		in.report(at, "no %s", shape)
		return nil
	}
	s := shapes[shape]
	for _, name := range s.must {
		if o[name] == nil || o[name] == "" {
			in.report(at, "%s without %s", shape, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(s.must, name) && !slices.Contains(s.may, name) && !strings.HasPrefix(name, "x-") {
			in.report(at, "%s with unknown member %s", shape, name)
		}
	}
	return o
}

func (in *inspection) document() {
	root := in.shaped("document", "document", in.d.root)
	if v, _ := root["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		in.report("openapi", "version %q", v)
	}
	in.shaped("info", "info", root["info"])
	for i, s := range list(root["servers"]) {
		in.shaped(fmt.Sprintf("servers[%d]", i), "server", s)
	}
	for i, t := range list(root["tags"]) {
		in.shaped(fmt.Sprintf("tags[%d]", i), "tag", t)
	}
	in.components(root["components"])
	in.security("security", root["security"])
	in.paths(member(root, "paths"))
	in.unused()
}

var componentName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

func (in *inspection) components(v any) {
	c := in.shaped("components", "components", v)
	for kind := range c {
		for name := range member(c, kind) {
			if !componentName.MatchString(name) {
				in.report("components."+kind, "malformed name %q", name)
			}
		}
	}
	for name, s := range member(c, "schemas") {
		in.schema("schema "+name, s)
	}
	for name, r := range member(c, "responses") {
		in.response("response "+name, r)
	}
	for name, s := range member(c, "securitySchemes") {
		in.scheme("security scheme "+name, s)
	}
}

func (in *inspection) scheme(at string, v any) {
	s := in.shaped(at, "scheme", v)
	switch s["type"] {
	case "apiKey":
		if s["name"] == nil || !slices.Contains([]any{"cookie", "header", "query"}, s["in"]) {
			in.report(at, "an apiKey needs a name and a place")
		}
	case "mutualTLS":
	case "http":
		if s["scheme"] == nil {
			in.report(at, "http needs a scheme")
		}
	default:
		in.report(at, "unknown type %v", s["type"])
	}
}

func (in *inspection) security(at string, v any) {
	known := member(member(in.d.root, "components"), "securitySchemes")
	for _, requirement := range list(v) {
		r, ok := requirement.(object)
		if !ok {
			in.report(at, "no requirement")
		}
		for name, scopes := range r {
			if _, ok := scopes.([]any); !ok || known[name] == nil {
				in.report(at, "requirement %q is malformed or unknown", name)
			}
		}
	}
}

func (in *inspection) paths(paths object) {
	seen := map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if !strings.HasPrefix(path, "/") {
			in.report(path, "path without a slash at its start")
		}
		template := inPath.ReplaceAllString(path, "{}")
		if other := seen[template]; other != "" {
			in.report(path, "is the same as %s", other)
		}
		seen[template] = path
		for method, o := range in.shaped(path, "path item", paths[path]) {
			in.operation(strings.ToUpper(method)+" "+path, path, o)
		}
	}
}

var inPath = regexp.MustCompile(`\{([^}]*)\}`)

func (in *inspection) operation(at, path string, v any) {
	o := in.shaped(at, "operation", v)
	id, _ := o["operationId"].(string)
	if other := in.ids[id]; other != "" {
		in.report(at, "operationId %q is that of %s", id, other)
	}
	in.ids[id] = at
	in.tags(at, o)
	in.parameters(at, path, o)
	in.security(at, o["security"])
	if body := o["requestBody"]; body != nil {
		in.content(at+" body", in.shaped(at+" body", "body", body))
	}
	good := false
	for status, r := range member(o, "responses") {
		if !statusForm.MatchString(status) {
			in.report(at, "malformed status %q", status)
		}
		good = good || status < "400"
		in.response(at+" "+status, r)
	}
	if !good {
		in.report(at, "no good answer")
	}
}

var statusForm = regexp.MustCompile(`^[1-5][0-9][0-9]$`)

func (in *inspection) tags(at string, o object) {
	var known []any
	for _, t := range list(in.d.root["tags"]) {
		known = append(known, t.(object)["name"])
	}
	for _, name := range list(o["tags"]) {
		if !slices.Contains(known, name) {
			in.report(at, "unknown tag %v", name)
		}
	}
}

func (in *inspection) parameters(at, path string, o object) {
	declared := map[string]bool{}
	for _, v := range list(o["parameters"]) {
		p := in.shaped(at+" parameter", "parameter", v)
		name := fmt.Sprintf("%v %v", p["in"], p["name"])
		if declared[name] {
			in.report(at, "parameter %q is there twice", name)
		}
		declared[name] = true
		switch p["in"] {
		case "path":
			if p["required"] != true || !strings.Contains(path, fmt.Sprintf("{%v}", p["name"])) {
				in.report(at, "parameter %q is not required, or not in the path", name)
			}
		case "query", "header", "cookie":
		default:
			in.report(at, "parameter %q is nowhere", name)
		}
		in.schema(at+" parameter "+name, p["schema"])
	}
	for _, m := range inPath.FindAllStringSubmatch(path, -1) {
		if !declared["path "+m[1]] {
			in.report(at, "path parameter %q is not declared", m[1])
		}
	}
}

func (in *inspection) response(at string, v any) {
	if o, ok := v.(object); ok && o["$ref"] != nil {
		in.reference(at, in.shaped(at, "a reference", o))
		return
	}
	r := in.shaped(at, "response", v)
	for name, h := range member(r, "headers") {
		in.schema(at+" header "+name, in.shaped(at+" header "+name, "header", h)["schema"])
	}
	in.content(at, r)
}

func (in *inspection) content(at string, o object) {
	for kind, m := range member(o, "content") {
		if !strings.Contains(kind, "/") {
			in.report(at, "malformed media type %q", kind)
		}
		in.schema(at+" "+kind, in.shaped(at, "media type", m)["schema"])
	}
}

func (in *inspection) reference(at string, o object) {
	ref, _ := o["$ref"].(string)
	in.used[ref] = true
	if _, ok := in.d.lookUp(ref); !ok {
		in.report(at, "reference %q leads nowhere", ref)
	}
}

func (in *inspection) schema(at string, v any) {
	s, ok := v.(object)
	if !ok {
		if _, ok := v.(bool); !ok {
			in.report(at, "no schema")
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if !slices.Contains(keywords, name) && !strings.HasPrefix(name, "x-") {
			in.report(at, "schema with unknown keyword %s", name)
		}
	}
	if s["$ref"] != nil {
		in.reference(at, s)
	}
	properties := member(s, "properties")
	for name, p := range properties {
		in.schema(at+"."+name, p)
	}
	for _, name := range list(s["required"]) {
		if properties != nil && properties[fmt.Sprint(name)] == nil {
			in.report(at, "required member %v is not described", name)
		}
	}
	for _, name := range []string{"items", "additionalProperties"} {
		if s[name] != nil {
			in.schema(at+" "+name, s[name])
		}
	}
	for _, one := range list(s["oneOf"]) {
		in.schema(at+" oneOf", one)
	}
	in.pattern(at, s)
}

func (in *inspection) pattern(at string, s object) {
	if p, ok := s["pattern"].(string); ok {
		if _, err := regexp.Compile(p); err != nil {
			in.report(at, "malformed pattern: %v", err)
		}
	}
}

// unused finds what nothing refers to: a description that was forgotten. A
// credential may be known though no operation asks for it.
func (in *inspection) unused() {
	components := member(in.d.root, "components")
	for _, kind := range []string{"schemas", "responses"} {
		for _, name := range slices.Sorted(maps.Keys(member(components, kind))) {
			if !in.used["#/components/"+kind+"/"+name] {
				in.report("components."+kind, "%s is not used", name)
			}
		}
	}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

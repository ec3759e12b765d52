package openapi

import (
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// The document, as OpenAPI 3.1 §4.8 has it.
type document struct {
	OpenAPI    string            `json:"openapi"`
	Info       info              `json:"info"`
	Servers    []server          `json:"servers"`
	Security   []security        `json:"security"`
	Tags       []tag             `json:"tags"`
	Paths      ordered[pathItem] `json:"paths"`
	Components components        `json:"components"`
}

type info struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Version     string `json:"version"`
}

type server struct {
	URL string `json:"url"`
}

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// security names schemes that are needed together.
type security map[string][]string

type pathItem = ordered[described]

// described is an operation as the document has it. The members that begin with
// "x-" are ours: see [introduction].
type described struct {
	Tags        []string          `json:"tags"`
	ID          string            `json:"operationId"`
	Summary     string            `json:"summary"`
	Description string            `json:"description,omitempty"`
	Parameters  []given           `json:"parameters,omitempty"`
	Body        *requestBody      `json:"requestBody,omitempty"`
	Responses   ordered[response] `json:"responses"`
	Security    *[]security       `json:"security,omitempty"`
	Permission  string            `json:"x-permission,omitempty"`
	Resource    string            `json:"x-resource,omitempty"`
	Scope       string            `json:"x-scope,omitempty"`
	Fresh       int               `json:"x-fresh-seconds,omitempty"`
	Limit       string            `json:"x-limit,omitempty"`
}

type given struct {
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description,omitempty"`
	Required    bool   `json:"required,omitempty"`
	Schema      schema `json:"schema"`
}

type requestBody struct {
	Required bool           `json:"required,omitempty"`
	Content  ordered[media] `json:"content"`
}

type media struct {
	Schema *schema `json:"schema,omitempty"`
}

type response struct {
	Ref         string          `json:"$ref,omitempty"`
	Description string          `json:"description,omitempty"`
	Headers     ordered[header] `json:"headers,omitempty"`
	Content     ordered[media]  `json:"content,omitempty"`
}

type header struct {
	Description string `json:"description"`
	Required    bool   `json:"required"`
	Schema      schema `json:"schema"`
}

type components struct {
	Schemas   ordered[schema]   `json:"schemas"`
	Responses ordered[response] `json:"responses"`
	Security  ordered[scheme]   `json:"securitySchemes"`
}

type scheme struct {
	Type        string `json:"type"`
	Scheme      string `json:"scheme,omitempty"`
	In          string `json:"in,omitempty"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description"`
}

// The names of the security schemes.
const (
	bySession = "session"
	byToken   = "bearer"
	byKey     = "apiKey"
	byRefresh = "refreshCookie"

	byCertificate = "certificate"
)

// anyCredential is what a door takes unless it says otherwise.
var anyCredential = []security{{bySession: {}}, {byToken: {}}, {byKey: {}}, {byCertificate: {}}}

// Patterns yields the patterns of all routes that are described, also of those
// that a server may be configured not to have. base is the prefix of our paths.
func Patterns(base string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, g := range groups {
			for _, o := range g.operations {
				if !yield(o.pattern(base)) {
					return
				}
			}
		}
	}
}

// describe makes the document of the routes that are there.
func (h *Handler) describe(routes iter.Seq[sallyport.Route]) (document, error) {
	d := document{
		OpenAPI:  "3.1.0",
		Info:     info{h.Service, introduction, apiVersion},
		Servers:  []server{{h.Issuer}},
		Security: anyCredential,
	}
	d.Components.Security = h.schemes()
	doors := map[string]sallyport.Route{}
	for r := range routes {
		doors[r.Pattern] = r
	}
	for _, g := range groups {
		d.group(g, func(o *operation) (sallyport.Route, bool) {
			door, ok := doors[o.pattern(h.Base)]
			return door, ok
		})
	}
	return d, d.prune()
}

var reference = regexp.MustCompile(`"#/components/schemas/([^"]+)"`)

// prune leaves out the schemas that nothing refers to on this server.
func (d *document) prune() error {
	open, err := encode([]any{d.Paths, d.Components.Responses})
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for len(open) > 0 {
		var found []byte
		for _, m := range reference.FindAllSubmatch(open, -1) {
			name := string(m[1])
			if used[name] || !d.Components.Schemas.has(name) {
				continue
			}
			used[name] = true
			s, err := encode(d.Components.Schemas.at(name))
			if err != nil {
				return err
			}
			found = append(found, s...)
		}
		open = found
	}
	d.Components.Schemas = slices.DeleteFunc(d.Components.Schemas, func(s member[schema]) bool { return !used[s.name] })
	return nil
}

func (h *Handler) schemes() ordered[scheme] {
	return ordered[scheme]{
		{bySession, scheme{Type: "apiKey", In: "cookie", Name: h.SessionCookie, Description: "A signed-in browser."}},
		{byToken, scheme{Type: "http", Scheme: "bearer", Description: "An access token or an API key."}},
		{byKey, scheme{Type: "apiKey", In: "header", Name: "X-API-Key", Description: "An API key."}},
		{byCertificate, scheme{Type: "mutualTLS", Description: "A client certificate that is mapped to a user. It counts where nothing else is offered."}},
		{byRefresh, scheme{Type: "apiKey", In: "cookie", Name: h.RefreshCookie, Description: "A refresh token, sent to one path only."}},
	}
}

func (d *document) group(g group, doorOf func(*operation) (sallyport.Route, bool)) {
	used := false
	for i := range g.operations {
		o := &g.operations[i]
		if door, ok := doorOf(o); ok {
			d.operation(g.tag, o, door)
			used = true
		}
	}
	if used {
		d.Tags = append(d.Tags, tag{g.tag, g.says})
	}
	d.Components.Schemas = append(d.Components.Schemas, g.schemas...)
}

func (d *document) operation(tag string, o *operation, door sallyport.Route) {
	method, path := split(door.Pattern)
	out := described{
		Tags: []string{tag}, ID: o.id, Summary: o.summary, Description: o.says, Parameters: o.parameters(path), Body: o.requestBody(),
		Security: o.securityBehind(door), Permission: door.Action, Resource: resourceOf(door), Scope: o.scope,
		Fresh: int(door.Fresh / time.Second), Limit: door.Limit,
	}
	for _, a := range o.answers {
		*out.Responses.at(strconv.Itoa(a.status)) = a.response()
	}
	if o.form && !o.stays {
		d.addForm(&out)
	}
	for _, group := range byStatus(o.refusalsBehind(door)) {
		status, name := strconv.Itoa(group[0].status), nameOf(group)
		if out.Responses.has(status) { // the operation has an answer of its own
			continue
		}
		refused := responseOf(group)
		if o.oauth && (group[0] == invalidRequest || group[0].status == http.StatusUnauthorized) {
			name = "OAuth" + name
			refused = mistaken(refused)
		}
		*d.Components.Responses.at(name) = refused
		*out.Responses.at(status) = response{Ref: "#/components/responses/" + name}
	}
	d.Paths.at(path).add(method, out)
}

// resourceOf is the type of the object that a door asks about.
func resourceOf(door sallyport.Route) string {
	if door.InOrg {
		return sallyport.OrganizationType
	}
	return door.Type
}

// addForm says how a page is answered.
func (d *document) addForm(out *described) {
	*out.Responses.at("303") = leads("To a form: the next page.").response()
}

var inPath = regexp.MustCompile(`\{([a-z_]+)\}`)

func (o *operation) parameters(path string) []given {
	var all []given
	for _, m := range inPath.FindAllStringSubmatch(path, -1) {
		all = append(all, given{m[1], "path", pathParameters[m[1]], true, text})
	}
	for _, p := range slices.Concat(o.query, o.ofPage()) {
		all = append(all, p.in("query"))
	}
	for _, p := range o.headers {
		all = append(all, p.in("header"))
	}
	return all
}

// ofPage are the parameters that every page knows.
func (o *operation) ofPage() []parameter {
	if !slices.ContainsFunc(o.answers, func(a answer) bool { return a.page || a.kind == "text/html" }) {
		return nil
	}
	all := []parameter{
		optional("ui_locales", text.says("Languages for the page, the most wanted first; kept from then on.")),
		optional("done", text.says("What was just done, for the page to say.")),
	}
	return slices.DeleteFunc(all, func(p parameter) bool {
		return slices.ContainsFunc(o.query, func(own parameter) bool { return own.name == p.name })
	})
}

func (p parameter) in(place string) given {
	says := p.schema.Description
	p.schema.Description = ""
	return given{p.name, place, says, p.required, p.schema}
}

func (o *operation) requestBody() *requestBody {
	if o.body == nil {
		return nil
	}
	out := &requestBody{Required: len(o.body.Required)+len(o.body.OneOf) > 0}
	if o.oauth && !o.json {
		out.Content.add("application/x-www-form-urlencoded", media{o.body})
		return out
	}
	out.Content.add("application/json", media{o.body})
	if o.form {
		out.Content.add("application/x-www-form-urlencoded", media{o.body})
	}
	return out
}

func (a answer) response() response {
	out := response{Description: a.says}
	for _, h := range a.headers {
		out.Headers.add(h.name, header{h.value, true, text})
	}
	if a.kind != "" {
		out.Content.add(a.kind, media{a.schema})
	}
	if a.page {
		out.Content.add("text/html", media{&text})
	}
	return out
}

// securityBehind is nil where any credential is taken, and empty where none is
// needed.
func (o *operation) securityBehind(door sallyport.Route) *[]security {
	switch {
	case o.accepts != nil:
		return &o.accepts
	case door.Door == "public":
		return &[]security{}
	case door.Fresh > 0: // an API key has no sign-in that could be fresh
		return &[]security{{bySession: {}}, {byToken: {}}}
	}
	return nil
}

// refusalsBehind are those of the handler, of the door, of the body, and those
// that any request can get.
func (o *operation) refusalsBehind(door sallyport.Route) []refusal {
	all := append(slices.Clone(o.refuses), invalidRequest, unavailable)
	if o.body != nil && !o.oauth {
		all = append(all, tooLarge, wrongType)
	}
	if !door.NoCookie && !strings.HasPrefix(door.Pattern, "GET ") {
		all = append(all, crossOrigin)
	}
	if door.Door != "public" {
		all = append(all, unauthenticated, invalidToken)
	}
	if door.Door == "may" {
		all = append(all, stepUp, insufficientScope)
		if door.Hide {
			all = append(all, notFound)
		} else {
			all = append(all, forbidden)
		}
	}
	if o.scope != "" {
		all = append(all, insufficientScope)
	}
	if door.Fresh > 0 {
		all = append(all, stepUp)
	}
	if door.Limit != "" {
		all = append(all, rateLimited)
	}
	return all
}

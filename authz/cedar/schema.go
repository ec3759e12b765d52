package cedar

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/nearest"
)

// A Schema says which types of entity there are, which attributes they have, and
// which actions who can do on what. It is immutable and safe for concurrent use.
type Schema struct {
	tree     *ast.Schema
	resolved *resolved.Schema
	types    []sallyport.AnyType
}

// ParseSchema reads a schema, written as Cedar text or, if it begins with "{", in
// Cedar's JSON form.
//
// What Sallyport itself knows is added where the schema does not declare it: the
// principals User, Service and Anonymous, what they are in (Role, Organization),
// and the type Context of what every query knows. A schema in which one of these
// names is in a namespace, or is not an entity's, is left as it is: it is not about
// our principals.
func ParseSchema(f rule.File) (*Schema, error) {
	tree, code, err := parseSchema(f)
	if err != nil {
		return nil, problems{err}.err()
	}
	addOurs(tree)
	if wrong := checkReferences(f, code, tree); len(wrong) > 0 {
		return nil, wrong.err()
	}
	s, failed := newSchema(tree, nil)
	if failed != nil {
		return nil, problems{located(f, code, failed.Error())}.err()
	}
	return s, nil
}

func parseSchema(f rule.File) (*ast.Schema, []token, *Error) {
	if err := readable(f); err != nil {
		return nil, nil, err
	}
	all := code(tokens(f.Text))
	if err := shallowSchema(f, all); err != nil {
		return nil, nil, err
	}
	var s schema.Schema
	s.SetFilename(schemaName)
	read := s.UnmarshalCedar
	if strings.HasPrefix(strings.TrimSpace(f.Text), "{") {
		read = s.UnmarshalJSON
	}
	if err := read([]byte(f.Text)); err != nil {
		return nil, nil, explainSchema(f, all, err)
	}
	return s.AST(), all, nil
}

func newSchema(tree *ast.Schema, typed []sallyport.AnyType) (*Schema, error) {
	r, err := schema.NewSchemaFromAST(tree).Resolve()
	if err != nil {
		return nil, err
	}
	return &Schema{tree, r, describe(r, typed)}, nil
}

// Text returns the schema as Cedar text, with what was added to it, without
// comments.
func (s *Schema) Text() string {
	text, err := schema.NewSchemaFromAST(s.tree).MarshalCedar()
	if err != nil {
		panic("cedar: a schema that was read cannot be written: " + err.Error())
	}
	return string(text)
}

// Types returns the types of entity, by name. The caller must not change them.
// Those that [SchemaOf] was given are the same; of the others, the attributes are
// as the schema says, each in a column of its own name if its kind can be listed
// by. An attribute that refers to a type which the schema says the entity can be
// in is a parent.
func (s *Schema) Types() []sallyport.AnyType { return s.types }

// Actions returns every action with all groups that it is in, at any depth.
func (s *Schema) Actions() map[sallyport.UID][]sallyport.UID {
	found := make(map[sallyport.UID][]sallyport.UID, len(s.resolved.Actions))
	for name := range s.resolved.Actions {
		found[uid(name)] = s.groups(name)
	}
	return found
}

// groups returns what an action is in, in the order of names.
func (s *Schema) groups(action types.EntityUID) []sallyport.UID {
	seen := map[types.EntityUID]bool{action: true}
	var found []sallyport.UID
	for todo := []types.EntityUID{action}; len(todo) > 0; todo = todo[1:] {
		for parent := range s.resolved.Actions[todo[0]].Entity.Parents.All() {
			if !seen[parent] {
				seen[parent] = true
				todo, found = append(todo, parent), append(found, uid(parent))
			}
		}
	}
	slices.SortFunc(found, byName)
	return found
}

func byName(a, b sallyport.UID) int { return strings.Compare(a.String(), b.String()) }

// ActionsOn returns the identifiers of the actions that apply to resources of a
// type, in the order of the alphabet.
func (s *Schema) ActionsOn(resourceType string) []string {
	var found []string
	for name, a := range s.resolved.Actions {
		if a.AppliesTo != nil && slices.Contains(a.AppliesTo.Resources, types.EntityType(resourceType)) {
			found = append(found, string(name.ID))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// entityTypes returns the names of all types of entity, in the order of the
// alphabet.
func (s *Schema) entityTypes() []string {
	var found []string
	for name := range s.resolved.Entities {
		found = append(found, string(name))
	}
	for name := range s.resolved.Enums {
		found = append(found, string(name))
	}
	slices.Sort(found)
	return found
}

// schemaName stands for the name of the file in cedar-go's messages.
const schemaName = "schema"

var (
	schemaPosition = regexp.MustCompile(`^` + schemaName + `:(\d+):(\d+): `)
	got            = regexp.MustCompile(`, got (?:identifier )?"([^"]*)"`)
	jsonOffset     = regexp.MustCompile(`(?: within [^ ]+)? after offset (\d+)`)
)

// explainSchema turns cedar-go's message about a schema into an error.
func explainSchema(f rule.File, code []token, err error) *Error {
	reason := err.Error()
	e := &Error{File: f.Name, Reason: reason}
	if m := schemaPosition.FindStringSubmatch(reason); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Column, _ = strconv.Atoi(m[2])
		e.Reason = reason[len(m[0]):]
	} else if m := jsonOffset.FindStringSubmatch(reason); m != nil {
		offset, _ := strconv.Atoi(m[1])
		e = at(f, min(offset, len(f.Text)), strings.Replace(reason, m[0], "", 1))
	} else {
		e = located(f, code, reason)
	}
	if m := got.FindStringSubmatch(e.Reason); m != nil {
		e.Suggestion = nearest.Name(m[1], slices.Values(expectedWords(e.Reason)))
	}
	e.Reason = strings.NewReplacer(", got ", ", not ", "EOF", "the end of the file", "jsontext: ", "").Replace(e.Reason)
	return e
}

// expectedWords returns which words a message says may stand in a place.
func expectedWords(reason string) []string {
	switch {
	case strings.Contains(reason, "expected declaration"):
		return []string{"entity", "action", "type", "namespace"}
	case strings.Contains(reason, "expected 'principal'"):
		return []string{"principal", "resource", "context"}
	case strings.Contains(reason, "expected ';'"):
		return []string{"in", "tags", "enum", "appliesTo"}
	default:
		return nil
	}
}

var quotedName = regexp.MustCompile("[\"`]([A-Za-z_][A-Za-z0-9_:]*)[\"`]")

// located returns an error at the first name that its reason quotes.
func located(f rule.File, code []token, reason string) *Error {
	for _, m := range quotedName.FindAllStringSubmatch(reason, -1) {
		if t, ok := find(code, m[1]); ok {
			return point(f, t, reason)
		}
	}
	return &Error{File: f.Name, Reason: reason}
}

// find returns the first token that is a name, or a text that holds just it. Of a
// name with a namespace it looks for the whole, and then for the last part.
func find(code []token, name string) (token, bool) {
	parts := strings.Split(name, "::")
	for i := range code {
		if spells(code[i:], parts) || code[i].kind == text && code[i].text == `"`+name+`"` {
			return code[i], true
		}
	}
	if len(parts) > 1 {
		return find(code, parts[len(parts)-1])
	}
	return token{}, false
}

// spells reports whether code begins with the names in parts, joined by "::".
func spells(code []token, parts []string) bool {
	if len(code) < 2*len(parts)-1 {
		return false
	}
	for i, p := range parts {
		if code[2*i].kind != word || code[2*i].text != p || i > 0 && !code[2*i-1].is("::") {
			return false
		}
	}
	return true
}

// sorted returns the keys of a map in their order, so that errors come in one.
func sorted[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

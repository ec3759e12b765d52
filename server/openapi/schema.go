package openapi

// A schema is the part of JSON Schema 2020-12 that our bodies need. It is a
// value: make one with a function below and refine it with its methods, each of
// which returns a new one.
type schema struct {
	Ref         string          `json:"$ref,omitempty"`
	Type        any             `json:"type,omitempty"` // a string, or several
	Format      string          `json:"format,omitempty"`
	Description string          `json:"description,omitempty"`
	Const       string          `json:"const,omitempty"`
	Enum        []string        `json:"enum,omitempty"`
	Default     any             `json:"default,omitempty"`
	Minimum     *int            `json:"minimum,omitempty"`
	Maximum     *int            `json:"maximum,omitempty"`
	MinItems    int             `json:"minItems,omitempty"`
	Items       *schema         `json:"items,omitempty"`
	Properties  ordered[schema] `json:"properties,omitempty"`
	Required    []string        `json:"required,omitempty"`
	Others      any             `json:"additionalProperties,omitempty"` // a bool or a schema
	OneOf       []schema        `json:"oneOf,omitempty"`
}

// The values.
var (
	text    = schema{Type: "string"}
	boolean = schema{Type: "boolean"}
	integer = schema{Type: "integer"}
	moment  = schema{Type: "string", Format: "date-time"}
	secret  = schema{Type: "string", Format: "password"}
	texts   = listOf(text)
	names   = schema{Type: "object", Others: text} // text by name
	free    = schema{Type: "object", Others: true} // whatever members
)

// ref is the schema of that name among those of the groups.
func ref(name string) schema { return schema{Ref: "#/components/schemas/" + name} }

// listOf is a list of values that are all alike.
func listOf(s schema) schema { return schema{Type: "array", Items: &s} }

// oneOf is one of the words.
func oneOf(words ...string) schema { return schema{Type: "string", Enum: words} }

// pageOf is the answer to every request for a list. A list that always fits into
// one page has no cursor.
func pageOf(s schema) schema {
	return object(
		must("items", listOf(s)),
		may("next_cursor", text.says("Of the next page; absent on the last one.")),
	)
}

// object is what we answer. It may get more members one day; those who read it
// ignore what they do not know.
func object(properties ...property) schema {
	s := schema{Type: "object"}
	for _, p := range properties {
		s.Properties.add(p.name, p.schema)
		if p.required {
			s.Required = append(s.Required, p.name)
		}
	}
	return s
}

// body is what we read. A member that is not in it is refused.
func body(properties ...property) schema {
	s := object(properties...)
	s.Others = false
	return s
}

// A property is one member of an object.
type property struct {
	name     string
	schema   schema
	required bool
}

// must is a member that is always there, may one that can be left out.
func must(name string, s schema) property { return property{name, s, true} }
func may(name string, s schema) property  { return property{name, s, false} }

// says adds a description. Beside a reference it describes this use of it.
func (s schema) says(description string) schema { s.Description = description; return s }

// or names the value that an absent member stands for.
func (s schema) or(value any) schema { s.Default = value; return s }

// between bounds a number.
func (s schema) between(least, most int) schema { s.Minimum, s.Maximum = &least, &most; return s }

// some asks for at least one item.
func (s schema) some() schema { s.MinItems = 1; return s }

// orNull lets the value be null.
func (s schema) orNull() schema {
	s.Type = []any{s.Type, "null"}
	return s
}

// exactlyOne asks for one member of those named, and no second.
func (s schema) exactlyOne(members ...string) schema {
	for _, name := range members {
		s.OneOf = append(s.OneOf, schema{Required: []string{name}})
	}
	return s
}

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/internal/nearest"
)

// providerTable is the array of tables that describes providers: in a file [[provider]],
// with an id or a preset, of which parse makes keys such as provider.google.client_id.
const providerTable = "provider"

// A providerField is one thing that a provider has.
type providerField struct {
	expected string
	put      func(p *federation.Config, v any) bool // what a file or a variable says; false = it does not fit
	value    func(p *federation.Config) any
}

var providerFields = map[string]providerField{
	"name":      textField(func(p *federation.Config) *string { return &p.Name }),
	"preset":    textField(func(p *federation.Config) *string { return &p.Preset }),
	"issuer":    textField(func(p *federation.Config) *string { return &p.Issuer }),
	"client_id": textField(func(p *federation.Config) *string { return &p.ClientID }),
	"team_id":   textField(func(p *federation.Config) *string { return &p.TeamID }),
	"key_id":    textField(func(p *federation.Config) *string { return &p.KeyID }),
	"client_secret": {"text", func(p *federation.Config, v any) (ok bool) { // a key has several lines
		p.ClientSecret, ok = v.(string)
		return ok
	}, func(p *federation.Config) any {
		if p.ClientSecret == "" {
			return ""
		}
		return "(hidden)"
	}},
	"scopes": {`a list such as ["openid", "email"]`, func(p *federation.Config, v any) (ok bool) {
		if s, isText := v.(string); isText {
			v = list.lift(s)
		}
		p.Scopes, ok = names.read(v)
		return ok
	}, func(p *federation.Config) any { return append([]string{}, p.Scopes...) }},
	"private_network": {"true or false", func(p *federation.Config, v any) (ok bool) {
		if s, isText := v.(string); isText {
			v = boolean.lift(s)
		}
		p.PrivateNetwork, ok = v.(bool)
		return ok
	}, func(p *federation.Config) any { return p.PrivateNetwork }},
}

func textField(at func(*federation.Config) *string) providerField {
	return providerField{"text", func(p *federation.Config, v any) bool {
		s, ok := v.(string)
		*at(p) = s
		return ok && plain(s)
	}, func(p *federation.Config) any { return *at(p) }}
}

// providers is the setting that stands for all of them.
func providers() Setting {
	return Setting{
		Key: providerTable + ".*", shape: text,
		Expected: "a field of a provider: preset, issuer, client_id, client_secret, name, scopes, team_id, key_id or private_network",
		Doc: "What people can sign in with, each in a table `[[provider]]` of the file with an `id`, which the variables have in place of NAME, " +
			"as in `SALLYPORT_PROVIDER__GOOGLE__CLIENT_SECRET_FILE`. `id` may be left out beside a `preset`, and `preset` where it is the `id`.",
		put: func(c *Config, name string, v any) bool {
			id, field := splitProvider(name)
			f, ok := providerFields[field]
			return ok && id != "" && f.put(c.provider(id), v)
		},
		refuse: func(name string, v any) string {
			_, field := splitProvider(name)
			f, ok := providerFields[field]
			if !ok {
				return fmt.Sprintf("%q is no field of a provider%s", field, nearest.Hint(field, maps.Keys(providerFields)))
			}
			return "expected " + f.expected
		},
		values: func(c *Config) map[string]any {
			out := map[string]any{}
			for i := range c.Providers {
				for name, f := range providerFields {
					out[providerTable+"."+c.Providers[i].ID+"."+name] = f.value(&c.Providers[i])
				}
			}
			return out
		},
	}
}

// splitProvider cuts "google.client_id" at its last dot.
func splitProvider(name string) (id, field string) {
	i := strings.LastIndexByte(name, '.')
	return name[:max(i, 0)], name[i+1:]
}

// provider returns the one of that id, which is added if it is new.
func (c *Config) provider(id string) *federation.Config {
	for i := range c.Providers {
		if c.Providers[i].ID == id {
			return &c.Providers[i]
		}
	}
	c.Providers = append(c.Providers, federation.Config{ID: id})
	return &c.Providers[len(c.Providers)-1]
}

// checkProviders completes the providers, and returns what is wrong with them.
func checkProviders(c *Config) (problems []string) {
	for i := range c.Providers {
		p := &c.Providers[i]
		if p.Preset == "" && p.Issuer == "" && slices.Contains(federation.Presets(), p.ID) {
			p.Preset = p.ID
		}
		if _, err := federation.New(*p); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				problems = append(problems, providerTable+"."+p.ID+"."+line)
			}
		}
	}
	return problems
}

// flattenProviders makes entries of the tables, whose place in the file lines knows.
func flattenProviders(out []entry, tables []any, lines map[string]int) ([]entry, error) {
	seen := map[string]bool{}
	for i, t := range tables {
		table, ok := t.(map[string]any)
		at := lines[tableIndex(providerTable, i)]
		id, isText := table["id"].(string)
		if _, given := table["id"]; !given {
			id, isText = table["preset"].(string)
		}
		switch {
		case !ok || !isText || id == "":
			return out, fmt.Errorf("%d: [[provider]] needs an id, such as \"google\"", at)
		case seen[id]:
			return out, fmt.Errorf("%d: [[provider]]: the id %q is there twice", at, id)
		}
		seen[id] = true
		if _, named := table["name"]; !named {
			table["name"] = "" // one that says nothing else is one, too
		}
		for _, name := range sortedKeys(table) {
			if name == "id" {
				continue
			}
			line, known := lines[tableIndex(providerTable, i)+"."+name]
			if !known {
				line = at
			}
			out = append(out, entry{providerTable + "." + id + "." + name, table[name], line})
		}
	}
	return out, nil
}

// tableIndex is under what name lines notes the tables of an array.
func tableIndex(array string, i int) string { return fmt.Sprintf("%s[%d]", array, i) }

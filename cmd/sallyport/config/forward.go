package config

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport/internal/nearest"
	"github.com/sallyport-auth/sallyport/server/forward"
)

// forwardTable is the array of tables that describes what proxies guard: in a file
// [[forward]], of which parse makes keys such as forward.1.host, by their order.
const forwardTable = "forward"

// maxRules is how many there may be.
const maxRules = 1000

// A forwardField is one thing that a rule has.
type forwardField struct {
	expected string
	put      func(r *forward.Rule, v any) bool
	value    func(r *forward.Rule) any
}

var forwardFields = map[string]forwardField{
	"host":    forwardText("a host such as app.example.com", func(r *forward.Rule) *string { return &r.Host }),
	"path":    forwardText("the beginning of paths, such as /reports", func(r *forward.Rule) *string { return &r.Path }),
	"require": forwardText("signed_in, public or a permission such as report:read", func(r *forward.Rule) *string { return &r.Require }),
	"token": {"true or false", func(r *forward.Rule, v any) (ok bool) {
		if s, isText := v.(string); isText {
			v = boolean.lift(s)
		}
		r.Token, ok = v.(bool)
		return ok
	}, func(r *forward.Rule) any { return r.Token }},
}

func forwardText(expected string, at func(*forward.Rule) *string) forwardField {
	return forwardField{expected, func(r *forward.Rule, v any) bool {
		s, ok := v.(string)
		*at(r) = s
		return ok && plain(s)
	}, func(r *forward.Rule) any { return *at(r) }}
}

// forwarded is the setting that stands for all rules.
func forwarded() Setting {
	return Setting{
		Key: forwardTable + ".*", shape: text,
		Expected: "a field of a rule: host, path, require or token",
		Doc: "What reverse proxies among trusted_proxies may let through, each rule in a table `[[forward]]` of the file, which the variables number, as in " +
			"`SALLYPORT_FORWARD__1__HOST`: the `host`, the beginning of the `path` (left out: everything), what is to `require` (`signed_in`, `public` or a permission), and " +
			"with `token = true` an access token for the program behind the proxy. The longest path counts; where there is no rule, nobody gets through.",
		put: func(c *Config, name string, v any) bool {
			n, field := splitForward(name)
			f, ok := forwardFields[field]
			if !ok || n < 1 || n > maxRules {
				return false
			}
			for n > len(c.Forward) { // variables come in the order of their names
				c.Forward = append(c.Forward, forward.Rule{})
			}
			return f.put(&c.Forward[n-1], v)
		},
		refuse: func(name string, _ any) string {
			n, field := splitForward(name)
			f, ok := forwardFields[field]
			switch {
			case !ok:
				return fmt.Sprintf("%q is no field of a rule%s", field, nearest.Hint(field, maps.Keys(forwardFields)))
			case n < 1 || n > maxRules:
				return fmt.Sprintf("rules are numbered from 1 to %d, as in forward.1.%s", maxRules, field)
			}
			return "expected " + f.expected
		},
		values: func(c *Config) map[string]any {
			out := map[string]any{}
			for i := range c.Forward {
				for name, f := range forwardFields {
					out[fmt.Sprintf("%s.%d.%s", forwardTable, i+1, name)] = f.value(&c.Forward[i])
				}
			}
			return out
		},
	}
}

// splitForward cuts "1.host"; 0 is no number.
func splitForward(name string) (n int, field string) {
	number, field, _ := strings.Cut(name, ".")
	n, err := strconv.Atoi(number)
	if err != nil || strconv.Itoa(n) != number {
		n = 0
	}
	return n, field
}

// checkForward returns what is wrong with the rules.
func checkForward(c *Config) (problems []string) {
	if len(c.Forward) == 0 {
		return nil
	}
	if c.Server.BaseURL == "" || len(c.Server.TrustedProxies) == 0 {
		problems = append(problems, "forward: say in server.base_url where people sign in, and in server.trusted_proxies which proxies ask")
	}
	if err := forward.Check(c.Server.BaseURL, c.Forward); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			problems = append(problems, forwardTable+": "+line)
		}
	}
	return problems
}

// flattenForward makes entries of the tables.
func flattenForward(out []entry, tables []any, lines map[string]int) ([]entry, error) {
	for i, t := range tables {
		table, ok := t.(map[string]any)
		at := lines[tableIndex(forwardTable, i)]
		if _, named := table["host"]; !ok || !named {
			return out, fmt.Errorf("%d: [[forward]] needs a host, such as \"app.example.com\"", at)
		}
		for _, name := range sortedKeys(table) {
			line, known := lines[tableIndex(forwardTable, i)+"."+name]
			if !known {
				line = at
			}
			out = append(out, entry{fmt.Sprintf("%s.%d.%s", forwardTable, i+1, name), table[name], line})
		}
	}
	return out, nil
}

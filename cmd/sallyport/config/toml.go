package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// An entry is one value of a file.
type entry struct {
	key   string // dotted
	value any
	line  int
}

// parse returns the entries of a TOML document in the order of their lines. Its
// error is for people and begins with the line.
func parse(data []byte) ([]entry, error) {
	var whole map[string]any
	if err := toml.Unmarshal(data, &whole); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			row, _ := at.Position()
			return nil, fmt.Errorf("%d: %s", row, strings.TrimPrefix(at.Error(), "toml: "))
		}
		return nil, fmt.Errorf("1: %s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	at := lines(data)
	var entries []entry
	if tables, ok := whole[providerTable].([]any); ok {
		delete(whole, providerTable)
		var err error
		if entries, err = flattenProviders(nil, tables, at); err != nil {
			return nil, err
		}
	}
	if tables, ok := whole[forwardTable].([]any); ok {
		delete(whole, forwardTable)
		var err error
		if entries, err = flattenForward(entries, tables, at); err != nil {
			return nil, err
		}
	}
	entries = flatten(entries, "", whole, at, 1)
	slices.SortStableFunc(entries, func(a, b entry) int { return a.line - b.line })
	return entries, nil
}

// flatten turns tables within tables into entries with dotted keys. A table
// without content is an entry too, so that its name does not go unchecked.
func flatten(out []entry, key string, table map[string]any, lines map[string]int, line int) []entry {
	if len(table) == 0 && key != "" {
		return append(out, entry{key, table, line})
	}
	for _, name := range sortedKeys(table) {
		full := join(key, name)
		at, known := lines[full]
		if !known {
			at = line // within an inline table
		}
		if below, ok := table[name].(map[string]any); ok {
			out = flatten(out, full, below, lines, at)
			continue
		}
		out = append(out, entry{full, table[name], at})
	}
	return out
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// lines returns the line on which each key of a valid document stands. It is the
// only use of the parser's own package, which promises no stability.
func lines(data []byte) map[string]int {
	at := map[string]int{}
	var p unstable.Parser
	p.Reset(data)
	table, arrays := "", map[string]int{}
	for p.NextExpression() {
		e := p.Expression()
		key, line := "", 0
		if e.Kind != unstable.Table && e.Kind != unstable.ArrayTable {
			key = table
		}
		for it := e.Key(); it.Next(); {
			key = join(key, string(it.Node().Data))
			line = p.Shape(it.Node().Raw).Start.Line
			if _, seen := at[key]; !seen {
				at[key] = line
			}
		}
		if e.Kind == unstable.Table || e.Kind == unstable.ArrayTable {
			table = key
		}
		if e.Kind == unstable.ArrayTable && (key == providerTable || key == forwardTable) {
			table = tableIndex(key, arrays[key])
			at[table], arrays[key] = line, arrays[key]+1
		}
	}
	return at
}

package authz_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

func TestValueOf(t *testing.T) {
	kind := func(k sallyport.ValueKind) sallyport.Attribute { return sallyport.Attribute{Kind: k} }
	user := sallyport.Attribute{Kind: sallyport.KindEntity, Entity: "User"}
	users := sallyport.Attribute{Kind: sallyport.KindSet, Element: sallyport.KindEntity, Entity: "User"}
	for _, c := range []struct {
		it    string
		a     sallyport.Attribute
		plain any
		want  string // Cedar text, or what the error says after "!"
	}{
		{"a truth value", kind(sallyport.KindBool), true, "true"},
		{"text is no truth value", kind(sallyport.KindBool), "yes", "!expected bool, got text"},
		{"an integer of TOML", kind(sallyport.KindInt), int64(3), "3"},
		{"an integer of YAML", kind(sallyport.KindInt), uint64(3), "3"},
		{"an integer of JSON", kind(sallyport.KindInt), 3.0, "3"},
		{"an exact integer of JSON", kind(sallyport.KindInt), json.Number("9007199254740993"), "9007199254740993"},
		{"a fraction is no integer", kind(sallyport.KindInt), 3.5, "!expected int, got the number 3.5"},
		{"text", kind(sallyport.KindString), "a", `"a"`},
		{"a list is no text", kind(sallyport.KindString), []any{}, "!expected string as text, got a list"},
		{"an identifier", user, "ann", `User::"ann"`},
		{"an entity in full", user, map[string]any{"type": "User", "id": "ann"}, `User::"ann"`},
		{"an entity of another type", user, map[string]any{"type": "Team", "id": "a"}, "!expected a User, got a Team"},
		{"a number is no identifier", user, int64(7), "!expected the id of a User, got the number 7"},
		{"a moment", kind(sallyport.KindTime), "2026-01-02T03:04:05+01:00", `datetime("2026-01-02T02:04:05.000Z")`},
		{"a day", kind(sallyport.KindTime), "2026-01-02", `datetime("2026-01-02T00:00:00.000Z")`},
		{"a moment of TOML", kind(sallyport.KindTime), time.Unix(0, 0), `datetime("1970-01-01T00:00:00.000Z")`},
		{"no moment", kind(sallyport.KindTime), "soon", "!soon"},
		{"a time span", kind(sallyport.KindDuration), "1h30m", `duration("1h30m")`},
		{"a decimal", kind(sallyport.KindDecimal), "1.25", `decimal("1.25")`},
		{"a decimal as a number", kind(sallyport.KindDecimal), 1.25, `decimal("1.25")`},
		{"a whole decimal", kind(sallyport.KindDecimal), int64(2), `decimal("2.0")`},
		{"too fine a decimal", kind(sallyport.KindDecimal), 1.00001, "!expected decimal as text, got the number 1.00001"},
		{"an address", kind(sallyport.KindIP), "10.0.0.0/8", `ip("10.0.0.0/8")`},
		{"a set of entities", users, []any{"ann", "bob"}, `[User::"ann", User::"bob"]`},
		{"an element of the wrong kind", users, []any{"ann", true}, "!element 2: expected the id of a User, got a truth value"},
		{"an element that is not there", users, []any{nil}, "!element 1 is null"},
		{"a record", kind(sallyport.KindRecord), map[string]any{"a": "x", "b": nil}, `{a: "x"}`},
		{"nothing", kind(sallyport.KindInt), nil, "<absent>"},
		{"what nobody describes", sallyport.Attribute{}, map[string]any{"u": map[string]any{"type": "User", "id": "ann"}, "n": 1.5, "s": []any{"a"}}, `{n: decimal("1.5"), s: ["a"], u: User::"ann"}`},
		{"what cannot be a value", sallyport.Attribute{}, struct{}{}, "!cannot be a value"},
	} {
		t.Run(c.it, func(t *testing.T) {
			v, err := authz.ValueOf(c.a, c.plain)
			if want, fails := strings.CutPrefix(c.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %s", err, want)
				}
				return
			}
			if got := rule.ValueText(v); err != nil || got != c.want {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
		})
	}
}

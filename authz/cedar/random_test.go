package cedar_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go/types"
	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// TestRandomPoliciesAgreeWithCedar asks random policies about random entities.
// Types are mixed up on purpose now and then, and much is missing, so that many
// policies err.
func TestRandomPoliciesAgreeWithCedar(t *testing.T) {
	var v verdicts
	for range testenv.Count(2, 60) {
		rapid.Check(t, func(t *rapid.T) {
			g := generator{t}
			entities := g.entities()
			var text strings.Builder
			for range rapid.IntRange(1, 6).Draw(t, "policies") {
				text.WriteString(g.policy() + "\n")
			}
			encoded, err := entities.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			store, err := cedar.ParseEntities(entitiesFile(string(encoded)), nil)
			if err != nil {
				t.Fatal(err)
			}
			tr := newTrial(t, text.String(), store, entities)
			for range 8 {
				asked := asOracle(g.uid(), g.action(), g.uid(), g.record(2))
				body, err := json.Marshal(asked)
				if err != nil {
					t.Fatal(err)
				}
				requests, err := cedar.ParseRequests(requestsFile("["+string(body)+"]"), nil)
				if err != nil {
					t.Fatal(err)
				}
				tr.ask(t, &v, requests[0], asked)
				if t.Failed() {
					t.Fatalf("policies\n%s\nentities %s", text.String(), encoded)
				}
			}
		})
	}
	t.Log(v)
	if v.allowed == 0 || v.erred == 0 || v.stricter == 0 || v.erred == v.requests {
		t.Errorf("too much of one kind: %v", v)
	}
}

// A generator draws Cedar.
type generator struct{ t *rapid.T }

func (g generator) n(most int) int { return rapid.IntRange(0, most-1).Draw(g.t, "n") }

func (g generator) one(of ...string) string { return rapid.SampledFrom(of).Draw(g.t, "one") }

// chance is true once in n times.
func (g generator) chance(n int) bool { return g.n(n) == 0 }

func (g generator) uid() types.EntityUID {
	return types.NewEntityUID(types.EntityType(g.one("A", "B", "N::C")), types.String(g.one("1", "2", "3", "")))
}

func (g generator) action() types.EntityUID {
	return types.NewEntityUID("Action", types.String(g.one("read", "write", "all", "any")))
}

// typical returns a value of the kind that attributes of a name usually hold.
func (g generator) typical(name string, depth int) types.Value {
	switch name {
	case "b":
		return types.Boolean(g.chance(2))
	case "n":
		return types.Long(g.long())
	case "s":
		return types.String(g.text())
	case "e":
		return g.uid()
	case "i":
		return parsedAs(types.ParseIPAddr, g.one(addresses...))
	case "m":
		return parsedAs(types.ParseDecimal, g.one(decimals...))
	case "t":
		return parsedAs(types.ParseDatetime, g.one(moments...))
	case "d":
		return parsedAs(types.ParseDuration, g.one(spans...))
	case "z":
		return g.set(depth)
	default:
		return g.record(depth)
	}
}

var (
	names     = []string{"b", "n", "s", "e", "i", "m", "t", "d", "z", "r"}
	addresses = []string{"10.0.0.1", "10.0.0.0/8", "127.0.0.1", "224.0.0.1/4", "::1", "ff00::/8", "0.0.0.0/0"}
	decimals  = []string{"0.0", "-0.5", "1.2345", "922337203685477.5807", "-922337203685477.5808"}
	moments   = []string{"1970-01-01", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678+0130", "9999-12-31", "0000-01-01", "1969-12-31T23:59:59.999Z"}
	spans     = []string{"0ms", "1d2h3m4s5ms", "-1d", "9223372036854775807ms", "-9223372036854775807ms", "25h"}
)

func parsedAs[V types.Value](parse func(string) (V, error), s string) types.Value {
	v, err := parse(s)
	if err != nil {
		panic(err)
	}
	return v
}

func (g generator) long() int64 {
	return rapid.SampledFrom([]int64{0, 1, 2, -1, 7, math.MaxInt64, math.MinInt64, 4611686018427387904}).Draw(g.t, "long")
}

func (g generator) text() string { return g.one("", "a", "ab", "ba*", "a*b", "aab", "ä\x00\"", "1") }

func (g generator) value(depth int) types.Value { return g.typical(g.one(names...), depth) }

func (g generator) set(depth int) types.Value {
	var elements []types.Value
	if depth > 0 {
		kind := g.one(names...)
		for range g.n(4) {
			if g.chance(5) {
				kind = g.one(names...)
			}
			elements = append(elements, g.typical(kind, depth-1))
		}
	}
	return types.NewSet(elements...)
}

func (g generator) record(depth int) types.Record {
	fields := types.RecordMap{}
	for _, name := range names {
		switch {
		case depth == 0 || g.chance(4):
		case g.chance(8):
			fields[types.String(name)] = g.value(depth - 1)
		default:
			fields[types.String(name)] = g.typical(name, depth-1)
		}
	}
	return types.NewRecord(fields)
}

func (g generator) entities() types.EntityMap {
	found := types.EntityMap{}
	for range g.n(8) {
		name, parents := g.uid(), []types.EntityUID{}
		for range g.n(3) {
			parents = append(parents, g.uid())
		}
		found[name] = types.Entity{UID: name, Parents: types.NewEntityUIDSet(parents...), Attributes: g.record(2), Tags: g.record(1)}
	}
	for _, name := range []string{"read", "write"} {
		if !g.chance(3) {
			u := types.NewEntityUID("Action", types.String(name))
			found[u] = types.Entity{UID: u, Parents: types.NewEntityUIDSet(g.action(), g.action())}
		}
	}
	return found
}

func (g generator) policy() string {
	entity := func() string { return g.uid().String() }
	scope := func(name string) string {
		return name + g.one("", "", "", " == "+entity(), " in "+entity(), " is "+g.one("A", "B", "N::C"), " is A in "+entity())
	}
	action := "action" + g.one("", "", " == "+g.action().String(), " in "+g.action().String(),
		" in ["+g.action().String()+", "+g.action().String()+"]", " in []")
	p := g.one("permit", "permit", "forbid") + " (" + scope("principal") + ", " + action + ", " + scope("resource") + ")"
	for range g.n(3) {
		p += "\n" + g.one("when", "when", "unless") + " { " + g.expr("b", 4) + " }"
	}
	return p + ";"
}

// expr returns an expression that usually has the kind named as in typical.
func (g generator) expr(kind string, depth int) string {
	if g.chance(40) {
		kind = g.one(names...)
	}
	switch {
	case depth == 0 || g.chance(8):
		return g.leaf(kind)
	case g.chance(6):
		return g.read(kind, depth-1)
	case g.chance(15):
		return "(if " + g.expr("b", depth-1) + " then " + g.expr(kind, depth-1) + " else " + g.expr(kind, depth-1) + ")"
	}
	forms := g.forms(depth-1, kind)
	return "(" + forms[g.n(len(forms))]() + ")"
}

// read returns what reads an attribute or a tag.
func (g generator) read(kind string, depth int) string {
	from := g.one("principal", "resource", "context", "action", "principal.e", "context.r", "context[\"e\"]", g.uid().String())
	if g.chance(5) {
		from = g.expr(g.one("r", "e"), depth)
	}
	access := from + "." + kind
	if g.chance(6) {
		access = from + ".getTag(" + strconv.Quote(kind) + ")"
	}
	return access
}

// leaf returns a literal or a variable. There are three differences between
// cedar-go and Cedar that we do not share, and so leave out: it reads a plus before
// a decimal, does not read the shortest duration of all, and rounds days before 1970
// up.
func (g generator) leaf(kind string) string {
	switch kind {
	case "b":
		return g.one("true", "false", "context.b", "principal.b", "(resource has n)")
	case "n":
		return "(" + strconv.FormatInt(g.long(), 10) + ")"
	case "s":
		return string(types.String(g.text()).MarshalCedar())
	case "e":
		return g.one("principal", "resource", "action", g.uid().String(), g.action().String())
	case "i":
		return `ip("` + g.one(append(addresses, "no", "::ffff:7f00:1", "::ffff:e000:1/100", "::ffff:1.2.3.4", "1.2.3.4/33")...) + `")`
	case "m":
		return `decimal("` + g.one(append(decimals, "1", "1.23456", "-.5")...) + `")`
	case "t":
		return `datetime("` + g.one(append(moments, "2026-02-30", "2026-01-02T03:04:05", "2026-1-2")...) + `")`
	case "d":
		return `duration("` + g.one(append(spans, "1h1d", "1", "-", "9223372036854775808ms")...) + `")`
	case "z":
		return g.one("[]", "[1, 2]", `["a", "ab"]`, "[principal, resource]", `[A::"1", B::"2"]`, "context.z")
	default:
		return g.one("{}", "context", `{n: 1, "s": "a"}`, `{e: principal, r: {b: true}}`)
	}
}

// forms are the ways to compute a value of a kind.
func (g generator) forms(depth int, kind string) []func() string {
	e := func(kind string) string { return g.expr(kind, depth) }
	any := func() string { return e(g.one(names...)) }
	two := func(kind string, operators ...string) func() string {
		return func() string { return e(kind) + " " + g.one(operators...) + " " + e(kind) }
	}
	call := func(kind string, method, argument string) func() string {
		return func() string {
			if argument == "" {
				return e(kind) + "." + method + "()"
			}
			return e(kind) + "." + method + "(" + e(argument) + ")"
		}
	}
	later := func() string { return `datetime("` + g.one(moments[:3]...) + `")` } // see leaf
	switch kind {
	case "b":
		same := g.one(names...)
		return []func() string{
			two("b", "&&", "||"), two("b", "&&", "||"), two("b", "&&", "||"),
			two(same, "==", "!="), two(same, "==", "!="),
			func() string { return any() + " == " + any() },
			func() string { return g.one("!", "!!") + e("b") },
			two("n", "<", "<=", ">", ">="), two("t", "<", "<=", ">", ">="), two("d", "<", "<=", ">", ">="),
			two("e", "in"), func() string { return e("e") + " in " + e("z") },
			func() string { return e("e") + " in [" + e("e") + ", " + e("e") + "]" },
			func() string { return e("e") + " is " + g.one("A", "B", "N::C", "Action") },
			func() string { return e("e") + " is A in " + g.one(e("e"), e("z")) },
			func() string { return e(g.one("e", "r")) + " has " + g.one(names...) },
			func() string { return e(g.one("e", "r")) + " has r." + g.one(names...) },
			func() string { return e("e") + ".hasTag(" + g.one(`"n"`, `"b"`, e("s")) + ")" },
			func() string { return e("s") + " like " + g.one(`""`, `"*"`, `"a*"`, `"*b"`, `"a\**b"`, `"*a*b*"`) },
			call("z", "contains", same), call("z", "containsAll", "z"), call("z", "containsAny", "z"), call("z", "isEmpty", ""),
			call("i", g.one("isIpv4", "isIpv6", "isLoopback", "isMulticast"), ""), call("i", "isInRange", "i"),
			call("m", g.one("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"), "m"),
		}
	case "n":
		return []func() string{
			two("n", "+", "-", "*"), func() string { return "-" + e("n") },
			call("d", g.one("toDays", "toHours", "toMinutes", "toSeconds", "toMilliseconds"), ""),
		}
	case "t":
		return []func() string{call("t", "offset", "d"), func() string { return later() + ".toDate()" }}
	case "d":
		return []func() string{call("t", "durationSince", "t"), func() string { return later() + ".toTime()" }}
	case "i":
		return []func() string{func() string { return "ip(" + e("s") + ")" }, func() string { return g.leaf("i") }}
	case "m":
		return []func() string{func() string { return "decimal(" + e("s") + ")" }, func() string { return g.leaf("m") }}
	case "z":
		return []func() string{func() string { return "[" + any() + ", " + any() + "]" }, func() string { return "[" + e("n") + ", " + e("n") + "]" }}
	case "r":
		return []func() string{func() string { return fmt.Sprintf("{%s: %s, n: %s}", g.one("b", "e", "s"), any(), e("n")) }}
	default:
		return []func() string{func() string { return g.leaf(kind) }}
	}
}

package cedar

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/nearest"
)

// A grammar walks over policies that cedar-go refuses, to say why in words that
// help. What is accepted is decided by cedar-go alone.
type grammar struct {
	file rule.File
	code []token // the last is of kind end
	next int
}

// Names that a condition may use.
var (
	variables   = []string{"principal", "action", "resource", "context"}
	functions   = []string{"ip", "decimal", "datetime", "duration"}
	comparisons = []string{"==", "!=", "<", "<=", ">", ">=", "in"}
	methods     = []string{
		"contains", "containsAll", "containsAny", "isEmpty", "hasTag", "getTag",
		"lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual",
		"isIpv4", "isIpv6", "isLoopback", "isMulticast", "isInRange",
		"toDate", "toTime", "offset", "durationSince",
		"toDays", "toHours", "toMinutes", "toSeconds", "toMilliseconds",
	}
	// others are words that other languages use, and what they are here.
	others = map[string]string{
		"allow": "permit", "grant": "permit", "deny": "forbid", "and": "&&", "or": "||", "not": "!",
		"user": "principal", "subject": "principal", "where": "when", "if": "when", "except": "unless",
	}
)

// explain returns what is wrong with policies: at most one error for each, and not
// more than [maxProblems].
func explain(f rule.File, code []token) []*Error {
	g := &grammar{file: f, code: code}
	var found problems
	for g.peek().kind != end && len(found) < maxProblems {
		first := g.next
		if err := g.policy(); err != nil {
			found.add(err)
			g.next = max(g.next, first+1)
			g.recover()
		}
	}
	return found
}

// recover goes to the next policy: behind a semicolon, or to where "permit (" or
// "forbid (" or an annotation says that one begins.
func (g *grammar) recover() {
	for ; g.peek().kind != end; g.next++ {
		t := g.peek()
		if t.is(";") {
			g.next++
			return
		}
		if t.column == 1 && g.begins() {
			return
		}
	}
}

// begins reports whether a policy seems to begin here.
func (g *grammar) begins() bool {
	t := g.peek()
	return t.is("@") || (t.is("permit") || t.is("forbid")) && g.code[g.next+1].is("(")
}

func (g *grammar) peek() token { return g.code[g.next] }

func (g *grammar) take() token {
	t := g.code[g.next]
	if t.kind != end {
		g.next++
	}
	return t
}

// skip takes the next token if it is s.
func (g *grammar) skip(s string) bool {
	if g.peek().is(s) {
		g.next++
		return true
	}
	return false
}

// want takes s, which belongs where the next token is.
func (g *grammar) want(s, place string) *Error {
	if g.skip(s) {
		return nil
	}
	return g.expected(`"` + s + `" ` + place)
}

// expected complains about the next token, where something else belongs.
func (g *grammar) expected(what string) *Error {
	t := g.peek()
	if err := g.foreign(t); err != nil {
		return err
	}
	if t.kind == end {
		return g.fail(t, "expected "+what+", but the file ends", "")
	}
	return g.fail(t, "expected "+what+", not "+shown(t), "")
}

// shown returns a token for a message.
func shown(t token) string {
	if t.kind == text {
		return "the text " + clip(t.text)
	}
	return strconv.Quote(clip(t.text))
}

// clip shortens what stands in a message.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func (g *grammar) fail(t token, reason, suggestion string) *Error {
	err := point(g.file, t, reason)
	err.Suggestion = suggestion
	return err
}

// unlike complains about a name that is not known, and suggests one that is.
func (g *grammar) unlike(t token, reason string, known []string) *Error {
	suggestion := others[t.text]
	if !slices.Contains(known, suggestion) {
		suggestion = nearest.Name(t.text, slices.Values(known))
	}
	return g.fail(t, reason, suggestion)
}

// foreign complains about what no Cedar has, nil if t is not such a thing.
func (g *grammar) foreign(t token) *Error {
	if t.kind != unknown {
		return nil
	}
	switch {
	case t.text == "=":
		return g.fail(t, `"=" compares nothing`, "==")
	case t.text == "&", t.text == "|":
		return g.fail(t, strconv.Quote(t.text)+" is not an operator", t.text+t.text)
	case t.text == "'", t.text == "`":
		return g.fail(t, "text stands in double quotes", g.quoted(t))
	case t.text == "/", t.text == "%":
		return g.fail(t, strconv.Quote(t.text)+" is not an operator: numbers are added, subtracted and multiplied only", "")
	case strings.HasPrefix(t.text, `"`):
		return g.fail(t, "this text has no end: a double quote is missing in its line", "")
	case strings.HasPrefix(t.text, "/*"):
		return g.fail(t, `this comment has no end: "*/" is missing`, "")
	default:
		return g.fail(t, strconv.Quote(t.text)+" has no meaning outside text", "")
	}
}

// quoted returns the text in single quotes that begins at t, in double quotes, or
// "" if it does not end in its line.
func (g *grammar) quoted(t token) string {
	rest, _, _ := strings.Cut(g.file.Text[t.end():], "\n")
	inner, _, ok := strings.Cut(rest, t.text)
	if !ok || strings.ContainsAny(inner, `"\`) || len(inner) > 60 {
		return ""
	}
	return `"` + inner + `"`
}

func (g *grammar) policy() *Error {
	if err := g.annotations(); err != nil {
		return err
	}
	t := g.take()
	if !t.is("permit") && !t.is("forbid") {
		if err := g.foreign(t); err != nil {
			return err
		}
		if t.kind == end {
			return g.fail(t, `expected "permit" or "forbid" after the annotations, but the file ends`, "")
		}
		return g.unlike(t, `a rule begins with "permit" or "forbid", not with `+shown(t), []string{"permit", "forbid"})
	}
	for _, step := range []func() *Error{g.head, g.clauses, g.finish} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (g *grammar) annotations() *Error {
	seen := map[string]bool{}
	for g.skip("@") {
		t := g.peek()
		if t.kind != word {
			return g.expected(`the name of an annotation after "@"`)
		}
		g.take()
		if seen[t.text] {
			return g.fail(t, "the annotation @"+t.text+" stands twice on one rule", "")
		}
		seen[t.text] = true
		if !g.skip("(") {
			continue
		}
		if err := g.literal("in the annotation @" + t.text); err != nil {
			return err
		}
		if err := g.want(")", "after the text of @"+t.text); err != nil {
			return err
		}
	}
	return nil
}

// head is (principal …, action …, resource …).
func (g *grammar) head() *Error {
	if err := g.want("(", "before the scope of the rule"); err != nil {
		return err
	}
	for i, name := range []string{"principal", "action", "resource"} {
		if i > 0 {
			if err := g.want(",", "before "+name); err != nil {
				return err
			}
		}
		if err := g.scope(name); err != nil {
			return err
		}
	}
	g.skip(",")
	if t := g.peek(); t.is("&&") || t.is("||") {
		return g.fail(t, `conditions stand in when { … }, behind the scope`, "")
	}
	return g.want(")", "after resource")
}

// scope is what limits one of the three in the head.
func (g *grammar) scope(name string) *Error {
	if t := g.peek(); !t.is(name) {
		if err := g.foreign(t); err != nil || t.kind != word {
			return g.expected(name)
		}
		return g.unlike(t, "the scope names principal, action and resource in this order; expected "+name+", not "+shown(t), []string{name})
	}
	g.take()
	switch t := g.peek(); {
	case g.skip("=="):
		return g.entity()
	case g.skip("in"):
		if name == "action" && g.skip("[") {
			return g.list("]", "of actions", g.entity)
		}
		return g.entity()
	case t.is("is") && name == "action":
		return g.fail(t, `an action has no other type: write action == Action::"…", or action in [ … ]`, "")
	case g.skip("is"):
		if err := g.path(); err != nil || !g.skip("in") {
			return err
		}
		return g.entity()
	case t.is("!="), t.is("<"), t.is(">"), t.is("."), t.is("has"), t.is("like"):
		return g.fail(t, shown(t)+` does not stand in the scope, only "==", "in" and "is"; conditions stand in when { … }`, "")
	}
	return nil
}

// path is a name with its namespaces: A::B.
func (g *grammar) path() *Error {
	for {
		t := g.peek()
		if t.kind != word || isKeyword(t.text) {
			return g.expected("the name of a type")
		}
		g.take()
		if !g.skip("::") {
			return nil
		}
	}
}

// entity is Type::"id".
func (g *grammar) entity() *Error {
	first := g.peek()
	if first.kind == text {
		return g.fail(first, "an entity has a type", "User::"+clip(first.text))
	}
	if first.kind != word || isKeyword(first.text) {
		return g.expected(`an entity, such as User::"ann"`)
	}
	g.take()
	if !g.peek().is("::") {
		return g.expected(`"::" and an identifier in double quotes after ` + clip(first.text))
	}
	return g.entityRest(clip(first.text))
}

// entityRest is everything behind the first name of an entity.
func (g *grammar) entityRest(name string) *Error {
	for g.skip("::") {
		t := g.peek()
		if t.kind == text {
			return g.literal("in the identifier")
		}
		if t.kind != word || isKeyword(t.text) {
			return g.expected("a name or an identifier in double quotes after " + name + "::")
		}
		g.take()
		if !g.peek().is("::") {
			return g.fail(t, "the identifier of an entity stands in double quotes", name+`::"`+clip(t.text)+`"`)
		}
		name += "::" + clip(t.text)
	}
	return nil
}

// literal is a text, whose escapes are looked at.
func (g *grammar) literal(place string) *Error { return g.escaped(place, false) }

func (g *grammar) escaped(place string, star bool) *Error {
	t := g.peek()
	if t.kind != text {
		return g.expected("text in double quotes " + place)
	}
	g.take()
	if i, n := badEscape(t.text, star); n > 0 {
		return &Error{
			File: g.file.Name, Line: t.line, Column: t.column + len([]rune(t.text[:i])),
			Reason: "in text, " + clip(t.text[i:i+n]) + ` is not an escape: there are \n \r \t \0 \\ \" \' \x41 \u{1F600}` +
				map[bool]string{true: ` and \*`}[star],
		}
	}
	return nil
}

// badEscape returns where a text has an escape that does not exist, and its
// length; 0, 0 if there is none.
func badEscape(s string, star bool) (at, length int) {
	for i := 1; i < len(s)-1; i++ {
		if s[i] != '\\' {
			continue
		}
		n := escape(s[i:len(s)-1], star)
		if n < 0 {
			return i, -n
		}
		i += n - 1
	}
	return 0, 0
}

// escape returns the length of the escape that s begins with, negative if there
// is no such escape.
func escape(s string, star bool) int {
	switch {
	case len(s) < 2:
		return -len(s)
	case strings.IndexByte(`nrt\0'"`, s[1]) >= 0, star && s[1] == '*':
		return 2
	case s[1] == 'x':
		if n, err := strconv.ParseUint(s[2:min(4, len(s))], 16, 8); err != nil || n > 127 || len(s) < 4 {
			return -min(4, len(s))
		}
		return 4
	case strings.HasPrefix(s, "\\u{"):
		digits, _, closed := strings.Cut(s[3:], "}")
		n, err := strconv.ParseUint(strings.ReplaceAll(digits, "_", ""), 16, 32)
		if !closed || err != nil || n > 0x10ffff || 0xd800 <= n && n < 0xe000 {
			return -min(3+len(digits), len(s))
		}
		return 4 + len(digits)
	default:
		return -len(string([]rune(s[:min(len(s), 5)])[:2]))
	}
}

// clauses are when { … } and unless { … }.
func (g *grammar) clauses() *Error {
	for {
		t := g.peek()
		if !g.skip("when") && !g.skip("unless") {
			return nil
		}
		if err := g.want("{", "after "+t.text); err != nil {
			return err
		}
		if g.peek().is("}") {
			return g.fail(g.peek(), "the condition is missing between { and }", "")
		}
		if err := g.expression(); err != nil {
			return err
		}
		if err := g.want("}", "after the condition"); err != nil {
			return err
		}
	}
}

// finish is the semicolon.
func (g *grammar) finish() *Error {
	t := g.peek()
	if g.skip(";") {
		return nil
	}
	if err := g.foreign(t); err != nil {
		return err
	}
	if t.kind == word && !g.begins() {
		return g.unlike(t, `expected when, unless or ";" after the rule, not `+shown(t), []string{"when", "unless"})
	}
	last := g.code[g.next-1]
	err := g.fail(last, `the rule does not end: ";" is missing`, "")
	err.Line, err.Column = last.after()
	return err
}

// list is what stands between brackets, separated by commas; the first bracket
// has been taken.
func (g *grammar) list(closing, what string, element func() *Error) *Error {
	for !g.skip(closing) {
		if err := element(); err != nil {
			return err
		}
		if !g.skip(",") && !g.peek().is(closing) {
			return g.expected(`"," or "` + closing + `" in the list ` + what)
		}
	}
	return nil
}

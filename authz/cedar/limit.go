package cedar

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/authz/rule"
)

// What a file may ask of the process that reads it. Parsers and everything after
// them follow the nesting of a text with calls, and a stack that overflows ends
// the process, so that depth is bounded before anything is parsed.
const (
	maxSize  = 1 << 20 // bytes of a file
	maxDepth = 100     // brackets, ifs and signs within one another
	maxTerms = 10_000  // operators of one rule, each of which may stand on the left of the next
	maxPath  = 16      // names after one "has": a has b.c.d asks at each step

	maxProblems = 100 // that one file is told about
)

// readable returns what stops a file from being looked at further.
func readable(f rule.File) *Error {
	if len(f.Text) > maxSize {
		return &Error{File: f.Name, Reason: fmt.Sprintf("the file has %d bytes; at most %d are read", len(f.Text), maxSize)}
	}
	for i, r := range f.Text {
		if r == 0 {
			return at(f, i, "the file holds a NUL character")
		}
		if r == utf8.RuneError && !strings.HasPrefix(f.Text[i:], string(utf8.RuneError)) {
			return at(f, i, "the file is not UTF-8")
		}
	}
	return nil
}

// at returns an error at an offset of a file.
func at(f rule.File, offset int, reason string) *Error {
	before := f.Text[:offset]
	line := strings.LastIndexByte(before, '\n') + 1
	return &Error{
		File: f.Name, Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(before[line:]) + 1,
		Reason: reason,
	}
}

// A gauge measures how deep code nests.
type gauge struct {
	ifs   []int // in every open bracket
	depth int   // brackets and ifs
	signs int   // in a row
	terms int   // of the rule
	path  int   // names since "has"
}

// shallow returns where rules nest too deep.
func shallow(f rule.File, code []token) *Error {
	g := gauge{ifs: []int{0}}
	for _, t := range code {
		g.see(t)
		switch {
		case g.depth+g.signs > maxDepth:
			return point(f, t, fmt.Sprintf("nested more than %d levels deep", maxDepth))
		case g.terms > maxTerms:
			return point(f, t, fmt.Sprintf("a rule with more than %d operators", maxTerms))
		case g.path > maxPath:
			return point(f, t, fmt.Sprintf(`a path of more than %d names after "has"`, maxPath))
		}
	}
	return nil
}

func (g *gauge) see(t token) {
	name := t.kind == word && !isKeyword(t.text)
	if !name && !t.is(".") {
		g.path = 0
	}
	if !t.is("!") && !t.is("-") {
		g.signs = 0
	}
	if t.kind != symbol && t.kind != word {
		return
	}
	top := len(g.ifs) - 1
	switch t.text {
	case "(", "[", "{":
		g.ifs, g.depth = append(g.ifs, 0), g.depth+1
		g.terms++ // a["b"], too, stands on the left of what follows
	case ")", "]", "}":
		if top > 0 {
			g.depth -= g.ifs[top] + 1
			g.ifs = g.ifs[:top]
		}
	case ",":
		g.depth -= g.ifs[top]
		g.ifs[top] = 0
	case ";":
		*g = gauge{ifs: append(g.ifs[:0], 0)}
	case "if":
		g.ifs[top]++
		g.depth++
	case "!", "-":
		g.signs++
		g.terms++
	case "has":
		g.path = 1
		g.terms++
	case ".":
		if g.path > 0 {
			g.path++
		}
		g.terms++
	case "&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "*", "in", "like", "is":
		g.terms++
	}
}

// shallowSchema returns where a schema, as Cedar text or as JSON, nests too deep.
func shallowSchema(f rule.File, code []token) *Error {
	depth := 0
	for _, t := range code {
		switch {
		case t.is("{"), t.is("["), t.is("<"):
			depth++
		case t.is("}"), t.is("]"), t.is(">"):
			depth--
		}
		if depth > maxDepth {
			return point(f, t, fmt.Sprintf("nested more than %d levels deep", maxDepth))
		}
	}
	return nil
}

// point returns an error at a token.
func point(f rule.File, t token, reason string) *Error {
	return &Error{File: f.Name, Line: t.line, Column: t.column, Reason: reason}
}

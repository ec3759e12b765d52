package cedar

import (
	"fmt"
	"slices"
	"strconv"
)

// The conditions of a [grammar].

func (g *grammar) expression() *Error {
	if g.skip("if") {
		for _, before := range []string{"then", "else"} {
			if err := g.expression(); err != nil {
				return err
			}
			if err := g.want(before, "of an if, which has all three: if … then … else …"); err != nil {
				return err
			}
		}
		return g.expression()
	}
	return g.chain([]string{"||"}, func() *Error {
		return g.chain([]string{"&&"}, g.relation)
	})
}

// chain is operands with operators between.
func (g *grammar) chain(operators []string, operand func() *Error) *Error {
	for {
		if err := operand(); err != nil {
			return err
		}
		t := g.peek()
		if t.kind == word && (t.text == "and" || t.text == "or") {
			return g.fail(t, strconv.Quote(t.text)+" is not an operator", others[t.text])
		}
		if t.kind != symbol || !slices.Contains(operators, t.text) {
			return nil
		}
		g.take()
	}
}

func (g *grammar) relation() *Error {
	if err := g.sum(); err != nil {
		return err
	}
	t := g.peek()
	switch {
	case g.skip("has"):
		return g.has()
	case g.skip("like"):
		return g.escaped(`after "like"`, true)
	case g.skip("is"):
		if err := g.path(); err != nil || !g.skip("in") {
			return err
		}
		return g.sum()
	case slices.ContainsFunc(comparisons, t.is):
		g.take()
		if after := g.peek(); t.is("==") && after.text == "=" {
			return g.fail(t, `"===" is not an operator`, "==")
		}
		if err := g.sum(); err != nil {
			return err
		}
		if u := g.peek(); slices.ContainsFunc(comparisons, u.is) {
			return g.fail(u, `comparisons do not follow one another: join them with "&&"`, "")
		}
		return nil
	case t.kind == unknown:
		return g.foreign(t)
	}
	return nil
}

func (g *grammar) has() *Error {
	if g.peek().kind == text {
		return g.literal("")
	}
	for {
		if t := g.peek(); t.kind != word || isKeyword(t.text) {
			return g.expected(`the name of an attribute after "has"`)
		}
		g.take()
		if !g.skip(".") {
			return nil
		}
	}
}

func (g *grammar) sum() *Error {
	return g.chain([]string{"+", "-"}, func() *Error {
		return g.chain([]string{"*"}, g.unary)
	})
}

func (g *grammar) unary() *Error {
	negative := false
	for g.peek().is("!") || g.peek().is("-") {
		negative = g.take().is("-")
	}
	if t := g.peek(); t.kind == number {
		sign := map[bool]string{true: "-"}[negative]
		if _, err := strconv.ParseInt(sign+t.text, 10, 64); err != nil {
			return g.fail(t, "numbers have 64 bits: at most 9223372036854775807, at least -9223372036854775808", "")
		}
	}
	if err := g.primary(); err != nil {
		return err
	}
	for {
		t := g.peek()
		switch {
		case g.skip("."):
			if err := g.member(); err != nil {
				return err
			}
		case g.skip("["):
			if err := g.literal(`between [ and ]`); err != nil {
				return err
			}
			if err := g.want("]", "after the name of an attribute"); err != nil {
				return err
			}
		case t.kind == symbol && t.text == "(":
			return g.fail(t, "there is nothing to call here", "")
		default:
			return nil
		}
	}
}

// member is what stands behind a dot.
func (g *grammar) member() *Error {
	t := g.peek()
	if t.kind == word && isKeyword(t.text) {
		return g.fail(t, strconv.Quote(t.text)+" is a word of the language", `["`+t.text+`"]`)
	}
	if t.kind != word {
		return g.expected(`the name of an attribute or a method after "."`)
	}
	g.take()
	if !g.skip("(") {
		return nil
	}
	if !slices.Contains(methods, t.text) {
		if slices.Contains(functions, t.text) {
			return g.fail(t, strconv.Quote(t.text)+" is a function, not a method", t.text+"(…)")
		}
		return g.unlike(t, "there is no method "+shown(t), methods)
	}
	before := g.next
	if err := g.list(")", "of arguments", g.expression); err != nil {
		return err
	}
	return g.arguments(t, before)
}

// arguments counts the arguments of a method that is part of the language, from
// the token at first to the bracket that has just been taken.
func (g *grammar) arguments(method token, first int) *Error {
	takes, want := "one argument", 1
	switch method.text {
	case "contains", "containsAll", "containsAny", "hasTag", "getTag":
	case "isEmpty":
		takes, want = "no argument", 0
	default:
		return nil
	}
	count, depth := 0, 0
	for _, t := range g.code[first : g.next-1] {
		switch {
		case t.is("("), t.is("["), t.is("{"):
			depth++
		case t.is(")"), t.is("]"), t.is("}"):
			depth--
		case t.is(",") && depth == 0:
			count++
		}
	}
	if first < g.next-1 && !g.code[g.next-2].is(",") {
		count++
	}
	if count == want {
		return nil
	}
	return g.fail(method, fmt.Sprintf("%s takes %s, not %d", method.text, takes, count), "")
}

func (g *grammar) primary() *Error {
	t := g.peek()
	switch {
	case t.kind == number, t.is("true"), t.is("false"):
		g.take()
		return nil
	case t.kind == text:
		return g.literal("")
	case g.skip("("):
		if err := g.expression(); err != nil {
			return err
		}
		return g.want(")", "to close the bracket")
	case g.skip("["):
		return g.list("]", "of a set", g.expression)
	case g.skip("{"):
		return g.record()
	case t.kind == word && !isKeyword(t.text):
		return g.name()
	default:
		return g.expected("a value")
	}
}

// name is a variable, an entity or a function.
func (g *grammar) name() *Error {
	t := g.take()
	path := clip(t.text)
	switch {
	case g.peek().is("::"):
		return g.entityRest(path)
	case g.skip("("):
		if slices.Contains(methods, t.text) {
			return g.fail(t, strconv.Quote(t.text)+" is a method", "value."+t.text+"(…)")
		}
		if !slices.Contains(functions, t.text) {
			return g.unlike(t, "there is no function "+shown(t), functions)
		}
		return g.list(")", "of arguments", g.expression)
	case slices.Contains(variables, t.text):
		return nil
	case g.peek().kind == text:
		return g.fail(t, "the identifier of an entity follows two colons", path+"::"+clip(g.peek().text))
	default:
		return g.unlike(t, "there is no variable "+shown(t), append(slices.Clone(variables), "true", "false", "!"))
	}
}

func (g *grammar) record() *Error {
	seen := map[string]bool{}
	return g.list("}", "of fields", func() *Error {
		t := g.peek()
		switch {
		case t.kind == text:
			if err := g.literal(""); err != nil {
				return err
			}
		case t.kind == word && !isKeyword(t.text):
			g.take()
		default:
			return g.expected("the name of a field")
		}
		if seen[t.text] {
			return g.fail(t, "the record has two fields "+shown(t), "")
		}
		seen[t.text] = true
		if err := g.want(":", "after the name of a field"); err != nil {
			return err
		}
		return g.expression()
	})
}

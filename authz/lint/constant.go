package lint

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// constants finds conditions, and parts of them, that are the same for every
// query.
func (p *Policy) constants() []Finding {
	var found []Finding
	for _, r := range p.Set.Rules() {
		if r.When == nil {
			continue
		}
		k := p.scoped(r)
		if f, ok := whole(r, k.of(r.When)); ok {
			found = append(found, f)
			continue
		}
		found = append(found, parts(r, r.When, k)...)
	}
	return found
}

// scoped is what the limits of a rule say of every query that it applies to.
func (p *Policy) scoped(r *rule.Rule) *known {
	k := &known{principal: typeIn(r.Principal), resource: typeIn(r.Resource), groups: p.within}
	if len(r.Actions) == 1 && r.Exact {
		k.action = r.Actions[0]
	}
	return k
}

func typeIn(s rule.Scope) string {
	if s.Type == "" {
		return s.Is.Type
	}
	return s.Type
}

// whole is a finding about the whole condition of a rule.
func whole(r *rule.Rule, left *rule.Expr) (Finding, bool) {
	forbids := r.Effect == rule.Forbid
	left = settle(left, forbids)
	switch {
	case denies(left) && forbids:
		f := about(r, Warning, "never-true", "the rule %s never forbids anything: its condition never holds", r.ID)
		f.Suggestion = "remove it, or mend the condition"
		return f, true
	case denies(left):
		f := about(r, Warning, "never-true", "the rule %s never permits anything: its condition never holds", r.ID)
		f.Suggestion = "remove it, or mend the condition"
		return f, true
	case holds(left):
		f := about(r, Warning, "always-true", "the condition of the rule %s always holds", r.ID)
		f.Suggestion = "leave it out, if that is meant"
		return f, true
	}
	return Finding{}, false
}

// parts are findings about what && and ||, ! and if join: each the largest part
// that is constant.
func parts(r *rule.Rule, e *rule.Expr, k *known) []Finding {
	switch e.Op {
	case rule.And, rule.Or, rule.Not, rule.If:
	default:
		return nil
	}
	var found []Finding
	for _, arg := range e.Args {
		left := k.of(arg)
		if left.Op != rule.Const || left.Value.Kind() != sallyport.KindBool && left.Value.Known() {
			found = append(found, parts(r, arg, k)...)
			continue
		}
		if e.Op == rule.If && arg != e.Args[0] { // "if c then true else …" is how one writes that
			continue
		}
		found = append(found, part(r, arg, left))
	}
	return found
}

func part(r *rule.Rule, e, left *rule.Expr) Finding {
	written, line, column := written(r, e)
	f := about(r, Warning, "never-true", "a part of the rule %s never holds: %s", r.ID, written)
	switch {
	case holds(left):
		f = about(r, Warning, "always-true", "a part of the rule %s always holds: %s", r.ID, written)
		f.Suggestion = "leave it out, if that is meant"
	case fails(left):
		f.Text = "a part of the rule " + r.ID + " can only fail: " + written
	}
	f.Line, f.Column = line, column
	return f
}

var clause = regexp.MustCompile(`\b(when|unless)\s*\{`)

// written returns how an expression is written in a rule, and where. If it cannot
// be found there it is where the rule is.
func written(r *rule.Rule, e *rule.Expr) (text string, line, column int) {
	begin := 0
	if at := clause.FindStringIndex(r.Text); at != nil {
		begin = at[1]
	}
	for _, spelling := range spellings(e) {
		words := strings.Fields(spelling)
		for i, w := range words {
			words[i] = regexp.QuoteMeta(w)
		}
		pattern, err := regexp.Compile(strings.Join(words, `\s+`))
		if err != nil {
			continue
		}
		if at := pattern.FindStringIndex(r.Text[begin:]); at != nil {
			line, column = place(r.Text, begin+at[0], r.Source)
			return strings.Join(strings.Fields(r.Text[begin+at[0]:begin+at[1]]), " "), line, column
		}
	}
	return e.String(), r.Source.Line, r.Source.Column
}

// spellings are the ways in which an expression may have been written. Of a
// comparison only one of two is kept.
func spellings(e *rule.Expr) []string {
	found := []string{e.String()}
	sign := map[rule.Op]string{rule.Less: " > ", rule.LessEqual: " >= ", rule.Equal: " == "}[e.Op]
	switch {
	case sign != "":
		found = append(found, e.Args[1].String()+sign+e.Args[0].String())
	case e.Op == rule.And, e.Op == rule.Or:
		sign = map[rule.Op]string{rule.And: " && ", rule.Or: " || "}[e.Op]
		for _, left := range spellings(e.Args[0]) {
			for _, right := range spellings(e.Args[1]) {
				if found = append(found, left+sign+right); len(found) > 64 {
					return found
				}
			}
		}
	}
	return found
}

// place returns where the byte at of text stands, if the text begins at from.
func place(text string, at int, from rule.Position) (line, column int) {
	before := text[:at]
	lines := strings.Count(before, "\n")
	if lines == 0 {
		return from.Line, from.Column + utf8.RuneCountInString(before)
	}
	return from.Line + lines, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

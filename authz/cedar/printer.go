package cedar

import (
	"strings"
	"unicode/utf8"
)

// maxLine is how long a line may be before it is broken, in characters.
const maxLine = 100

// A printer writes pieces, and knows where it is.
type printer struct {
	out         strings.Builder
	indent      int
	column      int
	start       bool  // nothing is on the line yet
	last, prior token // the two pieces before
}

// line ends the line, unless it is empty.
func (p *printer) line() {
	if !p.start {
		p.out.WriteByte('\n')
		p.start, p.column = true, 0
	}
}

// write writes text, behind the indentation if it is the first on its line.
func (p *printer) write(s string) {
	if p.start {
		p.column = 2 * p.indent
		p.out.WriteString(strings.Repeat("  ", p.indent))
	}
	p.out.WriteString(s)
	p.column += utf8.RuneCountInString(s)
	p.start = false
}

// note writes a comment on a line of its own.
func (p *printer) note(n note, apart bool) {
	p.line()
	if apart {
		p.out.WriteByte('\n')
	}
	p.write(n.text)
	p.line()
}

// piece writes a token with its comments, after which the line ends.
func (p *printer) piece(t piece) {
	for _, n := range t.before {
		p.note(n, false)
	}
	if !p.start && spaced(p.prior, p.last, t.token) {
		p.write(" ")
	}
	p.write(t.text)
	for _, n := range t.behind {
		p.write(" " + n.text)
	}
	if len(t.behind) > 0 {
		p.line()
	}
	p.prior, p.last = p.last, t.token
}

func (p *printer) pieces(all []piece) {
	for _, t := range all {
		p.piece(t)
	}
}

// policy writes the pieces of one policy, up to its semicolon. apart says that
// something stands before it.
func (p *printer) policy(all []piece, apart bool) {
	all[0] = p.introduce(all[0], apart)
	p.last, p.prior = token{}, token{}
	for all[0].is("@") {
		n := 2
		if all[2].is("(") {
			n = 5
		}
		p.pieces(all[:n])
		p.line()
		all = all[n:]
	}
	end := len(all) - 1
	for parts := nest(all[:end]); len(parts) > 0; parts = parts[2:] { // a word and what is in its brackets
		p.line()
		p.nodes(parts[:2], 1, false)
	}
	p.piece(all[end])
	p.line()
}

// introduce writes the comments before a policy, and returns its first piece
// without them.
func (p *printer) introduce(first piece, apart bool) piece {
	for i, n := range first.before {
		p.note(n, apart || i > 0 && n.apart)
		apart = false
	}
	if apart || len(first.before) > 0 && first.apart {
		p.out.WriteByte('\n')
	}
	first.before = nil
	return first
}

// A node is a piece, or brackets with what stands between.
type node struct {
	piece
	inner  []node
	close  piece
	nested bool
}

// nest makes nodes of pieces, whose brackets match.
func nest(all []piece) []node {
	levels := [][]node{nil}
	for _, t := range all {
		top := len(levels) - 1
		switch {
		case t.is("("), t.is("["), t.is("{"):
			levels[top] = append(levels[top], node{piece: t, nested: true})
			levels = append(levels, nil)
		case t.is(")"), t.is("]"), t.is("}"):
			outer := levels[top-1]
			outer[len(outer)-1].inner, outer[len(outer)-1].close = levels[top], t
			levels = levels[:top]
		default:
			levels[top] = append(levels[top], node{piece: t})
		}
	}
	return levels[0]
}

// each yields the pieces of nodes in their order, as long as yield wants more.
func each(list []node, yield func(piece) bool) bool {
	for _, n := range list {
		if !yield(n.piece) || n.nested && (!each(n.inner, yield) || !yield(n.close)) {
			return false
		}
	}
	return true
}

// fits reports whether nodes, and as many more characters as reserved, fit on the
// rest of the line. With comments they do not.
func (p *printer) fits(list []node, reserved int) bool {
	width, prior, last, start := p.column, p.prior, p.last, p.start
	if start {
		width = 2 * p.indent
	}
	return each(list, func(t piece) bool {
		if !start && spaced(prior, last, t.token) {
			width++
		}
		width += utf8.RuneCountInString(t.text)
		prior, last, start = last, t.token, false
		return len(t.before)+len(t.behind) == 0 && width+reserved <= maxLine
	})
}

// nodes writes nodes on one line if they fit, or else broken at what binds them
// least. The lines after the first are indented if they continue a line of
// others.
func (p *printer) nodes(list []node, reserved int, continued bool) {
	if p.fits(list, reserved) {
		each(list, func(t piece) bool { p.piece(t); return true })
		return
	}
	parts := broken(list)
	if len(parts) == 1 {
		for _, n := range list {
			p.node(n, reserved)
		}
		return
	}
	for i, part := range parts {
		if i > 0 {
			p.line()
		}
		if i == 1 && continued {
			p.indent++
		}
		if last := len(part) - 1; last > 0 && !part[last].nested && separates(part[last].token) {
			p.nodes(part[:last], len(part[last].text)+1, true)
			p.piece(part[last].piece)
		} else {
			p.nodes(part, reserved, true)
		}
	}
	if continued {
		p.indent--
	}
}

// node writes a node, with brackets on lines of their own if it does not fit.
func (p *printer) node(n node, reserved int) {
	if !n.nested || p.fits([]node{n}, reserved) {
		each([]node{n}, func(t piece) bool { p.piece(t); return true })
		return
	}
	p.piece(n.piece)
	p.line()
	p.indent++
	p.nodes(n.inner, 0, false)
	p.indent--
	p.line()
	p.piece(n.close)
}

// separates reports whether a line may end after t.
func separates(t token) bool { return t.is(",") || t.is("||") || t.is("&&") }

// broken cuts nodes after each comma; or before each then and else; or after each
// "||"; or after each "&&": whatever there is first. If there is nothing, it is
// one part.
func broken(list []node) [][]node {
	if parts := cut(list, func(t token) bool { return t.is(",") }, 1); len(parts) > 1 {
		return parts
	}
	if !list[0].nested && list[0].is("if") {
		if parts := cut(list, func(t token) bool { return t.is("then") || t.is("else") }, 0); len(parts) > 1 {
			return parts
		}
	}
	for _, operator := range []string{"||", "&&"} {
		if parts := cut(list, func(t token) bool { return t.is(operator) }, 1); len(parts) > 1 {
			return parts
		}
	}
	return [][]node{list}
}

// cut cuts nodes before the pieces that at is true for, or behind them.
func cut(list []node, at func(token) bool, behind int) [][]node {
	var parts [][]node
	first := 0
	for i, n := range list {
		if n.nested || !at(n.token) {
			continue
		}
		if i+behind > first {
			parts = append(parts, list[first:i+behind])
		}
		first = i + behind
	}
	if first < len(list) {
		parts = append(parts, list[first:])
	}
	return parts
}

// spaced reports whether a space stands before t, which is written after last and
// that after prior.
func spaced(prior, last, t token) bool {
	attribute := prior.is(".") || prior.is("@")
	switch {
	case last.kind == end:
		return false
	case t.is(","), t.is(";"), t.is(")"), t.is("]"), t.is("."), t.is("::"), t.is(":"):
		return false
	case last.is("("), last.is("["), last.is("."), last.is("::"), last.is("@"), last.is("!"):
		return false
	case last.is("-") && isSign(prior):
		return false
	case t.is("}"):
		return !last.is("{")
	case t.is("("):
		return last.kind != word || !attribute && (isKeyword(last.text) || last.is("permit") || last.is("forbid"))
	case t.is("["):
		return last.kind == symbol && !closes(last) || last.kind == word && !attribute && isKeyword(last.text)
	default:
		return true
	}
}

// isSign reports whether a minus after t has nothing to subtract from.
func isSign(t token) bool {
	return t.kind == end || t.kind == symbol && !closes(t) || t.kind == word && isKeyword(t.text) && !t.is("true") && !t.is("false")
}

func closes(t token) bool { return t.is(")") || t.is("]") || t.is("}") }

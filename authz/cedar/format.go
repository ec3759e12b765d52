package cedar

import (
	"errors"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Format returns policies in the one form that all policies have: a rule's head
// on one line or its three parts on a line each, every annotation and every
// clause on a line of its own, conditions broken where they are longer than a
// line, one empty line between rules. Comments and the order stay as they are.
// Formatting twice changes nothing. The error is that of [Parse].
func Format(f rule.File) (string, error) {
	if _, err := Parse(f); err != nil {
		return "", err
	}
	all, after := attach(tokens(f.Text))
	p := &printer{start: true}
	for first := 0; first < len(all); {
		last := first + slices.IndexFunc(all[first:], func(p piece) bool { return p.is(";") })
		p.policy(all[first:last+1], first > 0)
		first = last + 1
	}
	for i, n := range after {
		p.note(n, p.out.Len() > 0 && (i == 0 || n.apart))
	}
	text := p.out.String()
	if !slices.EqualFunc(code(tokens(f.Text)), code(tokens(text)), func(a, b token) bool { return a.kind == b.kind && a.text == b.text }) {
		return "", errors.New(f.Name + ": formatting would have changed the rules, and was given up")
	}
	return text, nil
}

// A note is a comment.
type note struct {
	text  string
	apart bool // an empty line stands before it
}

// A piece is a token with its comments.
type piece struct {
	token
	before []note // on lines of their own
	behind []note // on its line, which ends after them
	apart  bool   // an empty line stands between it and what is before
}

// attach gives each comment to the token before it, if that ends on the line of
// the comment, or else to the one after it. after are those behind the last token.
func attach(all []token) (pieces []piece, after []note) {
	line := 1          // on which the last thing ends
	same := false      // whether a comment on that line belongs to the last piece
	var waiting []note // for the next piece
	for _, t := range all {
		apart := t.line > line+1
		switch {
		case t.kind == end:
			return pieces, waiting
		case t.kind != comment:
			pieces = append(pieces, piece{token: t, before: waiting, apart: apart})
			waiting, same = nil, true
		case same && t.line == line:
			last := &pieces[len(pieces)-1]
			last.behind = append(last.behind, note{text: trim(t.text)})
		default:
			waiting, same = append(waiting, note{trim(t.text), apart}), false
		}
		line, _ = t.after()
	}
	return pieces, waiting
}

func trim(comment string) string { return strings.TrimRight(comment, " \t\r\n") }

package cedar

import (
	"strings"
	"unicode/utf8"
)

// A kind says what a token is.
type kind uint8

const (
	end     kind = iota // after the last token
	word                // identifier or keyword
	number              // digits
	text                // text in double quotes, quotes included
	symbol              // an operator or a bracket
	comment             // from // to the end of the line, or between /* and */
	unknown             // anything else, such as text without an end
)

// A token is a piece of Cedar, policy or schema. Between tokens is white space.
type token struct {
	kind         kind
	text         string
	at           int // offset in bytes
	line, column int // from 1, column in characters
}

// is reports whether t is the symbol or word s.
func (t token) is(s string) bool { return (t.kind == symbol || t.kind == word) && t.text == s }

// end returns the offset after t.
func (t token) end() int { return t.at + len(t.text) }

// after returns the place where t ends.
func (t token) after() (line, column int) {
	if i := strings.LastIndexByte(t.text, '\n'); i >= 0 {
		return t.line + strings.Count(t.text, "\n"), utf8.RuneCountInString(t.text[i+1:]) + 1
	}
	return t.line, t.column + utf8.RuneCountInString(t.text)
}

// tokens cuts a file into tokens, comments included. The last is of kind end.
func tokens(source string) []token {
	found := make([]token, 0, len(source)/4+1)
	at, line, column := 0, 1, 1
	for {
		for at < len(source) && strings.IndexByte(" \t\r\n", source[at]) >= 0 {
			if column++; source[at] == '\n' {
				line, column = line+1, 1
			}
			at++
		}
		if at == len(source) {
			return append(found, token{end, "", at, line, column})
		}
		k, n := scan(source[at:])
		t := token{k, source[at : at+n], at, line, column}
		found = append(found, t)
		at += n
		line, column = t.after()
	}
}

// code returns the tokens that are not comments.
func code(all []token) []token {
	found := make([]token, 0, len(all))
	for _, t := range all {
		if t.kind != comment {
			found = append(found, t)
		}
	}
	return found
}

// scan returns the kind and the length of the token that s, which is not empty,
// begins with.
func scan(s string) (kind, int) {
	switch c := s[0]; {
	case isLetter(c):
		return word, span(s, func(c byte) bool { return isLetter(c) || isDigit(c) })
	case isDigit(c):
		return number, span(s, isDigit)
	case c == '"':
		return scanText(s)
	case strings.HasPrefix(s, "//"):
		if n := strings.IndexByte(s, '\n'); n >= 0 {
			return comment, n
		}
		return comment, len(s)
	case strings.HasPrefix(s, "/*"):
		if n := strings.Index(s[2:], "*/"); n >= 0 {
			return comment, n + 4
		}
		return unknown, len(s)
	}
	for _, operator := range []string{"::", "!=", "<=", ">=", "==", "||", "&&"} {
		if strings.HasPrefix(s, operator) {
			return symbol, 2
		}
	}
	if strings.IndexByte("@.,;(){}[]+-*:!<>", s[0]) >= 0 {
		return symbol, 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return unknown, n
}

// scanText is scan for a text, which may not go beyond its line.
func scanText(s string) (kind, int) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return text, i + 1
		case '\n':
			return unknown, i
		case '\\':
			if i++; i < len(s) && s[i] == '\n' {
				return unknown, i
			}
		}
	}
	return unknown, len(s)
}

func span(s string, in func(byte) bool) int {
	n := 1
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isKeyword reports whether a word means something of its own wherever it
// stands, so that it names nothing.
func isKeyword(s string) bool {
	switch s {
	case "true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar":
		return true
	}
	return false
}

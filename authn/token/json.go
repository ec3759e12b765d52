package token

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What the strict scanner refuses although encoding/json (version 1) lets it pass: repeated members, members that differ only in
// case, invalid UTF-8, lone surrogates and NUL. Two readers of one token must never see two different things (RFC 8725 §2.4).
var (
	errSyntax    = errors.New("malformed JSON")
	errTrailing  = errors.New("data after the JSON value")
	errDuplicate = errors.New("repeated or case-folded JSON member")
	errText      = errors.New("JSON string with invalid UTF-8, a lone surrogate, NUL or a control character")
	errDepth     = errors.New("JSON nested too deeply")
	errMembers   = errors.New("too many JSON members")
	errType      = errors.New("JSON value of the wrong type")
	errNumber    = errors.New("number is not an integer in range")
)

const (
	maxDepth   = 8
	maxMembers = 128
)

// A parser pulls JSON values from s, one after the other, without building a tree. Strings that contain no escape are substrings
// of s and cost nothing.
type parser struct {
	s     string
	i     int
	depth int
}

// parseObject reads s as exactly one JSON object and calls visit for each member; visit must consume the member's value.
func parseObject(s string, visit func(p *parser, name string) error) error {
	p := parser{s: s}
	if err := p.object(visit); err != nil {
		return err
	}
	p.space()
	if p.i != len(p.s) {
		return errTrailing
	}
	return nil
}

// object consumes an object. Names are compared by a hash of their folded form: should two different names ever share the 64 bits,
// the object is refused, which is the safe mistake.
func (p *parser) object(visit func(p *parser, name string) error) error {
	if err := p.enter('{'); err != nil {
		return err
	}
	var room [24]uint64
	seen := room[:0]
	for first := true; ; first = false {
		more, err := p.more('}', first)
		if !more {
			return err
		}
		name, err := p.str()
		if err != nil {
			return err
		}
		h := foldHash(name)
		for _, s := range seen {
			if s == h {
				return errDuplicate
			}
		}
		if len(seen) == maxMembers {
			return errMembers
		}
		seen = append(seen, h)
		if p.peek() != ':' {
			return errSyntax
		}
		p.i++
		if err := visit(p, name); err != nil {
			return err
		}
	}
}

// array consumes an array and calls visit for each element; visit must consume it.
func (p *parser) array(visit func(p *parser) error) error {
	if err := p.enter('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := p.more(']', first)
		if !more {
			return err
		}
		if err := visit(p); err != nil {
			return err
		}
	}
}

func (p *parser) enter(bracket byte) error {
	if p.peek() != bracket {
		return p.mismatch()
	}
	p.i++
	if p.depth++; p.depth > maxDepth {
		return errDepth
	}
	return nil
}

// more moves to the next element of an object or array; at the end it consumes the closing bracket and reports false.
func (p *parser) more(closing byte, first bool) (bool, error) {
	c := p.peek()
	if c == closing {
		p.i++
		p.depth--
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, errSyntax
	}
	p.i++
	if p.peek() == closing { // a trailing comma
		return false, errSyntax
	}
	return true, nil
}

// str consumes a string.
func (p *parser) str() (string, error) {
	if p.peek() != '"' {
		return "", p.mismatch()
	}
	start := p.i + 1
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.i = i + 1
			return p.s[start:i], nil
		case c < 0x20:
			return "", errText
		case c == '\\' || c >= utf8.RuneSelf:
			return p.slowStr(start, i)
		}
	}
	return "", errSyntax
}

// slowStr finishes a string that has escapes or characters beyond ASCII. Everything before i has been found plain.
func (p *parser) slowStr(start, i int) (string, error) {
	var b strings.Builder
	b.WriteString(p.s[start:i])
	for i < len(p.s) {
		c := p.s[i]
		switch {
		case c == '"':
			p.i = i + 1
			return b.String(), nil
		case c < 0x20:
			return "", errText
		case c == '\\':
			r, n, err := unescape(p.s[i:])
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
			i += n
		case c < utf8.RuneSelf:
			b.WriteByte(c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(p.s[i:])
			if r == utf8.RuneError && n == 1 {
				return "", errText
			}
			b.WriteRune(r)
			i += n
		}
	}
	return "", errSyntax
}

// unescape decodes the escape at the start of s and returns its length.
func unescape(s string) (rune, int, error) {
	if len(s) < 2 {
		return 0, 0, errSyntax
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2, nil
	}
	r, ok := hex4(s)
	if !ok {
		return 0, 0, errSyntax
	}
	switch {
	case r == 0:
		return 0, 0, errText
	case r < 0xD800 || r > 0xDFFF:
		return r, 6, nil
	case r > 0xDBFF:
		return 0, 0, errText // a low surrogate first
	}
	low, ok := hex4(s[6:])
	if !ok || low < 0xDC00 || low > 0xDFFF {
		return 0, 0, errText
	}
	return 0x10000 + (r-0xD800)<<10 + (low - 0xDC00), 12, nil
}

// hex4 reads \uXXXX at the start of s.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// integer consumes a number that must be written as an integer from 0 to max: no fraction, no exponent, no sign.
func (p *parser) integer(max int64) (int64, error) {
	start := p.i
	if c := p.peek(); c != '-' && (c < '0' || c > '9') {
		return 0, p.mismatch()
	}
	first := p.i
	if err := p.number(); err != nil {
		p.i = start
		return 0, err
	}
	digits := p.s[first:p.i]
	if len(digits) > 18 {
		return 0, errNumber
	}
	var n int64
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, errNumber
		}
		n = n*10 + int64(c-'0')
	}
	if n > max {
		return 0, errNumber
	}
	return n, nil
}

// number consumes a number in the grammar of RFC 8259 §6.
func (p *parser) number() error {
	if p.at('-') {
		p.i++
	}
	if p.at('0') {
		p.i++
	} else if p.digits() == 0 {
		return errSyntax
	}
	if p.at('.') {
		p.i++
		if p.digits() == 0 {
			return errSyntax
		}
	}
	if p.at('e') || p.at('E') {
		p.i++
		if p.at('+') || p.at('-') {
			p.i++
		}
		if p.digits() == 0 {
			return errSyntax
		}
	}
	return nil
}

func (p *parser) digits() (n int) {
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
		p.i++
		n++
	}
	return n
}

// boolean consumes true or false.
func (p *parser) boolean() (bool, error) {
	switch p.peek() {
	case 't':
		return true, p.literal("true")
	case 'f':
		return false, p.literal("false")
	}
	return false, p.mismatch()
}

func (p *parser) literal(word string) error {
	if !strings.HasPrefix(p.s[p.i:], word) {
		return errSyntax
	}
	p.i += len(word)
	return nil
}

// strings consumes an array of strings. The result is never nil.
func (p *parser) strings() ([]string, error) {
	out := make([]string, 0, 4)
	err := p.array(func(p *parser) error {
		s, err := p.str()
		out = append(out, s)
		return err
	})
	return out, err
}

// skip consumes any value, as strictly as if it were used.
func (p *parser) skip() error {
	switch c := p.peek(); c {
	case '{':
		return p.object(func(p *parser, _ string) error { return p.skip() })
	case '[':
		return p.array((*parser).skip)
	case '"':
		_, err := p.str()
		return err
	case 't', 'f':
		_, err := p.boolean()
		return err
	case 'n':
		return p.literal("null")
	default:
		if c == '-' || '0' <= c && c <= '9' {
			return p.number()
		}
		return errSyntax
	}
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, 0 at the end (a NUL outside a string is never valid either).
func (p *parser) peek() byte {
	p.space()
	if p.i == len(p.s) {
		return 0
	}
	return p.s[p.i]
}

func (p *parser) at(c byte) bool { return p.i < len(p.s) && p.s[p.i] == c }

// mismatch tells a value of another type from something that is no value.
func (p *parser) mismatch() error {
	if c := p.peek(); c != 0 && strings.IndexByte(`{["tfn-0123456789`, c) >= 0 {
		return errType
	}
	return errSyntax
}

// foldHash returns the FNV-1a hash of a name under Unicode simple case folding: "exp", "EXP" and "ſub", "sub" agree.
func foldHash(name string) uint64 {
	h := uint64(14695981039346656037)
	for i, c := range []byte(name) {
		if c >= utf8.RuneSelf {
			for _, r := range name[i:] {
				h = (h ^ uint64(foldRune(r))) * 1099511628211
			}
			return h
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func foldRune(r rune) rune {
	if r >= utf8.RuneSelf {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		r = least
	}
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}

// resembles reports whether name is one of known in another case. Such a member is refused rather than ignored: another reader of
// the same object might take it for the real one.
func resembles(name string, known []string) bool {
	for _, k := range known {
		if name != k && strings.EqualFold(name, k) {
			return true
		}
	}
	return false
}

// appendString appends s as a JSON string. It fails on text that the scanner would refuse.
func appendString(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errText
	}
	b = append(b, '"')
	for _, c := range []byte(s) {
		switch {
		case c == 0:
			return nil, errText
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', '0'+c>>4, "0123456789abcdef"[c&15])
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"'), nil
}

// appendStrings appends an array of strings.
func appendStrings(b []byte, list []string) (_ []byte, err error) {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendString(b, s); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

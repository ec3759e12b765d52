package forward

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxURI is the longest address that is looked at.
const maxURI = 16 << 10

// A reading is a path as it was meant, and as a careless program behind the proxy might
// take it. Where rules tell the two apart nobody is let through: an attacker writes such
// a path so that we see one thing and that program another.
type reading struct {
	exact string // decoded once
	loose string // decoded to the end, without parameters, and folded: see [loosely]
}

// readPath reads the path of an address. What has no one structure is refused whatever
// the rules: dot segments, empty segments, slashes that are encoded, what is no text.
func readPath(uri string) (r reading, ok bool) {
	raw, _, _ := strings.Cut(uri, "?")
	if len(uri) > maxURI || !strings.HasPrefix(raw, "/") {
		return r, false
	}
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= ' ' || c > '~' || c == '\\' || c == '#':
			return r, false
		case c == '/' && i > 0 && raw[i-1] == '/':
			return r, false
		}
	}
	r.exact = raw
	if strings.IndexByte(raw, '%') >= 0 {
		if r.exact, ok = decode(raw, false); !ok {
			return r, false
		}
	}
	r.loose, ok = loosely(r.exact)
	return r, ok
}

// decode undoes the percent-encoding once. What would be taken for structure is refused,
// and so is what is no text. What is no encoding is refused too, unless lax.
func decode(s string, lax bool) (string, bool) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			high, low := -1, -1
			if i+2 < len(s) {
				high, low = hex(s[i+1]), hex(s[i+2])
			}
			switch {
			case high >= 0 && low >= 0:
				c, i = byte(high<<4|low), i+2
				if c < ' ' || c == 0x7f || c == '/' || c == '\\' || c == '.' {
					return "", false
				}
			case !lax:
				return "", false
			}
		}
		b = append(b, c)
	}
	return string(b), utf8.Valid(b)
}

func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// loosely is the path as it looks to a program that decodes it again, ends it at a
// question mark, drops parameters of segments (RFC 3986 §3.3) and what file names cannot
// end in, and knows no upper case. A segment of which nothing is left, or dots, leads
// elsewhere: then there is no path.
func loosely(exact string) (string, bool) {
	path := exact
	for range 8 {
		if strings.IndexByte(path, '%') < 0 {
			break
		}
		again, ok := decode(path, true)
		if !ok {
			return "", false
		}
		if again == path {
			break
		}
		path = again
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if !tidy(path) {
		segments := strings.Split(path, "/")
		for i, s := range segments {
			bare, _, _ := strings.Cut(s, ";")
			bare = strings.TrimRight(bare, " .")
			if bare == "" && s != "" {
				return "", false
			}
			segments[i] = bare
		}
		path = strings.Join(segments, "/")
	}
	return fold(path), true
}

// tidy reports whether each segment ends in itself.
func tidy(path string) bool {
	last := byte('/')
	for i := range len(path) {
		c := path[i]
		if c == ';' || c == '/' && (last == '.' || last == ' ') {
			return false
		}
		last = c
	}
	return last != '.' && last != ' '
}

// fold makes one of all ways to write a text in upper and lower case.
func fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.Map(foldRune, s)
		}
	}
	return s
}

// foldRune returns the least of the letters that some program takes for the same as r but
// for case, and of ASCII the small one.
func foldRune(r rune) rune {
	r = unicode.ToLower(unicode.ToUpper(r)) // a dotless i has the capital of the other
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// within reports whether a path is the prefix or below it, in whole segments. The prefix
// has no slash at its end.
func within(path, prefix string) bool {
	return strings.HasPrefix(path, prefix) && (len(path) == len(prefix) || path[len(prefix)] == '/')
}

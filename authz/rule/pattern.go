package rule

import "strings"

// Match reports whether the whole of s fits the pattern. Upper and lower case
// differ. The empty Pattern fits the empty text only.
func (p Pattern) Match(s string) bool {
	if len(p) == 0 {
		return s == ""
	}
	first, last := p[0], p[len(p)-1]
	if len(p) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, piece := range p[1 : len(p)-1] {
		i := strings.Index(s, piece) // the first place leaves most for the rest
		if i < 0 {
			return false
		}
		s = s[i+len(piece):]
	}
	return true
}

package password

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/sallyport-auth/sallyport/authn/password/internal/blocklist"
)

// rows are characters that lie beside each other on keyboards (QWERTY, QWERTZ, AZERTY), along the rows and in the zigzags that fingers draw.
// NUL separates them, because no password contains it.
const rows = "1234567890\x00!@#$%^&*()\x00!\"§$%&/()\x00" +
	"qwertyuiop\x00asdfghjkl\x00zxcvbnm\x00qwertzuiop\x00yxcvbnm\x00azertyuiop\x00qsdfghjklm\x00wxcvbn\x00" +
	"1q2w3e4r5t6y7u8i9o0p\x00q1w2e3r4t5y6u7i8o9p0\x001qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p\x00qazwsxedcrfvtgbyhnujmikolp"

// A guess is a password seen through the eyes of somebody who guesses.
type guess struct {
	unit string // folded, without its repetitions
	need int    // how many characters must be its own
}

func newGuess(normal string, need int) guess {
	return guess{unit: period(blocklist.Fold(normal)), need: need}
}

// enough reports whether s, some part of the unit, holds as many characters as are needed.
func (g guess) enough(s string) bool {
	r := []rune(s)
	for n := 0; n < g.need; n++ {
		if len(r) == 0 {
			return false
		}
		r = r[run(r):]
	}
	return true
}

// isContext reports whether the unit holds words of the context and too little else.
func (g guess) isContext(context []string) bool {
	left := g.unit
	for _, word := range words(context) {
		left = without(left, word)
	}
	return left != g.unit && !g.enough(left)
}

// isCommon reports whether the unit holds a common password and too little else.
func (g guess) isCommon() bool {
	r := []rune(g.unit)
	for i := range r {
		for j := min(len(r), i+blocklist.MaxLength); j-i >= blocklist.MinLength; j-- {
			word := string(r[i:j])
			if blocklist.Contains(word) && !g.enough(without(g.unit, word)) {
				return true
			}
		}
	}
	return false
}

// without takes word out of s wherever it stands. If it is a word indeed and not a number, then digits and signs are its usual
// decoration (years, dates, exclamation marks), and as many as stand in a row become one.
func without(s, word string) string {
	if !strings.Contains(s, word) {
		return s
	}
	s = strings.ReplaceAll(s, word, "")
	if strings.ContainsFunc(word, isLetter) {
		s = collapse(s)
	}
	return s
}

// collapse writes one space for all characters in a row that are no letters.
func collapse(s string) string {
	var b strings.Builder
	letter := true
	for _, r := range s {
		last := letter
		letter = isLetter(r)
		if letter {
			b.WriteRune(r)
		} else if last {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) }

// run returns the length of the run that r begins with, or 1. Shorter runs than three are in every word of every language.
func run(r []rune) int {
	up, down := true, true
	n := 1
	for ; n < len(r); n++ {
		a, b := r[n-1], r[n]
		up = up && (a == b || follows(a, b))
		down = down && (a == b || follows(b, a))
		if !up && !down {
			break
		}
	}
	if n < 3 {
		return 1
	}
	return n
}

// follows reports whether b comes after a in an alphabet or on a keyboard.
func follows(a, b rune) bool {
	return b == a+1 || strings.Contains(rows, string([]rune{a, b}))
}

// period returns the shortest piece that s repeats at least twice, the last time perhaps in part, or s.
func period(s string) string {
	r := []rune(s)
	// border[i] is the length of the longest proper prefix of r[:i+1] that is also its suffix (Knuth, Morris, Pratt).
	border := make([]int, len(r))
	for i, k := 1, 0; i < len(r); i++ {
		for k > 0 && r[i] != r[k] {
			k = border[k-1]
		}
		if r[i] == r[k] {
			k++
		}
		border[i] = k
	}
	if len(r) == 0 {
		return s
	}
	if n := len(r) - border[len(r)-1]; 2*n <= len(r) {
		return string(r[:n])
	}
	return s
}

// words returns the words of the context, each alone and those of one entry joined ("Ann Example": annexample, example, ann), longest first.
// Words of less than three bytes are left out: two Latin letters stand in many passwords by accident, one Chinese sign may be a name.
func words(context []string) []string {
	var all []string
	for _, entry := range context {
		parts := strings.FieldsFunc(blocklist.Fold(entry), func(r rune) bool {
			return !isLetter(r) && !unicode.IsDigit(r)
		})
		all = append(append(all, parts...), strings.Join(parts, ""))
	}
	all = slices.DeleteFunc(all, func(w string) bool { return len(w) < 3 })
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return all
}

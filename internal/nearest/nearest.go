// Package nearest finds what somebody meant who wrote a name that is not known,
// for error messages.
package nearest

import (
	"iter"
	"strings"
)

// maxLen bounds the work on names that come from outside.
const maxLen = 64

// Name returns the known name that takes the fewest edits to reach from name, or
// "" if none resembles it: if more than half of the longer one would have to
// change and neither begins with the other. Of equally near ones it returns the
// first in the alphabet. It ignores case.
func Name(name string, known iter.Seq[string]) string {
	best, fewest := "", 2*maxLen+1
	for k := range known {
		n, ok := edits(strings.ToLower(name), strings.ToLower(k))
		if ok && (n < fewest || n == fewest && k < best) {
			best, fewest = k, n
		}
	}
	return best
}

// Hint returns `; did you mean "…"?` for an error about the unknown name, or ""
// if nothing known resembles it.
func Hint(name string, known iter.Seq[string]) string {
	if n := Name(name, known); n != "" {
		return `; did you mean "` + n + `"?`
	}
	return ""
}

// edits counts insertions, deletions, replacements and swaps of neighbours that
// turn a into b, and reports whether the two resemble each other.
func edits(a, b string) (n int, ok bool) {
	if a == "" || b == "" || len(a) > maxLen || len(b) > maxLen {
		return 0, false
	}
	var rows [3][maxLen + 1]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above, twoAbove := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := above[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twoAbove[j-2]+1)
			}
		}
	}
	n = rows[len(a)%3][len(b)]
	begins := strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
	return n, begins || 2*n <= max(len(a), len(b))
}

package nearest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/nearest"
)

func TestName(t *testing.T) {
	known := []string{"member", "moderator", "admin", "search"}
	for _, c := range []struct{ it, name, want string }{
		{"a letter is missing", "serch", "search"},
		{"two letters are swapped", "amdin", "admin"},
		{"the case differs", "Admin", "admin"},
		{"it is the beginning", "mod", "moderator"},
		{"it has one word too many", "member-role", "member"},
		{"nothing resembles it", "xyz", ""},
		{"it is empty", "", ""},
		{"it is endless", strings.Repeat("m", 1000), ""},
	} {
		t.Run(c.it, func(t *testing.T) {
			if got := nearest.Name(c.name, slices.Values(known)); got != c.want {
				t.Errorf("Name(%.20q) = %q, want %q", c.name, got, c.want)
			}
		})
	}
}

func TestTheFirstInTheAlphabetWinsATie(t *testing.T) {
	for _, known := range [][]string{{"cat", "bat"}, {"bat", "cat"}} {
		if got := nearest.Name("rat", slices.Values(known)); got != "bat" {
			t.Errorf("Name = %q among %q", got, known)
		}
	}
}

func TestHint(t *testing.T) {
	known := slices.Values([]string{"search"})
	if got, want := nearest.Hint("serch", known), `; did you mean "search"?`; got != want {
		t.Errorf("Hint = %q, want %q", got, want)
	}
	if got := nearest.Hint("zzz", known); got != "" {
		t.Errorf("Hint = %q, want nothing", got)
	}
}

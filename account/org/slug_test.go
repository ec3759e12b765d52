package org_test

import (
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account/org"
)

func TestSlug(t *testing.T) {
	for _, c := range []struct {
		it, typed, want string // "" = refused
	}{
		{"letters and digits", "club9", "club9"},
		{"hyphens between", "the-old-club", "the-old-club"},
		{"capitals are folded", "The-Club", "the-club"},
		{"full-width letters are ours", "ＣＬＵＢ", "club"},
		{"the sign for kelvin is a k", "\u212Aiosk", "kiosk"},
		{"the shortest", "ab", "ab"},
		{"the longest", strings.Repeat("a", 63), strings.Repeat("a", 63)},
		{"one letter", "a", ""},
		{"nothing", "", ""},
		{"one more than the longest", strings.Repeat("a", 64), ""},
		{"endless", strings.Repeat("a", 1<<20), ""},
		{"a hyphen first", "-club", ""},
		{"a hyphen last", "club-", ""},
		{"two hyphens, as in a name in punycode", "xn--club", ""},
		{"an underscore, as in an id", "org_club", ""},
		{"a letter that looks like ours", "\u0441lub", ""},
		{"a letter with a mark", "clüb", ""},
		{"a space", "the club", ""},
		{"a path", "../club", ""},
		{"NUL", "club\x00", ""},
		{"no UTF-8", "club\xff", ""},
	} {
		t.Run(c.it, func(t *testing.T) {
			got, err := org.Slug(c.typed)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("Slug(%.80q) = %q, %v; want %q", c.typed, got, err, c.want)
			}
		})
	}
}

// What is kept is found again, and is no id.
func FuzzSlug(f *testing.F) {
	for _, s := range []string{"club", "ＣＬＵＢ", "a--b", "org_06gzpar626ax00kwvcgr2gd55w", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		slug, err := org.Slug(typed)
		if err != nil {
			return
		}
		if again, err := org.Slug(slug); err != nil || again != slug {
			t.Errorf("Slug(%q) = %q, whose slug is %q, %v", typed, slug, again, err)
		}
		if org.IsID(slug) {
			t.Errorf("%q is an id", slug)
		}
	})
}

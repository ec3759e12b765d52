package authz_test

import (
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authz"
)

func TestParsePermission(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, c := range []struct {
		it, in  string
		ok      bool
		pattern bool
	}{
		{"one action", "post:delete", true, false},
		{"every action on a kind", "post:*", true, true},
		{"every action", "*", true, true},
		{"digits and marks", "v2.post-it:mark_as-read.2", true, false},
		{"as long as it gets", long + ":" + long, true, false},
		{"nothing", "", false, false},
		{"no colon", "post", false, false},
		{"no kind", ":delete", false, false},
		{"no verb", "post:", false, false},
		{"two colons", "post:comment:delete", false, false},
		{"a verb on every kind", "*:delete", false, false},
		{"everything twice", "*:*", false, false},
		{"a star in a verb", "post:del*", false, false},
		{"a capital", "Post:delete", false, false},
		{"a space", "post: delete", false, false},
		{"a mark first", "-post:delete", false, false},
		{"a letter beyond ASCII", "póst:delete", false, false},
		{"NUL", "post:\x00", false, false},
		{"a kind too long", long + "a:delete", false, false},
		{"a verb too long", "post:" + long + "a", false, false},
	} {
		t.Run(c.it, func(t *testing.T) {
			p, err := authz.ParsePermission(c.in)
			if (err == nil) != c.ok {
				t.Fatalf("ParsePermission(%q): %v", c.in, err)
			}
			if c.ok && p.String() != c.in {
				t.Errorf("%q became %q", c.in, p)
			}
			if p.IsPattern() != c.pattern {
				t.Errorf("%q: IsPattern = %v", c.in, p.IsPattern())
			}
		})
	}
}

func TestPermissionCovers(t *testing.T) {
	for _, c := range []struct {
		holder, want string
		covers       bool
	}{
		{"post:delete", "post:delete", true},
		{"post:delete", "post:read", false},
		{"post:delete", "post:*", false},
		{"post:*", "post:delete", true},
		{"post:*", "post:*", true},
		{"post:*", "poster:delete", false},
		{"post:*", "*", false},
		{"*", "post:delete", true},
		{"*", "post:*", true},
		{"*", "*", true},
	} {
		t.Run(c.holder+" and "+c.want, func(t *testing.T) {
			if got := permission(t, c.holder).Covers(permission(t, c.want)); got != c.covers {
				t.Errorf("Covers = %v, want %v", got, c.covers)
			}
		})
	}
	var zero authz.Permission
	if all := permission(t, "*"); zero.Covers(all) || all.Covers(zero) || zero.Covers(zero) {
		t.Error("the zero Permission covers something or is covered")
	}
}

func permission(t testing.TB, s string) authz.Permission {
	t.Helper()
	p, err := authz.ParsePermission(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheckRoleName(t *testing.T) {
	for _, c := range []struct {
		it, name string
		ok       bool
	}{
		{"a word", "moderator", true},
		{"digits and marks", "2nd-level_support.eu", true},
		{"as long as it gets", strings.Repeat("a", 64), true},
		{"nothing", "", false},
		{"too long", strings.Repeat("a", 65), false},
		{"a capital", "Admin", false},
		{"a colon", "post:delete", false},
		{"what looks like a flag", "-admin", false},
		{"a space", "board member", false},
		{"a comma", "a,b", false},
		{"a letter that only looks like one of ours", "аdmin", false},
	} {
		t.Run(c.it, func(t *testing.T) {
			if err := authz.CheckRoleName(c.name); (err == nil) != c.ok {
				t.Errorf("CheckRoleName(%q) = %v", c.name, err)
			}
		})
	}
}

func FuzzParsePermission(f *testing.F) {
	for _, s := range []string{"post:delete", "post:*", "*", "", ":", "a:", ":a", "*:*", "a:b:c", "openid", "Post:x", "p\x00:x"} {
		f.Add(s)
	}
	all := permission(f, "*")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := authz.ParsePermission(s)
		if err != nil {
			if p != (authz.Permission{}) {
				t.Errorf("ParsePermission(%q) returns %q beside its error", s, p)
			}
			return
		}
		again, err := authz.ParsePermission(p.String())
		if err != nil || again != p || p.String() != s {
			t.Errorf("%q became %q, then %q (%v)", s, p, again, err)
		}
		if !p.Covers(p) || !all.Covers(p) {
			t.Errorf("%q is not covered by itself or by *", s)
		}
		if authz.ScopeAllows([]string{"*"}, s) == p.IsPattern() {
			t.Errorf("%q: a scope allows exactly what is no pattern", s)
		}
	})
}

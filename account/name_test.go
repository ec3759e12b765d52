package account_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/account"
)

func TestUserNames(t *testing.T) {
	for _, c := range []struct{ name, typed, want string }{
		{"a plain name", "ann", "ann"},
		{"case is folded", "Ann", "ann"},
		{"case is folded beyond ASCII", "ÄNNE", "änne"},
		{"full-width letters are plain ones", "Ａｎｎ", "ann"},
		{"the Kelvin sign is a k", "\u212aim", "kim"},
		{"an accent may be typed after its letter", "Rene\u0301", "rené"},
		{"digits, dots, hyphens and underscores", "a.b-c_9", "a.b-c_9"},
		{"any script", "анна", "анна"},
		{"64 characters", strings.Repeat("é", 64), strings.Repeat("é", 64)},

		{"nothing", "", ""},
		{"an address", "ann@example.org", ""},
		{"a full-width @", "ann＠example.org", ""},
		{"a small @", "ann﹫example.org", ""},
		{"a blank", "ann b", ""},
		{"a no-break space", "ann\u00a0b", ""},
		{"a full-width blank", "ann\u3000", ""},
		{"a blank around it", " ann", ""},
		{"NUL", "ann\x00", ""},
		{"a control character", "ann\u0085", ""},
		{"a line break", "ann\n", ""},
		{"a ligature", "\ufb01nn", ""},
		{"a zero-width space", "an\u200bn", ""},
		{"a zero-width joiner", "an\u200dn", ""},
		{"a text direction override", "ann\u202e", ""},
		{"a soft hyphen", "an\u00adn", ""},
		{"a slash", "a/b", ""},
		{"a full-width slash", "a／b", ""},
		{"an emoji", "ann🦔", ""},
		{"a quotation mark", `ann"`, ""},
		{"invalid UTF-8", "ann\xff", ""},
		{"the form of an id", "usr_01k9", ""},
		{"the form of an id in capitals", "USR_01K9", ""},
		{"the form of an id in full width", "ｕｓｒ_01k9", ""},
		{"65 characters", strings.Repeat("a", 65), ""},
		{"300 characters", strings.Repeat("a", 300), ""},
		{"left-to-right and right-to-left mixed", "annא", ""},
	} {
		t.Run(c.name, func(t *testing.T) { folds(t, account.FoldUsername, "username", c.typed, c.want) })
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ name, typed, want string }{
		{"a plain address", "ann@example.org", "ann@example.org"},
		{"case is folded on both sides", "Ann@Example.ORG", "ann@example.org"},
		{"a full-width @ is an @", "ann＠example.org", "ann@example.org"},
		{"full-width letters are plain ones", "ａｎｎ@example.org", "ann@example.org"},
		{"the Kelvin sign is a k", "\u212aim@example.org", "kim@example.org"},
		{"a tag", "ann+list@example.org", "ann+list@example.org"},
		{"letters beyond ASCII", "änne@exämple.org", "änne@exämple.org"},
		{"254 bytes", strings.Repeat("a", 242) + "@example.org", strings.Repeat("a", 242) + "@example.org"},

		{"nothing", "", ""},
		{"no @", "ann.example.org", ""},
		{"two @", "ann@b@example.org", ""},
		{"a plain and a full-width @", "ann＠b@example.org", ""},
		{"no local part", "@example.org", ""},
		{"no domain", "ann@", ""},
		{"a name before it", "Ann <ann@example.org>", ""},
		{"angle brackets", "<ann@example.org>", ""},
		{"a comment", "ann(comment)@example.org", ""},
		{"a quoted local part", `"ann"@example.org`, ""},
		{"a quoted @", `"ann@evil.example"@example.org`, ""},
		{"a quoted blank", `"ann b"@example.org`, ""},
		{"a literal address", "ann@[192.0.2.1]", ""},
		{"two addresses", "ann@example.org,eve@example.org", ""},
		{"a full-width comma and a second address", "ann@example.org，eve@example.org", ""},
		{"a blank", "ann b@example.org", ""},
		{"a blank around it", " ann@example.org", ""},
		{"a no-break space", "ann\u00a0@example.org", ""},
		{"two dots", "ann..b@example.org", ""},
		{"a zero-width space", "ann\u200b@example.org", ""},
		{"a text direction override", "ann\u202e@example.org", ""},
		{"a soft hyphen", "an\u00adn@example.org", ""},
		{"NUL", "ann\x00@example.org", ""},
		{"a line break and a header", "ann@example.org\r\nBcc: eve@example.org", ""},
		{"invalid UTF-8", "ann\xff@example.org", ""},
		{"255 bytes", strings.Repeat("a", 243) + "@example.org", ""},
		{"300 characters", strings.Repeat("a", 288) + "@example.org", ""},
		{"a megabyte", strings.Repeat("a", 1<<20) + "@example.org", ""},
	} {
		t.Run(c.name, func(t *testing.T) { folds(t, account.FoldEmail, "email", c.typed, c.want) })
	}
}

// folds checks what becomes of a text; "" = it is refused.
func folds(t *testing.T, fold func(string) (string, error), member, typed, want string) {
	t.Helper()
	got, err := fold(typed)
	if got != want {
		t.Errorf("%.80q becomes %.80q (%v), want %.80q", typed, got, err, want)
	}
	invalid, ok := errors.AsType[*account.InvalidError](err)
	if (want == "") != ok {
		t.Errorf("error %v", err)
	}
	if ok && (invalid.Member != member || len(invalid.Error()) > 200) {
		t.Errorf("error %v of member %q", invalid, invalid.Member)
	}
}

func FuzzFoldUsername(f *testing.F) {
	for _, s := range []string{"ann", "Ａｎｎ", "\u212aim", "ann＠b", "usr_1", "ﬁ", "ΑΣ", "ǅ", "İ", "annא", "a\u0301", strings.Repeat("a", 300), "\x00", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := account.FoldUsername(s)
		if err != nil {
			if got != "" {
				t.Fatalf("refused, and yet %q", got)
			}
			return
		}
		again, err := account.FoldUsername(got)
		if err != nil || again != got {
			t.Fatalf("%q becomes %q, and that %q (%v)", s, got, again, err)
		}
		if got == "" || utf8.RuneCountInString(got) > 64 || strings.HasPrefix(got, "usr_") || strings.ContainsAny(got, "@/\\\"'<>&%\x00 ") {
			t.Fatalf("%q becomes %q", s, got)
		}
		wellFormed(t, got)
		if _, err := account.FoldEmail(s); err == nil {
			t.Fatalf("%q is a name and an address", s)
		}
	})
}

func FuzzFoldEmail(f *testing.F) {
	for _, s := range []string{
		"ann@example.org", "Ann＠Example.org", `"a b"@c`, "a@[::1]", "a@b, c@d", "ann\u200b@b", "İ@b", "ſ@b", "ǅ@b", "ΑΣ@b", "a\u0301@b",
		"=?utf-8?q?a?=@b", "a@b\r\nX: y", "a@xn--bcher-kva", strings.Repeat("a", 300) + "@b", "\xff@b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := account.FoldEmail(s)
		if err != nil {
			if got != "" {
				t.Fatalf("refused, and yet %q", got)
			}
			return
		}
		again, err := account.FoldEmail(got)
		if err != nil || again != got {
			t.Fatalf("%q becomes %q, and that %q (%v)", s, got, again, err)
		}
		if strings.Count(got, "@") != 1 || len(got) > 254 || strings.ContainsAny(got, "\"<>()[],;: \x00") {
			t.Fatalf("%q becomes %q", s, got)
		}
		wellFormed(t, got)
	})
}

func wellFormed(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }) {
		t.Fatalf("%q has something that nobody sees", s)
	}
}

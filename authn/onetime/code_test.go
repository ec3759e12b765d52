package onetime_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/onetime"
)

func TestACodeAsPeopleTypeIt(t *testing.T) {
	for _, c := range []struct{ name, typed, want string }{
		{"as it is shown", "7KQ2-M4XT", "7KQ2M4XT"},
		{"in small letters", "7kq2-m4xt", "7KQ2M4XT"},
		{"without its hyphen", "7KQ2M4XT", "7KQ2M4XT"},
		{"with spaces", " 7KQ2 M4XT\t", "7KQ2M4XT"},
		{"with spaces that do not break", "7KQ2\u00a0M4XT", "7KQ2M4XT"},
		{"with another hyphen", "7KQ2\u2010M4XT", "7KQ2M4XT"},
		{"O for a zero", "OOOO-0000", "00000000"},
		{"I and L for a one", "IL1i-l111", "11111111"},

		{"nothing", "", ""},
		{"too short", "7KQ2-M4X", ""},
		{"too long", "7KQ2-M4XTT", ""},
		{"a letter that no code has", "7KQ2-M4XU", ""},
		{"a letter of another script", "7КQ2-M4XT", ""},
		{"a digit of another script", "٧KQ2M4XT", ""},
		{"a line break", "7KQ2\nM4XT", ""},
		{"NUL", "7KQ2\x00M4XT", ""},
		{"no UTF-8", "7KQ2-M4X\xff", ""},
		{"a whole page", strings.Repeat("7", 1000), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := onetime.ParseCode(c.typed)
			if ok != (c.want != "") || ok && got != c.want {
				t.Errorf("got %q, %v; want %q", got, ok, c.want)
			}
		})
	}
}

func TestACodeIsReadAsItIsShown(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		code := onetime.NewCode(func(b []byte) { rand.Read(b) })
		if got, ok := onetime.ParseCode(onetime.ShowCode(code)); !ok || got != code {
			t.Errorf("%s is read as %q", onetime.ShowCode(code), got)
		}
		seen[code] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d codes of 100", len(seen))
	}
}

// A code is good for one purpose and one user alone.
func TestACodeOfAnotherPurposeOrUserNeverMatches(t *testing.T) {
	codes := onetime.Codes{Key: []byte("0123456789abcdef")}
	of := func(p onetime.Purpose, user, code string) *onetime.Token {
		return &onetime.Token{Purpose: p, User: user, CodeMAC: codes.MAC("reset", "usr_ann", code)}
	}
	for _, c := range []struct {
		name  string
		token *onetime.Token
		code  string
		want  bool
	}{
		{"its own", of("reset", "usr_ann", "7KQ2M4XT"), "7KQ2M4XT", true},
		{"another code", of("reset", "usr_ann", "7KQ2M4XT"), "7KQ2M4XV", false},
		{"another purpose", of("link", "usr_ann", "7KQ2M4XT"), "7KQ2M4XT", false},
		{"another user", of("reset", "usr_bob", "7KQ2M4XT"), "7KQ2M4XT", false},
		{"parts that are cut elsewhere", of("resetu", "sr_ann", "7KQ2M4XT"), "7KQ2M4XT", false},
		{"a token without a code", &onetime.Token{Purpose: "reset", User: "usr_ann"}, "", false},
	} {
		if got := codes.Match(c.token, c.code); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if other := (onetime.Codes{Key: []byte("fedcba9876543210")}); other.Match(of("reset", "usr_ann", "7KQ2M4XT"), "7KQ2M4XT") {
		t.Error("it matches under another key")
	}
}

func FuzzParseCode(f *testing.F) {
	for _, s := range []string{"7KQ2-M4XT", "7kq2 m4xt", "OIL0-1111", "٧KQ2M4XT", "\xff", "", strings.Repeat("-", 64) + "7KQ2M4XT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := onetime.ParseCode(typed)
		if !ok {
			return
		}
		if again, ok := onetime.ParseCode(onetime.ShowCode(code)); !ok || again != code || len(code) != 8 {
			t.Fatalf("%q is read as %q, and that as %q", typed, code, again)
		}
	})
}

package password_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

func reason(t *testing.T, err error) password.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var weak *password.WeakError
	if !errors.As(err, &weak) {
		t.Fatalf("%v (%T) is not a WeakError", err, err)
	}
	return weak.Reason
}

func TestCheck(t *testing.T) {
	ann := []string{"Ann Example", "ann.example@mail.test", "Sallyport"}
	li := []string{"Li Wu", "李伟", "Ærøskøbing"}
	const fine = password.Reason("")
	for _, c := range []struct {
		name, password string
		min            int
		context        []string
		want           password.Reason
	}{
		{"two words", "elephant trumpet", 0, ann, fine},
		{"four words", "correct horse battery staple", 0, ann, fine},
		{"random letters", "xkqzvbwjtrfmlpd", 0, ann, fine},
		{"random digits", "849173625049817", 0, ann, fine},
		{"one kind of character is enough", "qjxvkzwpfmybdgh", 0, ann, fine},
		{"spaces, accents, emoji", "été à la plage 🏖 avec", 0, ann, fine},
		{"Chinese", "春眠不觉晓处处闻啼鸟夜来风雨声", 0, ann, fine},
		{"a name inside a sentence", "my cat ann hates the blue vacuum", 0, ann, fine},

		{"nothing", "", 0, nil, password.TooShort},
		{"14", "xkqzvbwjtrfmlp", 0, nil, password.TooShort},
		{"14 code points in 28 bytes", "äöüßéèêëñçåøæœ", 0, nil, password.TooShort},
		{"15 typed, 14 once normalised", "xkqzvbwjtrfme\u0301l", 0, nil, password.TooShort},
		{"15 code points in 45 bytes", "春眠不觉晓处处闻啼鸟夜来风雨声", 0, nil, fine},
		{"8 with a second factor", "xkqzvbwj", password.MinWithFactor, nil, fine},
		{"7 with a second factor", "xkqzvbw", password.MinWithFactor, nil, password.TooShort},
		{"less than 8 cannot be set", "xkqzvbw", 1, nil, password.TooShort},
		{"20 is set, 19 given", "xkqzvbwjtrfmlpdxkqz", 20, nil, password.TooShort},
		{"256", strings.Repeat("xkqzvbwj", 31) + "tr8mlpdy", 0, nil, fine},
		{"257", strings.Repeat("xkqzvbwj", 31) + "tr8mlpdyx", 0, nil, password.TooLong},
		{"a megabyte", strings.Repeat("x", 1<<20), 0, nil, password.TooLong},
		{"NUL", "elephant\x00trumpet", 0, nil, password.Invalid},
		{"invalid UTF-8", "elephant\xfftrumpet", 0, nil, password.Invalid},

		{"common", "sunshine", password.MinWithFactor, nil, password.Common},
		{"common, capitals", "SunShine", password.MinWithFactor, nil, password.Common},
		{"common, wide letters", "ｓｕｎｓｈｉｎｅ", password.MinWithFactor, nil, password.Common},
		{"common and long", "qwerty123456789", 0, nil, password.Common},
		{"common twice", "passwordpassword", 0, nil, password.Common},
		{"common twice with a space", "password password", 0, nil, password.Common},
		{"common twice, decorated", "!letmeinletmein1", 0, nil, password.Common},
		{"common and a year", "Password 2026 !!!!", 0, nil, password.Common},
		{"common and a date", "Password 15.06.1985", 0, nil, password.Common},
		{"common and random digits", "elephant 849173625049817", 0, nil, password.Common},
		{"common digits among random digits", "849112345625049817", 0, nil, fine},
		{"common and a long row of digits", "password12345678901", 0, nil, password.Common},
		{"common with a substitution", "P@ssw0rd1234567", 0, nil, password.Common},
		{"common in front of four own", "dragon-x7q", password.MinWithFactor, nil, fine},
		{"common in front of two own", "dragon77", password.MinWithFactor, nil, password.Common},
		{"a season and a year, twice", "Summer2026Summer2026", 0, nil, password.Common},
		{"common in front of enough of its own", "elephant8x4v9z1", 0, nil, fine},
		{"one character", "aaaaaaaaaaaaaaa", 0, nil, password.Common},
		{"one character, Chinese", strings.Repeat("春", 15), 0, nil, password.Common},
		{"two characters", "abababababababab", 0, nil, password.Common},
		{"a short piece", "xkqzxkqzxkqzxkq", 0, nil, password.Common},
		{"digits", "123456789012345", 0, nil, password.Common},
		{"digits down", "987654321098765", 0, nil, password.Common},
		{"digits in pairs", "112233445566778", 0, nil, password.Common},
		{"groups", "aaaabbbbccccdddd", 0, nil, password.Common},
		{"groups out of order", "aaaaxxxxqqqqmmmm", 0, nil, password.Common},
		{"the alphabet", "abcdefghijklmno", 0, nil, password.Common},
		{"the Cyrillic alphabet", "абвгдежзийклмноп", 0, nil, password.Common},
		{"rows of keys", "qwertyuiopasdfghjkl", 0, nil, password.Common},
		{"rows of German keys", "qwertzuiopyxcvbnm", 0, nil, password.Common},
		{"columns of keys", "1qaz2wsx3edc4rfv5tgb", 0, nil, password.Common},
		{"zigzag over keys", "1q2w3e4r5t6y7u8i", 0, nil, password.Common},
		{"shifted digits", "!@#$%^&*()!@#$%^", 0, nil, password.Common},

		{"full name", "Ann Example Ann!", 0, ann, password.Context},
		{"name with digits around", "99 AnnExample 1985", 0, ann, password.Context},
		{"last name alone, repeated", "exampleexample1", 0, ann, password.Context},
		{"local part", "ann.example.1985", 0, ann, password.Context},
		{"whole address", "ann.example@mail.test", 0, ann, password.Context},
		{"service", "Sallyport123456", 0, ann, password.Context},
		{"service repeated", "sallyportsallyport", 0, ann, password.Context},
		{"name and service", "ann@sallyport!!1", 0, ann, password.Context},
		{"service with enough of its own", "sallyport x7q-vbw", 0, ann, fine},
		{"names of two letters, joined", "liwu!liwu!liwu!1", 0, li, password.Context},
		{"names of one sign", "李-伟-2026-06-15 !!", 0, []string{"李 伟"}, password.Context},
		{"Chinese name, repeated", "李伟1李伟2李伟3李伟4李伟5", 0, li, password.Context},
		{"letters that fold", "ÆRØSKØBING-2026", 0, li, password.Context},
		{"empty context", "elephant trumpet", 0, []string{"", " ", "-"}, fine},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := password.Policy{MinLength: c.min}
			if got := reason(t, p.Check(c.password, c.context...)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestReasonsAreSentencesForPeople(t *testing.T) {
	for _, c := range []struct {
		name, password, want string
	}{
		{"short", "short", "the password is too short: use at least 15 characters"},
		{"long", strings.Repeat("x", 257), "the password is too long: use at most 256 characters"},
		{"common", "passwordpassword", "the password is too easy to guess: use more than a common password, a repetition or a row of keys"},
		{"context", "annexampleannexample", "the password is too easy to guess: use more than your name, your address or the name of this service"},
		{"invalid", "\xff", "the password contains characters that cannot be used"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (password.Policy{}).Check(c.password, "Ann Example"); got == nil || got.Error() != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func TestRandomPasswordsAreHardlyEverRefused(t *testing.T) {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	for _, c := range []struct {
		name  string
		min   int
		oneIn int // more than one in so many refused is too many; measured: one in 4,300 and one in 350
	}{
		{"15 characters", password.MinAlone, 2000},
		{"8 characters with a second factor, where a word of 4 leaves only 4", password.MinWithFactor, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, uint64(c.min)))
			n := testenv.Count(10_000, 100_000)
			refused := 0
			for range n {
				pw := make([]byte, c.min)
				for i := range pw {
					pw[i] = alphabet[rnd.IntN(len(alphabet))]
				}
				if err := (password.Policy{MinLength: c.min}).Check(string(pw), "Ann Example", "Sallyport"); err != nil {
					refused++
				}
			}
			if refused*c.oneIn > n {
				t.Errorf("%d of %d refused", refused, n)
			}
			t.Logf("%d of %d refused", refused, n)
		})
	}
}

// FuzzCheck: whatever is accepted can be hashed, and nothing panics.
func FuzzCheck(f *testing.F) {
	f.Add("elephant trumpet", "Ann Example")
	f.Add("passwordpassword", "")
	f.Add("\xff\x00", "\xff\x00")
	f.Add(strings.Repeat("e\u0301", 256), strings.Repeat("\ufdfa ", 100))
	f.Add("İİİİİİİİİİİİİİİı", "İ")
	h := &password.Hasher{Params: cheap}
	f.Fuzz(func(t *testing.T, pw, context string) {
		if (password.Policy{MinLength: password.MinWithFactor}).Check(pw, context) != nil {
			return
		}
		stored, err := h.Hash(t.Context(), pw)
		if err != nil {
			t.Fatalf("%q is accepted and cannot be hashed: %v", pw, err)
		}
		if got, err := h.Verify(t.Context(), stored, pw); err != nil || !got.Match {
			t.Errorf("%q does not match itself: %v", pw, err)
		}
	})
}

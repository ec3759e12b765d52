package otp_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/sallyport-auth/sallyport/authn/otp"
)

func TestACodeAsPeopleTypeIt(t *testing.T) {
	for _, c := range []struct {
		name, typed string
		want        string
		reason      string // part of the refusal
	}{
		{"plain", "123456", "123456", ""},
		{"grouped", "123 456", "123456", ""},
		{"with hyphens", "12-34-56", "123456", ""},
		{"with dashes of all lengths", "12–34—56", "123456", ""},
		{"copied with what surrounds it", " \t123456\r\n", "123456", ""},
		{"with spaces that cannot be seen", "123\u00a0456\u200b\ufeff", "123456", ""},
		{"between marks of direction", "\u2067123456\u2069", "123456", ""},
		{"Arabic", "١٢٣٤٥٦", "123456", ""},
		{"Persian", "۱۲۳۴۵۶", "123456", ""},
		{"Devanagari", "१२३४५६", "123456", ""},
		{"Bengali", "১২৩৪৫৬", "123456", ""},
		{"Thai", "๑๒๓๔๕๖", "123456", ""},
		{"full width", "１２３４５６", "123456", ""},
		{"mathematical", "𝟏𝟐𝟛𝟜𝟱𝟞", "123456", ""},
		{"of several scripts", "1٢३4５6", "123456", ""},
		{"with a letter", "12345O", "", "letter"},
		{"with a letter of another script", "12345о", "", "letter"},
		{"with a sign", "12345+", "", "digits only"},
		{"with an emoji", "12345🙂", "", "digits only"},
		{"a fraction is no digit", "12345½", "", "digits only"},
		{"Chinese numerals are letters", "一二三四五六", "", "letter"},
		{"too short", "12345", "", "6 digits; you typed 5"},
		{"too long", "1234567", "", "6 digits; you typed 7"},
		{"nothing", "", "", "you typed 0"},
		{"only spaces", "   ", "", "you typed 0"},
		{"a whole page", strings.Repeat("1", 1000), "", "too long"},
		{"no UTF-8", "12345\xff", "", "digits only"},
		{"NUL", "12345\x00", "", "digits only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := otp.ParseCode(c.typed, 6)
			e, refused := errors.AsType[*otp.CodeError](err)
			switch {
			case got != c.want || refused != (c.reason != ""):
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			case refused && !strings.Contains(e.Text, c.reason):
				t.Errorf("the reason is %q, and does not say %q", e.Text, c.reason)
			case refused && strings.Contains(c.typed, "123") && strings.Contains(e.Text, "123"):
				t.Errorf("the reason shows the code: %q", e.Text)
			}
		})
	}
}

// What digit relies on: the tables hold rows from zero to nine.
func TestDigitsLieInRowsOfTen(t *testing.T) {
	check := func(lo, hi, stride uint32) {
		if stride != 1 || (hi-lo+1)%10 != 0 {
			t.Errorf("%U to %U by %d", lo, hi, stride)
		}
	}
	for _, r := range unicode.Nd.R16 {
		check(uint32(r.Lo), uint32(r.Hi), uint32(r.Stride))
	}
	for _, r := range unicode.Nd.R32 {
		check(r.Lo, r.Hi, r.Stride)
	}
}

func TestASentCode(t *testing.T) {
	seen := map[string]bool{}
	var digits [10]int
	for range 2000 {
		code := otp.NewCode()
		if back, err := otp.ParseCode(otp.Grouped(code), otp.SentDigits); err != nil || back != code {
			t.Fatalf("%q is read as %q, %v", code, back, err)
		}
		seen[code] = true
		for _, d := range code {
			digits[d-'0']++
		}
	}
	if len(seen) < 1900 {
		t.Errorf("only %d different codes of 2000", len(seen))
	}
	for d, n := range digits {
		if n < 900 || n > 1500 { // 1200 are expected; ten standard deviations are 330
			t.Errorf("the digit %d came %d times of 12000", d, n)
		}
	}
}

func TestGrouped(t *testing.T) {
	for code, want := range map[string]string{"123456": "123 456", "1234567": "1234 567", "12345678": "1234 5678", "": "", "1": "1"} {
		if got := otp.Grouped(code); got != want {
			t.Errorf("%q: %q, want %q", code, got, want)
		}
	}
}

func TestRecoveryCodes(t *testing.T) {
	codes := otp.NewRecoveryCodes()
	if len(codes) != otp.RecoverySet {
		t.Fatalf("%d codes", len(codes))
	}
	seen := map[string]bool{}
	for _, code := range codes {
		signs := strings.ReplaceAll(code, "-", "")
		if back, err := otp.ParseRecoveryCode(code); err != nil || back != signs || len(code) != 11 || seen[signs] {
			t.Errorf("%q is read as %q, %v", code, back, err)
		}
		seen[signs] = true
	}
}

func TestARecoveryCodeAsPeopleTypeIt(t *testing.T) {
	for _, c := range []struct {
		name, typed, want, reason string
	}{
		{"as it is written", "ABCDE-01234", "ABCDE01234", ""},
		{"in lower case, without the hyphen", "abcde01234", "ABCDE01234", ""},
		{"with spaces", " abc de 012 34 ", "ABCDE01234", ""},
		{"O for zero, I and L for one", "OIlLo-abcde", "01110ABCDE", ""},
		{"digits of another script", "abcde-٠١٢٣٤", "ABCDE01234", ""},
		{"U is no sign of it", "ABCDE-0123U", "", "without U"},
		{"a letter of another script", "АBCDE-01234", "", "letters A to Z"},
		{"too short", "ABCDE-0123", "", "you typed 9"},
		{"a code of an app", "123456", "", "you typed 6"},
		{"nothing", "", "", "you typed 0"},
		{"a whole page", strings.Repeat("A", 1000), "", "too long"},
		{"no UTF-8", "ABCDE-0123\xff", "", "letters A to Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := otp.ParseRecoveryCode(c.typed)
			if got != c.want || (err != nil) != (c.reason != "") || err != nil && !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %q, %v; want %q and a refusal that says %q", got, err, c.want, c.reason)
			}
		})
	}
}

func FuzzParseCode(f *testing.F) {
	for _, seed := range []string{"", "123456", "123 456", "١٢٣٤٥٦", "12345O", "\xff", "𝟏𝟐𝟛𝟜𝟱𝟞", "1-2-3-4-5-6-7-8"} {
		f.Add(seed, 6)
	}
	f.Fuzz(func(t *testing.T, typed string, digits int) {
		digits = min(max(digits, 6), 8)
		code, err := otp.ParseCode(typed, digits)
		if err != nil {
			return
		}
		if len(code) != digits || strings.Trim(code, "0123456789") != "" {
			t.Errorf("%q was read as %q", typed, code)
		}
		if again, err := otp.ParseCode(code, digits); again != code || err != nil {
			t.Errorf("%q is read as %q, %v", code, again, err)
		}
	})
}

func FuzzParseRecoveryCode(f *testing.F) {
	for _, seed := range []string{"", "ABCDE-01234", "oilLo abcde", "АBCDE-01234", "\xff\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := otp.ParseRecoveryCode(typed)
		if err != nil {
			return
		}
		if len(code) != 10 || strings.ContainsAny(code, "ILOU") || code != strings.ToUpper(code) {
			t.Errorf("%q was read as %q", typed, code)
		}
		if again, err := otp.ParseRecoveryCode(code); again != code || err != nil {
			t.Errorf("%q is read as %q, %v", code, again, err)
		}
	})
}

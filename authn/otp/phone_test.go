package otp_test

import (
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/otp"
)

func TestANumberAsPeopleTypeIt(t *testing.T) {
	for _, c := range []struct {
		name, typed, want, reason string
	}{
		{"as it is kept", "+4930123456", "+4930123456", ""},
		{"grouped", " +49 (30) 12-34.56 ", "+4930123456", ""},
		{"with a stroke", "+49 30/123456", "+4930123456", ""},
		{"Arabic", "+٤٩ ٣٠ ١٢٣٤٥٦", "+4930123456", ""},
		{"full width", "＋４９３０１２３４５６", "+4930123456", ""},
		{"copied from a page that is written from right to left", "\u202a+4930123456\u202c", "+4930123456", ""},
		{"without a country", "030 123456", "", "country code"},
		{"as dialled from some countries", "0049 30 123456", "", "country code"},
		{"a country of nought", "+0049 30 123456", "", "begins with 0"},
		{"in words", "+49 30 ONE", "", "only digits"},
		{"two numbers", "+4930123456,+4930654321", "", "only digits"},
		{"an extension", "+4930123456#12", "", "only digits"},
		{"a second plus", "+49+30123456", "", "only digits"},
		{"too short", "+49 30", "", "too short"},
		{"too long", "+49 30 12345678901234", "", "at most 15 digits; you typed 18"},
		{"a line break and a header", "+4930123456\r\nTo: x", "", "only digits"},
		{"nothing", "", "", "country code"},
		{"a whole page", "+" + strings.Repeat("1", 1000), "", "too long"},
		{"no UTF-8", "+4930123456\xff", "", "only digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := otp.ParsePhone(c.typed)
			if got != c.want || (err != nil) != (c.reason != "") || err != nil && !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %q, %v; want %q and a refusal that says %q", got, err, c.want, c.reason)
			}
		})
	}
}

func TestHintsDoNotGiveAway(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{otp.HintPhone("+4930123456"), "+49 ••• 56"},
		{otp.HintPhone(""), ""},
		{otp.HintPhone("+49"), ""},
		{otp.HintEmail("ann.smith@example.org"), "a•••@example.org"},
		{otp.HintEmail("ä@example.org"), "ä•••@example.org"},
		{otp.HintEmail("@example.org"), ""},
		{otp.HintEmail("nobody"), ""},
		{otp.HintEmail(`"a@b"@example.org`), `"•••@example.org`},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, seed := range []string{"", "+4930123456", "+49 (30) 12", "0049", "＋４９", "+٤٩\xff", "+1\u202c234567"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		number, err := otp.ParsePhone(typed)
		if err != nil {
			return
		}
		if len(number) < 8 || len(number) > 16 || number[0] != '+' || strings.Trim(number[1:], "0123456789") != "" {
			t.Errorf("%q was read as %q", typed, number)
		}
		if again, err := otp.ParsePhone(number); again != number || err != nil {
			t.Errorf("%q is read as %q, %v", number, again, err)
		}
		_ = otp.HintPhone(number)
	})
}

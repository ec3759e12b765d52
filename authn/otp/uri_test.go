package otp_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/otp"
)

func TestAnAddressIsReadBack(t *testing.T) {
	for _, k := range []otp.Key{
		otp.NewKey(),
		{Secret: []byte("1234567890"), Algorithm: otp.SHA512, Digits: 8, Period: time.Minute},
		{Secret: bytes.Repeat([]byte{0xff}, 64), Algorithm: otp.SHA256, Digits: 7, Period: 15 * time.Second},
	} {
		for _, names := range [][2]string{
			{"", ""}, {"Example", "ann"}, {"A & B: the \"club\"", "ann+mail@example.org"}, {"Käse 🧀", "?secret=X#"},
		} {
			uri := k.URI(names[0], names[1])
			got, err := otp.Parse(uri)
			if err != nil || got.URI(names[0], names[1]) != uri {
				t.Errorf("%s: %+v, %v", uri, got, err)
			}
		}
	}
}

func TestAnAddressAsAppsReadIt(t *testing.T) {
	k := otp.Key{Secret: []byte("12345678901234567890"), Algorithm: otp.SHA1, Digits: 6, Period: 30 * time.Second}
	const want = "otpauth://totp/The%20Club:ann%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=The%20Club&algorithm=SHA1&digits=6&period=30"
	if got := k.URI("The Club", "ann@example.org"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

const base32Secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		uri  string
		want string // part of the error; "" = none
	}{
		{"no more than a secret", "otpauth://totp/x?secret=" + base32Secret, ""},
		{"without a label", "otpauth://totp?secret=" + base32Secret, ""},
		{"a secret in lower case, grouped and padded", "otpauth://totp/x?secret=gezd%20gnbv-gy3t%20qojq%20====", ""},
		{"other programs' parameters", "otpauth://totp/x?image=https%3A%2F%2Fexample.org%2Fa.png&secret=" + base32Secret, ""},
		{"an algorithm with a hyphen", "otpauth://totp/x?algorithm=sha-256&secret=" + base32Secret, ""},
		{"capitals", "OTPAUTH://TOTP/x?secret=" + base32Secret, ""},
		{"nothing", "", "begins with otpauth"},
		{"another scheme", "https://totp/x?secret=" + base32Secret, "begins with otpauth"},
		{"counted codes", "otpauth://hotp/x?counter=1&secret=" + base32Secret, "time-based"},
		{"no secret", "otpauth://totp/x", "secret is missing"},
		{"a secret that is not base32", "otpauth://totp/x?secret=0189", "not base32"},
		{"a short secret", "otpauth://totp/x?secret=GEZDGNBV", "10 to 128 bytes"},
		{"a secret with a line break", "otpauth://totp/x?secret=" + base32Secret[:8] + "%0A" + base32Secret[8:], "not base32"},
		{"two secrets", "otpauth://totp/x?secret=" + base32Secret + "&secret=" + base32Secret, "twice"},
		{"an unknown algorithm", "otpauth://totp/x?algorithm=MD5&secret=" + base32Secret, "none of SHA1"},
		{"four digits", "otpauth://totp/x?digits=4&secret=" + base32Secret, "six to eight"},
		{"digits in words", "otpauth://totp/x?digits=six&secret=" + base32Secret, "no number"},
		{"negative digits", "otpauth://totp/x?digits=-6&secret=" + base32Secret, "no number"},
		{"no period", "otpauth://totp/x?period=0&secret=" + base32Secret, "whole seconds"},
		{"a period of a day", "otpauth://totp/x?period=86400&secret=" + base32Secret, "no number"},
		{"an hour", "otpauth://totp/x?period=3600&secret=" + base32Secret, "whole seconds"},
		{"malformed escapes", "otpauth://totp/x?secret=%zz", "malformed"},
		{"a control character", "otpauth://totp/\x01?secret=" + base32Secret, "no otpauth"},
		{"far too long", "otpauth://totp/" + strings.Repeat("x", 5000) + "?secret=" + base32Secret, "too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := otp.Parse(c.uri)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "" && k.Code(1) == "":
				t.Errorf("a key that makes no codes: %+v", k)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one that says %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), base32Secret):
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "otpauth://totp/x?secret=" + base32Secret, "otpauth://totp/A:b?secret=" + base32Secret + "&issuer=A&algorithm=SHA512&digits=8&period=60",
		"otpauth://hotp/x?secret=A", "otpauth:totp?secret=", "otpauth://totp/%zz?secret=%20", "otpauth://totp?period=99999999999999999999&secret=" + base32Secret,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		k, err := otp.Parse(uri)
		if err != nil {
			return
		}
		if code := k.Code(1); len(code) != k.Digits {
			t.Errorf("a code of %d digits, want %d", len(code), k.Digits)
		}
		again, err := otp.Parse(k.URI("Issuer", "account"))
		if err != nil || again.URI("", "") != k.URI("", "") {
			t.Errorf("written and read again: %+v, %v", again, err)
		}
	})
}

// Package otp is codes that are good once: those that an authenticator app shows
// (TOTP, RFC 6238), recovery codes on paper, and those that are sent by mail or
// telephone. It reads them as people type them, and matches them; how often
// somebody may try, and that a code counts once, is for who calls it, in the
// transaction that the stores here are bound to.
package otp

import (
	"crypto/rand"
	"fmt"
	"strings"
	"unicode"
)

// A CodeError says why a text cannot be a code, or a number to send one to. It tells
// nothing of what the right one would be.
type CodeError struct {
	Reason string // for programs: "code_letter", "code_length", …
	Text   string // a sentence for the person who typed it
	Limit  int    // how many signs it has to have, or may have; 0 = that is not the reason
}

func (e *CodeError) Error() string { return e.Text }

func unlike(reason, text string) error { return &CodeError{Reason: reason, Text: text} }

func wrongLength(reason string, limit int, format string, args ...any) error {
	return &CodeError{reason, fmt.Sprintf(format, args...), limit}
}

// maxTyped bounds what is looked at; nobody types as much.
const maxTyped = 128

// ParseCode reads a code of so many digits as people type it: with spaces or
// hyphens anywhere, in the digits of any script. What else it holds is refused
// with a [CodeError].
func ParseCode(typed string, digits int) (string, error) {
	if len(typed) > maxTyped {
		return "", wrongLength("code_length", digits, "This is too long: the code has %d digits.", digits)
	}
	code := make([]byte, 0, digits)
	for _, r := range typed {
		switch d, isDigit := digit(r); {
		case isDigit:
			code = append(code, d)
		case separates(r):
		case unicode.IsLetter(r):
			return "", unlike("code_letter", "This code has digits only; you typed a letter. Is it a recovery code?")
		default:
			return "", unlike("code_digits", "This code has digits only.")
		}
	}
	if len(code) != digits {
		return "", wrongLength("code_length", digits, "This code has %d digits; you typed %d.", digits, len(code))
	}
	return string(code), nil
}

// digit returns the ASCII digit of the same value. The decimal digits of every
// script lie in a row from zero to nine.
func digit(r rune) (byte, bool) {
	if r <= unicode.MaxASCII {
		return byte(r), '0' <= r && r <= '9'
	}
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return '0' + byte((r-rune(t.Lo))%10), true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return '0' + byte((r-rune(t.Lo))%10), true
		}
	}
	return 0, false
}

// separates reports whether r is what people put between groups, or what a copied
// text brings along unseen.
func separates(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '\u00ad' || unicode.Is(unicode.Cf, r) || r == '.' || r == '\u2212'
}

// SentDigits is how many digits a code has that is sent to somebody.
const SentDigits = 6

// NewCode makes a code to be sent to somebody.
func NewCode() string {
	const ten = 10
	code := make([]byte, 0, SentDigits)
	for b := make([]byte, 1); len(code) < SentDigits; {
		rand.Read(b)
		if b[0] < 256/ten*ten { // so that every digit is as likely as any other
			code = append(code, '0'+b[0]%ten)
		}
	}
	return string(code)
}

// Grouped writes a code as it is easier to read: "123 456".
func Grouped(code string) string {
	half := (len(code) + 1) / 2
	return strings.TrimSpace(code[:half] + " " + code[half:])
}

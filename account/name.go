package account

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// The longest user name in code points, and the longest address in bytes
// (RFC 5321 §4.5.3.1.3).
const (
	maxUsername = 64
	maxEmail    = 254
)

// foldUsername returns the form under which a user name is unique and looked
// up: normalised, width-mapped and case-folded (RFC 8265 §3.3). Only then is it
// checked, so that no homoglyph of a sign we refuse slips through.
func foldUsername(name string) (string, error) {
	if !plainText(name) {
		return "", invalid("username", "has characters that a name cannot have")
	}
	folded, err := precis.UsernameCaseMapped.String(name)
	if err != nil || folded == "" {
		return "", invalid("username", "may have letters, digits and . _ - only")
	}
	if utf8.RuneCountInString(folded) > maxUsername {
		return "", invalid("username", "has more than %d characters", maxUsername)
	}
	for _, r := range folded {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !strings.ContainsRune("._-", r) {
			return "", invalid("username", "may have letters, digits and . _ - only")
		}
	}
	if strings.HasPrefix(folded, userPrefix+"_") {
		return "", invalid("username", "begins like an identifier")
	}
	return folded, nil
}

// foldEmail returns the form under which an address is looked up. The local
// part is folded too: mailboxes that differ by case only do not exist in
// practice. It is normalised before it is looked at, so that a full-width @ is
// an @ here already.
func foldEmail(address string) (string, error) {
	folded := strings.ToLower(norm.NFKC.String(address))
	if !plainText(address) || len(folded) > maxEmail {
		return "", invalid("email", "is not an e-mail address")
	}
	parsed, err := mail.ParseAddress(folded)
	if err != nil || parsed.Address != folded || strings.ContainsAny(folded, "\" <>()") {
		return "", invalid("email", "is not an e-mail address")
	}
	return folded, nil
}

// plainText reports whether s is valid UTF-8 without control characters.
func plainText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// stripControls makes text that we did not ask for fit to be stored.
func stripControls(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

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
	if len(name) > 16*maxUsername { // composition makes a name shorter, but never by so much
		return "", invalid("username", "has more than %d characters", maxUsername)
	}
	folded, err := precis.UsernameCaseMapped.String(name)
	if err != nil || folded == "" {
		return "", invalid("username", "may have letters, digits and . _ - only")
	}
	// A name that folds on when it is folded again would be found under one form
	// and be taken under another.
	if again, err := precis.UsernameCaseMapped.String(folded); err != nil || again != folded {
		return "", invalid("username", "has characters that a name cannot have")
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
	if !plainText(address) || len(address) > 4*maxEmail {
		return "", invalid("email", "is not an e-mail address")
	}
	folded := lower(address)
	parsed, err := mail.ParseAddress(folded)
	if err != nil || parsed.Address != folded || len(folded) > maxEmail || lower(folded) != folded ||
		strings.ContainsFunc(folded, unseen) || strings.ContainsAny(folded, `"<>()[]`) {
		return "", invalid("email", "is not an e-mail address")
	}
	return folded, nil
}

func lower(s string) string { return norm.NFKC.String(strings.ToLower(norm.NFKC.String(s))) }

// unseen reports whether nobody sees r: two addresses that look alike would be
// different ones.
func unseen(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }

// An identifier is what somebody types to say who they are.
type identifier struct {
	counted  string // what limits count by: folded, or as it came if it can be nobody's
	username string // "" = it is none
	email    string // "" = it is none
}

func parseIdentifier(typed string) identifier {
	if name, err := foldUsername(typed); err == nil {
		return identifier{counted: name, username: name}
	}
	if address, err := foldEmail(typed); err == nil {
		return identifier{counted: address, email: address}
	}
	return identifier{counted: typed}
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

package ssf

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// A Refusal is why a receiver would not have a token (RFC 8935 §2.3, RFC 8936 §2.6).
type Refusal struct {
	Code        string `json:"err"`
	Description string `json:"description,omitempty"`
}

const maxRefusal = 300

// ParseRefusal reads the body of an answer 400 to a push. One that names no err is no
// refusal: who knows what has answered.
func ParseRefusal(body []byte) (Refusal, bool) {
	var r Refusal
	if json.Unmarshal(body, &r) != nil || r.Code == "" {
		return Refusal{}, false
	}
	return r, true
}

// OfToken reports whether the receiver refuses the token, which will be no better the
// next time, and not us, who may be let in then.
func (r Refusal) OfToken() bool {
	return r.Code != "authentication_failed" && r.Code != "access_denied"
}

// String is what is kept of it: text that is safe to store and to show.
func (r Refusal) String() string { return Shorten(r.Code + ": " + r.Description) }

// Shorten makes somebody else's text one that is kept and shown: one line, valid and
// not too long.
func Shorten(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	if len(s) > maxRefusal {
		s = strings.ToValidUTF8(s[:maxRefusal], "")
	}
	return strings.TrimSpace(s)
}

package password

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Lengths in Unicode code points after normalisation (NIST SP 800-63B-4 §3.1.1.2).
const (
	// MinAlone is the least for a password that alone opens an account.
	MinAlone = 15
	// MinWithFactor is the least where a second factor is always asked for.
	MinWithFactor = 8
	// MaxLength is the most, everywhere.
	MaxLength = 256
)

// maxBytes bounds the text before it is normalised. Composition makes text shorter, but never by so much.
const maxBytes = 16 * MaxLength

// A Reason names why a password is refused. It is stable, for programs; [WeakError.Error] is for people.
type Reason string

// The reasons.
const (
	TooShort Reason = "too_short"
	TooLong  Reason = "too_long"
	Common   Reason = "common"   // a common password, a repetition, a row of keys, or little more
	Context  Reason = "context"  // little more than the owner's or the service's name
	Breached Reason = "breached" // known by a breach: see [Breaches]
	Invalid  Reason = "invalid"  // not UTF-8, or contains NUL
)

// A WeakError says why a password is refused. The caller answers 422.
type WeakError struct {
	Reason Reason
	Limit  int // with TooShort and TooLong: the limit in characters, otherwise 0
}

// Error is a sentence that can be shown to the person who chose the password.
func (e *WeakError) Error() string {
	switch e.Reason {
	case TooShort:
		if e.Limit == 1 {
			return "a password is missing"
		}
		return fmt.Sprintf("the password is too short: use at least %d characters", e.Limit)
	case TooLong:
		return fmt.Sprintf("the password is too long: use at most %d characters", e.Limit)
	case Common:
		return "the password is too easy to guess: use more than a common password, a repetition or a row of keys"
	case Context:
		return "the password is too easy to guess: use more than your name, your address or the name of this service"
	case Breached:
		return "this password is known from a breach of another service: use one that you use nowhere else"
	default:
		return "the password contains characters that cannot be used"
	}
}

// A Policy judges new passwords. The zero value asks for 15 characters. It has no rules about kinds of characters and never makes a
// password expire (NIST SP 800-63B-4 §3.1.1.2). It is safe for concurrent use.
type Policy struct {
	// MinLength is in code points: if zero, [MinAlone]; less than [MinWithFactor] counts as that, more than [MaxLength] as that.
	MinLength int
}

// Check returns nil if the password may be used, otherwise a [*WeakError] with one reason. The context is what an attacker knows of
// the owner: names, e-mail address or its local part, and the name of the service. Letter case and Unicode forms make no difference.
//
// Besides the length there is one rule. At least half of MinLength must be the password's own. What an attacker tries first is not:
//
//   - the repetitions, if the password is one piece repeated;
//   - the words of the context, wherever they stand in it;
//   - any one common password, wherever it stands in it.
//
// A run of three or more characters counts as one character: the same one, neighbours in an alphabet, or neighbours on a keyboard. So do
// the digits and signs in a row that decorate a word that was taken out. "passwordpassword", "123456789012345" and "Password 15.06.1985" are
// refused, and "elephant trumpet" is not.
func (p Policy) Check(password string, context ...string) error {
	normal, err := normalize(password)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(normal) < p.minLength() {
		return &WeakError{Reason: TooShort, Limit: p.minLength()}
	}
	g := newGuess(normal, p.minLength()/2)
	switch {
	case g.isContext(context):
		return &WeakError{Reason: Context}
	case !g.enough(g.unit), g.isCommon():
		return &WeakError{Reason: Common}
	}
	return nil
}

func (p Policy) minLength() int {
	if p.MinLength == 0 {
		return MinAlone
	}
	return min(max(p.MinLength, MinWithFactor), MaxLength)
}

// normalize returns the NFKC form of a password that may be hashed, or a [*WeakError] and the empty string.
func normalize(password string) (string, error) {
	if len(password) > maxBytes {
		return "", &WeakError{Reason: TooLong, Limit: MaxLength}
	}
	if !utf8.ValidString(password) || strings.Contains(password, "\x00") {
		return "", &WeakError{Reason: Invalid}
	}
	normal := norm.NFKC.String(password)
	if utf8.RuneCountInString(normal) > MaxLength {
		return "", &WeakError{Reason: TooLong, Limit: MaxLength}
	}
	return normal, nil
}

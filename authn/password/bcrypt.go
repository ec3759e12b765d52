package password

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	bcryptSize   = 60 // $2b$10$, 22 characters of salt, 31 of key
	bcryptLimit  = 72 // bytes of a password that bcrypt reads
	maxBcrypt    = 15 // the cost: about two seconds, as long as maxWork takes
	bcryptDigits = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// A bcryptHash is a hash that parseBcrypt accepted. It is only ever verified, never written.
type bcryptHash string

// parseBcrypt accepts $2a$, $2b$ and $2y$, which are the same function for passwords that are valid UTF-8 without NUL. $2$ and $2x$ are
// refused: they are other, broken functions.
func parseBcrypt(s string) (bcryptHash, error) {
	if len(s) != bcryptSize || s[3] != '$' || s[6] != '$' {
		return "", fmt.Errorf("bcrypt: want %d characters with a version, a cost and a key", bcryptSize)
	}
	if !strings.Contains("aby", s[2:3]) {
		return "", errors.New("bcrypt: the version is not 2a, 2b or 2y")
	}
	cost, err := strconv.Atoi(s[4:6])
	if err != nil || s[4] < '0' || cost < bcrypt.MinCost || cost > maxBcrypt {
		return "", fmt.Errorf("bcrypt: the cost is not %02d to %d", bcrypt.MinCost, maxBcrypt)
	}
	if strings.Trim(s[7:], bcryptDigits) != "" {
		return "", errors.New("bcrypt: salt and key have foreign characters")
	}
	return bcryptHash(s), nil
}

// matches compares what was typed, not its normal form: the system that made the hash did not normalise either. A password of which
// bcrypt would read only the beginning never matches.
func (h bcryptHash) matches(password string) bool {
	normal, err := normalize(password)
	usable := err == nil && normal != "" && len(password) <= bcryptLimit
	if !usable {
		password = "" // the work comes before the refusal
	}
	return bcrypt.CompareHashAndPassword([]byte(h), []byte(password)) == nil && usable
}

// outdated is always true: the next sign-in replaces it with argon2id.
func (h bcryptHash) outdated(Params) bool { return true }

func (h bcryptHash) format() string { return "bcrypt" }

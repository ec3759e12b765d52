package foreign

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const bcryptDigits = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// bcryptOf matches a bcrypt hash of what prepare makes of the password.
func bcryptOf(stored string, prepare func(password []byte) []byte) (matcher, error) {
	if len(stored) != 60 || !strings.HasPrefix(stored, "$2") || !strings.Contains("aby", stored[2:3]) || stored[3] != '$' || stored[6] != '$' ||
		!only(stored[7:], bcryptDigits) {
		return nil, errors.New("not a bcrypt hash")
	}
	cost, err := number(stored[4:6])
	switch {
	case err != nil || cost < 4:
		return nil, errors.New("the cost is not 04 to 15")
	case cost > maxBcrypt:
		return nil, tooCostly("the cost is", cost, maxBcrypt)
	}
	return func(password []byte) bool {
		typed := prepare(password)
		usable := len(typed) <= 72 // of a longer one only the beginning would count
		if !usable {
			typed = nil // the work comes before the refusal
		}
		return bcrypt.CompareHashAndPassword([]byte(stored), typed) == nil && usable
	}, nil
}

// passlibBcrypt reads "v=2,t=2b,r=12$salt$key", an HMAC of the password under the salt below bcrypt, and the older "2b,12$salt$key", a
// plain SHA-256.
func passlibBcrypt(rest string) (matcher, error) {
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	var version string
	var cost uint64
	settings := strings.Split(parts[0], ",")
	prepare := func(password []byte) []byte { return base64Of(sum(sha256.New, password)) }
	switch {
	case len(settings) == 3 && settings[0] == "v=2":
		version = strings.TrimPrefix(settings[1], "t=")
		cost, err = number(strings.TrimPrefix(settings[2], "r="))
		prepare = func(password []byte) []byte { return base64Of(mac(sha256.New, []byte(parts[1]), password)) }
	case len(settings) == 2:
		version = settings[0]
		cost, err = number(settings[1])
	default:
		err = errors.New("unknown parameters")
	}
	if err != nil {
		return nil, err
	}
	if cost > 99 {
		return nil, tooCostly("the cost is", cost, maxBcrypt)
	}
	return bcryptOf(fmt.Sprintf("$%s$%02d$%s%s", version, cost, parts[1], parts[2]), prepare)
}

func base64Of(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }

// djangoBcryptSHA256 reads a bcrypt hash of the password's SHA-256 in hexadecimal.
func djangoBcryptSHA256(rest string) (matcher, error) {
	return bcryptOf(rest, func(password []byte) []byte { return []byte(hexOf(sum(sha256.New, password))) })
}

func djangoBcrypt(rest string) (matcher, error) {
	return bcryptOf(rest, func(password []byte) []byte { return password })
}

// wordpressBcrypt reads what WordPress writes since 6.8: bcrypt of an HMAC-SHA-384 in base64, of the password without white space around it.
func wordpressBcrypt(rest string) (matcher, error) {
	return bcryptOf(rest, func(password []byte) []byte {
		return base64Of(mac(sha512.New384, []byte("wp-sha384"), []byte(strings.Trim(string(password), " \n\r\t\v\x00"))))
	})
}

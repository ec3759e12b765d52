package importer

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// parseTOTP reads a secret in base32, or an otpauth address.
func parseTOTP(text string) (*TOTP, error) {
	if !strings.HasPrefix(text, "otpauth:") {
		return &TOTP{Secret: text}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host != "totp" {
		return nil, errors.New("not an otpauth address of a time-based code")
	}
	q := u.Query()
	t := &TOTP{Secret: q.Get("secret"), Algorithm: q.Get("algorithm")}
	for name, to := range map[string]*int{"digits": &t.Digits, "period": &t.Period} {
		if v := q.Get(name); v != "" {
			if *to, err = strconv.Atoi(v); err != nil {
				return nil, errors.New(name + " is not a number")
			}
		}
	}
	return t, nil
}

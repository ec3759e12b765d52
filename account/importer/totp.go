package importer

import (
	"encoding/json"
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

// URI is the otpauth address of the app.
func (t *TOTP) URI() string {
	q := url.Values{"secret": {t.Secret}}
	if t.Algorithm != "" {
		q.Set("algorithm", t.Algorithm)
	}
	if t.Digits != 0 {
		q.Set("digits", strconv.Itoa(t.Digits))
	}
	if t.Period != 0 {
		q.Set("period", strconv.Itoa(t.Period))
	}
	return "otpauth://totp/imported?" + q.Encode()
}

// UnmarshalJSON also accepts a secret, or an otpauth address.
func (t *TOTP) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '"' {
		type plain TOTP
		return strictly(b, (*plain)(t))
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	parsed, err := parseTOTP(text)
	if err == nil {
		*t = *parsed
	}
	return err
}

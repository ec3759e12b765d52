package otp

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// URI returns the otpauth address of the key, which apps read from a QR code or
// open as a link. issuer and account are what the app shows.
func (k Key) URI(issuer, account string) string {
	// Not url.Values: apps take "+" for a plus sign, and the order is that of the
	// published description of the format.
	query := "secret=" + encoding.EncodeToString(k.Secret)
	if issuer != "" {
		query += "&issuer=" + escape(issuer)
	}
	query += fmt.Sprintf("&algorithm=%s&digits=%d&period=%d", k.Algorithm, k.Digits, int(k.Period/time.Second))
	label := escape(account)
	if issuer != "" {
		label = escape(strings.ReplaceAll(issuer, ":", " ")) + ":" + label
	}
	return "otpauth://totp/" + label + "?" + query
}

// escape escapes all but letters, digits and "-", ".", "_", "~".
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// maxURI bounds what is read; a QR code holds less than 3,000 bytes.
const maxURI = 4096

// Parse reads an otpauth address: [Key.URI], or that of a key which somebody else
// made. What it leaves out has the default of the format: SHA1, six digits, 30
// seconds. Errors say what is wrong, and never show the secret.
func Parse(uri string) (Key, error) {
	if len(uri) > maxURI {
		return Key{}, fmt.Errorf("an otpauth address of %d bytes is too long", len(uri))
	}
	u, err := url.Parse(uri)
	if err != nil {
		return Key{}, errors.New("this is no otpauth address") // the error of url would show it
	}
	if !strings.EqualFold(u.Scheme, "otpauth") {
		return Key{}, errors.New("an otpauth address begins with otpauth://")
	}
	if !strings.EqualFold(u.Host, "totp") {
		return Key{}, errors.New("only time-based codes (otpauth://totp/) are supported")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Key{}, errors.New("the parameters of the otpauth address are malformed")
	}
	for name, values := range query {
		if len(values) > 1 {
			return Key{}, fmt.Errorf("the otpauth address names %.20q twice", name)
		}
	}
	k := Key{Algorithm: SHA1, Digits: 6, Period: 30 * time.Second}
	if k.Secret, err = ParseSecret(query.Get("secret")); err != nil {
		return Key{}, err
	}
	if a := query.Get("algorithm"); a != "" {
		k.Algorithm = Algorithm(strings.ReplaceAll(strings.ToUpper(a), "-", ""))
	}
	if k.Digits, err = number(query, "digits", k.Digits); err != nil {
		return Key{}, err
	}
	seconds, err := number(query, "period", int(k.Period/time.Second))
	if err != nil {
		return Key{}, err
	}
	k.Period = time.Duration(seconds) * time.Second
	if err := k.check(); err != nil {
		return Key{}, err
	}
	return k, nil
}

// number reads a parameter that is a small number, or returns the default.
func number(query url.Values, name string, byDefault int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return byDefault, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%s of the otpauth address is no number", name)
	}
	return int(n), nil
}

// ParseSecret reads a secret in base32, as people type it and programs export it:
// in either case, with spaces, hyphens or padding.
func ParseSecret(text string) ([]byte, error) {
	text = strings.ToUpper(strings.TrimRight(strings.NewReplacer(" ", "", "-", "").Replace(text), "="))
	if text == "" {
		return nil, errors.New("the secret is missing")
	}
	secret, err := encoding.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which base32 skips
		return nil, errors.New("the secret is not base32 (letters and the digits 2 to 7)")
	}
	return secret, nil
}

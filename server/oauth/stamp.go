package oauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// stamp writes what a browser keeps for us, so that it comes back as it was, or not at
// all: with a keyed hash of it and of what it is about, which holds no line break. It is no
// secret.
func stamp(key []byte, about string, body []byte) string {
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + stampMAC(key, about, text)
}

// unstamp reads what stamp wrote about the same, and nothing else.
func unstamp(key []byte, about, value string) (body []byte, ok bool) {
	text, mac, _ := strings.Cut(value, ".")
	if !hmac.Equal([]byte(mac), []byte(stampMAC(key, about, text))) {
		return nil, false
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	return body, err == nil
}

func stampMAC(key []byte, about, text string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(about + "\n" + text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

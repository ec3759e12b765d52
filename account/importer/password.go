package importer

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// A Password is a hash whose parameters lie beside it, for systems that have no text for it.
type Password struct {
	Algorithm  string `json:"algorithm"` // pbkdf2-sha1, pbkdf2-sha256, pbkdf2-sha512, scrypt, firebase-scrypt, md5, sha1, sha256, sha512
	Hash       string `json:"hash"`
	Salt       string `json:"salt,omitempty"`
	Encoding   string `json:"encoding,omitempty"`      // of the hash: base64 (default) or hex
	SaltFormat string `json:"salt_encoding,omitempty"` // base64, hex or utf8; "" = as the hash

	Iterations int `json:"iterations,omitempty"` // of PBKDF2
	N          int `json:"n,omitempty"`          // of scrypt
	R          int `json:"r,omitempty"`
	P          int `json:"p,omitempty"`

	SaltPosition string `json:"salt_position,omitempty"` // of a digest: "prefix" (default) or "suffix"

	SignerKey     string `json:"signer_key,omitempty"`     // of Firebase, in base64
	SaltSeparator string `json:"salt_separator,omitempty"` // of Firebase, in base64
}

// text writes the hash in a notation that package password reads.
func (p *Password) text() (string, error) {
	hash, err := decodeAs(p.Encoding, p.Hash)
	if err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	form := p.SaltFormat
	if form == "" {
		form = p.Encoding
	}
	salt, err := decodeAs(form, p.Salt)
	if err != nil {
		return "", fmt.Errorf("salt: %w", err)
	}
	switch p.Algorithm {
	case "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512":
		return fmt.Sprintf("$%s$%d$%s$%s", p.Algorithm, p.Iterations, b64(salt), b64(hash)), nil
	case "scrypt":
		return fmt.Sprintf("SCRYPT:%d:%d:%d:%s:%s", p.N, p.R, p.P, b64(salt), b64(hash)), nil
	case "firebase-scrypt":
		return p.firebase(salt, hash)
	case "md5", "sha1", "sha256", "sha512":
		pattern := "{SALT}{PASSWORD}"
		if p.SaltPosition == "suffix" {
			pattern = "{PASSWORD}{SALT}"
		}
		return fmt.Sprintf("$%s$pf=%s$%s$%s", p.Algorithm, b64([]byte(pattern)), b64(salt), b64(hash)), nil
	}
	return "", errors.New("the algorithm is none of pbkdf2-sha1, pbkdf2-sha256, pbkdf2-sha512, scrypt, firebase-scrypt, md5, sha1, sha256 and sha512")
}

func (p *Password) firebase(salt, hash []byte) (string, error) {
	separator, err := decode64(p.SaltSeparator)
	if err != nil {
		return "", fmt.Errorf("salt_separator: %w", err)
	}
	signer, err := decode64(p.SignerKey)
	if err != nil {
		return "", fmt.Errorf("signer_key: %w", err)
	}
	return fmt.Sprintf("$firescrypt$ln=%d,r=%d,p=1$%s$%s$%s$%s", p.N, p.R, b64(salt), b64(hash), b64(separator), b64(signer)), nil
}

func b64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

func decodeAs(encoding, text string) ([]byte, error) {
	switch encoding {
	case "", "base64":
		return decode64(text)
	case "hex":
		b, err := hex.DecodeString(text)
		if err != nil {
			return nil, errors.New("not hexadecimal")
		}
		return b, nil
	case "utf8":
		return []byte(text), nil
	}
	return nil, errors.New("the encoding is none of base64, hex and utf8")
}

// unusable reports whether a hash is a mark for "no password", as Django and Unix write it.
func unusable(hash string) bool { return strings.HasPrefix(hash, "!") || hash == "*" }

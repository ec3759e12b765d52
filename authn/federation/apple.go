package federation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// An appleKey makes client secrets. Apple's are tokens that we sign, for five minutes
// each: nothing has to be renewed by hand twice a year.
type appleKey struct {
	key                        *ecdsa.PrivateKey
	team, id, client, audience string
}

func newAppleKey(c *Config) (*appleKey, error) {
	var errs []error
	if c.TeamID == "" {
		errs = append(errs, errors.New("team_id is missing: apple shows it beside the name of your account"))
	}
	if c.KeyID == "" {
		errs = append(errs, errors.New("key_id is missing: apple shows it beside the key"))
	}
	key, err := parseAppleKey(c.ClientSecret)
	if err != nil {
		errs = append(errs, err)
	}
	return &appleKey{key, c.TeamID, c.KeyID, c.ClientID, c.Issuer}, errors.Join(errs...)
}

// parseAppleKey reads the file that apple hands out. Its error never shows the key.
func parseAppleKey(text string) (*ecdsa.PrivateKey, error) {
	bad := errors.New("client_secret must be the private key that apple made for you, in PEM (-----BEGIN PRIVATE KEY-----)")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, bad
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, bad
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, bad
	}
	return key, nil
}

// secret signs a client secret: a token by ES256 (RFC 7518 §3.4).
func (k *appleKey) secret(now time.Time) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "ES256", "kid": k.id})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{
		"iss": k.team, "sub": k.client, "aud": k.audience, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, k.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing the client secret: %w", err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature[:]), nil
}

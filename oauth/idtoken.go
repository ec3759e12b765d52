package oauth

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// An IDToken tells a client who somebody is (OpenID Connect Core 1.0 §2).
type IDToken struct {
	Issuer   string
	Subject  string
	Audience string // the client
	IssuedAt time.Time
	Expiry   time.Time
	AuthTime time.Time
	Nonce    string
	ACR      string
	AMR      []string
	Session  string    // sid; "" = none
	Access   string    // token that it comes with: at_hash
	Alg      token.Alg // that it will be signed with
	Person   map[string]any
}

// Payload writes the claims. What it says of the person never takes the place of another
// claim.
func (t *IDToken) Payload() ([]byte, error) {
	m := map[string]any{}
	for name, value := range t.Person {
		m[name] = value
	}
	m["iss"], m["sub"], m["aud"], m["azp"] = t.Issuer, t.Subject, t.Audience, t.Audience
	m["iat"], m["exp"], m["auth_time"] = t.IssuedAt.Unix(), t.Expiry.Unix(), t.AuthTime.Unix()
	if t.Nonce != "" {
		m["nonce"] = t.Nonce
	}
	if t.ACR != "" {
		m["acr"] = t.ACR
	}
	if len(t.AMR) > 0 {
		m["amr"] = t.AMR
	}
	if t.Session != "" {
		m["sid"] = t.Session
	}
	if t.Access != "" {
		m["at_hash"] = halfHash(t.Alg, t.Access)
	}
	return json.Marshal(m)
}

// halfHash is the left half of the hash that belongs to the algorithm (OpenID Connect
// Core 1.0 §3.1.3.6): SHA-512, with which Ed25519 signs, or SHA-256.
func halfHash(alg token.Alg, s string) string {
	if alg == token.EdDSA {
		sum := sha512.Sum512([]byte(s))
		return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

package rivals

import (
	"context"
	"crypto"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/sallyport-auth/sallyport/authn/token"
)

// A signed is a key, an access token that is good, and tokens like it that are not.
type signed struct {
	alg    token.Alg
	issuer string
	key    *token.SigningKey
	public any // the key as the standard library has it; of HS256 the secret
	good   string
	bad    map[string]string
}

// newSigned makes a token as our server issues them.
func newSigned(alg token.Alg, issuer string) (s signed, err error) {
	s = signed{alg: alg, issuer: issuer, bad: map[string]string{}}
	if s.key, err = token.Generate(alg); err != nil {
		return s, err
	}
	if s.public, err = publicKey(s.key); err != nil {
		return s, err
	}
	if s.good, err = s.key.AccessToken(s.claims()); err != nil {
		return s, err
	}
	foreign, err := token.Generate(alg)
	if err != nil {
		return s, err
	}
	return s, s.spoil(foreign)
}

func (s *signed) claims() *token.Claims {
	now := time.Now().Truncate(time.Second)
	return &token.Claims{
		Issuer: s.issuer, Subject: "usr_1", Audience: []string{s.issuer}, ClientID: "sallyport", ID: "tok_1",
		IssuedAt: now, Expiry: now.Add(time.Hour), Rev: "log_1.42", Session: "ses_1", Roles: []string{"member"}, AllRoles: true,
		AuthTime: now, AMR: []string{"pwd"}, ACR: "urn:sallyport:aal1",
	}
}

// spoil makes the tokens that everybody must refuse.
func (s *signed) spoil(foreign *token.SigningKey) error {
	for why, change := range map[string]func(*token.Claims){
		"expired":        func(c *token.Claims) { c.IssuedAt, c.Expiry = c.IssuedAt.Add(-2*time.Hour), c.Expiry.Add(-2*time.Hour) },
		"not valid yet":  func(c *token.Claims) { c.NotBefore = c.Expiry.Add(-time.Minute) },
		"other issuer":   func(c *token.Claims) { c.Issuer += ".example" },
		"other audience": func(c *token.Claims) { c.Audience = []string{"https://other.example"} },
	} {
		c := s.claims()
		change(c)
		text, err := s.key.AccessToken(c)
		if err != nil {
			return err
		}
		s.bad[why] = text
	}
	text, err := foreign.AccessToken(s.claims())
	s.bad["other key"] = text
	s.bad["signature cut"] = s.good[:len(s.good)-8]
	s.bad["empty"] = ""
	return err
}

func publicKey(k *token.SigningKey) (any, error) {
	text, err := k.PrivateJWK()
	if err != nil {
		return nil, err
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	if private, ok := parsed.Key.(crypto.Signer); ok {
		return private.Public(), nil
	}
	return parsed.Key, nil
}

// Key makes a signed the source of its one key.
func (s *signed) Key(_ context.Context, kid string) (*token.Key, error) {
	if kid != s.key.ID() {
		return nil, token.ErrUnknownKey
	}
	return s.key.Public(), nil
}

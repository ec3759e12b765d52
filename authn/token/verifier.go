// Package token makes and checks signed access tokens (RFC 9068): a strict reader of compact JWS and JWK, a signer, the key set of an
// issuer with its rotation, and the key set of a remote issuer. Refresh tokens are here too.
//
// A published library for JOSE would be shorter. All that were tried accept tokens that must be refused; see docs/decisions/0008-own-verifier-of-tokens.md.
package token

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// TypAccessToken is the typ of an access token (RFC 9068 §2.1).
const TypAccessToken = "at+jwt"

// A Verifier checks access tokens. Issuer and Keys are required. It is safe for concurrent use; its fields must not change after the
// first use.
//
// A Verifier says that a token was issued for us and has not expired. Whether it has been revoked since is asked of the revocation
// log, with the claims rev, jti, sid, gid and sub and with KeyID.
type Verifier struct {
	// Issuer is the only accepted iss, compared byte by byte.
	Issuer string
	// Audience must be among aud. If empty, it is Issuer: the issuer's own service is its own audience.
	Audience string
	// InsecureAnyAudience takes tokens for every audience, and Audience says nothing. It is for the issuer itself, who is asked about
	// tokens that are for others: who acts on one must hold aud against itself.
	InsecureAnyAudience bool
	// Keys finds the key that a token names.
	Keys KeySource
	// Typ is the only accepted typ; "application/" may precede it. If empty, TypAccessToken.
	Typ string
	// Leeway forgives clocks that differ: exp may be past and nbf and iat ahead by that much. If zero, 5 seconds; negative means
	// none. Values above a minute prolong stolen tokens for nothing.
	Leeway time.Duration
}

func (v *Verifier) leeway() time.Duration {
	switch {
	case v.Leeway == 0:
		return 5 * time.Second
	case v.Leeway < 0:
		return 0
	}
	return v.Leeway
}

func (v *Verifier) typ() string {
	if v.Typ == "" {
		return TypAccessToken
	}
	return v.Typ
}

func (v *Verifier) audience() string {
	if v.Audience == "" {
		return v.Issuer
	}
	return v.Audience
}

// Verify returns the claims of a token that is genuine, meant for us, and current. Otherwise it fails with an ErrInvalid, which means
// 401 (among them ErrExpired and ErrUnknownKey); any other error, such as ErrKeysUnavailable, means that nothing can be said about
// the token.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	if v.Issuer == "" || v.Keys == nil {
		return nil, errors.New("token.Verifier needs Issuer and Keys")
	}
	s := scratch.Get().(*[2 * MaxSize]byte)
	defer scratch.Put(s)
	parts, err := split(token, s)
	if err != nil {
		return nil, err
	}
	if strings.TrimPrefix(parts.typ, "application/") != v.typ() {
		return nil, invalid("wrong typ")
	}
	key, err := v.key(ctx, parts.kid)
	if err != nil {
		return nil, err
	}
	if err := parts.verify(key); err != nil {
		return nil, err
	}
	c := &Claims{KeyID: key.id}
	if err := c.parse(parts.payload); err != nil {
		return nil, invalidBy("claims", err)
	}
	if err := v.check(c, key); err != nil {
		return nil, err
	}
	return c, nil
}

func (v *Verifier) key(ctx context.Context, kid string) (*Key, error) {
	if kid == "" || len(kid) > maxKeyID {
		return nil, invalid("kid is missing or longer than 128 bytes")
	}
	key, err := v.Keys.Key(ctx, kid)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return nil, ErrUnknownKey
	}
	return key, nil
}

// check compares the claims with what we expect. Time comes last, so that ErrExpired means: all else was right.
func (v *Verifier) check(c *Claims, key *Key) error {
	if c.Issuer != v.Issuer {
		return invalid("wrong issuer")
	}
	if !v.InsecureAnyAudience && !slices.Contains(c.Audience, v.audience()) {
		return invalid("wrong audience")
	}
	if key.audience != "" && (len(c.Audience) != 1 || c.Audience[0] != key.audience) {
		return invalid("the key may not sign for this audience")
	}
	now, leeway := time.Now(), v.leeway()
	switch soon := now.Add(leeway); {
	case c.IssuedAt.After(soon):
		return invalid("issued in the future")
	case c.NotBefore.After(soon):
		return invalid("not valid yet")
	case !now.Add(-leeway).Before(c.Expiry):
		return ErrExpired
	}
	return nil
}

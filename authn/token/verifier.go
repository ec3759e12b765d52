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
	// Others are audiences beside that one for which it takes tokens too.
	Others []string
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

func (v *Verifier) takes(audience string) bool {
	return audience == v.audience() || slices.Contains(v.Others, audience)
}

// Verify returns the claims of a token that is genuine, meant for us, and current. Otherwise it fails with an ErrInvalid, which means
// 401 (among them ErrExpired and ErrUnknownKey); any other error, such as ErrKeysUnavailable, means that nothing can be said about
// the token. A token that is bound to a key or a certificate is refused: see VerifyBound.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	return v.VerifyBound(ctx, token, Held{})
}

// Held is what whoever sends a token has proved to have the keys of, by their thumbprints.
type Held struct {
	JKT string // of the key of a DPoP proof (RFC 9449 §6.1); "" = there is none
	X5T string // of the client certificate (RFC 8705 §3.1); "" = there is none
}

// VerifyBound is Verify for a token of whoever has proved that. A DPoP proof is for a token that is bound to its key, and for no other
// (RFC 9449 §7.1); a certificate may be shown beside any token (RFC 8705 §3).
func (v *Verifier) VerifyBound(ctx context.Context, token string, h Held) (*Claims, error) {
	c, err := v.verifyAny(ctx, token)
	switch {
	case err != nil:
		return nil, err
	case c.JKT != h.JKT:
		return nil, errOtherKey
	case !shows(h.X5T, c.X5T):
		return nil, errOtherCertificate
	}
	return c, nil
}

var (
	errOtherKey         = invalid("bound to another key, or to one that was not proved")
	errOtherCertificate = invalid("bound to another certificate, or to one that was not shown")
)

// shows reports whether the certificate with the thumbprint shown is what a token asks for; "" asks for none.
func shows(shown, asked string) bool { return asked == "" || shown == asked }

// verifyUnproved is Verify whatever certificate the token is bound to.
func (v *Verifier) verifyUnproved(ctx context.Context, token string) (*Claims, error) {
	c, err := v.verifyAny(ctx, token)
	if err == nil && c.JKT != "" {
		return nil, errOtherKey
	}
	return c, err
}

// verifyAny is Verify whatever the token is bound to.
func (v *Verifier) verifyAny(ctx context.Context, token string) (*Claims, error) {
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
	if !v.InsecureAnyAudience && !slices.ContainsFunc(c.Audience, v.takes) {
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

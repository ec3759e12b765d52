package token

import (
	"slices"
	"time"
)

// Registered are the claims that any JWT may have (RFC 7519 §4.1), and the session of an ID token (OpenID Connect Front-Channel
// Logout 1.0 §3). What is absent is zero.
type Registered struct {
	Issuer    string
	Subject   string
	Audience  []string
	Expiry    time.Time
	NotBefore time.Time
	IssuedAt  time.Time
	ID        string
	Session   string // sid
}

var registeredNames = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid"}

// ParseRegistered reads them from a payload that somebody has verified, and ignores the others. A member that is there twice, or
// differs from a known one only in case, refuses it. Every error is an ErrInvalid.
func ParseRegistered(payload []byte) (r Registered, err error) {
	err = parseObject(string(payload), func(p *parser, name string) (err error) {
		switch name {
		case "iss":
			r.Issuer, err = p.str()
		case "sub":
			r.Subject, err = p.str()
		case "aud":
			r.Audience, err = p.audience()
		case "exp":
			r.Expiry, err = p.time()
		case "nbf":
			r.NotBefore, err = p.time()
		case "iat":
			r.IssuedAt, err = p.time()
		case "jti":
			r.ID, err = p.str()
		case "sid":
			r.Session, err = p.str()
		default:
			if resembles(name, registeredNames) {
				return errResembling
			}
			err = p.skip()
		}
		return err
	})
	if err != nil {
		return Registered{}, invalidBy("claims", err)
	}
	return r, nil
}

// For reports whether one of the audiences is meant.
func (r *Registered) For(audiences ...string) bool {
	return slices.ContainsFunc(r.Audience, func(a string) bool { return slices.Contains(audiences, a) })
}

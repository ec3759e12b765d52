package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
)

// An Authenticator checks access tokens that are sent as bearer tokens. Verifier is required; the fields must not change after first
// use. It is safe for concurrent use.
type Authenticator struct {
	Verifier *Verifier

	// Follower knows which tokens have been revoked; tokens without the claim rev, or of another log, are refused. Nil means that
	// revocation is not known here: a token then lives until it expires.
	Follower *revoke.Follower

	// Opaque reads tokens that only the issuer can read. Nil means that there are none.
	Opaque *OpaqueTokens

	// Complete fills in the roles and the plan that the principal has now, and empties Org if the subject is no member of it. These
	// roles replace those of a token that carries all roles; those of another, which was given fewer on purpose, are limited to them.
	// Nil means that the organization and the roles in the token count.
	Complete func(ctx context.Context, p *sallyport.Principal) error

	// Cache remembers tokens until they expire or the log that it follows, which must be Follower's, says that something about them has
	// changed. Nil means that every request is verified.
	Cache *Cache
}

// apiKeyPrefix begins the bearer tokens that package apikey checks.
const apiKeyPrefix = "sp_live_"

// Challenge implements [sallyport.Challenger].
func (a *Authenticator) Challenge() string { return `Bearer realm="sallyport"` }

// Authenticate implements [sallyport.Authenticator] for [sallyport.SchemeBearer], except for API keys.
func (a *Authenticator) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	switch {
	case c.Scheme != sallyport.SchemeBearer, strings.HasPrefix(c.Value, apiKeyPrefix):
		return nil, sallyport.ErrNotMine
	case len(c.Value) > MaxSize:
		return nil, refused(errTooLong)
	}
	whose, err := a.Cache.find(c.Value, func() (owner, revoke.IDs, time.Time, error) {
		claims, p, err := a.verify(ctx, c.Value, a.Verifier.verifyUnproved)
		if err != nil {
			return owner{}, revoke.IDs{}, time.Time{}, err
		}
		until := claims.Expiry
		if len(claims.From) > 0 { // the cache would watch its own ids only
			until = time.Time{}
		}
		return owner{p, claims.X5T}, claims.IDs(), until, nil
	})
	switch {
	case err != nil:
		return nil, err
	case whose.x5t != "" && whose.x5t != c.Thumbprint(): // also of a token that was seen before
		return nil, refused(errOtherCertificate)
	}
	return whose.principal, nil
}

// An owner is whose a token is, and the thumbprint of the certificate that they must show with it; "" = none.
type owner struct {
	principal *sallyport.Principal
	x5t       string
}

// Inspect checks a token as Authenticate does, without the cache and whatever key it is bound to, and returns what it says beside who it stands for. The claims are
// as they were signed; roles, plan and organization as they are now are in the principal.
func (a *Authenticator) Inspect(ctx context.Context, value string) (*Claims, *sallyport.Principal, error) {
	if len(value) > MaxSize {
		return nil, nil, refused(errTooLong)
	}
	return a.verify(ctx, value, a.Verifier.verifyAny)
}

var errTooLong = invalid("longer than 8 KiB")

// refused is a 401 with its cause.
func refused(err error) error { return fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err) }

func (a *Authenticator) verify(ctx context.Context, value string, read func(context.Context, string) (*Claims, error)) (*Claims, *sallyport.Principal, error) {
	var c *Claims
	value, err := a.signed(value)
	if err == nil {
		c, err = read(ctx, value)
	}
	if err == nil {
		err = a.alive(c)
	}
	switch {
	case errors.Is(err, ErrInvalid), errors.Is(err, revoke.ErrRevoked):
		return nil, nil, refused(err)
	case err != nil:
		return nil, nil, fmt.Errorf("verifying token: %w", err)
	}
	p := c.principal()
	if a.Complete == nil {
		return c, p, nil
	}
	if err := a.Complete(ctx, p); err != nil {
		return nil, nil, fmt.Errorf("reading roles of the token's subject: %w", err)
	}
	if !c.AllRoles {
		p.Roles, p.OrgRoles = both(c.Roles, p.Roles), both(c.OrgRoles, p.OrgRoles)
	}
	return c, p, nil
}

// signed is the signed token, whichever form it has.
func (a *Authenticator) signed(value string) (string, error) {
	if !strings.HasPrefix(value, OpaquePrefix) {
		return value, nil
	}
	return a.Opaque.Unwrap(value)
}

// alive asks the log.
func (a *Authenticator) alive(c *Claims) error {
	if a.Follower == nil {
		return nil
	}
	rev, err := revoke.ParsePosition(c.Rev)
	if err != nil {
		return invalidBy("rev", err)
	}
	if err := a.Follower.Dead(rev, c.IDs()); err != nil {
		return err
	}
	for _, s := range c.From { // it ends with what it was exchanged for
		ids, err := origin(s)
		if err != nil {
			return invalidBy("from", err)
		}
		if err := a.Follower.Dead(rev, ids); err != nil {
			return err
		}
	}
	return nil
}

// IDs are what a revocation may name.
func (c *Claims) IDs() revoke.IDs {
	return revoke.IDs{Token: c.ID, Session: c.Session, Grant: c.Grant, Subject: c.Subject, Client: c.ClientID, Org: c.Org, Key: c.KeyID}
}

// both returns which of the roles that a token was given the subject still has. One that was given fewer than all gains none.
func both(given, current []string) (roles []string) {
	for _, role := range given {
		if slices.Contains(current, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

func (c *Claims) principal() *sallyport.Principal {
	p := &sallyport.Principal{
		Kind: c.kind(), Subject: c.Subject, Org: c.Org, Roles: c.Roles, OrgRoles: c.OrgRoles, Scopes: c.Scopes,
		Session: c.Session, Grant: c.Grant, Client: c.ClientID, Credential: "token",
		AuthTime: c.AuthTime, AMR: c.AMR, AAL: c.aal(), Rev: c.Rev,
	}
	if c.Act != nil {
		p.Actor = c.Act.Subject
	}
	return p
}

// kind: a client that acts for itself is its own subject (RFC 9068 §2.2).
func (c *Claims) kind() sallyport.Kind {
	if c.Subject == c.ClientID {
		return sallyport.Service
	}
	return sallyport.User
}

// aal reads the level that our issuer writes into acr; another's classes say nothing that we could rely on.
func (c *Claims) aal() int { return 1 + slices.Index([]string{"aal1", "aal2", "aal3"}, c.ACR) }

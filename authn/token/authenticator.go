package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
)

// An Authenticator checks bearer access tokens: locally, without asking anybody.
// Verifier is required; the fields must not change after first use. It is safe
// for concurrent use.
type Authenticator struct {
	Verifier *Verifier
	// Follower knows what was revoked; a token without a position in its log is
	// refused. nil: nothing is known of revocation, and a token is good until it
	// expires.
	Follower *revoke.Follower
	// Roles returns the subject's roles in force now. nil: the roles that the token
	// carries count.
	Roles func(ctx context.Context, subject, org string) ([]string, error)
	// Cache remembers verified tokens by their SHA-256, until they expire or the log
	// says that something about them has changed. nil: each request verifies anew.
	Cache *revoke.Cache[[32]byte, *sallyport.Principal]
}

// Challenge implements [sallyport.Challenger].
func (a *Authenticator) Challenge() string { return `Bearer realm="sallyport"` }

// Authenticate implements [sallyport.Authenticator] for [sallyport.SchemeBearer].
// What has not the form of a token at all is another authenticator's, or nobody's.
func (a *Authenticator) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if c.Scheme != sallyport.SchemeBearer || strings.Count(c.Value, ".") != 2 {
		return nil, sallyport.ErrNotMine
	}
	if a.Cache == nil {
		p, _, _, err := a.verify(ctx, c.Value)
		return p, err
	}
	key := sha256.Sum256([]byte(c.Value))
	if p, ok, err := a.Cache.Get(key, time.Now()); ok || err != nil {
		return p, err
	}
	mark, err := a.Cache.Mark() // before anything is looked at: a change beside it must not be missed
	if err != nil {
		return nil, err
	}
	p, ids, until, err := a.verify(ctx, c.Value)
	if err == nil {
		a.Cache.Put(key, p, mark, ids, until)
	}
	return p, err
}

// verify checks the token, then whether it was revoked, then which roles count.
func (a *Authenticator) verify(ctx context.Context, token string) (*sallyport.Principal, revoke.IDs, time.Time, error) {
	claims, err := a.Verifier.Verify(ctx, token)
	if errors.Is(err, ErrInvalid) {
		err = fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err)
	}
	if err != nil {
		return nil, revoke.IDs{}, time.Time{}, err
	}
	ids := claims.ids()
	if err := a.alive(claims, ids); err != nil {
		return nil, ids, time.Time{}, err
	}
	p := claims.principal()
	if a.Roles != nil {
		now, err := a.Roles(ctx, p.Subject, p.Org)
		if err != nil {
			return nil, ids, time.Time{}, fmt.Errorf("reading roles of the token's subject: %w", err)
		}
		p.Roles = claims.limit(now)
	}
	return p, ids, claims.Expiry, nil
}

func (a *Authenticator) alive(c *Claims, ids revoke.IDs) error {
	if a.Follower == nil {
		return nil
	}
	rev, err := revoke.ParsePosition(c.Rev)
	if err != nil {
		return fmt.Errorf("%w: claim rev: %w", sallyport.ErrInvalidCredential, err)
	}
	if err := a.Follower.Dead(rev, ids); errors.Is(err, revoke.ErrRevoked) {
		return fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err)
	} else if err != nil {
		return err
	}
	return nil
}

// ids are what the token hangs on.
func (c *Claims) ids() revoke.IDs {
	return revoke.IDs{
		Token: c.ID, Session: c.Session, Grant: c.Grant, Subject: c.Subject, Client: c.ClientID, Org: c.Org, Key: c.KeyID,
	}
}

func (c *Claims) principal() *sallyport.Principal {
	kind := sallyport.User
	if c.Subject == c.ClientID { // RFC 9068 §2.2: a client acting for itself
		kind = sallyport.Service
	}
	return &sallyport.Principal{
		Kind: kind, Subject: c.Subject, Org: c.Org, Roles: c.Roles, Scopes: c.Scopes,
		Session: c.Session, Grant: c.Grant, Credential: "token",
		AuthTime: c.AuthTime, AMR: c.AMR, AAL: assurance(c.ACR), Rev: c.Rev,
	}
}

// assurance reads the acr values that we write: "aal1" to "aal3".
func assurance(acr string) int {
	if len(acr) == 4 && acr[:3] == "aal" && acr[3] >= '1' && acr[3] <= '3' {
		return int(acr[3] - '0')
	}
	return 0
}

// limit returns the roles that count: those in force now, or, of a token that
// carries a selection, the selected ones among them. A token never gives a role
// that its subject has lost.
func (c *Claims) limit(now []string) []string {
	if c.AllRoles {
		return now
	}
	return slices.DeleteFunc(slices.Clone(now), func(r string) bool { return !slices.Contains(c.Roles, r) })
}

package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// Tokens are an access token, and the refresh token that gets the next one.
type Tokens struct {
	Access    string
	ExpiresIn time.Duration // of Access
	Refresh   string
	ExpiresAt time.Time // of Refresh
}

// tokens writes an access token and the refresh token of the family's counter.
func (s *Service) tokens(f token.Family, sess session.Session, st authz.Standing, rev revoke.Position, now time.Time) (*Tokens, error) {
	expiry := s.accessExpiry(sess, now)
	c := &token.Claims{
		Issuer: s.Issuer, Audience: []string{s.Issuer}, Subject: f.Subject, ClientID: f.Client,
		ID: secret.NewID("tok"), IssuedAt: now, Expiry: expiry,
		Rev: rev.String(), Session: f.Session, Grant: f.Grant, Scopes: f.Scope,
		AuthTime: sess.AuthTime, AMR: sess.AMR, ACR: ACR(sess.AAL),
	}
	claim(c, st)
	access, err := s.Sign(c)
	if err != nil {
		return nil, fmt.Errorf("signing access token: %w", err)
	}
	refresh, err := s.Refreshes.Format(token.RefreshToken{Family: f.ID, KeyVersion: f.KeyVersion, Counter: f.Counter})
	if err != nil {
		return nil, err
	}
	return &Tokens{Access: access, ExpiresIn: expiry.Sub(now), Refresh: refresh, ExpiresAt: f.ExpiresAt}, nil
}

// claim writes down where the subject acts and all roles that they have there.
func claim(c *token.Claims, st authz.Standing) {
	c.Org, c.Roles, c.AllRoles = st.Org, atLeastEmpty(st.Roles), true
	if st.Org != "" {
		c.OrgRoles = atLeastEmpty(st.OrgRoles)
	}
}

// accessExpiry is the end of an access token, which never outlives its session:
// when that expires, no entry in the log says so.
func (s *Service) accessExpiry(sess session.Session, now time.Time) time.Time {
	return earlier(now.Add(s.accessLifetime()), sess.ExpiresAt)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// atLeastEmpty makes "no roles" explicit: a token without the claim says nothing.
func atLeastEmpty(roles []string) []string {
	if roles == nil {
		return []string{}
	}
	return roles
}

// ACR is what tokens say of an assurance level (claim acr).
func ACR(aal int) string { return fmt.Sprintf("aal%d", aal) }

func (s *Service) newFamily(sess session.Session) *token.Family {
	return &token.Family{
		ID: token.NewFamilyID(), Session: sess.ID, Subject: sess.Subject, Client: FirstParty,
		KeyVersion: s.Refreshes.Current, Position: sess.Position,
		CreatedAt: sess.CreatedAt, RotatedAt: sess.CreatedAt,
		ExpiresAt: earlier(sess.CreatedAt.Add(s.familyLifetime()), sess.ExpiresAt),
	}
}

// Refresh exchanges a refresh token for a new pair. Within the leeway every
// repeat gets the same successor, so that two tabs, a retry or a crash never sign
// anybody out. A reused token ends its family, and the session with it. Every
// refusal is [ErrInvalidToken].
//
// The position is read before the family and the user: whatever ends them
// afterwards has a later one and so ends what is minted here.
func (s *Service) Refresh(ctx context.Context, refresh, client string, o Origin) (*Tokens, error) {
	t, err := s.Refreshes.Parse(refresh)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	rev, now, err := s.position(ctx)
	if err != nil {
		return nil, err
	}
	var (
		rotated token.Rotated
		sess    session.Session
		st      authz.Standing
	)
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		rotated, err = tx.Families.Rotate(ctx, token.Rotation{
			Family: t.Family, Counter: t.Counter, Client: client, Now: now, Leeway: s.leeway(),
		})
		if errors.Is(err, token.ErrNotFound) {
			return p, fmt.Errorf("%w: %w", ErrInvalidToken, err)
		}
		if err != nil {
			return p, err
		}
		if rotated.Reused {
			return s.reused(ctx, tx, rotated, now, o)
		}
		sess, st, err = s.continued(ctx, tx, rotated, now, o)
		return p, err
	})
	switch {
	case err != nil:
		return nil, err
	case rotated.Reused:
		return nil, fmt.Errorf("%w: reused", ErrInvalidToken)
	}
	return s.tokens(rotated.Family, sess, st, rev, now)
}

// reused ends the session whose refresh token was used twice: one of the two is a
// thief (RFC 9700 §4.14.2). This commits, and is answered with a refusal.
func (s *Service) reused(ctx context.Context, tx Tx, r token.Rotated, now time.Time, o Origin) (p revoke.Position, err error) {
	if _, err := tx.Sessions.End(ctx, r.Session); err != nil {
		return p, err
	}
	if err := s.tellClients(ctx, tx, session.Session{ID: r.Session}); err != nil {
		return p, err
	}
	e := o.Entry("refresh.reuse", r.Subject, now)
	e.Outcome, e.Detail = audit.Failure, map[string]string{"family": r.ID, "session": r.Session}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return p, err
	}
	about := ssf.About{Subject: r.Subject, By: ssf.Policy, Reason: "a refresh token was used twice"}
	return appendTold(ctx, tx, about, s.killEntry(revoke.Session, r.Session, now))
}

// continued reads anew whatever the next access token says: the user, the
// session, the roles, and whether the session still acts where it did.
func (s *Service) continued(ctx context.Context, tx Tx, r token.Rotated, now time.Time, o Origin) (sess session.Session, st authz.Standing, err error) {
	u, err := tx.Users.ByID(ctx, r.Subject)
	if err != nil {
		return sess, st, gone(err, ErrNotFound)
	}
	head, err := tx.Log.Head(ctx)
	if err != nil {
		return sess, st, err
	}
	if !u.began(r.Position, head.Position) {
		return sess, st, fmt.Errorf("%w: user disabled, or signed out since", ErrInvalidToken)
	}
	sess, err = tx.Sessions.ByID(ctx, r.Session)
	if err != nil {
		return sess, st, gone(err, session.ErrNotFound)
	}
	if !sess.Alive(now) {
		return sess, st, fmt.Errorf("%w: session expired", ErrInvalidToken)
	}
	if err := s.seen(ctx, tx, sess, now); err != nil {
		return sess, st, err
	}
	if r.Ahead > 0 { // commits lost in a failover; the hash proves that we issued it
		e := o.Entry("refresh.ahead", r.Subject, now)
		e.Detail = map[string]string{"family": r.ID, "by": fmt.Sprint(r.Ahead)}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return sess, st, err
		}
	}
	st, err = standing(ctx, tx, r.Subject, sess.Org)
	return sess, st, err
}

// gone turns "there is none" into a refusal and leaves other errors alone.
func gone(err, none error) error {
	if errors.Is(err, none) {
		return fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return err
}

// ErrNoToken means that the principal has no session to issue a token from.
var ErrNoToken = errors.New("only a signed-in session can issue tokens")

// Token issues an access token of p's session for another audience: for calling
// another service on p's behalf. The audience must be a resource that signs.
func (s *Service) Token(ctx context.Context, p *sallyport.Principal, audience string) (string, error) {
	access, _, err := s.TokenFor(ctx, p, audience)
	return access, err
}

// TokenFor is [Service.Token] that says how long the token lives, too.
func (s *Service) TokenFor(ctx context.Context, p *sallyport.Principal, audience string) (access string, life time.Duration, err error) {
	if p.Session == "" || p.Scopes != nil {
		return "", 0, ErrNoToken
	}
	return s.sessionToken(ctx, p, audience)
}

// sessionToken writes an access token that says what p's session says now, and reaches
// no further than p's credential.
func (s *Service) sessionToken(ctx context.Context, p *sallyport.Principal, audience string) (access string, life time.Duration, err error) {
	now := present()
	c := &token.Claims{
		Issuer: s.Issuer, Audience: []string{audience}, Subject: p.Subject, ClientID: FirstParty,
		ID: secret.NewID("tok"), IssuedAt: now, Session: p.Session, Scopes: p.Scopes,
	}
	read := s.Follower.Cursor()
	err = s.Store.View(ctx, func(tx Tx) error {
		head, err := s.head(ctx, tx, read) // before the session: what ends it afterwards is later
		if err != nil {
			return err
		}
		sess, err := tx.Sessions.ByID(ctx, p.Session)
		if errors.Is(err, session.ErrNotFound) || err == nil && (sess.Subject != p.Subject || !sess.Alive(now) || sess.Position.Log != head.Log) {
			return ErrNoSession
		}
		if err != nil {
			return err
		}
		r, err := tx.Resources.ByURI(ctx, audience)
		if err != nil && !errors.Is(err, oauth.ErrNoResource) {
			return err
		}
		r.URI = audience
		c.SignWith = s.keyOf(r).Alg
		st, err := standing(ctx, tx, p.Subject, sess.Org)
		claim(c, st)
		c.Rev, c.Expiry = head.Position.String(), s.accessExpiry(sess, now)
		c.AuthTime, c.AMR, c.ACR = sess.AuthTime, sess.AMR, ACR(sess.AAL)
		return err
	})
	if err != nil {
		return "", 0, err
	}
	access, err = s.Sign(c)
	return access, c.Expiry.Sub(now), err
}

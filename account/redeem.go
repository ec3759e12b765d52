package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Granted is what a client gets of a grant.
type Granted struct {
	Tokens             // Refresh is "" if there is none
	Grant  oauth.Grant // the zero Grant: the client acts for itself
	User   User
	Scope  []string // of the access token
}

// A Redemption is a code in exchange for tokens.
type Redemption struct {
	Client   oauth.Client // that has proved itself
	Code     string
	Redirect string // as in the authorization request
	Verifier string // of PKCE
	Ask
}

// Ask narrows what a token is for.
type Ask struct {
	Scope     []string   // nil = all that was granted
	Resources []string   // nil = all
	Held      token.Held // what the client has proved to have the keys of: what it gets is bound to that
}

// family is what refresh tokens of a public client are bound to (RFC 9449 §5, RFC 8705
// §7.1): a confidential client proves itself each time.
func (a *Ask) family(c *oauth.Client) string {
	switch {
	case !c.Public():
		return ""
	case a.Held.X5T == "":
		return a.Held.JKT
	}
	return strings.TrimSpace(a.Held.JKT + " x5t#S256:" + a.Held.X5T)
}

// errCode is the one answer to a code that cannot be redeemed, or no longer.
var errCode = badGrant("The code is not valid, or no longer.")

// badGrant is the one answer to a code or a refresh token that does not do, for whatever
// reason (RFC 6749 §5.2).
func badGrant(says string) error { return oauth.Refuse(oauth.InvalidGrant, "%s", says) }

// RedeemCode exchanges a code for tokens. Every refusal is an [oauth.Error]. A code works
// once: the second time ends everything that came of the first (RFC 6749 §4.1.2), for one
// of the two is a thief.
func (s *Service) RedeemCode(ctx context.Context, in Redemption, o Origin) (*Granted, error) {
	rev, now, err := s.position(ctx)
	if err != nil {
		return nil, err
	}
	var m minting
	var reused bool
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		m, reused = minting{rev: rev, now: now, ask: in.Ask}, false
		g, err := tx.ClientGrants.ByCode(ctx, secret.Hash(in.Code))
		if errors.Is(err, oauth.ErrNoGrant) || err == nil && g.Client != in.Client.ID {
			return p, errCode
		}
		if err != nil {
			return p, err
		}
		u, err := tx.Users.Lock(ctx, g.User)
		if err != nil {
			return p, gone(err, ErrNotFound)
		}
		first, err := tx.ClientGrants.ByID(ctx, g.ID) // now that nobody else can redeem it
		if err != nil {
			return p, noGrant(err)
		}
		if reused = !first.RedeemedAt.IsZero(); reused {
			return s.endGrant(ctx, tx, g.ID, g.User, g.Client, "code.reuse", now, o)
		}
		if err := in.fits(&g, now); err != nil {
			return p, err
		}
		if once, err := tx.ClientGrants.Redeem(ctx, g.ID, now); err != nil || !once {
			return p, cmp.Or(err, errCode)
		}
		if g.JKT == "" {
			g.JKT = in.Held.JKT // from here on everything of it is bound to that key
		}
		m.client, m.grant, m.user = in.Client, g, u
		return p, s.redeemed(ctx, tx, &m, o)
	})
	switch {
	case errors.Is(err, ErrInvalidToken):
		return nil, badGrant("The person who gave this code has signed out, or may not sign in any more.")
	case err != nil:
		return nil, err
	case reused:
		return nil, errCode
	}
	return s.issue(&m)
}

// fits reports whether whoever redeems the code is who asked for it.
func (in *Redemption) fits(g *oauth.Grant, now time.Time) error {
	switch {
	case !now.Before(g.CodeUntil) || g.CreatedAt.Before(in.Client.CreatedAt):
		return errCode
	case g.Redirect != "" && g.Redirect != in.Redirect, g.Redirect == "" && in.Redirect != "" && !in.Client.Leads(in.Redirect):
		return badGrant("The redirect_uri is not that of the authorization request.")
	case g.Challenge == "" && in.Verifier != "":
		// Otherwise whoever strips the challenge from the request gets by (RFC 9700 §4.8.2).
		return badGrant("The authorization request had no code_challenge, so that there is no code_verifier to it.")
	case g.Challenge != "" && !oauth.Proves(in.Verifier, g.Challenge):
		return badGrant("The code_verifier is not that of the code_challenge.")
	case g.JKT != "" && g.JKT != in.Held.JKT:
		return badGrant("The code is bound to another key.")
	}
	return nil
}

func noGrant(err error) error {
	if errors.Is(err, oauth.ErrNoGrant) {
		return badGrant("What this was granted by has ended.")
	}
	return err
}

// A minting is what goes into tokens, read in one transaction.
type minting struct {
	rev    revoke.Position
	now    time.Time
	ask    Ask
	client oauth.Client
	grant  oauth.Grant
	user   User
	sess   session.Session // zero: the grant outlives it
	st     authz.Standing
	family *token.Family // nil = no refresh token
	signs  token.Alg     // of the access token: see [token.Claims]
}

// minted reads anew whatever the token says: that the user may still be acted for, the
// session, the roles.
func (s *Service) minted(ctx context.Context, tx Tx, m *minting) error {
	head, err := tx.Log.Head(ctx)
	if err != nil {
		return err
	}
	if !m.user.began(m.grant.Position, head.Position) {
		return fmt.Errorf("%w: user disabled, or signed out since", ErrInvalidToken)
	}
	if m.grant.Session != "" {
		m.sess, err = tx.Sessions.ByID(ctx, m.grant.Session)
		if err != nil {
			return gone(err, session.ErrNotFound)
		}
		if !m.sess.Alive(m.now) {
			return fmt.Errorf("%w: session expired", ErrInvalidToken)
		}
	}
	if m.st, err = standing(ctx, tx, m.user.ID, m.grant.Org); err != nil {
		return err
	}
	if m.ask.Scope, err = oauth.Narrower(oauth.InvalidScope, m.grant.Scope, m.ask.Scope); err != nil {
		return err
	}
	if m.ask.Resources, err = oauth.Narrower(oauth.InvalidTarget, m.grant.Resources, m.ask.Resources); err != nil {
		return err
	}
	m.signs, err = s.signWith(ctx, tx, m.ask.Resources)
	return err
}

// redeemed begins what comes of a grant, for who holds its user's row: with a family of
// refresh tokens, if the client may have one.
func (s *Service) redeemed(ctx context.Context, tx Tx, m *minting, o Origin) error {
	if err := s.minted(ctx, tx, m); err != nil {
		return err
	}
	if m.client.May(oauth.ByRefresh) {
		m.family = s.grantFamily(m)
		if err := tx.Families.Create(ctx, *m.family); err != nil {
			return err
		}
	}
	if err := introduce(ctx, tx, m); err != nil {
		return err
	}
	o.Actor = m.user.ID
	e := o.Entry("grant.redeem", m.user.ID, m.now)
	e.Org, e.Detail = m.grant.Org, map[string]string{"client": m.client.ID, "grant": m.grant.ID}
	return tx.Audit.Append(ctx, e)
}

// grantFamily is where refresh tokens of a grant begin.
func (s *Service) grantFamily(m *minting) *token.Family {
	return &token.Family{
		ID: token.NewFamilyID(), Session: m.grant.Session, Grant: m.grant.ID, Subject: m.user.ID, Client: m.client.ID,
		Scope: m.grant.Scope, KeyVersion: s.Refreshes.Current, Position: m.grant.Position,
		Proof: m.ask.family(&m.client), CreatedAt: m.now, RotatedAt: m.now, ExpiresAt: m.grant.ExpiresAt,
	}
}

// issue writes the tokens, once everything is committed.
func (s *Service) issue(m *minting) (*Granted, error) {
	expiry := earlier(m.now.Add(s.accessLifetime()), m.grant.ExpiresAt)
	c := &token.Claims{
		Issuer: s.Issuer, Audience: m.ask.Resources, Subject: m.user.ID, ClientID: m.client.ID,
		ID: secret.NewID("tok"), IssuedAt: m.now, Expiry: expiry,
		Rev: m.rev.String(), Session: m.grant.Session, Grant: m.grant.ID, Scopes: m.ask.Scope,
		AuthTime: m.grant.AuthTime, AMR: m.grant.AMR, ACR: ACR(m.grant.AAL), JKT: m.ask.Held.JKT, X5T: m.ask.Held.X5T, SignWith: m.signs,
		Opaque: m.client.Format == oauth.Opaque,
	}
	claim(c, m.st)
	access, err := s.Sign(c)
	if err != nil {
		return nil, fmt.Errorf("signing access token: %w", err)
	}
	out := &Granted{Tokens: Tokens{Access: access, ExpiresIn: expiry.Sub(m.now)}, Grant: m.grant, User: m.user, Scope: m.ask.Scope}
	if m.family == nil {
		return out, nil
	}
	out.Refresh, err = s.Refreshes.Format(token.RefreshToken{Family: m.family.ID, KeyVersion: m.family.KeyVersion, Counter: m.family.Counter})
	out.ExpiresAt = m.family.ExpiresAt
	return out, err
}

// RefreshGrant exchanges a refresh token of a client for the next one, by the rules of
// [Service.Refresh]. Every refusal is an [oauth.Error]. A token that is used twice ends
// the grant; the person stays signed in.
func (s *Service) RefreshGrant(ctx context.Context, client oauth.Client, refresh string, ask Ask, o Origin) (*Granted, error) {
	bad := badGrant("The refresh token is not valid, or no longer.")
	t, err := s.Refreshes.Parse(refresh)
	if err != nil {
		return nil, bad
	}
	rev, now, err := s.position(ctx)
	if err != nil {
		return nil, err
	}
	r := token.Rotation{Family: t.Family, Counter: t.Counter, Client: client.ID, Proof: ask.family(&client), Now: now, Leeway: s.leeway()}
	var m minting
	var reused bool
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		m, reused = minting{rev: rev, now: now, ask: ask, client: client}, false
		rotated, err := rotateFor(ctx, tx, &client, r)
		if errors.Is(err, token.ErrNotFound) || err == nil && rotated.Grant == "" {
			return p, bad
		}
		if err != nil {
			return p, err
		}
		if reused = rotated.Reused; reused {
			return s.endGrant(ctx, tx, rotated.Grant, rotated.Subject, client.ID, "refresh.reuse", now, o)
		}
		m.family = &rotated.Family
		if m.grant, err = tx.ClientGrants.ByID(ctx, rotated.Grant); err != nil {
			return p, noGrant(err)
		}
		if m.grant.CreatedAt.Before(client.CreatedAt) {
			return p, bad
		}
		if m.user, err = tx.Users.ByID(ctx, rotated.Subject); err != nil {
			return p, gone(err, ErrNotFound)
		}
		if err := s.minted(ctx, tx, &m); err != nil {
			return p, err
		}
		// What the client may ask for now bounds what it was granted before.
		m.ask.Scope = oauth.Within(m.ask.Scope, client.Scopes)
		if m.ask.Resources, err = client.Audiences(s.Issuer, m.ask.Resources); err != nil {
			return p, err
		}
		if m.sess.ID == "" {
			return p, nil
		}
		return p, s.seen(ctx, tx, m.sess, now)
	})
	switch {
	case errors.Is(err, ErrInvalidToken):
		return nil, bad
	case err != nil:
		return nil, err
	case reused:
		return nil, bad
	}
	return s.issue(&m)
}

// rotateFor uses a refresh token of a client. Where they are not rotated, it is good as
// long as its family is.
func rotateFor(ctx context.Context, tx Tx, c *oauth.Client, r token.Rotation) (token.Rotated, error) {
	if c.Rotates() {
		return tx.Families.Rotate(ctx, r)
	}
	f, err := tx.Families.ByID(ctx, r.Family)
	if err == nil && (f.Counter != r.Counter || f.Client != r.Client || f.Proof != r.Proof || !r.Now.Before(f.ExpiresAt)) {
		err = token.ErrNotFound
	}
	return token.Rotated{Family: f}, err
}

// ClientToken lets a client act for itself, with the roles that it has, within the scope.
// The client is read anew: [oauth.ErrNotFound] if it is gone or disabled.
func (s *Service) ClientToken(ctx context.Context, id string, ask Ask) (*Granted, error) {
	now := present()
	read := s.Follower.Cursor()
	c := &token.Claims{
		Issuer: s.Issuer, Audience: ask.Resources, Subject: id, ClientID: id, ID: secret.NewID("tok"),
		IssuedAt: now, Expiry: now.Add(s.accessLifetime()), Scopes: atLeastEmpty(ask.Scope), JKT: ask.Held.JKT, X5T: ask.Held.X5T,
	}
	err := s.Store.View(ctx, func(tx Tx) error {
		head, err := s.head(ctx, tx, read) // before the client: what ends it afterwards is later
		if err != nil {
			return err
		}
		client, err := tx.Clients.ByID(ctx, id)
		if err == nil && client.Disabled {
			err = oauth.ErrNotFound
		}
		if err != nil {
			return err
		}
		if c.SignWith, err = s.signWith(ctx, tx, ask.Resources); err != nil {
			return err
		}
		c.Rev, c.Opaque = head.Position.String(), client.Format == oauth.Opaque
		roles, err := tx.Roles.Assigned(ctx, id, "") // all that a program has
		claim(c, authz.Standing{Roles: roles})
		return err
	})
	if err != nil {
		return nil, err
	}
	access, err := s.Sign(c)
	if err != nil {
		return nil, fmt.Errorf("signing access token: %w", err)
	}
	return &Granted{Tokens: Tokens{Access: access, ExpiresIn: s.accessLifetime()}, Scope: c.Scopes}, nil
}

// RevokeForClient ends a token of the client (RFC 7009): a refresh token with everything
// of its grant. What is no token, or another's, is left alone, and no error.
func (s *Service) RevokeForClient(ctx context.Context, client, value string, claims *token.Claims, o Origin) error {
	now := present()
	if claims != nil {
		if claims.ClientID != client {
			return nil
		}
		return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
			e := o.Entry("token.revoke", claims.Subject, now)
			e.Detail = map[string]string{"client": client, "token": claims.ID}
			if err := tx.Audit.Append(ctx, e); err != nil {
				return p, err
			}
			return tx.Log.Append(ctx, s.killEntry(revoke.Token, claims.ID, now))
		})
	}
	t, err := s.Refreshes.Parse(value)
	if err != nil {
		return nil
	}
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		f, err := tx.Families.ByID(ctx, t.Family)
		if errors.Is(err, token.ErrNotFound) || err == nil && (f.Client != client || f.Grant == "") {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		if _, err := tx.ClientGrants.End(ctx, f.Grant); err != nil {
			return p, err
		}
		e := o.Entry("grant.revoke", f.Subject, now)
		e.Detail = map[string]string{"client": client, "grant": f.Grant}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		entries, err := s.endFamilies(ctx, tx, []string{f.Grant}, "revoked", now)
		if err != nil {
			return p, err
		}
		return appendTold(ctx, tx, o.about(f.Subject, ""), entries...)
	})
}

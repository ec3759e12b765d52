package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// An Approval is what somebody lets a client do.
type Approval struct {
	Client  oauth.Client
	Request *oauth.Request
	// Consented says that the person was asked, and that they are not asked again for the
	// same. Without, they have consented before, or nobody has to be asked.
	Consented bool
	// Pushed is the id of the request, if it was pushed: it is used up. "" = it was not.
	Pushed string
}

// Authorize gives the client what was asked for, and returns the code for it. p is a
// session: [ErrNoSession] if it is none, or no longer. [ErrNotPushed] if the request was
// used before.
func (s *Service) Authorize(ctx context.Context, p *sallyport.Principal, a Approval, o Origin) (code string, err error) {
	now := present()
	code = secret.NewToken()
	err = s.change(ctx, func(tx Tx) (at revoke.Position, err error) {
		u, sess, err := s.ownSession(ctx, tx, p, now)
		if err != nil {
			return at, err
		}
		r := a.Request
		if a.Pushed != "" {
			first, err := tx.OneTime.Consume(ctx, a.Pushed, now)
			if err == nil && !first {
				err = ErrNotPushed
			}
			if err != nil {
				return at, err
			}
		}
		if a.Consented {
			if err := consent(ctx, tx, u.ID, a.Client, r.Scope, r.Resources, now); err != nil {
				return at, err
			}
		}
		g := s.newGrant(u, sess, a.Client.ID, r.Scope, r.Resources, now)
		g.Challenge, g.Nonce, g.JKT, g.Claims, g.MaxAge = r.Challenge, r.Nonce, r.JKT, r.Claims, r.MaxAge >= 0
		if r.RedirectGiven {
			g.Redirect = r.Redirect
		}
		g.CodeHash, g.CodeUntil = secret.Hash(code), now.Add(oauth.CodeLife)
		return at, s.give(ctx, tx, g, o)
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// newGrant is what u gives in a session. With offline_access it outlives that.
func (s *Service) newGrant(u User, sess session.Session, client string, scope, resources []string, now time.Time) oauth.Grant {
	g := oauth.Grant{
		ID: secret.NewID("gnt"), User: u.ID, Client: client, Session: sess.ID, Org: sess.Org,
		GrantData: oauth.GrantData{Scope: scope, Resources: resources, AuthTime: sess.AuthTime, AMR: sess.AMR, AAL: sess.AAL, SID: sess.ID},
		Position:  sess.Position, CreatedAt: now,
	}
	g.ExpiresAt = earlier(now.Add(s.familyLifetime()), sess.ExpiresAt)
	if slices.Contains(scope, oauth.Offline) {
		g.Session, g.ExpiresAt = "", now.Add(s.familyLifetime())
	}
	return g
}

func (s *Service) give(ctx context.Context, tx Tx, g oauth.Grant, o Origin) error {
	if err := tx.ClientGrants.Create(ctx, g); err != nil {
		return err
	}
	e := o.Entry("grant.give", g.User, g.CreatedAt)
	e.Org, e.Detail = g.Org, map[string]string{"client": g.Client, "grant": g.ID, "scope": strings.Join(g.Scope, " ")}
	return tx.Audit.Append(ctx, e)
}

// consent adds to what a person has consented to before: to this client, and not to an
// earlier one of that id.
func consent(ctx context.Context, tx Tx, user string, client oauth.Client, scope, resources []string, now time.Time) error {
	c, err := tx.Consents.Get(ctx, user, client.ID)
	if err != nil && !errors.Is(err, oauth.ErrNoGrant) {
		return err
	}
	if err != nil || c.CreatedAt.Before(client.CreatedAt) {
		c = oauth.Consent{User: user, Client: client.ID, CreatedAt: now}
	}
	c.Scope = append(c.Scope, oauth.Beyond(scope, c.Scope)...)
	c.Resources = append(c.Resources, oauth.Beyond(resources, c.Resources)...)
	c.UpdatedAt = now
	return tx.Consents.Put(ctx, c)
}

// Consented returns what the user has let the client do so far; the zero Consent is
// nothing.
func (s *Service) Consented(ctx context.Context, user, client string) (c oauth.Consent, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		c, err = tx.Consents.Get(ctx, user, client)
		if errors.Is(err, oauth.ErrNoGrant) {
			err = nil
		}
		return err
	})
	return c, err
}

// A Connection is a client that somebody lets in, or has let in.
type Connection struct {
	Client    oauth.Client // with nothing but its id, if it is gone
	Scope     []string     // all that it was granted
	Resources []string     // for which
	Since     time.Time
	Used      time.Time // when it was let in last
}

// Connections returns the clients that act for the user or may without asking again.
func (s *Service) Connections(ctx context.Context, user string) (out []Connection, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out = nil
		consents, err := tx.Consents.Of(ctx, user)
		if err != nil {
			return err
		}
		for _, c := range consents {
			out = append(out, Connection{Client: oauth.Client{ID: c.Client}, Scope: c.Scope, Resources: c.Resources, Since: c.CreatedAt, Used: c.UpdatedAt})
		}
		grants, err := tx.ClientGrants.Of(ctx, user)
		if err != nil {
			return err
		}
		for _, g := range grants {
			i := slices.IndexFunc(out, func(c Connection) bool { return c.Client.ID == g.Client })
			if i < 0 {
				out = append(out, Connection{Client: oauth.Client{ID: g.Client}, Since: g.CreatedAt})
				i = len(out) - 1
			}
			c := &out[i]
			c.Scope = append(c.Scope, oauth.Beyond(g.Scope, c.Scope)...)
			c.Resources = append(c.Resources, oauth.Beyond(g.Resources, c.Resources)...)
			if g.CreatedAt.Before(c.Since) {
				c.Since = g.CreatedAt
			}
			if g.CreatedAt.After(c.Used) {
				c.Used = g.CreatedAt
			}
		}
		for i := range out {
			c, err := tx.Clients.ByID(ctx, out[i].Client.ID)
			if err != nil && !errors.Is(err, oauth.ErrNotFound) {
				return err
			}
			if err == nil {
				out[i].Client = c
			}
		}
		return nil
	})
	return out, err
}

// Withdraw takes back what the user has let a client do: its tokens end everywhere at
// once, and the next time they are asked again. [oauth.ErrNoGrant] if there is nothing.
func (s *Service) Withdraw(ctx context.Context, user, client string, o Origin) error {
	if !plainText(client) || client == "" {
		return oauth.ErrNoGrant
	}
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if _, err := tx.Users.Lock(ctx, user); err != nil {
			return p, err
		}
		had, err := tx.Consents.Remove(ctx, user, client)
		if err != nil {
			return p, err
		}
		ids, err := tx.ClientGrants.EndAll(ctx, user, client)
		if err != nil {
			return p, err
		}
		if !had && len(ids) == 0 {
			return p, oauth.ErrNoGrant
		}
		e := o.Entry("grant.withdraw", user, now)
		e.Detail = map[string]string{"client": client}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		entries, err := s.endFamilies(ctx, tx, ids, "withdrawn", now)
		if err != nil {
			return p, err
		}
		return appendTold(ctx, tx, o.about(user, ""), entries...)
	})
}

// endFamilies ends the refresh tokens of grants and returns the entries that end their
// access tokens.
func (s *Service) endFamilies(ctx context.Context, tx Tx, grants []string, reason string, now time.Time) (entries []revoke.Entry, err error) {
	for _, id := range grants {
		if err := tx.Families.EndGrant(ctx, id, reason, now); err != nil {
			return nil, err
		}
		entries = append(entries, s.killEntry(revoke.Grant, id, now))
	}
	return entries, nil
}

// endGrant ends one grant: somebody has used again what may be used once.
func (s *Service) endGrant(ctx context.Context, tx Tx, g, user, client, action string, now time.Time, o Origin) (p revoke.Position, err error) {
	if _, err := tx.ClientGrants.End(ctx, g); err != nil {
		return p, err
	}
	e := o.Entry(action, user, now)
	e.Outcome, e.Detail = audit.Failure, map[string]string{"client": client, "grant": g}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return p, err
	}
	entries, err := s.endFamilies(ctx, tx, []string{g}, "reuse", now)
	if err != nil {
		return p, err
	}
	return appendTold(ctx, tx, ssf.About{Subject: user, By: ssf.Policy, Reason: "what works once was used twice"}, entries...)
}

// ClientGrant returns the grant of that id, or [oauth.ErrNoGrant].
func (s *Service) ClientGrant(ctx context.Context, id string) (g oauth.Grant, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { g, err = tx.ClientGrants.ByID(ctx, id); return err })
	return g, err
}

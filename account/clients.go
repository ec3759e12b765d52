package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A ClientRegistration is a client as it is to be.
type ClientRegistration struct {
	oauth.Client          // ID "" = one is made up
	Secret       string   // of a confidential client; "" = one is made up
	Roles        []string // that the client has when it acts for itself; nil = as they are
}

// minSecret is the shortest secret that somebody may bring along, in bytes: what is made
// here has 256 bits. What is shorter could be guessed from its hash.
const minSecret = 32

// actors are whom the audit log and the policy name beside users and clients.
var actors = []string{"system", "anonymous", "cli"}

// needsSecret reports whether the client proves itself by one.
func needsSecret(c *oauth.Client) bool {
	return c.Auth == oauth.SecretBasic || c.Auth == oauth.SecretPost
}

func (in *ClientRegistration) check() error {
	if in.ID == "" {
		in.ID = secret.NewID("cli")
	}
	if in.ID == FirstParty || secret.IsID(userPrefix, in.ID) || slices.Contains(actors, in.ID) {
		return invalid("client_id", "%s is taken by ourselves", in.ID)
	}
	err := in.Client.Complete()
	if e, ok := errors.AsType[*oauth.FieldError](err); ok {
		return invalid(e.Field, "%s", e.Says)
	}
	switch {
	case err != nil:
		return err
	case in.Secret != "" && !needsSecret(&in.Client):
		return invalid("client_secret", "is not for a client with %s", in.Auth)
	case in.Secret != "" && (len(in.Secret) < minSecret || len(in.Secret) > 256 || !plainText(in.Secret)):
		return invalid("client_secret", "must have %d to 256 characters; leave it out, and a good one is made", minSecret)
	}
	return nil
}

// AddClient registers a client and returns it with its secret, "" if it has none: the
// secret is kept nowhere. [oauth.ErrTaken]; [ErrExceeds] if o.Giver holds less than its
// roles and scopes permit, [authz.ErrNotFound] if there is no such role.
func (s *Service) AddClient(ctx context.Context, in ClientRegistration, o Origin) (oauth.Client, string, error) {
	now := present()
	if err := in.check(); err != nil {
		return oauth.Client{}, "", err
	}
	c := in.Client
	c.CreatedAt, c.UpdatedAt, c.Secrets, c.Registered = now, now, nil, nil
	if needsSecret(&c) {
		if in.Secret == "" {
			in.Secret = secret.NewToken()
		}
		c.Secrets = []oauth.Secret{{Hash: secret.Hash(in.Secret), CreatedAt: now}}
	}
	if err := s.ofSector(ctx, &c, nil); err != nil {
		return oauth.Client{}, "", err
	}
	err := s.clientChange(ctx, "client.add", c.ID, now, o, func(tx Tx) ([]revoke.Entry, error) {
		if err := coversClient(ctx, tx, o.Giver, &c); err != nil {
			return nil, err
		}
		if err := s.coversTargets(ctx, tx, c.Resources); err != nil {
			return nil, err
		}
		if err := tx.Clients.Create(ctx, c); err != nil {
			return nil, err
		}
		return s.giveClient(ctx, tx, c.ID, in.Roles, now, o)
	})
	if err != nil {
		return oauth.Client{}, "", err
	}
	return c, in.Secret, nil
}

// SetClient replaces what is registered of a client, except its secrets. unless is asked
// inside the transaction, with the client as it is, and its error refuses the change; nil
// never refuses. [oauth.ErrNotFound]; the errors of [Service.AddClient], also about what
// the client may before.
//
// What it may no longer do it can do with no token: tokens that it has end, and so do
// those of a client that is disabled.
func (s *Service) SetClient(ctx context.Context, in ClientRegistration, unless func(oauth.Client) error, o Origin) (c oauth.Client, err error) {
	now := present()
	if in.Secret != "" {
		return c, invalid("client_secret", "is replaced by rotating it")
	}
	if err := in.check(); err != nil {
		return c, err
	}
	if in.SectorURI != "" { // read before the transaction, which would wait for it
		before, err := s.Client(ctx, in.ID)
		if err == nil {
			err = s.ofSector(ctx, &in.Client, &before)
		}
		if err != nil {
			return c, err
		}
	}
	err = s.clientChange(ctx, "client.set", in.ID, now, o, func(tx Tx) ([]revoke.Entry, error) {
		was, err := clientOf(ctx, tx, in.ID, o)
		if err == nil && unless != nil {
			err = unless(was)
		}
		if err == nil {
			err = coversClient(ctx, tx, o.Giver, &in.Client)
		}
		if err == nil { // those that it has already may have gone meanwhile
			err = s.coversTargets(ctx, tx, oauth.Beyond(in.Resources, was.Resources))
		}
		if err != nil {
			return nil, err
		}
		c = in.Client
		c.CreatedAt, c.UpdatedAt, c.Secrets, c.Registered = was.CreatedAt, following(was.UpdatedAt, now), was.Secrets, was.Registered
		if !needsSecret(&c) {
			c.Secrets = nil
		} else if len(c.Secrets) == 0 {
			return nil, invalid("token_endpoint_auth_method", "%s needs a secret, and this client has none: register another one", c.Auth)
		}
		if err := tx.Clients.Update(ctx, c, was.UpdatedAt); err != nil {
			return nil, err
		}
		entries, err := s.giveClient(ctx, tx, c.ID, in.Roles, now, o)
		if err == nil && lessThan(&c, &was) {
			entries = append(entries, s.killEntry(revoke.Client, c.ID, now))
		}
		return entries, err
	})
	return c, err
}

// ofSector makes sure that the client is of the sector that it names, unless that was found
// out before: was is what it has been, nil if it is new.
func (s *Service) ofSector(ctx context.Context, c, was *oauth.Client) error {
	if was != nil && was.SectorURI == c.SectorURI && len(oauth.Beyond(c.Redirects, was.Redirects)) == 0 {
		return nil
	}
	err := s.Sectors.Check(ctx, c)
	if e, ok := errors.AsType[*oauth.FieldError](err); ok {
		return invalid(e.Field, "%s", e.Says)
	}
	return err
}

// following is when the next version of a client is of: two changes within a millisecond
// are two versions all the same.
func following(was, now time.Time) time.Time {
	if now.After(was) {
		return now
	}
	return was.Add(time.Millisecond)
}

// lessThan reports whether the client may do less than it might.
func lessThan(is, was *oauth.Client) bool {
	return is.Disabled && !was.Disabled || is.Pairwise() && !was.Pairwise() || is.Profile != was.Profile && is.Profile != "" || is.DPoP && !was.DPoP || is.MTLS && !was.MTLS || was.Impersonates && !is.Impersonates ||
		len(oauth.Beyond(was.Scopes, is.Scopes)) > 0 || len(oauth.Beyond(was.Resources, is.Resources)) > 0
}

// RotateClientSecret gives a client another secret and returns it. The one that it had
// works for as long as keep says, so that the client can be told the new one.
// [oauth.ErrNotFound]; [ErrExceeds] if o.Giver may do less than the client.
func (s *Service) RotateClientSecret(ctx context.Context, id string, keep time.Duration, o Origin) (plain string, err error) {
	now := present()
	plain = secret.NewToken()
	err = s.clientChange(ctx, "client.rotate_secret", id, now, o, func(tx Tx) ([]revoke.Entry, error) {
		c, err := clientOf(ctx, tx, id, o)
		if err != nil {
			return nil, err
		}
		if !needsSecret(&c) {
			return nil, invalid("client_id", "a client with %s has no secret", c.Auth)
		}
		was := c.UpdatedAt
		c.Secrets = slices.DeleteFunc(c.Secrets, func(old oauth.Secret) bool { return keep <= 0 || !old.ExpiresAt.IsZero() && !now.Before(old.ExpiresAt) })
		c.Secrets = c.Secrets[:min(len(c.Secrets), oauth.MaxSecrets-1)]
		for i := range c.Secrets {
			if end := now.Add(keep); c.Secrets[i].ExpiresAt.IsZero() || end.Before(c.Secrets[i].ExpiresAt) {
				c.Secrets[i].ExpiresAt = end
			}
		}
		c.Secrets = slices.Insert(c.Secrets, 0, oauth.Secret{Hash: secret.Hash(plain), CreatedAt: now})
		c.UpdatedAt = following(was, now)
		return nil, tx.Clients.Update(ctx, c, was)
	})
	return plain, err
}

// RemoveClient ends a client and whatever it holds. [oauth.ErrNotFound]; [ErrExceeds] if
// o.Giver may do less than the client.
func (s *Service) RemoveClient(ctx context.Context, id string, o Origin) error {
	now := present()
	return s.clientChange(ctx, "client.remove", id, now, o, func(tx Tx) ([]revoke.Entry, error) {
		if _, err := clientOf(ctx, tx, id, o); err != nil {
			return nil, err
		}
		there, err := tx.Clients.Delete(ctx, id)
		if err == nil && !there {
			err = oauth.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		if _, err := tx.Logos.Remove(ctx, id); err != nil {
			return nil, err
		}
		held, err := tx.Roles.Assigned(ctx, id, "")
		for _, role := range held {
			if err == nil {
				_, err = tx.Roles.Unassign(ctx, id, role, "")
			}
		}
		return []revoke.Entry{s.killEntry(revoke.Client, id, now)}, err
	})
}

// clientOf returns a client for somebody to change: whoever sets where it leads to, what it
// proves itself by, or its secret, can do what it can, and so must hold all of that.
func clientOf(ctx context.Context, tx Tx, id string, o Origin) (oauth.Client, error) {
	c, err := tx.Clients.ByID(ctx, id)
	if err != nil {
		return c, err
	}
	roles, err := tx.Roles.Assigned(ctx, id, "")
	if err != nil {
		return c, err
	}
	if err := covers(ctx, tx, o.Giver, "", roles); err != nil {
		return c, err
	}
	return c, coversClient(ctx, tx, o.Giver, &c)
}

// coversClient makes sure that the giver holds what a client may do by what is registered
// of it. Whoever is a resource is told what tokens for it mean.
func coversClient(ctx context.Context, tx Tx, giver *sallyport.Principal, c *oauth.Client) error {
	if err := coversScopes(ctx, tx, giver, c.Scopes); err != nil || len(c.Serves) == 0 {
		return err
	}
	return coversPermissions(ctx, tx, giver, "", []string{oauth.MayIntrospect})
}

// coversScopes makes sure that the giver holds what the scopes of a client let it do on
// somebody's behalf. Scopes of OpenID Connect, and those that only a resource elsewhere
// knows, are no permissions.
func coversScopes(ctx context.Context, tx Tx, giver *sallyport.Principal, scopes []string) error {
	var permissions []string
	for _, s := range scopes {
		if _, err := authz.ParsePermission(s); err == nil {
			permissions = append(permissions, s)
		}
	}
	if len(permissions) == 0 {
		return nil
	}
	return coversPermissions(ctx, tx, giver, "", permissions)
}

// clientChange is a change of a client: who may hold it in memory looks again.
func (s *Service) clientChange(ctx context.Context, action, id string, now time.Time, o Origin, f func(Tx) ([]revoke.Entry, error)) error {
	if !plainText(id) { // no store would take it
		return oauth.ErrNotFound
	}
	return s.changeAgain(ctx, func(tx Tx) (p revoke.Position, err error) {
		entries, err := f(tx)
		if err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry(action, id, now)); err != nil {
			return p, err
		}
		return tx.Log.Append(ctx, append(entries, s.notice(revoke.Client, id, now))...)
	})
}

// changeAgain is change for what is read, then written if it is still so: whoever comes
// second reads again.
func (s *Service) changeAgain(ctx context.Context, change func(Tx) (revoke.Position, error)) error {
	err := s.change(ctx, change)
	for range maxAgain {
		if errors.Is(err, oauth.ErrChanged) {
			err = s.change(ctx, change)
		}
	}
	return err
}

// maxAgain is how often a change begins anew because another one was faster.
const maxAgain = 10

// giveClient makes the roles of a client those, for when it acts for itself. nil leaves
// them as they are.
func (s *Service) giveClient(ctx context.Context, tx Tx, id string, roles []string, now time.Time, o Origin) ([]revoke.Entry, error) {
	if roles == nil {
		return nil, nil
	}
	held, err := tx.Roles.Assigned(ctx, id, "")
	if err != nil {
		return nil, err
	}
	more, fewer := oauth.Beyond(roles, held), oauth.Beyond(held, roles)
	if len(more)+len(fewer) == 0 {
		return nil, nil
	}
	if err := covers(ctx, tx, o.Giver, "", append(slices.Clone(more), fewer...)); err != nil {
		return nil, err
	}
	for _, role := range more {
		if _, err := tx.Roles.Assign(ctx, id, role, ""); err != nil {
			return nil, err
		}
	}
	for _, role := range fewer {
		if _, err := tx.Roles.Unassign(ctx, id, role, ""); err != nil {
			return nil, err
		}
	}
	overlay, err := s.overlay(ctx, tx, id, "", now)
	return []revoke.Entry{overlay}, err
}

// Client returns the client of that id, or [oauth.ErrNotFound].
func (s *Service) Client(ctx context.Context, id string) (c oauth.Client, err error) {
	if !plainText(id) {
		return c, oauth.ErrNotFound
	}
	err = Look(ctx, s.Store, func(tx Tx) error { c, err = tx.Clients.ByID(ctx, id); return err })
	return c, err
}

// KnownAs returns what whoever p's token was issued to calls its subject and its session:
// their ids, but for a client with pairwise subjects. [ErrNoSession] if the client is gone.
func (s *Service) KnownAs(ctx context.Context, p *sallyport.Principal) (subject, session string, err error) {
	if p.Client == "" || p.Client == FirstParty || p.Client == p.Subject {
		return p.Subject, p.Session, nil
	}
	c, err := s.Client(ctx, p.Client)
	if errors.Is(err, oauth.ErrNotFound) {
		err = ErrNoSession
	}
	return s.Pseudonyms.Subject(&c, p.Subject), s.Pseudonyms.Session(&c, p.Session), err
}

// Clients returns up to limit clients in order of id, those after a given one.
func (s *Service) Clients(ctx context.Context, after string, limit int) (cs []oauth.Client, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { cs, err = tx.Clients.List(ctx, after, limit); return err })
	return cs, err
}

package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

const (
	maxInitialUses = 1000
	maxInitialLife = 365 * 24 * time.Hour
)

// A NewInitialToken is an initial access token to be made (RFC 7591 §1.2).
type NewInitialToken struct {
	Name   string
	Scopes []string // that clients may ask for; nil = openid, profile and email
	Uses   int      // zero = one
	Life   time.Duration
}

func (in *NewInitialToken) check() error {
	if in.Scopes == nil {
		in.Scopes = []string{oauth.OpenID, oauth.Profile, oauth.Email}
	}
	if in.Uses == 0 {
		in.Uses = 1
	}
	scopes, err := oauth.ParseScope(strings.Join(in.Scopes, " "))
	switch {
	case strings.TrimSpace(in.Name) == "" || len(in.Name) > 100 || !plainText(in.Name):
		return invalid("name", "must be plain text of 1 to 100 characters")
	case err != nil || len(scopes) != len(in.Scopes) || len(scopes) > 50:
		return invalid("scopes", "must be up to 50 scopes, each once")
	case in.Uses < 1 || in.Uses > maxInitialUses:
		return invalid("uses", "must be 1 to %d", maxInitialUses)
	case in.Life <= 0 || in.Life > maxInitialLife:
		return invalid("expires", "must be within a year")
	}
	return nil
}

// AddInitialToken makes a token by which programs may register themselves, and returns it
// with its value, which is kept nowhere. [ErrExceeds] if o.Giver does not hold what its
// scopes permit.
func (s *Service) AddInitialToken(ctx context.Context, in NewInitialToken, o Origin) (t oauth.InitialToken, plain string, err error) {
	if err := in.check(); err != nil {
		return t, "", err
	}
	now := present()
	plain = secret.NewToken()
	t = oauth.InitialToken{
		ID: secret.NewID("iat"), Name: in.Name, Hash: secret.Hash(plain), Scopes: in.Scopes, Uses: in.Uses, CreatedAt: now, ExpiresAt: now.Add(in.Life),
	}
	if o.Giver != nil {
		t.By = o.Giver.Subject
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		if err := coversScopes(ctx, tx, o.Giver, t.Scopes); err != nil {
			return err
		}
		if err := tx.InitialTokens.Create(ctx, t); err != nil {
			return err
		}
		return tx.Audit.Append(ctx, o.Entry("client.permit", t.ID, now))
	})
	if err != nil {
		return oauth.InitialToken{}, "", err
	}
	return t, plain, nil
}

// InitialTokens returns up to limit tokens that are alive, in order of id, those after a
// given one.
func (s *Service) InitialTokens(ctx context.Context, after string, limit int) (all []oauth.InitialToken, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { all, err = tx.InitialTokens.List(ctx, present(), after, limit); return err })
	return all, err
}

// RevokeInitialToken ends one. Clients that have registered themselves by it stay.
// [oauth.ErrNoToken].
func (s *Service) RevokeInitialToken(ctx context.Context, id string, o Origin) error {
	if !plainText(id) {
		return oauth.ErrNoToken
	}
	now := present()
	return s.Store.Update(ctx, func(tx Tx) error {
		if _, err := tx.InitialTokens.Delete(ctx, id); err != nil {
			return err
		}
		return tx.Audit.Append(ctx, o.Entry("client.permit_end", id, now))
	})
}

// A SelfRegistered is a client that has registered itself. Secret is "" unless it was just
// made, and Token proves from now on to be this client (RFC 7592 §1.2).
type SelfRegistered struct {
	oauth.Client
	Secret string
	Token  string
}

// RegisterClient lets a program register itself by an initial access token (RFC 7591 §3).
// [oauth.ErrNoToken] if that permits nothing, or no longer; [LimitError] for an address from
// which too many register; an [oauth.Error] for what cannot be registered, which uses
// nothing up.
func (s *Service) RegisterClient(ctx context.Context, initial string, m oauth.Metadata, o Origin) (*SelfRegistered, error) {
	out := &SelfRegistered{Token: secret.NewToken()}
	err := s.registerClient(ctx, initial, m, out, false, o)
	if errors.Is(err, errSector) { // nobody waits for it within a transaction
		if err = s.Sectors.Check(ctx, &out.Client); err == nil {
			err = s.registerClient(ctx, initial, m, out, true, o)
		}
	}
	if e, ok := errors.AsType[*oauth.FieldError](err); ok {
		return nil, oauth.Refuse(oauth.InvalidClientMetadata, "%s.", e.Error())
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// MayRegister returns [oauth.ErrNoToken] if the initial access token permits nothing, or no
// longer. It uses nothing up.
func (s *Service) MayRegister(ctx context.Context, initial string) error {
	err := s.Store.Update(ctx, func(tx Tx) error {
		if _, err := tx.InitialTokens.Use(ctx, secret.Hash(initial), present()); err != nil {
			return err
		}
		return errUnused
	})
	if errors.Is(err, errUnused) {
		return nil
	}
	return err
}

var errUnused = errors.New("the token is left as it was")

// errSector takes back what was done for a client that names a sector: whether it is of
// that has to be found out first.
var errSector = errors.New("the sector is to be looked at")

// registerClient registers what was said, and fills in out. With errSector out has the
// client that it would be.
func (s *Service) registerClient(ctx context.Context, initial string, m oauth.Metadata, out *SelfRegistered, ofSector bool, o Origin) error {
	now := present()
	var wait time.Duration
	err := s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		t, err := tx.InitialTokens.Use(ctx, secret.Hash(initial), now)
		if err != nil {
			return p, err
		}
		if wait, err = s.Kept.Spend(ctx, tx.Failures, o.Address.String(), now); err != nil || wait > 0 {
			return p, errors.Join(err, errWait)
		}
		c := oauth.Client{ID: secret.NewID("cli"), CreatedAt: now, UpdatedAt: now}
		if err := m.Onto(&c, t.Scopes); err != nil {
			return p, err
		}
		if out.Client = c; c.SectorURI != "" && !ofSector {
			return p, errSector
		}
		c.Registered = &oauth.Registered{By: t.ID, Scopes: t.Scopes, Hash: secret.Hash(out.Token)}
		if out.Secret = ""; needsSecret(&c) {
			out.Secret = secret.NewToken()
			c.Secrets = []oauth.Secret{{Hash: secret.Hash(out.Secret), CreatedAt: now}}
		}
		if err := tx.Clients.Create(ctx, c); err != nil {
			return p, err
		}
		out.Client, o.Actor = c, c.ID
		e := o.Entry("client.register", c.ID, now)
		e.Detail = map[string]string{"initial_token": t.ID}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		return tx.Log.Append(ctx, s.notice(revoke.Client, c.ID, now))
	})
	if errors.Is(err, errWait) && wait > 0 {
		return &LimitError{Wait: wait}
	}
	return err
}

// errWait takes back what was done for somebody who must wait.
var errWait = errors.New("too much at once")

// OwnClient returns the client that a registration access token is of (RFC 7592 §2.1), or
// [oauth.ErrNotFound]: there is none, it is disabled, or the token is another's.
func (s *Service) OwnClient(ctx context.Context, id, tok string) (oauth.Client, error) {
	c, err := s.Client(ctx, id)
	if err == nil && (c.Disabled || c.Registered == nil || !secret.Equal(c.Registered.Hash, secret.Hash(tok))) {
		err = oauth.ErrNotFound
	}
	if err != nil {
		return oauth.Client{}, err
	}
	return c, nil
}

// SetOwnClient makes of a client what it says of itself (RFC 7592 §2.2), within what its
// initial access token permits. [oauth.ErrNotFound] as with [Service.OwnClient], an
// [oauth.Error].
func (s *Service) SetOwnClient(ctx context.Context, id, tok string, m oauth.Metadata, o Origin) (oauth.Client, error) {
	o.Actor, o.Giver = id, nil // it holds what it can do
	for range maxAgain {
		was, err := s.OwnClient(ctx, id, tok)
		if err != nil {
			return was, err
		}
		if m.ID != was.ID || m.Secret != "" && !was.Knows(m.Secret, present()) {
			return was, oauth.Refuse(oauth.InvalidClientMetadata, "client_id and client_secret are not to be changed.")
		}
		want := was
		if err := m.Onto(&want, was.Registered.Scopes); err != nil {
			return was, err
		}
		unless := func(now oauth.Client) error {
			if !now.UpdatedAt.Equal(was.UpdatedAt) || !now.CreatedAt.Equal(was.CreatedAt) {
				return errOutdated
			}
			return nil
		}
		c, err := s.SetClient(ctx, ClientRegistration{Client: want}, unless, o)
		if e, ok := errors.AsType[*InvalidError](err); ok {
			return was, oauth.Refuse(oauth.InvalidClientMetadata, "%s.", e.Error())
		}
		if !errors.Is(err, errOutdated) {
			return c, err
		}
	}
	return oauth.Client{}, oauth.ErrChanged
}

// errOutdated means that somebody else has changed a client since it was read.
var errOutdated = errors.New("the client has changed since it was read")

// RemoveOwnClient ends a client at its own wish (RFC 7592 §2.3), with whatever it holds.
// [oauth.ErrNotFound] as with [Service.OwnClient].
func (s *Service) RemoveOwnClient(ctx context.Context, id, tok string, o Origin) error {
	if _, err := s.OwnClient(ctx, id, tok); err != nil {
		return err
	}
	o.Actor, o.Giver = id, nil // it holds what it can do
	return s.RemoveClient(ctx, id, o)
}

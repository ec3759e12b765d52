package account

import (
	"cmp"
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A NewKey is an API key to be made.
type NewKey struct {
	Name      string
	Org       string    // in which it acts, while the owner is a member; "" = none
	Scopes    []string  // at least one
	ExpiresAt time.Time // zero = never
}

const (
	maxKeyName   = 100
	maxKeyScopes = 64
)

func (k *NewKey) check(now time.Time) error {
	switch n := utf8.RuneCountInString(k.Name); {
	case n == 0:
		return invalid("name", "is missing")
	case n > maxKeyName || !plainText(k.Name):
		return invalid("name", "must be plain text of at most %d characters", maxKeyName)
	case len(k.Scopes) == 0:
		return invalid("scopes", "must name at least one permission, such as post:read")
	case len(k.Scopes) > maxKeyScopes:
		return invalid("scopes", "are more than %d", maxKeyScopes)
	case !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now):
		return invalid("expires_at", "is in the past")
	}
	for _, scope := range k.Scopes {
		if _, err := authz.ParsePermission(scope); err != nil {
			return invalid("scopes", "%v", err)
		}
	}
	return nil
}

// CreateKey makes an API key for the owner. The key itself is returned once and
// kept nowhere. [org.ErrNotMember] if it is to act in an organization that the
// owner is no member of.
func (s *Service) CreateKey(ctx context.Context, owner string, in NewKey, o Origin) (k apikey.Key, plain string, err error) {
	return s.createKey(ctx, owner, in, o, func(tx Tx, _ time.Time) (User, error) { return tx.Users.Lock(ctx, owner) })
}

// CreateOwnKey is [Service.CreateKey] for who makes it for themselves: p's subject, in
// a session. More errors: [ErrNoSession], [ErrWeakSession].
func (s *Service) CreateOwnKey(ctx context.Context, p *sallyport.Principal, in NewKey, o Origin) (k apikey.Key, plain string, err error) {
	return s.createKey(ctx, p.Subject, in, o, func(tx Tx, now time.Time) (User, error) {
		u, _, err := s.strongSession(ctx, tx, p, now)
		return u, err
	})
}

// createKey makes a key for the owner, whose row lock locks.
func (s *Service) createKey(ctx context.Context, owner string, in NewKey, o Origin, lock func(Tx, time.Time) (User, error)) (k apikey.Key, plain string, err error) {
	now := present()
	if err := in.check(now); err != nil {
		return k, "", err
	}
	k, plain = apikey.Generate()
	k.Owner, k.Org, k.Name, k.Scopes = owner, in.Org, in.Name, in.Scopes
	k.CreatedAt, k.ExpiresAt = now, in.ExpiresAt.Truncate(time.Millisecond)
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := lock(tx, now)
		if err != nil {
			return p, err
		}
		if u.Status != Active {
			return p, ErrNotFound
		}
		if in.Org != "" {
			if _, err := membership(ctx, tx, in.Org, owner); err != nil {
				return p, err
			}
		}
		if err := tx.APIKeys.Create(ctx, k); err != nil {
			return p, err
		}
		e := o.Entry("apikey.create", owner, now)
		e.Org, e.Detail = k.Org, map[string]string{"apikey": k.ID, "name": k.Name}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		// No node has to hear of a key that is new; those who are told of events do.
		about := o.about(owner, "")
		about.Name = k.Name
		return appendTold(ctx, tx, about, s.notice(revoke.APIKey, k.ID, now))
	})
	if err != nil {
		return apikey.Key{}, "", err
	}
	return k, plain, nil
}

// Keys returns the owner's API keys, newest first.
func (s *Service) Keys(ctx context.Context, owner string) (keys []apikey.Key, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { keys, err = tx.APIKeys.List(ctx, owner); return err })
	return keys, err
}

// RevokeKey ends an API key of the owner ("" = anybody's, for administrators),
// at once. [apikey.ErrNotFound] if there is none.
func (s *Service) RevokeKey(ctx context.Context, id, owner string, o Origin) error {
	if !plainText(id) { // no store would take it
		return apikey.ErrNotFound
	}
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		k, err := tx.APIKeys.ByID(ctx, id) // if its owner is active: of others nobody has to be told
		if err != nil && !errors.Is(err, apikey.ErrNotFound) {
			return p, err
		}
		there, err := tx.APIKeys.Revoke(ctx, id, owner)
		if err != nil {
			return p, err
		}
		if !there {
			return p, apikey.ErrNotFound
		}
		e := o.Entry("apikey.revoke", cmp.Or(owner, id), now)
		e.Detail = map[string]string{"apikey": id}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		about := o.about(cmp.Or(owner, k.Owner), "")
		about.Name = k.Name
		return appendTold(ctx, tx, about, s.killEntry(revoke.APIKey, id, now))
	})
}

// Key implements [apikey.Source].
func (s *Service) Key(ctx context.Context, id string) (k apikey.Key, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { k, err = tx.APIKeys.ByID(ctx, id); return err })
	return k, err
}

// Used implements [apikey.Source].
func (s *Service) Used(ctx context.Context, k apikey.Key, now time.Time) error {
	if now.Sub(k.LastUsedAt) < time.Minute {
		return nil
	}
	return s.Store.Update(ctx, func(tx Tx) error { return tx.APIKeys.Touch(ctx, k.ID, now) })
}

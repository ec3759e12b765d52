package apikey

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/recent"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Source finds keys. It must be safe for concurrent use.
type Source interface {
	// Key returns the key of that id if its owner may use it, or [ErrNotFound].
	// One that has expired may be returned.
	Key(ctx context.Context, id string) (Key, error)
	// Used records that the key is in use. It is called about once a minute at most.
	Used(ctx context.Context, k Key, now time.Time) error
}

// An Authenticator checks API keys, in X-API-Key or as bearer tokens. Keys is
// required; the fields must not change after first use. It is safe for concurrent
// use and must not be copied.
//
// What a look-up found is remembered until the revocation log says that something
// about the key, its owner or its organization has changed, and for a minute at
// most. The principal is the owner, limited to the key's scopes; it has no
// position in the log, because a key is looked up and not verified by itself.
type Authenticator struct {
	Keys Source

	// Complete fills in the roles and the plan that the owner has now, and empties
	// Org if the owner is no member of it. Nil means that nobody has roles or is a
	// member.
	Complete func(ctx context.Context, p *sallyport.Principal) error

	Cache *revoke.Cache[[32]byte, *sallyport.Principal] // keyed by SHA-256; nil = every request is a look-up
	Log   *slog.Logger                                  // nil = slog.Default()

	used recent.Set
}

// remember is how long a look-up serves.
const remember = time.Minute

var (
	errMalformed = fmt.Errorf("%w: malformed API key", sallyport.ErrInvalidCredential)
	errSecret    = errors.New("wrong secret")
	errExpired   = errors.New("expired")
)

// Challenge implements [sallyport.Challenger].
func (a *Authenticator) Challenge() string { return `Bearer realm="sallyport"` }

// Authenticate implements [sallyport.Authenticator] for [sallyport.SchemeAPIKey],
// and for [sallyport.SchemeBearer] where the value begins with [Prefix].
func (a *Authenticator) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if c.Scheme != sallyport.SchemeAPIKey && (c.Scheme != sallyport.SchemeBearer || !strings.HasPrefix(c.Value, Prefix)) {
		return nil, sallyport.ErrNotMine
	}
	if len(c.Value) != keySize {
		return nil, errMalformed
	}
	hash := hashKey(c.Value)
	return a.Cache.Find(hash, func() (*sallyport.Principal, revoke.IDs, time.Time, error) {
		now := time.Now()
		k, p, err := a.find(ctx, c.Value, hash, now)
		return p, k.IDs(), k.until(now), err
	})
}

// Inspect checks a key as Authenticate does, without the cache, and returns it as
// it is kept beside whom it stands for. Where its owner has left the organization
// of the key, the principal acts in none.
func (a *Authenticator) Inspect(ctx context.Context, plain string) (Key, *sallyport.Principal, error) {
	if len(plain) != keySize {
		return Key{}, nil, errMalformed
	}
	return a.find(ctx, plain, hashKey(plain), time.Now())
}

// find looks the key up, once it is worth a query.
func (a *Authenticator) find(ctx context.Context, plain string, hash [32]byte, now time.Time) (k Key, p *sallyport.Principal, err error) {
	id, ok := Parse(plain)
	if !ok {
		return k, nil, errMalformed
	}
	if k, err = a.Keys.Key(ctx, id); err == nil {
		err = k.check(hash, now)
	}
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, errSecret), errors.Is(err, errExpired):
		return k, nil, fmt.Errorf("%w: API key %s: %w", sallyport.ErrInvalidCredential, id, err)
	case err != nil:
		return k, nil, fmt.Errorf("reading API key: %w", err)
	}
	p = k.principal()
	if a.Complete == nil {
		p.Org = ""
	} else if err := a.Complete(ctx, p); err != nil {
		return k, nil, fmt.Errorf("reading roles of the key's owner: %w", err)
	}
	a.noteUse(ctx, hash, k, now)
	return k, p, nil
}

// until says how long what was found may serve.
func (k *Key) until(now time.Time) time.Time {
	t := now.Add(remember)
	if !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(t) {
		return k.ExpiresAt
	}
	return t
}

func (k *Key) check(hash [32]byte, now time.Time) error {
	switch {
	case !secret.Equal(k.Hash, hash[:]):
		return errSecret
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return errExpired
	}
	return nil
}

// noteUse records the use. Nobody is refused because that failed.
func (a *Authenticator) noteUse(ctx context.Context, hash [32]byte, k Key, now time.Time) {
	if now.Sub(k.LastUsedAt) < time.Minute || !a.used.Add(hash, now) {
		return
	}
	if err := a.Keys.Used(ctx, k, now); err != nil && ctx.Err() == nil {
		cmp.Or(a.Log, slog.Default()).WarnContext(ctx, "recording use of API key", "apikey", k.ID, "cause", err)
	}
}

// principal is the owner. A key without scopes may do nothing: nil would mean
// that nothing limits it.
func (k *Key) principal() *sallyport.Principal {
	scopes := k.Scopes
	if scopes == nil {
		scopes = []string{}
	}
	return &sallyport.Principal{Kind: sallyport.User, Subject: k.Owner, Org: k.Org, Scopes: scopes, Credential: "apikey"}
}

func hashKey(plain string) [32]byte {
	var b [keySize]byte
	copy(b[:], plain)
	return sha256.Sum256(b[:])
}

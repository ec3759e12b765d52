// Package keyring looks after the signing keys of an installation: it reads them
// from the store, rotates them by schedule and by command, and ends a
// compromised one at once. Key material is sealed at rest.
package keyring

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

const purpose = "signing-key"

// A Keyring holds the current keys and changes them. Fill its fields before
// first use; it is then safe for concurrent use, by several nodes as well.
type Keyring struct {
	Store    account.Store
	Sealer   *secret.Sealer
	Schedule token.Schedule

	keys token.Keys
}

// Keys returns the holder of the current keys: they sign, verify and are
// published by it.
func (k *Keyring) Keys() *token.Keys { return &k.keys }

// Reload reads the keys anew.
func (k *Keyring) Reload(ctx context.Context) error {
	var rows []token.StoredKey
	err := k.Store.View(ctx, func(tx account.Tx) (err error) { rows, err = tx.Keys.Keys(ctx); return err })
	if err != nil {
		return fmt.Errorf("reading signing keys: %w", err)
	}
	set, err := token.NewKeySet(rows, k.Schedule, func(kid string, box []byte) ([]byte, error) {
		return k.Sealer.Open(purpose, kid, box)
	})
	if err != nil {
		return err
	}
	k.keys.Store(set)
	return nil
}

// Maintain carries out what the schedule asks for by now: the first key of a new
// installation, the next key before the active one ends, and so on.
func (k *Keyring) Maintain(ctx context.Context) (revoke.Position, error) {
	due := false
	err := k.Store.View(ctx, func(tx account.Tx) error {
		rows, err := tx.Keys.Keys(ctx)
		due = len(token.Plan(rows, time.Now(), k.Schedule)) > 0
		return err
	})
	if err != nil || !due {
		return revoke.Position{}, err
	}
	return k.change(ctx, audit.Entry{Action: "keys.maintain", Actor: "system"}, nil,
		func(rows []token.StoredKey, now time.Time) ([]token.Change, error) {
			return token.Plan(rows, now, k.Schedule), nil
		})
}

// Rotate replaces the signing key of an audience ("" = the default one) now. The
// old one goes on verifying.
func (k *Keyring) Rotate(ctx context.Context, audience string, e audit.Entry) (revoke.Position, error) {
	e.Action = "keys.rotate"
	return k.change(ctx, e, nil, func(rows []token.StoredKey, now time.Time) ([]token.Change, error) {
		return token.Rotate(rows, now, k.Schedule, audience), nil
	})
}

// Revoke ends a compromised key: its tokens die now, whatever they claim.
// [token.ErrUnknownKey] if there is none.
func (k *Keyring) Revoke(ctx context.Context, kid string, e audit.Entry) (revoke.Position, error) {
	e.Action, e.Target = "keys.revoke", kid
	now := time.Now()
	kill := &revoke.Entry{Effect: revoke.Kill, Kind: revoke.Key, ID: kid, CreatedAt: now, ExpiresAt: now.Add(365 * 24 * time.Hour)}
	return k.change(ctx, e, kill, func(rows []token.StoredKey, now time.Time) ([]token.Change, error) {
		return token.Revoke(rows, now, k.Schedule, kid)
	})
}

// change locks the log's counter row first, by appending: so that two nodes never
// change keys at once. No other transaction waits for keys, so nothing can wait
// for it in a circle.
func (k *Keyring) change(ctx context.Context, e audit.Entry, kill *revoke.Entry, plan func([]token.StoredKey, time.Time) ([]token.Change, error)) (p revoke.Position, err error) {
	err = k.Store.Update(ctx, func(tx account.Tx) error {
		now := time.Now()
		entries := []revoke.Entry{{Effect: revoke.Notice, Kind: revoke.Key, ID: e.Target, CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour)}}
		if kill != nil {
			entries = append(entries, *kill)
		}
		if p, err = tx.Log.Append(ctx, entries...); err != nil {
			return err
		}
		rows, err := tx.Keys.Keys(ctx)
		if err != nil {
			return err
		}
		changes, err := plan(rows, now)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if err := k.apply(ctx, tx, c); err != nil {
				return err
			}
		}
		e.At, e.Outcome = now, audit.Success
		return tx.Audit.Append(ctx, e)
	})
	return p, err
}

func (k *Keyring) apply(ctx context.Context, tx account.Tx, c token.Change) error {
	if c.Op == token.Delete {
		_, err := tx.Keys.DeleteKey(ctx, c.Key.KID)
		return err
	}
	err := c.Generate(func(kid string, plain []byte) []byte { return k.Sealer.Seal(purpose, kid, plain) })
	if err != nil {
		return err
	}
	return tx.Keys.PutKey(ctx, c.Key)
}

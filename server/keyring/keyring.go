// Package keyring looks after the signing keys of an installation: it reads them
// from the store, rotates them by schedule and by command, and ends a
// compromised one at once. Key material is sealed at rest.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

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

	keys    token.Keys
	reading sync.Mutex // held from reading rows until they are in force
}

// Keys returns the holder of the current keys: they sign, verify and are
// published by it.
func (k *Keyring) Keys() *token.Keys { return &k.keys }

// Reload reads the keys anew. Whatever was committed before the call is in force
// when it returns, also if others reload at the same time. On an error, such as a
// row that the sealing key does not open, everything stays as it was.
func (k *Keyring) Reload(ctx context.Context) error {
	k.reading.Lock()
	defer k.reading.Unlock()
	var rows []token.StoredKey
	err := k.Store.View(ctx, func(tx account.Tx) (err error) { rows, err = tx.Keys.Keys(ctx); return err })
	if err != nil {
		return fmt.Errorf("reading signing keys: %w", err)
	}
	set, err := k.open(rows)
	if err != nil {
		return err
	}
	k.keys.Store(set)
	return nil
}

func (k *Keyring) open(rows []token.StoredKey) (*token.KeySet, error) {
	return token.NewKeySet(rows, k.Schedule, func(kid string, box []byte) ([]byte, error) {
		return k.Sealer.Open(purpose, kid, box)
	})
}

// Maintain carries out what the schedule asks for by now: the first key of a new
// installation, the next key before the active one ends, and so on. The position
// is zero if nothing is due. Several nodes may maintain at once; one of them does
// the work.
func (k *Keyring) Maintain(ctx context.Context) (revoke.Position, error) {
	due := false
	err := k.Store.View(ctx, func(tx account.Tx) error {
		rows, err := tx.Keys.Keys(ctx)
		if err != nil {
			return err
		}
		s, err := k.schedule(ctx, tx)
		due = len(token.Plan(rows, time.Now(), s)) > 0
		return err
	})
	if err != nil || !due {
		return revoke.Position{}, err
	}
	p, err := k.change(ctx, nil, audit.Entry{Action: "keys.maintain", Actor: "system"}, plan)
	if errors.Is(err, errNotDue) {
		return revoke.Position{}, nil
	}
	return p, err
}

// errNotDue means that another node was faster.
var errNotDue = errors.New("nothing is due")

// schedule is k.Schedule with what clients and resources want signed otherwise: keys that
// nobody asks for are not made.
func (k *Keyring) schedule(ctx context.Context, tx account.Tx) (token.Schedule, error) {
	s := k.Schedule
	algs, err := account.Algs(ctx, tx)
	s.Also = append(slices.Clone(s.Also), algs...)
	return s, err
}

func plan(rows []token.StoredKey, now time.Time, s token.Schedule) ([]token.Change, error) {
	changes := token.Plan(rows, now, s)
	if len(changes) == 0 {
		return nil, errNotDue
	}
	return changes, nil
}

// Rotate replaces the signing key of an audience ("" = the default one) now. The
// old one goes on verifying. e says on whose behalf.
func (k *Keyring) Rotate(ctx context.Context, audience string, e audit.Entry) (revoke.Position, error) {
	e.Action, e.Target = "keys.rotate", audience
	return k.change(ctx, nil, e, func(rows []token.StoredKey, now time.Time, s token.Schedule) ([]token.Change, error) {
		return token.Rotate(rows, now, s, audience), nil
	})
}

// Revoke ends a compromised key: its tokens die now, whatever they claim, and its
// private part is erased. e says on whose behalf. [token.ErrUnknownKey] if there
// is none.
func (k *Keyring) Revoke(ctx context.Context, kid string, e audit.Entry) (revoke.Position, error) {
	if !utf8.ValidString(kid) || strings.Contains(kid, "\x00") { // no store could hold it
		return revoke.Position{}, token.ErrUnknownKey
	}
	e.Action, e.Target = "keys.revoke", kid
	now := time.Now()
	kill := revoke.Entry{Effect: revoke.Kill, Kind: revoke.Key, ID: kid, CreatedAt: now, ExpiresAt: now.Add(365 * 24 * time.Hour)}
	return k.change(ctx, []revoke.Entry{kill}, e, func(rows []token.StoredKey, now time.Time, s token.Schedule) ([]token.Change, error) {
		return token.Revoke(rows, now, s, kid)
	})
}

// change locks the log's counter row first, by appending: so that two nodes never
// change keys at once. No other transaction waits for keys, so nothing can wait
// for it in a circle.
func (k *Keyring) change(ctx context.Context, entries []revoke.Entry, e audit.Entry, plan func([]token.StoredKey, time.Time, token.Schedule) ([]token.Change, error)) (p revoke.Position, err error) {
	err = k.Store.Update(ctx, func(tx account.Tx) error {
		now := time.Now()
		notice := revoke.Entry{Effect: revoke.Notice, Kind: revoke.Key, ID: e.Target, CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour)}
		if p, err = tx.Log.Append(ctx, append([]revoke.Entry{notice}, entries...)...); err != nil {
			return err
		}
		rows, err := tx.Keys.Keys(ctx)
		if err != nil {
			return err
		}
		s, err := k.schedule(ctx, tx)
		if err != nil {
			return err
		}
		changes, err := plan(rows, now, s)
		if err != nil {
			return err
		}
		if err := k.apply(ctx, tx, changes); err != nil {
			return err
		}
		e.At, e.Outcome = now, audit.Success
		return tx.Audit.Append(ctx, e)
	})
	if err != nil {
		return revoke.Position{}, err
	}
	return p, nil
}

// apply writes the changes, and refuses to leave behind what no node could read:
// rows sealed under different keys, for example.
func (k *Keyring) apply(ctx context.Context, tx account.Tx, changes []token.Change) error {
	for _, c := range changes {
		if err := k.write(ctx, tx, c); err != nil {
			return err
		}
	}
	rows, err := tx.Keys.Keys(ctx)
	if err != nil {
		return err
	}
	_, err = k.open(rows)
	return err
}

func (k *Keyring) write(ctx context.Context, tx account.Tx, c token.Change) error {
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

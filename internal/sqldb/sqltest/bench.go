// Package sqltest has the benchmarks and tests that both SQL back ends run.
package sqltest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/revoke"
)

// callers runs f b.N times, divided among n goroutines.
func callers(b *testing.B, n int, f func(caller int) error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	for i := range n {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

const (
	rotators = 32  // callers at once
	signIns  = 300 // of each of them
)

// RotateFamily uses refresh tokens in our scheme: one row for a family, one
// statement for a use.
func RotateFamily(b *testing.B, db account.Store) {
	ctx := b.Context()
	var families [rotators][signIns]token.Family
	for i := range families {
		err := db.Update(ctx, func(tx account.Tx) error {
			for j := range families[i] {
				n, now := i*signIns+j, time.Now()
				families[i][j] = token.Family{
					ID: fmt.Sprintf("fam_%026d", n), Session: fmt.Sprintf("ses_%026d", n), Subject: fmt.Sprintf("usr_%026d", j),
					Client: "first-party", CreatedAt: now, RotatedAt: now, ExpiresAt: now.Add(time.Hour),
				}
				if err := tx.Families.Create(ctx, families[i][j]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	var turn [rotators]int
	callers(b, rotators, func(i int) error {
		f := &families[i][turn[i]%signIns]
		turn[i]++
		var r token.Rotated
		err := db.Update(ctx, func(tx account.Tx) (err error) {
			r, err = tx.Families.Rotate(ctx, token.Rotation{
				Family: f.ID, Counter: f.Counter, Client: f.Client, Now: time.Now(), Leeway: 30 * time.Second,
			})
			return err
		})
		if err == nil && (r.Reused || r.Counter != f.Counter+1) {
			err = fmt.Errorf("rotated to %+v", r)
		}
		f.Counter++
		return err
	})
}

// Transact runs f in a transaction of a back end.
type Transact func(ctx context.Context, f func(sqldb.Conn) error) error

// RotateRow uses refresh tokens in the usual scheme, a row for each token: look
// it up by its hash, mark it used, insert the next.
func RotateRow(b *testing.B, transact Transact) {
	ctx := b.Context()
	r := rows{}
	if err := transact(ctx, r.create); err != nil {
		b.Fatal(err)
	}
	var hashes [rotators][signIns][]byte
	for i := range hashes {
		err := transact(ctx, func(c sqldb.Conn) (err error) {
			for j := range hashes[i] {
				if hashes[i][j], err = r.insert(ctx, c, fmt.Sprintf("fam_%026d", i*signIns+j), fmt.Sprintf("usr_%026d", j)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	var turn [rotators]int
	callers(b, rotators, func(i int) error {
		hash := &hashes[i][turn[i]%signIns]
		turn[i]++
		var next []byte
		err := transact(ctx, func(c sqldb.Conn) (err error) {
			next, err = r.rotate(ctx, c, *hash)
			return err
		})
		*hash = next
		return err
	})
}

// rows is the usual scheme.
type rows struct{ ids atomic.Int64 }

func (r *rows) create(c sqldb.Conn) error {
	for _, s := range []string{
		`CREATE TABLE refresh_tokens (
			id TEXT NOT NULL PRIMARY KEY, token_hash BYTEA NOT NULL, family_id TEXT NOT NULL, user_id TEXT NOT NULL, client_id TEXT NOT NULL,
			scope TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT NOT NULL)`,
		`CREATE UNIQUE INDEX refresh_tokens_hash ON refresh_tokens (token_hash)`,
		`CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id)`,
		`CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at)`,
	} {
		if _, err := c.Exec(context.Background(), s); err != nil {
			return err
		}
	}
	return nil
}

func (r *rows) insert(ctx context.Context, c sqldb.Conn, family, user string) ([]byte, error) {
	hash := make([]byte, 32)
	rand.Read(hash)
	now := time.Now()
	_, err := c.Exec(ctx, `INSERT INTO refresh_tokens (id, token_hash, family_id, user_id, client_id, scope, created_at, expires_at, used_at)
		VALUES ($1, $2, $3, $4, 'first-party', '', $5, $6, 0)`,
		fmt.Sprintf("rft_%026d", r.ids.Add(1)), hash, family, user, now.UnixMilli(), now.Add(time.Hour).UnixMilli())
	return hash, err
}

func (r *rows) rotate(ctx context.Context, c sqldb.Conn, hash []byte) ([]byte, error) {
	var id, family, user string
	var expires, used int64
	err := c.Query(ctx, `SELECT id, family_id, user_id, expires_at, used_at FROM refresh_tokens WHERE token_hash = $1`, []any{hash},
		func(row sqldb.Row) error { return row.Scan(&id, &family, &user, &expires, &used) })
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, errors.New("no such token")
	}
	now := time.Now().UnixMilli()
	n, err := c.Exec(ctx, `UPDATE refresh_tokens SET used_at = $2 WHERE id = $1 AND used_at = 0`, id, now)
	if err != nil || n != 1 || expires < now || used != 0 {
		return nil, fmt.Errorf("token was used (%v)", err)
	}
	return r.insert(ctx, c, family, user)
}

// Revoke lets 64 callers append to the revocation log, so many entries in each
// transaction.
func Revoke(b *testing.B, db account.Store, entries int) {
	ctx, now := b.Context(), time.Now()
	batch := make([]revoke.Entry, entries)
	for i := range batch {
		batch[i] = revoke.Entry{
			Effect: revoke.Kill, Kind: revoke.Session, ID: fmt.Sprintf("ses_%026d", i), CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		}
	}
	callers(b, 64, func(int) error {
		return db.Update(ctx, func(tx account.Tx) error {
			_, err := tx.Log.Append(ctx, batch...)
			return err
		})
	})
	b.ReportMetric(float64(b.N*entries)/b.Elapsed().Seconds(), "entries/s")
}

// View is the cost of a look-up that no cache answers.
func View(b *testing.B, db account.Store) {
	b.ReportAllocs()
	for b.Loop() {
		if err := db.Ping(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

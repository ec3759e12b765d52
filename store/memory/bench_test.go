package memory_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/store/memory"
)

// What a request costs must not grow with the number of sessions.
func BenchmarkSessions(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		s := memory.New()
		fill(b, s, n)
		b.Run(fmt.Sprintf("find/%d", n), func(b *testing.B) { find(b, s, n) })
		b.Run(fmt.Sprintf("create and end/%d", n), func(b *testing.B) { createAndEnd(b, s) })
	}
}

func newSession(i int) session.Session {
	name := fmt.Sprint(i)
	hash := sha256.Sum256([]byte(name))
	return session.Session{
		ID: "ses_" + name, TokenHash: hash[:], Subject: "usr_" + name, AMR: []string{"pwd"},
		ExpiresAt: time.Now().Add(time.Hour),
	}
}

func fill(b *testing.B, s *memory.Store, n int) {
	err := s.Update(b.Context(), func(tx account.Tx) error {
		for i := range n {
			if err := tx.Sessions.Create(b.Context(), newSession(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func find(b *testing.B, s *memory.Store, n int) {
	hashes := make([][]byte, n)
	for i := range hashes {
		hashes[i] = newSession(i).TokenHash
	}
	ctx := context.Background()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		err := s.View(ctx, func(tx account.Tx) error {
			_, err := tx.Sessions.ByTokenHash(ctx, hashes[i*7919%n])
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func createAndEnd(b *testing.B, s *memory.Store) {
	ctx := context.Background()
	x := newSession(-1)
	b.ReportAllocs()
	for b.Loop() {
		err := s.Update(ctx, func(tx account.Tx) error {
			if err := tx.Sessions.Create(ctx, x); err != nil {
				return err
			}
			_, err := tx.Sessions.End(ctx, x.ID)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

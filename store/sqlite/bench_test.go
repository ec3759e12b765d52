package sqlite_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport/internal/sqldb/sqltest"
)

// BenchmarkRotate compares a use of a refresh token with the same use in a
// scheme that has a row for each token.
func BenchmarkRotate(b *testing.B) {
	b.Run("sqlite/family", func(b *testing.B) { sqltest.RotateFamily(b, open(b)) })
	b.Run("sqlite/row-per-token", func(b *testing.B) { sqltest.RotateRow(b, open(b).Transact) })
}

func BenchmarkRevoke(b *testing.B) {
	b.Run("sqlite/single", func(b *testing.B) { sqltest.Revoke(b, open(b), 1) })
	b.Run("sqlite/by-100", func(b *testing.B) { sqltest.Revoke(b, open(b), 100) })
}

func BenchmarkView(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { sqltest.View(b, open(b)) })
}

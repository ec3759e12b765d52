package postgres_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport/internal/sqldb/sqltest"
)

// BenchmarkRotate compares a use of a refresh token with the same use in a
// scheme that has a row for each token.
func BenchmarkRotate(b *testing.B) {
	b.Run("postgres/family", func(b *testing.B) { sqltest.RotateFamily(b, durable(b)) })
	b.Run("postgres/row-per-token", func(b *testing.B) { sqltest.RotateRow(b, durable(b).Transact) })
	b.Run("postgres/row-per-token-plain-begin", func(b *testing.B) { sqltest.RotateRow(b, durable(b).TransactPlainly) })
}

func BenchmarkRevoke(b *testing.B) {
	b.Run("postgres/single", func(b *testing.B) { sqltest.Revoke(b, durable(b), 1) })
	b.Run("postgres/by-100", func(b *testing.B) { sqltest.Revoke(b, durable(b), 100) })
}

func BenchmarkView(b *testing.B) {
	b.Run("postgres", func(b *testing.B) { sqltest.View(b, durable(b)) })
}

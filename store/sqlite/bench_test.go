package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/sqldb/sqltest"
)

// BenchmarkRotate compares a use of a refresh token with the same use in a
// scheme that has a row for each token: once with our group commit, and once as
// it usually runs, with a transaction of its own for each use.
func BenchmarkRotate(b *testing.B) {
	b.Run("sqlite/family", func(b *testing.B) { sqltest.RotateFamily(b, open(b)) })
	b.Run("sqlite/row-per-token", func(b *testing.B) { sqltest.RotateRow(b, open(b).Transact) })
	b.Run("sqlite/row-per-token-own-commit", func(b *testing.B) { sqltest.RotateRow(b, ownCommits(b)) })
}

// ownCommits is a database as most programs open it: one connection that writes,
// durable, and a commit for each transaction.
func ownCommits(b *testing.B) sqltest.Transact {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "own.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return func(ctx context.Context, f func(sqldb.Conn) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if err := f(plain{tx}); err != nil {
			return err
		}
		return tx.Commit()
	}
}

type plain struct{ *sql.Tx }

func (p plain) Exec(ctx context.Context, stmt string, args ...any) (int64, error) {
	result, err := p.ExecContext(ctx, stmt, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (p plain) Query(ctx context.Context, stmt string, args []any, f func(sqldb.Row) error) error {
	rows, err := p.QueryContext(ctx, stmt, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func BenchmarkRevoke(b *testing.B) {
	b.Run("sqlite/single", func(b *testing.B) { sqltest.Revoke(b, open(b), 1) })
	b.Run("sqlite/by-100", func(b *testing.B) { sqltest.Revoke(b, open(b), 100) })
}

func BenchmarkView(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { sqltest.View(b, open(b)) })
}

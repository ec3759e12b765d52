package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// BenchmarkPage reads 50 rows from somewhere among many, as lists in the administration do. It must not matter how many there are.
func BenchmarkPage(b *testing.B) {
	for _, size := range []struct {
		name string
		rows int
	}{{"1e3", 1000}, {"1e6", 1_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			db := open(b)
			crowd(b, db, size.rows)
			for _, l := range lists {
				b.Run(l.name, func(b *testing.B) { l.run(b, db, size.rows) })
			}
		})
	}
}

const (
	userName  = `person-%07d`
	sessionID = `ses_%022d`
	auditID   = `aud_%022d`
)

// crowd makes n users with an entry each in the audit log, and n sessions, of which one user in 50 has 50.
func crowd(b *testing.B, db *sqlite.DB, n int) {
	b.Helper()
	for _, insert := range []string{
		`INSERT INTO sallyport_users (id, username, username_norm, email, email_norm, email_verified, status, killed_seq, created_at, updated_at)
			SELECT printf('` + userID + `', n), printf('` + userName + `', n), printf('` + userName + `', n), '', '', 0, 'active', 0, 1, 1 FROM i`,
		`INSERT INTO sallyport_sessions (id, token_hash, user_id, org_id, aal, amr, auth_time, log_id, log_seq, created_at, last_seen_at,
			idle_expires_at, expires_at, address, user_agent)
			SELECT printf('` + sessionID + `', n), unhex(printf('%064d', n)), printf('` + userID + `', n/50*50), '', 1, '["pwd"]', 1, '', 0, n, n,
			9000000000000, 9000000000000, '', '' FROM i`,
		`INSERT INTO sallyport_audit_log (id, at, actor, action, target, org_id, address, trace_id, outcome, detail)
			SELECT printf('` + auditID + `', n), n, printf('` + userID + `', n/50*50), 'session.start', '', '', '', '', 'success', '' FROM i`,
	} {
		if err := db.Exec(b.Context(), `WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM i WHERE n+1 < ?) `+insert, n); err != nil {
			b.Fatal(err)
		}
	}
}

// lists read 50 rows, given the number of one of them.
var lists = []struct {
	list
	name string
}{
	{name: "users", list: func(ctx context.Context, tx account.Tx, i int) (int, error) {
		found, err := tx.Users.List(ctx, account.UserFilter{After: fmt.Sprintf(userID, i), Limit: 50})
		return len(found), err
	}},
	{name: "users-by-prefix", list: func(ctx context.Context, tx account.Tx, i int) (int, error) {
		found, err := tx.Users.List(ctx, account.UserFilter{Prefix: fmt.Sprintf(userName, i)[:len("person-0000")], Limit: 50})
		return len(found), err
	}},
	{name: "sessions", list: func(ctx context.Context, tx account.Tx, i int) (int, error) {
		found, err := tx.Sessions.List(ctx, fmt.Sprintf(userID, i/50*50))
		return len(found), err
	}},
	{name: "audit", list: func(ctx context.Context, tx account.Tx, i int) (int, error) {
		found, err := tx.Audit.List(ctx, audit.Filter{Before: fmt.Sprintf(auditID, i+50), Limit: 50})
		return len(found), err
	}},
	{name: "audit-by-actor", list: func(ctx context.Context, tx account.Tx, i int) (int, error) {
		found, err := tx.Audit.List(ctx, audit.Filter{Actor: fmt.Sprintf(userID, i/50*50), Limit: 50})
		return len(found), err
	}},
}

type list func(ctx context.Context, tx account.Tx, i int) (found int, err error)

func (l list) run(b *testing.B, db *sqlite.DB, rows int) {
	b.ReportAllocs()
	for b.Loop() {
		i, found := rand.IntN(rows-100), 0
		err := db.View(b.Context(), func(tx account.Tx) (err error) {
			found, err = l(b.Context(), tx, i)
			return err
		})
		if err != nil || found != 50 {
			b.Fatal(found, err)
		}
	}
}

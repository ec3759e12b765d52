package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/store"
	"github.com/sallyport-auth/sallyport/store/postgres"
)

// raw runs statements on a connection of its own.
func raw(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// ask returns the only value that a query answers within a transaction of db.
func ask[T any](t *testing.T, db *postgres.DB, query string) (v T) {
	t.Helper()
	err := db.Transact(t.Context(), func(c sqldb.Conn) error {
		return c.Query(t.Context(), query, nil, func(row sqldb.Row) error { return row.Scan(&v) })
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func user(name string) account.User {
	return account.User{ID: "usr_" + name, UsernameNorm: name, Status: account.Active, CreatedAt: time.Now()}
}

func TestACommitWaitsForTheDiskWhateverTheDefault(t *testing.T) {
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	for _, c := range []struct{ is, want string }{{"off", "on"}, {"on", "on"}, {"local", "local"}, {"remote_apply", "remote_apply"}} {
		sep := "?"
		if strings.Contains(dsn, "?") {
			sep = "&"
		}
		db := connect(t, postgres.Config{DSN: dsn + sep + "synchronous_commit=" + c.is})
		if got := ask[string](t, db, "SELECT current_setting('synchronous_commit')"); got != c.want {
			t.Errorf("synchronous_commit is %s where the default is %s, want %s", got, c.is, c.want)
		}
	}
}

func TestTextIsComparedByteByByte(t *testing.T) {
	db := open(t)
	columns := ask[int64](t, db, `SELECT count(*) FROM information_schema.columns
		WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`)
	if columns != 0 {
		t.Errorf("%d columns are compared by locale", columns)
	}
}

func TestHotRowsHaveRoom(t *testing.T) {
	db := open(t)
	if n := ask[int64](t, db, `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND reloptions::text LIKE '%fillfactor%'`); n < 6 {
		t.Errorf("%d tables with a fillfactor, want 6 or more", n)
	}
}

func TestMigrations(t *testing.T) {
	ctx := t.Context()
	dsn := testdb.Postgres(t, "", nil)
	if _, err := (postgres.Config{DSN: dsn, NoMigrate: true}).Open(ctx); !errors.Is(err, store.ErrPending) {
		t.Errorf("open without migrating: %v, want ErrPending", err)
	}
	pending, err := postgres.MigrationStatus(ctx, dsn)
	if err != nil || len(pending) == 0 || !pending[0].AppliedAt.IsZero() {
		t.Fatalf("status of an empty database: %+v, %v", pending, err)
	}
	var all sync.WaitGroup
	var applied atomic.Int64
	for range 6 {
		all.Go(func() {
			done, err := postgres.Migrate(ctx, dsn)
			if err != nil {
				t.Error(err)
			}
			applied.Add(int64(len(done)))
		})
	}
	all.Wait()
	if int(applied.Load()) != len(pending) {
		t.Errorf("%d migrations were applied at once, want %d", applied.Load(), len(pending))
	}
	if now, err := postgres.MigrationStatus(ctx, dsn); err != nil || now[0].AppliedAt.IsZero() {
		t.Errorf("status: %+v, %v", now, err)
	}
	connect(t, postgres.Config{DSN: dsn, NoMigrate: true})
}

func TestOpenRefuses(t *testing.T) {
	newer, foreign, version := testdb.Postgres(t, sqldb.Key(), migrate), testdb.Postgres(t, "", nil), testdb.Postgres(t, "", nil)
	raw(t, newer, "INSERT INTO sallyport_schema_version VALUES (99, 'later', 1)")
	raw(t, foreign, "CREATE TABLE sallyport_users (id INTEGER)")
	raw(t, version, "CREATE TABLE sallyport_schema_version (v TEXT)")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := ln.Addr().String()
	ln.Close()
	for _, c := range []struct {
		name, dsn string
		is        error
		says      string
	}{
		{"a database of a newer release", newer, store.ErrNewer, "version 99"},
		{"somebody else's table of our name", foreign, store.ErrForeign, "table sallyport_users"},
		{"somebody else's schema_version", version, store.ErrForeign, "sallyport_schema_version"},
		{"a malformed address", "postgres://u:hush@[::1", nil, "parse"},
		{"nobody there", "postgres://ann:hush@" + nobody + "/x?connect_timeout=5", nil, "connect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, err := postgres.Open(t.Context(), c.dsn)
			if err == nil {
				db.Close()
				t.Fatal("no error")
			}
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) ||
				strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %q, want %v and %q, in one line and without the password", err, c.is, c.says)
			}
		})
	}
}

func TestADeadlockIsTriedAgain(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	for _, name := range []string{"a", "b"} {
		if err := db.Update(ctx, func(tx account.Tx) error { return tx.Users.Create(ctx, user(name)) }); err != nil {
			t.Fatal(err)
		}
	}
	var both, all sync.WaitGroup
	both.Add(2)
	var runs atomic.Int64
	for i := range 2 {
		first := true
		all.Go(func() {
			err := db.Update(ctx, func(tx account.Tx) error {
				runs.Add(1)
				ids := []string{"usr_a", "usr_b"}
				if _, err := tx.Users.Lock(ctx, ids[i]); err != nil {
					return err
				}
				if first { // each holds what the other wants
					first = false
					both.Done()
					both.Wait()
				}
				// An error that says nothing of its cause is tried again all the same.
				if _, err := tx.Users.Lock(ctx, ids[1-i]); err != nil {
					return errors.New("could not lock")
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if runs.Load() < 3 {
		t.Errorf("%d runs, so there was no deadlock", runs.Load())
	}
}

func TestAFailedStatementFailsTheUpdate(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	err := db.Transact(ctx, func(c sqldb.Conn) error {
		if _, err := c.Exec(ctx, "INSERT INTO sallyport_secrets VALUES ('kept', 'x')"); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, "SELECT 1/0"); err == nil {
			t.Error("no error")
		}
		return nil // whatever happened
	})
	if err == nil {
		t.Error("the Update succeeds though nothing was written")
	}
	if n := ask[int64](t, db, "SELECT count(*) FROM sallyport_secrets"); n != 0 {
		t.Errorf("%d secrets", n)
	}
}

func TestATransactionEndsWithItsFunction(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	var kept account.Tx
	if err := db.Update(ctx, func(tx account.Tx) error { kept = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := kept.Users.Create(ctx, user("late")); err == nil {
		t.Error("a statement after the end runs")
	}
}

// A View of several statements, of which the first opens the transaction, sees
// one moment.
func TestAViewSeesOneMoment(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	err := db.View(ctx, func(tx account.Tx) error {
		if _, err := tx.Log.Head(ctx); err != nil {
			return err
		}
		if err := db.Update(ctx, func(tx account.Tx) error { return tx.Users.Create(ctx, user("ann")) }); err != nil {
			return err
		}
		if any, err := tx.Users.Any(ctx); err != nil || any {
			return fmt.Errorf("it sees what came later: %t, %v", any, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Callers who hang up at every moment leave the pool whole and cost hardly any
// connection.
func TestCancelledCallersLeaveThePoolWhole(t *testing.T) {
	db := connect(t, postgres.Config{DSN: testdb.Postgres(t, sqldb.Key(), migrate), MaxConns: 4})
	n := testenv.Count(400, 5000)
	if err := db.Update(t.Context(), func(tx account.Tx) error { return tx.Roles.PutRole(t.Context(), authz.Role{Name: "member"}) }); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for range 16 {
		all.Go(func() {
			for i := left.Add(-1); i >= 0; i = left.Add(-1) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Duration(i%50)*50*time.Microsecond, cancel)
				err := db.Update(ctx, func(tx account.Tx) error {
					if err := tx.Users.Create(ctx, user(fmt.Sprint(i))); err != nil {
						return err
					}
					_, err := tx.Roles.Assign(ctx, fmt.Sprint("usr_", i), "member", "")
					return err
				})
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%d: %v", i, err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	// All four at once, none of them within a transaction.
	var held sync.WaitGroup
	held.Add(4)
	for range 4 {
		all.Go(func() {
			err := db.View(t.Context(), func(tx account.Tx) error {
				held.Done()
				held.Wait()
				_, err := tx.Users.Any(t.Context())
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	orphans := ask[int64](t, db, `SELECT count(*) FROM sallyport_role_assignments a FULL JOIN sallyport_users u ON u.id = a.subject WHERE u.id IS NULL OR a.subject IS NULL`)
	if orphans != 0 {
		t.Errorf("%d halves of an Update", orphans)
	}
	// A connection given up in the middle of a cancellation is closed here first
	// and ends at the server a moment later, when its process reads that.
	for ask[int64](t, db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()`) > 4 {
		time.Sleep(time.Millisecond)
	}
}

package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/store"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// open returns a new database, which is closed when the test ends.
func open(t testing.TB) *sqlite.DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "test.db"))
}

func openAt(t testing.TB, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// exec runs statements in the turn of the writer.
func exec(t testing.TB, db *sqlite.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := db.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// one returns the only value that a query answers.
func one[T any](t testing.TB, db *sql.DB, query string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func TestSettings(t *testing.T) {
	db := open(t)
	for _, c := range []struct{ pragma, writer, reader string }{
		{"synchronous", "2", "2"}, // FULL
		{"journal_mode", "wal", "wal"},
		{"foreign_keys", "1", "1"},
		{"query_only", "0", "1"},
		{"busy_timeout", "0", "10000"}, // the writer asks again
		{"application_id", "1399878260", "1399878260"},
	} {
		var writer string
		err := db.Write(t.Context(), func(tx *sqlite.Tx) error {
			return tx.QueryRowContext(t.Context(), "PRAGMA "+c.pragma).Scan(&writer)
		})
		if err != nil {
			t.Fatal(err)
		}
		if reader := one[string](t, db.Read, "PRAGMA "+c.pragma); writer != c.writer || reader != c.reader {
			t.Errorf("%s: writer %s, reader %s; want %s and %s", c.pragma, writer, reader, c.writer, c.reader)
		}
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	db := open(t)
	exec(t, db, "CREATE TABLE post (id TEXT)")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(db.Path() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", info.Name(), got)
		}
	}
}

func TestPathMeansItself(t *testing.T) {
	for _, name := range []string{"a b.db", "a?b=c.db", "100%41#.db", "file:x.db", "ünï.db", "a&b'c\".db"} {
		path := filepath.Join(t.TempDir(), name)
		db := openAt(t, path)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		if db.Path() != path {
			t.Errorf("Path is %s, want %s", db.Path(), path)
		}
		exec(t, db, "CREATE TABLE post (id TEXT)")
		if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 3 {
			t.Errorf("%s: %d files, want the database, its log and its index", name, len(files))
		}
	}
}

func TestTheProgramAroundSharesTheWriter(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	exec(t, db, "CREATE TABLE post (id INTEGER PRIMARY KEY, author TEXT)")
	if err := db.Exec(ctx, "INSERT INTO post (author) VALUES ($1)", "usr_ann"); err != nil {
		t.Fatal(err)
	}
	if got := one[string](t, db.Read, "SELECT author FROM post WHERE id = $1", 1); got != "usr_ann" {
		t.Errorf("author %q", got)
	}
	if _, err := db.Read.ExecContext(ctx, "INSERT INTO post (author) VALUES ('x')"); err == nil {
		t.Error("Read writes")
	}
	refusal := errors.New("refused")
	err := db.Write(ctx, func(tx *sqlite.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO post (author) VALUES ('bob')"); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM post").Scan(&n); err != nil || n != 2 {
			return fmt.Errorf("%d posts within (%v)", n, err)
		}
		return refusal
	})
	if err != refusal {
		t.Errorf("got %v, want the very error", err)
	}
	err = db.Write(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT id FROM post WHERE author = 'bob'").Scan(new(int))
	})
	if !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("got %v, want sql.ErrNoRows", err)
	}
}

func TestAQueryMayRunAgainWhileItsRowsAreRead(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	exec(t, db, "CREATE TABLE tree (id INTEGER, parent INTEGER)", "INSERT INTO tree VALUES (1, 0), (2, 1), (3, 1), (4, 2), (5, 0)")
	var seen []int
	err := db.Write(ctx, func(tx *sqlite.Tx) error {
		var walk func(parent int) error
		walk = func(parent int) error {
			rows, err := tx.QueryContext(ctx, "SELECT id FROM tree WHERE parent = $1 ORDER BY id", parent)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var id int
				if err := rows.Scan(&id); err != nil {
					return err
				}
				seen = append(seen, id)
				if err := walk(id); err != nil {
					return err
				}
			}
			return rows.Err()
		}
		return walk(0)
	})
	if want := "[1 2 4 3 5]"; err != nil || fmt.Sprint(seen) != want {
		t.Errorf("walked %v (%v), want %s", seen, err, want)
	}
}

func TestForgottenRowsAreClosed(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	exec(t, db, "CREATE TABLE post (id INTEGER PRIMARY KEY)")
	for range 3 {
		err := db.Write(ctx, func(tx *sqlite.Tx) error {
			if _, err := tx.QueryContext(ctx, "INSERT INTO post (id) VALUES (NULL), (NULL) RETURNING id"); err != nil {
				return err
			}
			tx.QueryRowContext(ctx, "INSERT INTO post (id) VALUES (NULL), (NULL) RETURNING id")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := one[int](t, db.Read, "SELECT count(*) FROM post"); n != 12 {
		t.Errorf("%d posts, want 12", n)
	}
}

func TestATransactionEndsWithItsFunction(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	exec(t, db, "CREATE TABLE post (id INTEGER PRIMARY KEY)")
	var kept *sqlite.Tx
	if err := db.Write(ctx, func(tx *sqlite.Tx) error { kept = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.ExecContext(ctx, "INSERT INTO post VALUES (1)"); err == nil {
		t.Error("a statement after the end runs")
	}
	var view account.Tx
	if err := db.View(ctx, func(tx account.Tx) error { view = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := view.Log.Head(ctx); err == nil {
		t.Error("a look-up after the end of a View runs")
	}
}

// batch makes n callers wait behind one that has the turn, so that they come
// into one transaction with it, and returns what each of them got, and then it.
func batch(t *testing.T, db *sqlite.DB, n int, call func(i int) error) ([]error, error) {
	t.Helper()
	errs := make([]error, n)
	var all sync.WaitGroup
	err := db.Write(t.Context(), func(*sqlite.Tx) error {
		for i := range n {
			all.Go(func() { errs[i] = call(i) })
			time.Sleep(time.Millisecond) // so that they wait in this order
		}
		return nil
	})
	all.Wait()
	return errs, err
}

func TestOneThatFailsFailsAlone(t *testing.T) {
	db := open(t)
	exec(t, db, "CREATE TABLE post (id INTEGER PRIMARY KEY)")
	refusal := errors.New("refused")
	errs, first := batch(t, db, 5, func(i int) (err error) {
		ctx := t.Context()
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v", v)
			}
		}()
		return db.Write(ctx, func(tx *sqlite.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO post VALUES ($1)", i); err != nil {
				return err
			}
			switch i {
			case 1:
				return refusal
			case 2:
				panic("help")
			case 3:
				_, err := tx.ExecContext(ctx, "INSERT INTO post VALUES (0)") // taken
				return err
			}
			return nil
		})
	})
	if first != nil || errs[0] != nil || errs[1] != refusal || errs[2] == nil || errs[2].Error() != "panic: help" || errs[3] == nil || errs[4] != nil {
		t.Errorf("got %v", errs)
	}
	if got := one[string](t, db.Read, "SELECT group_concat(id) FROM post"); got != "0,4" {
		t.Errorf("posts %s, want 0,4", got)
	}
}

func TestGoexitGivesTheTurnBack(t *testing.T) {
	db := open(t)
	exec(t, db, "CREATE TABLE post (id INTEGER PRIMARY KEY)")
	var wg sync.WaitGroup
	wg.Go(func() {
		done := false
		defer func() {
			if done {
				t.Error("it returned")
			}
		}()
		_ = db.Write(context.Background(), func(tx *sqlite.Tx) error {
			_, _ = tx.ExecContext(context.Background(), "INSERT INTO post VALUES (1)")
			runtime.Goexit()
			return nil
		})
		done = true
	})
	wg.Wait()
	exec(t, db, "INSERT INTO post VALUES (2)")
	if got := one[string](t, db.Read, "SELECT group_concat(id) FROM post"); got != "2" {
		t.Errorf("posts %s, want 2", got)
	}
}

func TestACancelledCallerDoesNotTakeTheOthersAlong(t *testing.T) {
	db := open(t)
	exec(t, db, "CREATE TABLE post (id INTEGER PRIMARY KEY)")
	for round := range testenv.Count(5, 500) {
		ran := make([]bool, 8)
		errs, first := batch(t, db, len(ran), func(i int) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i == 3 { // while it waits
				time.AfterFunc(time.Millisecond, cancel)
			}
			return db.Write(ctx, func(tx *sqlite.Tx) error {
				ran[i] = true
				if i%2 == 1 {
					// While a statement runs: the driver would interrupt it, and with it all.
					time.AfterFunc(100*time.Microsecond, cancel)
				}
				_, err := tx.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
					INSERT INTO post SELECT $1 * 1000000 + i * 10 + $2 FROM n WHERE i > 2999`, round, i)
				return err
			})
		})
		if first != nil {
			t.Fatal(first)
		}
		for i, err := range errs {
			if err != nil && (!errors.Is(err, context.Canceled) || i%2 == 0) {
				t.Fatalf("round %d, caller %d: %v", round, i, err)
			}
			if !ran[i] && err == nil {
				t.Fatalf("caller %d: neither run nor refused", i)
			}
			got := one[int](t, db.Read, "SELECT count(*) FROM post WHERE id = $1", round*1000000+3000*10+i)
			if (got == 1) != (err == nil) {
				t.Fatalf("round %d, caller %d was told %v, and has %d rows", round, i, err, got)
			}
		}
	}
}

func TestACallerCancelledBeforeItsTurnDoesNotRun(t *testing.T) {
	db := open(t)
	exec(t, db, "CREATE TABLE post (id INTEGER PRIMARY KEY)")
	ctx, cancel := context.WithCancel(t.Context())
	errs, _ := batch(t, db, 2, func(i int) error {
		if i == 1 {
			cancel()
			return nil
		}
		return db.Write(ctx, func(*sqlite.Tx) error {
			t.Error("it ran")
			return nil
		})
	})
	if !errors.Is(errs[0], context.Canceled) {
		t.Errorf("got %v", errs[0])
	}
}

// Nobody may be told of success when the database has undone everything, and
// what comes after that must not commit by itself.
func TestALostTransactionFailsForAll(t *testing.T) {
	for _, c := range []struct{ name, statement string }{
		{"a rollback within", "ROLLBACK"},
		{"a commit within", "COMMIT"},
		{"a conflict that rolls back", "INSERT OR ROLLBACK INTO post VALUES (-1)"},
		{"a full disk", "INSERT INTO big VALUES (zeroblob(50000000))"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := open(t)
			exec(t, db, "CREATE TABLE post (id INTEGER PRIMARY KEY)", "CREATE TABLE big (b BLOB)", "INSERT INTO post VALUES (-1)",
				"PRAGMA max_page_count = 2000")
			errs, _ := batch(t, db, 4, func(i int) error {
				ctx := t.Context()
				return db.Write(ctx, func(tx *sqlite.Tx) error {
					if _, err := tx.ExecContext(ctx, "INSERT INTO post VALUES ($1)", i); err != nil {
						return err
					}
					if i != 2 {
						return nil
					}
					_, _ = tx.ExecContext(ctx, c.statement)
					if _, err := tx.ExecContext(ctx, "INSERT INTO post VALUES (99)"); err == nil {
						t.Error("a statement after the end runs")
					}
					return nil // whatever happened
				})
			})
			there := one[string](t, db.Read, "SELECT group_concat(id) FROM (SELECT id FROM post ORDER BY id)")
			for i, err := range errs {
				if kept := slices.Contains(strings.Split(there, ","), fmt.Sprint(i)); kept != (err == nil) || i == 2 && kept {
					t.Errorf("caller %d was told %v; there: %s", i, err, there)
				}
			}
			if strings.Contains(there, "99") {
				t.Errorf("half-written: %s", there)
			}
			exec(t, db, "INSERT INTO post VALUES (100)")
		})
	}
}

func TestOneBatchIsBounded(t *testing.T) {
	db := open(t)
	exec(t, db, "CREATE TABLE post (id INTEGER PRIMARY KEY)")
	var n atomic.Int64
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() {
			if err := db.Exec(t.Context(), "INSERT INTO post VALUES ($1)", n.Add(1)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := one[int](t, db.Read, "SELECT count(*) FROM post"); got != 300 {
		t.Errorf("%d posts, want 300", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	make := func(name string, statements ...string) string {
		path := filepath.Join(dir, name)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, s := range statements {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer := filepath.Join(dir, "newer.db")
	db, err := sqlite.Open(newer)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "INSERT INTO sallyport_schema_version VALUES (99, 'later', 1)")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		is         error
		says       string
	}{
		{"a database of a newer release", newer, store.ErrNewer, "version 99"},
		{"a file that is no database", write("text.db", strings.Repeat("hello world\n", 500)), store.ErrForeign, "no SQLite file"},
		{"a short file that is no database", write("short.db", "hello"), store.ErrForeign, "no SQLite file"},
		{"somebody else's table of our name", make("foreign.db", "CREATE TABLE sallyport_users (id INTEGER)"), store.ErrForeign, "table sallyport_users"},
		{"somebody else's schema_version", make("version.db", "CREATE TABLE sallyport_schema_version (v TEXT)"), store.ErrForeign, "sallyport_schema_version"},
		{"somebody else's mark", make("marked.db", "PRAGMA application_id = 42", "CREATE TABLE x (id)"), store.ErrForeign, "application_id"},
		{"a folder", dir, nil, "is not a file"},
		{"a folder that does not exist", filepath.Join(dir, "no", "x.db"), os.ErrNotExist, "no such file"},
		{"no path", "", nil, "path"},
		{"a database in memory", ":memory:", nil, "store/memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, _ := os.ReadFile(c.path)
			db, err := sqlite.Open(c.path)
			if err == nil {
				db.Close()
				t.Fatal("no error")
			}
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want %v and %q, in one line", err, c.is, c.says)
			}
			if after, _ := os.ReadFile(c.path); string(after) != string(before) {
				t.Error("the file was changed")
			}
			if _, err := sqlite.MigrationStatus(t.Context(), c.path); err == nil {
				t.Error("MigrationStatus: no error")
			}
		})
	}
}

func TestOtherTablesAreWelcome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "board.db")
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec("CREATE TABLE post (id INTEGER PRIMARY KEY); INSERT INTO post VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	db := openAt(t, path)
	if got := one[int](t, db.Read, "SELECT id FROM post"); got != 7 {
		t.Errorf("post %d, want 7", got)
	}
}

func TestMigrations(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "m.db")
	if _, err := sqlite.MigrationStatus(ctx, path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("status of a file that does not exist: %v", err)
	}
	if _, err := (sqlite.Config{Path: path, NoMigrate: true}).Open(ctx); !errors.Is(err, store.ErrPending) {
		t.Errorf("open without migrating: %v, want ErrPending", err)
	}
	pending, err := sqlite.MigrationStatus(ctx, path)
	if err != nil || len(pending) == 0 || pending[0].Version != 1 || !pending[0].AppliedAt.IsZero() {
		t.Fatalf("status of an empty file: %+v, %v", pending, err)
	}
	applied, err := sqlite.Migrate(ctx, path)
	if err != nil || len(applied) != len(pending) || applied[0].AppliedAt.IsZero() {
		t.Fatalf("migrate: %+v, %v", applied, err)
	}
	if again, err := sqlite.Migrate(ctx, path); err != nil || len(again) != 0 {
		t.Errorf("migrate again: %+v, %v", again, err)
	}
	if now, err := sqlite.MigrationStatus(ctx, path); err != nil || !now[0].AppliedAt.Equal(applied[0].AppliedAt) {
		t.Errorf("status: %+v, %v", now, err)
	}
	db, err := sqlite.Config{Path: path, NoMigrate: true}.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestManyOpenAndMigrateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	var all sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		all.Go(func() {
			db, err := sqlite.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			_ = db.View(t.Context(), func(tx account.Tx) error {
				h, err := tx.Log.Head(t.Context())
				ids[i] = h.Log
				return err
			})
		})
	}
	all.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] || strings.Contains(id, ".") {
			t.Fatalf("log ids %q, want one", ids)
		}
	}
}

func TestManyCallers(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	rounds := testenv.Count(8, 500)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for j := range rounds {
				err := db.Update(ctx, func(tx account.Tx) error {
					if err := tx.Audit.Append(ctx, audit.Entry{Actor: fmt.Sprint(i), Action: fmt.Sprint(j), At: time.Now()}); err != nil {
						return err
					}
					if j%5 == 4 {
						return context.DeadlineExceeded
					}
					_, err := tx.Log.Append(ctx, revoke.Entry{Effect: revoke.Kill, Kind: revoke.Session, ID: fmt.Sprint(i, "-", j)})
					return err
				})
				if (err != nil) != (j%5 == 4) {
					t.Errorf("%d-%d: %v", i, j, err)
				}
			}
		})
	}
	all.Wait()
	want := 64 * (rounds - rounds/5)
	if got := one[int](t, db.Read, "SELECT count(*) FROM sallyport_audit_log"); got != want {
		t.Errorf("%d audit entries, want %d", got, want)
	}
	if got := one[int](t, db.Read, "SELECT max(seq) FROM sallyport_revocation"); got != want {
		t.Errorf("the last number is %d, want %d", got, want)
	}
}

// One process that writes without a pause does not keep another from writing.
func TestABusyProcessLetsAnotherIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	all, one := openAt(t, path), openAt(t, path)
	exec(t, all, "CREATE TABLE post (id INTEGER PRIMARY KEY)")
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				err := all.Write(t.Context(), func(tx *sqlite.Tx) error {
					time.Sleep(time.Millisecond)
					_, err := tx.ExecContext(t.Context(), "INSERT INTO post DEFAULT VALUES")
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range testenv.Count(20, 200) {
		time.Sleep(5 * time.Millisecond) // so that it waits indeed
		exec(t, one, "INSERT INTO post DEFAULT VALUES")
	}
}

func TestWhoWaitsForAnotherProcessMayGiveUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	holds, waits := openAt(t, path), openAt(t, path)
	err := holds.Write(t.Context(), func(*sqlite.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := waits.Exec(ctx, "CREATE TABLE post (id TEXT)"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, waits, "CREATE TABLE post (id TEXT)")
}

// A log that is written and read all the time is begun again all the same, and the database gets what it had.
func TestTheLogStaysShort(t *testing.T) {
	db := open(t)
	ctx := t.Context()
	if err := db.Exec(ctx, `CREATE TABLE note (id INTEGER PRIMARY KEY, text BLOB) STRICT`); err != nil {
		t.Fatal(err)
	}
	reading, stop := context.WithCancel(ctx)
	var reader sync.WaitGroup
	reader.Go(func() {
		for reading.Err() == nil {
			db.Ping(ctx)
		}
	})
	const pages = 16 // of each transaction, at least
	n, longest := testenv.Count(2500, 20_000), int64(0)
	for i := range n {
		if err := db.Exec(ctx, `INSERT INTO note VALUES (?, zeroblob(?))`, i, pages<<12); err != nil {
			t.Fatal(err)
		}
		log, err := os.Stat(db.Path() + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, log.Size())
	}
	stop()
	reader.Wait()
	if limit := int64(96 << 20); longest > limit {
		t.Errorf("of %d MiB that were written the log had %d MiB at once, more than %d", n*pages>>8, longest>>20, limit>>20)
	}
	var got int
	if err := db.Read.QueryRow(`SELECT count(*) FROM note`).Scan(&got); err != nil || got != n {
		t.Errorf("%d of %d rows, %v", got, n, err)
	}
}

package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/store"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// log returns the name of a database's log, which no other has.
func log(t testing.TB, path string) (name string) {
	t.Helper()
	db, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(t.Context(), func(tx account.Tx) error {
		head, err := tx.Log.Head(t.Context())
		name = head.Log
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func listed(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// A copy that is made while others write has every change or not, and all of
// each.
func TestCopyBesideWriters(t *testing.T) {
	dir := t.TempDir()
	db := openAt(t, filepath.Join(dir, "live.db"))
	exec(t, db, `CREATE TABLE pair (a INTEGER, b INTEGER)`, `INSERT INTO pair VALUES (0, 0)`)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 1; ctx.Err() == nil && err == nil; i++ {
			err = db.Write(t.Context(), func(tx *sqlite.Tx) error {
				_, err := tx.ExecContext(t.Context(), `UPDATE pair SET a = $1`, i)
				if err == nil {
					_, err = tx.ExecContext(t.Context(), `UPDATE pair SET b = $1`, i)
				}
				return err
			})
		}
		done <- err
	}()
	for i := range 10 {
		to := filepath.Join(dir, fmt.Sprint("copy", i))
		if err := sqlite.Copy(t.Context(), db.Path(), to); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Verify(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		c := openAt(t, to)
		if a, b := one[int](t, c.Read, `SELECT a FROM pair`), one[int](t, c.Read, `SELECT b FROM pair`); a != b {
			t.Errorf("half a change: %d, %d", a, b)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCopyLeavesNothingBehindWhenItFails(t *testing.T) {
	dir := t.TempDir()
	db := open(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	if err := os.WriteFile(foreign, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"no database":      sqlite.Copy(t.Context(), filepath.Join(dir, "missing.db"), filepath.Join(dir, "to")),
		"a foreign file":   sqlite.Copy(t.Context(), foreign, filepath.Join(dir, "to")),
		"a ctx that ended": sqlite.Copy(cancelled, db.Path(), filepath.Join(dir, "to")),
		"no such folder":   sqlite.Copy(t.Context(), db.Path(), filepath.Join(dir, "none", "to")),
	} {
		if err == nil {
			t.Errorf("%s was copied", name)
		}
	}
	if left := listed(t, dir); left != "" {
		t.Errorf("left behind: %s", left)
	}
	taken := filepath.Join(dir, "taken")
	if err := os.WriteFile(taken, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Copy(t.Context(), db.Path(), taken); err == nil {
		t.Error("a file that has something in it was written over")
	}
	if text, err := os.ReadFile(taken); string(text) != "x" {
		t.Errorf("it was changed: %q, %v", text, err)
	}
}

func TestVerify(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole.db")
	if err := sqlite.Copy(t.Context(), open(t).Path(), whole); err != nil {
		t.Fatal(err)
	}
	bytes, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		make func(path string) error
		want string // of the error; "" = none
		is   error
	}{
		{"a copy", func(path string) error { return os.WriteFile(path, bytes, 0o600) }, "", nil},
		{"an empty file", func(path string) error { return os.WriteFile(path, nil, 0o600) }, "no tables of Sallyport", store.ErrForeign},
		{"half of it", func(path string) error { return os.WriteFile(path, bytes[:len(bytes)/2], 0o600) }, "damaged", nil},
		{"a page of zeros", func(path string) error {
			b := append([]byte(nil), bytes...)
			clear(b[len(b)-4096*8:])
			return os.WriteFile(path, b, 0o600)
		}, "damaged", nil},
		{"text", func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("text ", 1000)), 0o600) }, "no SQLite file", store.ErrForeign},
		{"a newer release", func(path string) error {
			return errors.Join(os.WriteFile(path, bytes, 0o600), raw(path, `INSERT INTO sallyport_schema_version VALUES (999, 'new', 0)`))
		}, "versions up to", store.ErrNewer},
		{"another program's", func(path string) error { return raw(path, `CREATE TABLE other (x)`) }, "no tables of Sallyport", store.ErrForeign},
		{"nothing", func(string) error { return nil }, "no such file", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			state, err := sqlite.Verify(t.Context(), path)
			if c.want == "" {
				if err != nil || len(state) == 0 {
					t.Errorf("%v, %v", state, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func raw(path, statement string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	_, err = db.Exec(statement)
	return errors.Join(err, db.Close())
}

// made makes a database and returns the name of its log.
func made(t testing.TB, path string) string {
	t.Helper()
	if _, err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return log(t, path)
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path, by, kept := filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db"), filepath.Join(dir, "kept.db")
	old, fresh := made(t, path), made(t, by)
	if err := sqlite.Replace(t.Context(), path, by, kept); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, dir); got != "a.db kept.db" {
		t.Errorf("there are %s", got)
	}
	if a, k := log(t, path), log(t, kept); a != fresh || k != old {
		t.Errorf("there is %s, and kept %s", a, k)
	}
	// Where nothing was.
	first := filepath.Join(dir, "first.db")
	if err := sqlite.Replace(t.Context(), first, path, filepath.Join(dir, "none")); err != nil || log(t, first) != fresh {
		t.Errorf("where nothing was: %v", err)
	}
}

// Nothing is replaced while somebody works with it, and who comes in that moment
// writes to neither.
func TestReplaceIsForOneAlone(t *testing.T) {
	dir := t.TempDir()
	path, by, kept := filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db"), filepath.Join(dir, "kept.db")
	old := made(t, path)
	made(t, by)
	db := openAt(t, path)
	for _, in := range [][2]string{{path, by}, {by, path}} {
		err := sqlite.Replace(t.Context(), in[0], in[1], kept)
		if err == nil || !strings.Contains(err.Error(), "another process is using the database") {
			t.Errorf("replaced while it was open: %v", err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, dir); got != "a.db b.db" || log(t, path) != old {
		t.Errorf("there are %s", got)
	}

	if err := os.WriteFile(filepath.Join(dir, "c.db-wal"), []byte("left over"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Replace(t.Context(), filepath.Join(dir, "c.db"), by, kept); err == nil || !strings.Contains(err.Error(), "c.db-wal is there") {
		t.Errorf("beside the log of another database: %v", err)
	}
}

// opened counts the open files of that name.
func opened(t testing.TB, path string) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("SKIPPED: which files are open is found out on Linux only")
	}
	for _, fd := range fds {
		if name, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && name == path {
			n++
		}
	}
	return n
}

// A command that has opened the old file, and waits to write, must not write
// beside the new one.
func TestWhoWaitsForAReplacedFileFails(t *testing.T) {
	dir := t.TempDir()
	path, by, kept := filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db"), filepath.Join(dir, "kept.db")
	made(t, path)
	fresh := made(t, by)
	// What Replace does, one step at a time, with somebody else in between.
	keeper, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer keeper.Close()
	keeper.SetMaxOpenConns(1)
	for _, s := range []string{`PRAGMA journal_mode = DELETE`, `BEGIN EXCLUSIVE`} {
		if _, err := keeper.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	waiting := make(chan error, 1)
	go func() {
		db, err := sqlite.Open(path) // waits for the lock, and then has the file that was kept
		if err == nil {
			err = errors.Join(errors.New("it was opened"), db.Close())
		}
		waiting <- err
	}()
	for opened(t, path) < 2 {
	}
	if err := errors.Join(os.Link(path, kept), os.Rename(by, path)); err != nil {
		t.Fatal(err)
	}
	if _, err := keeper.Exec(`ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err == nil || err.Error() == "it was opened" {
		t.Errorf("who waited got %v", err)
	}
	if got := listed(t, dir); got != "a.db kept.db" {
		t.Errorf("there are %s", got)
	}
	if log(t, path) != fresh {
		t.Error("another database is there")
	}
}

package testdb_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/testdb"
)

// open connects to a database and disconnects when the test ends.
func open(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// one returns the single value that a query answers.
func one[T any](t testing.TB, db *sql.DB, query string) T {
	t.Helper()
	var v T
	if err := db.QueryRow(query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// notes is a schema of one table with one row.
func notes(ctx context.Context, dsn string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "CREATE TABLE note (text TEXT NOT NULL); INSERT INTO note VALUES ('from the template')")
	return err
}

func TestPostgresWithoutKeyIsEmpty(t *testing.T) {
	db := open(t, testdb.Postgres(t, "", func(context.Context, string) error {
		t.Error("migrate was called")
		return nil
	}))
	if n := one[int](t, db, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 0 {
		t.Errorf("%d tables, want none", n)
	}
}

func TestPostgresSettings(t *testing.T) {
	type opener func(testing.TB, string, func(context.Context, string) error) string
	for _, c := range []struct {
		name  string
		open  opener
		fsync string
	}{
		{"the shared cluster does not wait for the disk", testdb.Postgres, "off"},
		{"the durable cluster does", testdb.PostgresDurable, "on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := open(t, c.open(t, "", nil))
			for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
				if got := one[string](t, db, "SHOW "+setting); got != c.fsync {
					t.Errorf("%s = %s, want %s", setting, got, c.fsync)
				}
			}
		})
	}
}

func TestTemplateIsMigratedOnceAndCopiesAreSeparate(t *testing.T) {
	var migrations atomic.Int32
	key := rand.Text() // -count=2 must find no template of the first round
	for i := range 4 {
		t.Run(fmt.Sprint("copy ", i), func(t *testing.T) {
			t.Parallel()
			db := open(t, testdb.Postgres(t, key, func(ctx context.Context, dsn string) error {
				migrations.Add(1)
				return notes(ctx, dsn)
			}))
			if _, err := db.Exec("INSERT INTO note VALUES ($1)", t.Name()); err != nil {
				t.Fatal(err)
			}
			if n := one[int](t, db, "SELECT count(*) FROM note"); n != 2 {
				t.Errorf("%d notes, want the template's and our own", n)
			}
		})
	}
	t.Cleanup(func() {
		if n := migrations.Load(); n != 1 {
			t.Errorf("migrated %d times, want once", n)
		}
	})
}

func TestDatabaseIsDroppedWhenTheTestEnds(t *testing.T) {
	var db *sql.DB
	t.Run("a test that leaves a connection open", func(inner *testing.T) {
		db = open(t, testdb.Postgres(inner, "", nil))
		if err := db.Ping(); err != nil {
			t.Fatal(err)
		}
	})
	err := db.Ping()
	if err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("pinging it afterwards: %v, want that it does not exist", err)
	}
}

// In one run many test binaries ask for the same template at the same moment.
func TestTemplateIsMigratedOnceOverAllProcesses(t *testing.T) {
	cluster := cluster(t)
	log := filepath.Join(t.TempDir(), "migrations")
	var wg sync.WaitGroup
	for range 4 {
		cmd := helper(t, "template", "SALLYPORT_TEST_POSTGRES="+cluster, "MIGRATIONS="+log)
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	got, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "migrated\n" {
		t.Errorf("migrations: %q, want one", got)
	}
}

// cluster returns the URL of a cluster of this test's own.
func cluster(t *testing.T) string {
	t.Helper()
	c, err := testdb.StartCluster(testdb.Fast)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c.DSN()
}

func TestMigrateThatFailsIsTriedAgain(t *testing.T) {
	key := rand.Text()
	failed := observe(func(tb testing.TB) {
		testdb.Postgres(tb, key, func(context.Context, string) error { return errors.New("a mistake in the schema") })
	})
	if !strings.Contains(failed.fatal, "a mistake in the schema") {
		t.Errorf("the test failed with %q, want the error of migrate", failed.fatal)
	}
	db := open(t, testdb.Postgres(t, key, notes))
	if n := one[int](t, db, "SELECT count(*) FROM note"); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
}

func TestMigrateThatLeavesAConnectionOpenFails(t *testing.T) {
	var left *sql.DB
	failed := observe(func(tb testing.TB) {
		testdb.Postgres(tb, rand.Text(), func(ctx context.Context, dsn string) error {
			left = open(t, dsn)
			return left.PingContext(ctx)
		})
	})
	if !strings.Contains(failed.fatal, "being accessed by other users") {
		t.Errorf("the test failed with %q, want that the template is in use", failed.fatal)
	}
}

func TestRedisServersAreSeparate(t *testing.T) {
	first, second := testdb.Redis(t), testdb.Redis(t)
	for _, c := range []struct{ addr, send, want string }{
		{first, "SET word sallyport", "+OK"},
		{first, "GET word", "$9"},
		{second, "GET word", "$-1"},
		{first, "CONFIG GET save", "*2"},
	} {
		if got := ask(t, c.addr, c.send); got != c.want {
			t.Errorf("%s answers %q, want %q", c.send, got, c.want)
		}
	}
}

func TestRedisStopsWhenTheTestEnds(t *testing.T) {
	var addr string
	t.Run("a test", func(t *testing.T) { addr = testdb.Redis(t) })
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Errorf("%s still answers", addr)
	}
}

// ask sends one command and returns the first line of the answer.
func ask(t *testing.T, addr, command string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, command+"\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(line, "\r\n")
}

func TestNginxServesAndStopsWhenTheTestEnds(t *testing.T) {
	var address string
	t.Run("a test", func(t *testing.T) {
		port := testdb.Nginx(t, map[string][]byte{"hello.txt": []byte("hello")}, func(folder string, port int) string {
			return fmt.Sprintf("server { listen 127.0.0.1:%d; root %s; }", port, folder)
		})
		address = fmt.Sprintf("http://127.0.0.1:%d/hello.txt", port)
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "hello" {
			t.Errorf("%q, %v", text, err)
		}
	})
	if resp, err := http.Get(address); err == nil && address != "" {
		resp.Body.Close()
		t.Error("it goes on")
	}
}

func TestAnNginxThatCannotStartFailsTheTest(t *testing.T) {
	got := observe(func(tb testing.TB) { testdb.Nginx(tb, nil, func(string, int) string { return "nonsense;" }) })
	if !strings.Contains(got.fatal+got.skip, "nonsense") && !strings.Contains(got.fatal+got.skip, "nginx-light") {
		t.Errorf("skipped with %q, failed with %q", got.skip, got.fatal)
	}
}

func TestMissingProgram(t *testing.T) {
	for _, c := range []struct {
		name, require string
		skip, fatal   bool
	}{
		{"a newcomer's test is skipped and says what to install", "", true, false},
		{"a test of ./test.sh fails", "1", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir())
			t.Setenv("SALLYPORT_TEST_REQUIRE", c.require)
			got := observe(func(tb testing.TB) { testdb.Redis(tb) })
			if strings.Contains(got.skip, "redis-server") != c.skip || strings.Contains(got.fatal, "redis-server") != c.fatal {
				t.Errorf("skipped with %q, failed with %q", got.skip, got.fatal)
			}
		})
	}
}

// An observed stands in for the test of a user of this package and remembers how it ended.
type observed struct {
	testing.TB
	skip, fatal string
}

func (o *observed) Helper()                  {}
func (o *observed) Context() context.Context { return context.Background() }
func (o *observed) Cleanup(func())           {}

func (o *observed) Skipf(format string, args ...any) {
	o.skip = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (o *observed) Fatalf(format string, args ...any) {
	o.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// observe runs f as a test would be run, in a goroutine that Skip and Fatal may end.
func observe(f func(testing.TB)) *observed {
	o := &observed{}
	var wg sync.WaitGroup
	wg.Go(func() { f(o) })
	wg.Wait()
	return o
}

// Package testdb gives tests a real PostgreSQL, a real Redis and a real nginx of their own, started from the installed programs and
// stopped again, whatever happens to the test.
//
// One PostgreSQL cluster serves a whole run. ./test.sh starts it with the command in withpostgres and names it to every test
// binary in SALLYPORT_TEST_POSTGRES; without that variable each test binary starts its own at the first call. Within the
// cluster every test has its own database, a copy of a template that is migrated once per run.
//
// A test that needs a program which is not installed is skipped and says so, or fails if SALLYPORT_TEST_REQUIRE is set. A
// program that is installed and does not start always fails the test.
//
// Call these functions outside a testing/synctest bubble: they keep connections that outlive the test.
// docs/decisions/0002-one-postgresql-cluster-per-test-run.md says why it is built this way.
package testdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// Postgres returns the URL of a database that only this test uses; it is dropped when the test ends, even if connections to
// it are still open. The cluster does not wait for the disk, so a test that cuts the power (or pretends to) wants
// [PostgresDurable].
//
// The database is a copy of a template that migrate prepared. The template belongs to key and is made by the first caller in
// the run, over all processes; so key must name the schema completely (a hash of the migrations does) and migrate must
// close its connections before it returns. An empty key gives an empty database, and migrate is not called.
//
// Postgres is safe for concurrent use by parallel tests.
func Postgres(t testing.TB, key string, migrate func(ctx context.Context, dsn string) error) (dsn string) {
	t.Helper()
	return database(t, fast, key, migrate)
}

// PostgresDurable is [Postgres] on a cluster that waits for the disk at every commit, with PostgreSQL's own defaults. Each
// test binary that asks for it has one of its own.
func PostgresDurable(t testing.TB, key string, migrate func(ctx context.Context, dsn string) error) (dsn string) {
	t.Helper()
	return database(t, durable, key, migrate)
}

// PostgresCluster returns a cluster that only this test uses, for what would disturb others: a crash. It stops when the test
// ends.
func PostgresCluster(t testing.TB, d Durability) *Cluster {
	t.Helper()
	c, err := StartCluster(d)
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("testdb: stopping PostgreSQL: %v", err)
		}
	})
	return c
}

// fast and durable are the clusters of this process, opened at the first use and stopped when the process is gone.
var (
	fast = sync.OnceValues(func() (*admin, error) {
		if dsn := os.Getenv("SALLYPORT_TEST_POSTGRES"); dsn != "" {
			return newAdmin(dsn)
		}
		return startAdmin(Fast)
	})
	durable = sync.OnceValues(func() (*admin, error) { return startAdmin(Durable) })
)

func startAdmin(d Durability) (*admin, error) {
	c, err := StartCluster(d)
	if err != nil {
		return nil, err
	}
	a, err := newAdmin(c.DSN())
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	a.cluster = c
	return a, nil
}

func database(t testing.TB, open func() (*admin, error), key string, migrate func(context.Context, string) error) string {
	t.Helper()
	a, err := open()
	if err != nil {
		unavailable(t, err)
	}
	name, err := a.create(t.Context(), key, migrate)
	if err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() {
		// t.Context has ended by now.
		if err := a.drop(context.Background(), name); err != nil {
			t.Errorf("testdb: %v", err)
		}
	})
	return a.dsn(name)
}

// errNotInstalled is the only reason to skip a test.
var errNotInstalled = errors.New("not installed")

// said remembers which complaints went to standard error, so that each is printed once per process.
var said sync.Map

// unavailable ends the test: skipped if the program is merely not installed and may be missing, failed otherwise.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if testenv.Require() || !errors.Is(err, errNotInstalled) {
		t.Fatalf("testdb: %v", err)
	}
	if _, again := said.LoadOrStore(err.Error(), true); !again {
		fmt.Fprintf(os.Stderr, "\n*** TESTS SKIPPED: %v\n*** ./test.sh installs it and runs them.\n\n", err)
	}
	t.Skipf("SKIPPED: %v; ./test.sh installs it and runs this test", err)
}

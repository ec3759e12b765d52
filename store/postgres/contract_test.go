package postgres_test

import (
	"context"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/sqldb/sqltest"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/store/postgres"
	"github.com/sallyport-auth/sallyport/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) account.Store { return open(t) })
}

// open returns a store on a database of its own.
func open(t testing.TB) *postgres.DB {
	t.Helper()
	return connect(t, postgres.Config{DSN: testdb.Postgres(t, sqldb.Key(), migrate)})
}

// durable returns a store on a cluster that waits for the disk.
func durable(t testing.TB) *postgres.DB {
	t.Helper()
	return connect(t, postgres.Config{DSN: testdb.PostgresDurable(t, sqldb.Key(), migrate), MaxConns: 32})
}

func connect(t testing.TB, c postgres.Config) *postgres.DB {
	t.Helper()
	db, err := c.Open(t.Context())
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

func migrate(ctx context.Context, dsn string) error {
	_, err := postgres.Migrate(ctx, dsn)
	return err
}

func TestFollowersMeetEveryEntryInOrder(t *testing.T) { sqltest.Order(t, open(t)) }

func TestKill(t *testing.T) {
	sqltest.Kill(t, func(t *testing.T) string { return testdb.PostgresDurable(t, sqldb.Key(), migrate) },
		func(dsn string) (account.Store, error) { return postgres.Open(context.Background(), dsn) })
}

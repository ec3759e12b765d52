package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/sqldb/sqltest"
	"github.com/sallyport-auth/sallyport/store/sqlite"
	"github.com/sallyport-auth/sallyport/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) account.Store { return open(t) })
}

func TestFollowersMeetEveryEntryInOrder(t *testing.T) { sqltest.Order(t, open(t)) }

func TestKill(t *testing.T) {
	sqltest.Kill(t, func(t *testing.T) string { return filepath.Join(t.TempDir(), "kill.db") },
		func(path string) (account.Store, error) { return sqlite.Open(path) })
}

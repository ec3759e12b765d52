package postgres_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/sqldb/sqltest"
)

// whole are the statements that are meant to read a whole table: small ones.
var whole = regexp.MustCompile(`FROM sallyport_(roles|signing_keys|oauth_clients)\s+ORDER BY|FROM sallyport_users LIMIT 1$`)

// Cost must not grow with the number of rows. The tables are empty, so the
// planner is told that it may read a whole one only if no index helps.
func TestNoStatementScansATable(t *testing.T) {
	db := open(t)
	for _, s := range sqltest.Statements(t, db.Transact) {
		err := db.Transact(t.Context(), func(c sqldb.Conn) error {
			if _, err := c.Exec(t.Context(), "SET LOCAL enable_seqscan = off"); err != nil {
				return err
			}
			return c.Query(t.Context(), "EXPLAIN "+s.Text, s.Args, func(row sqldb.Row) error {
				var line string
				if err := row.Scan(&line); err != nil {
					return err
				}
				if strings.Contains(line, "Seq Scan") && !whole.MatchString(s.Text) {
					t.Errorf("%s\nscans: %s", s.Text, line)
				}
				return nil
			})
		})
		if err != nil {
			t.Errorf("%s: %v", s.Text, err)
		}
	}
}

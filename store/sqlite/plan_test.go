package sqlite_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/sqldb/sqltest"
)

// whole are the statements that are meant to read a whole table: small ones.
var whole = regexp.MustCompile(`FROM sallyport_(roles|signing_keys|oauth_clients)\s+ORDER BY|FROM sallyport_users LIMIT 1$`)

// Cost must not grow with the number of rows: every statement finds its rows by
// an index, or reads on from somewhere in an index until its limit.
func TestNoStatementScansATable(t *testing.T) {
	db := open(t)
	for _, s := range sqltest.Statements(t, db.Transact) {
		for _, line := range plan(t, db.Transact, s) {
			// Grants are a table without rowid: they are kept in an index.
			index := strings.Contains(line, "USING") || line == "SCAN sallyport_grants"
			paged := index && strings.Contains(s.Text, "LIMIT")
			constant := strings.Contains(line, "CONSTANT ROW") || strings.Contains(line, "VALUES CLAUSE")
			if strings.HasPrefix(line, "SCAN") && !paged && !constant && !whole.MatchString(s.Text) {
				t.Errorf("%s\nscans: %s", s.Text, line)
			}
			// A search by prefix costs as much as the prefix selects.
			if strings.Contains(line, "TEMP B-TREE FOR ORDER BY") && strings.Contains(s.Text, "LIMIT") && !strings.Contains(s.Text, "UNION") {
				t.Errorf("%s\nsorts before it limits: %s", s.Text, line)
			}
		}
	}
}

// plan returns the lines of SQLite's plan for a statement.
func plan(t *testing.T, transact sqltest.Transact, s sqltest.Statement) (lines []string) {
	t.Helper()
	err := transact(t.Context(), func(c sqldb.Conn) error {
		return c.Query(t.Context(), "EXPLAIN QUERY PLAN "+s.Text, s.Args, func(row sqldb.Row) error {
			var id, parent, unused int64
			var detail string
			err := row.Scan(&id, &parent, &unused, &detail)
			lines = append(lines, detail)
			return err
		})
	})
	if err != nil {
		t.Fatalf("%s: %v", s.Text, err)
	}
	return lines
}

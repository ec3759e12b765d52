package sqlite_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport/store/sqlite"
)

func TestParametersThatStandInOrderNeedNoNumbers(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"rows", "INSERT INTO t (a, b) VALUES ($1, $2), ($3,$4)", "INSERT INTO t (a, b) VALUES (?, ?), (?,?)"},
		{"more than nine", "VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)", "VALUES (?,?,?,?,?,?,?,?,?,?,?)"},
		{"a condition", "SELECT a FROM t WHERE b = $1\n\tAND c > $2;", "SELECT a FROM t WHERE b = ?\n\tAND c > ?;"},
		{"none", "SELECT 1", "SELECT 1"},
	} {
		if got := sqlite.Unnumbered(c.text); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	for name, text := range map[string]string{
		"one stands twice":     "SELECT a FROM t WHERE b = $1 OR c = $1",
		"another order":        "UPDATE t SET a = $2 WHERE b = $1",
		"one is missing":       "SELECT $1, $3",
		"it does not begin":    "SELECT $2",
		"a name":               "SELECT $1a",
		"a name of a module":   "SELECT $1::a",
		"a longer number":      "SELECT $12",
		"a path in text":       "SELECT a ->> '$.b' FROM t WHERE c = $1",
		"a quoted name":        `SELECT "$1" FROM t WHERE c = $1`,
		"a name in brackets":   "SELECT [$1] FROM t",
		"a name in back ticks": "SELECT `$1` FROM t",
		"a comment":            "SELECT $1 -- of $2",
		"a long comment":       "SELECT $1 /* of $2 */",
		"both kinds":           "SELECT ?, $1",
		"a dollar at the end":  "SELECT $",
	} {
		if got := sqlite.Unnumbered(text); got != text {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A limit that is a mere parameter has SQLite plan a statement anew each time.
func TestALimitIsAnExpression(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT a FROM t WHERE b > $1 LIMIT $2":                            "SELECT a FROM t WHERE b > ? LIMIT +?",
		"DELETE FROM t WHERE a IN (SELECT a FROM t WHERE b < $1 LIMIT $2)": "DELETE FROM t WHERE a IN (SELECT a FROM t WHERE b < ? LIMIT +?)",
		"SELECT a FROM t LIMIT 1":                                          "SELECT a FROM t LIMIT 1",
	} {
		if got := sqlite.Unnumbered(sqlite.Steady(text)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

package sqldb

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestAfter(t *testing.T) {
	for _, c := range []struct {
		name, prefix, end string
		bounded           bool
	}{
		{"the last letter moves on", "ab", "ac", true},
		{"from one byte to two", "a\x7f", "a\u0080", true},
		{"characters of several bytes", "ü", "ý", true},
		{"what follows is no character", "x\ud7ff", "x\ue000", true},
		{"the last character of all gives way to the one before", "b\U0010FFFF\U0010FFFF", "c", true},
		{"nothing follows", "\U0010FFFF", "", false},
		{"every text begins with nothing", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			end, bounded := after(c.prefix)
			if end != c.end || bounded != c.bounded {
				t.Fatalf("after(%q) = %q, %t; want %q, %t", c.prefix, end, bounded, c.end, c.bounded)
			}
			for _, tail := range []string{"", "\x01", "z", "ü", "\U0010FFFF"} {
				if s := c.prefix + tail; bounded && (s < c.prefix || s >= end) {
					t.Errorf("%q is not in the range", s)
				}
			}
		})
	}
}

func TestStatementsOfAMigration(t *testing.T) {
	const text = `-- A comment; with a semicolon.
CREATE TABLE a (
  id   TEXT NOT NULL, -- another
  data BYTEA NOT NULL
);
-- postgres: ALTER TABLE a SET (fillfactor = 80);
CREATE INDEX i ON a (id);
`
	for _, c := range []struct {
		dialect Dialect
		want    []string
	}{
		{Dialect{Name: "sqlite", Text: "TEXT"}, []string{"CREATE TABLE a (\nid   TEXT NOT NULL,\ndata BYTEA NOT NULL\n);\n", "CREATE INDEX i ON a (id);\n"}},
		{Dialect{Name: "postgres", Text: `TEXT COLLATE "C"`}, []string{"CREATE TABLE a (\nid   TEXT COLLATE \"C\" NOT NULL,\ndata BYTEA NOT NULL\n);\n",
			"ALTER TABLE a SET (fillfactor = 80);\n", "CREATE INDEX i ON a (id);\n"}},
	} {
		if got := c.dialect.statements(text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.dialect.Name, got, c.want)
		}
	}
}

// A column that were plain TEXT on PostgreSQL would sort by the locale.
func TestEveryTextIsNotNull(t *testing.T) {
	for _, s := range steps {
		for line := range strings.Lines(s.text) {
			if code, _, _ := strings.Cut(line, "--"); strings.Contains(code, " TEXT") && !strings.Contains(code, " TEXT NOT NULL") {
				t.Errorf("%s: %s", s.name, line)
			}
		}
	}
}

func TestMigrationsAreNumberedWithoutGaps(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a gap was accepted")
		}
	}()
	readSteps(fstest.MapFS{"migrations/0001_a.sql": {}, "migrations/0003_b.sql": {}})
}

package where_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rule/where"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// A database holds the posts.
type database struct {
	*sql.DB
	dialect sallyport.Dialect
}

func openSQLite(t testing.TB) database {
	return prepare(t, "sqlite", ":memory:", sallyport.SQLite,
		// This column is careless about case, which must not matter.
		strings.Replace(table, "title TEXT", "title TEXT COLLATE NOCASE", 1))
}

func openPostgres(t testing.TB) database {
	return prepare(t, "pgx", testdb.Postgres(t, "", nil), sallyport.Postgres, table)
}

func prepare(t testing.TB, driver, dsn string, d sallyport.Dialect, create string) database {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1) // each connection to :memory: is a database of its own
	if _, err := db.Exec(create); err != nil {
		t.Fatal(err)
	}
	return database{db, d}
}

// fill makes the table hold these posts and no others.
func (db database) fill(all []*post) error {
	var values []string
	var args []any
	for _, p := range all {
		var marks []string
		for _, v := range p.row() {
			args = append(args, v)
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
		values = append(values, "("+strings.Join(marks, ", ")+")")
	}
	if _, err := db.Exec("DELETE FROM posts"); err != nil {
		return err
	}
	_, err := db.Exec("INSERT INTO posts VALUES "+strings.Join(values, ", "), args...)
	return err
}

// list returns the ids of the posts that fulfil the condition, beside a condition
// and an argument of the caller's own.
func (db database) list(w sallyport.Where) ([]string, error) {
	query := "SELECT p.id FROM posts p WHERE p.id <> $1 AND " + w.SQL(db.dialect, 2) + " ORDER BY p.id"
	rows, err := db.Query(query, append([]any{"none"}, w.Args()...)...)
	if err != nil {
		return nil, fmt.Errorf("%w in %s %q", err, query, w.Args())
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		found = append(found, id)
	}
	return found, rows.Err()
}

// truth is what a decision sees of a condition.
func truth(e *rule.Expr, env *rule.Env) rule.Truth {
	v, err := rule.Eval(e, env)
	switch {
	case err != nil || v.Kind() != sallyport.KindBool:
		return rule.Neither
	case v.Bool():
		return rule.True
	}
	return rule.False
}

// A question is a filter, with its rules as they were before the residual.
type question struct {
	where.Filter
	permits, forbids []*rule.Expr
}

func (q *question) String() string {
	return fmt.Sprintf("%+v permits %v forbids %v", q.Filter, q.permits, q.forbids)
}

// allows is the decision, on one object, as the policy makes it.
func (q *question) allows(p *post, t *sallyport.Type[post], env *rule.Env) bool {
	on := *env
	o := object{t.Of(p)}
	on.Resource = o
	if org, belongs := o.Organization(); belongs && (org == "" || org != q.Org) {
		return false
	}
	if slices.ContainsFunc(q.forbids, func(e *rule.Expr) bool { return truth(e, &on) != rule.False }) {
		return false
	}
	granted := slices.ContainsFunc(q.Granted, func(u sallyport.UID) bool { return o.UID() == u || o.In(u) == rule.True })
	return q.Everything || granted || slices.ContainsFunc(q.permits, func(e *rule.Expr) bool { return truth(e, &on) == rule.True })
}

func drawQuestion(t *rapid.T, env *rule.Env, typ sallyport.AnyType) *question {
	q := &question{Filter: where.Filter{Org: pick(t, append([]string{""}, ids...))}}
	draw := func(what string) (e *rule.Expr, r where.Residual) {
		e = conditions{t}.condition(rapid.IntRange(0, 4).Draw(t, what))
		return e, where.Residual{Rule: &rule.Rule{ID: what}, When: rule.Residual(e, env, typ)}
	}
	switch rapid.IntRange(0, 3).Draw(t, "kind of question") {
	case 0:
		e, r := draw("forbid")
		q.Everything, q.forbids, q.Forbids = true, []*rule.Expr{e}, []where.Residual{r}
		return q
	case 1:
		for range rapid.IntRange(0, 2).Draw(t, "forbids") {
			e, r := draw("forbid")
			q.forbids, q.Forbids = append(q.forbids, e), append(q.Forbids, r)
		}
		for range rapid.IntRange(0, 2).Draw(t, "grants") {
			q.Granted = append(q.Granted, conditions{t}.uid())
		}
	}
	e, r := draw("permit")
	q.permits, q.Permits = append(q.permits, e), append(q.Permits, r)
	return q
}

// TestFilterIsCheck holds that a row passes the filter exactly if the action is
// permitted on the object in it, on both databases.
func TestFilterIsCheck(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { filterIsCheck(t, openSQLite(t), testenv.Count(5_000, 400_000), nil) })
	t.Run("PostgreSQL", func(t *testing.T) { filterIsCheck(t, openPostgres(t), testenv.Count(5_000, 400_000), nil) })
}

// filterIsCheck compares that many decisions. With an error planted into the SQL
// by spoil, it counts disagreements, and stops once there are some.
func filterIsCheck(t *testing.T, db database, decisions int, spoil func(string) string) (disagreed int) {
	var compared, permitted, questions, unlistable int
	for compared < decisions && disagreed == 0 {
		rapid.Check(t, func(t *rapid.T) {
			if disagreed > 0 {
				return
			}
			all := make([]*post, rapid.IntRange(1, 24).Draw(t, "posts"))
			for i := range all {
				all[i] = drawPost(t, fmt.Sprintf("p%d", i))
			}
			if err := db.fill(all); err != nil {
				t.Fatal(err)
			}
			env := drawEnv(t)
			typ := pick(t, []*sallyport.Type[post]{posts, posts, orgPosts})
			for range 4 {
				q := drawQuestion(t, env, typ)
				questions++
				w, err := q.Where(typ)
				if errors.Is(err, sallyport.ErrNotListable) {
					unlistable++
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				var want []string
				for _, p := range all {
					if q.allows(p, typ, env) {
						want = append(want, p.id)
					}
				}
				slices.Sort(want)
				ask := w
				if spoil != nil {
					ask = sallyport.NewWhere(func(d sallyport.Dialect, first int) string { return spoil(w.SQL(d, first)) }, w.Args()...)
				}
				got, err := db.list(ask)
				if spoil != nil {
					if err != nil || !slices.Equal(got, want) {
						disagreed++
					}
				} else if err != nil || !slices.Equal(got, want) {
					t.Fatalf("%v\nby %v\nlisted %q, %v\nwant   %q\nSQL %s %q", q, env.Principal, got, err, want, w.SQL(db.dialect, 1), w.Args())
				}
				compared, permitted = compared+len(all), permitted+len(want)
			}
		})
	}
	t.Logf("%d decisions compared, %d of them permit; %d questions, of which %d cannot be listed", compared, permitted, questions, unlistable)
	return disagreed
}

// TestPlantedFaults shows that the comparison above notices what is typically
// wrong with SQL made from conditions.
func TestPlantedFaults(t *testing.T) {
	db := openSQLite(t)
	for name, spoil := range map[string]func(string) string{
		"upper and lower case are the same": func(s string) string { return strings.ReplaceAll(s, " COLLATE BINARY", "") },
		"LIKE instead of GLOB":              func(s string) string { return strings.ReplaceAll(s, " GLOB ", " LIKE ") },
		"an empty reference is there":       func(s string) string { return strings.ReplaceAll(s, " <> ''", " IS NOT NULL") },
		"NULL is not different":             func(s string) string { return strings.ReplaceAll(s, " <> $", " IS NOT $") },
		"the bound is in the range":         func(s string) string { return strings.ReplaceAll(s, " < ", " <= ") },
	} {
		t.Run(name, func(t *testing.T) {
			if filterIsCheck(t, db, 400_000, spoil) == 0 {
				t.Error("not noticed")
			}
		})
	}
}

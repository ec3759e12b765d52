package where_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rule/where"
)

func user(id string) sallyport.UID { return sallyport.UID{Type: "User", ID: id} }

func ann() *rule.Env { return &rule.Env{Principal: &person{uid: user("ann")}} }

// owned is "resource.author == principal", the rule that nearly everybody has.
var owned = expr(rule.Equal, of("author"), expr(rule.Principal))

func text(s string) *rule.Expr { return value(sallyport.StringValue(s)) }

func number(n int64) *rule.Expr { return value(sallyport.IntValue(n)) }

func residual(e *rule.Expr, env *rule.Env, t sallyport.AnyType) where.Residual {
	return where.Residual{Rule: &rule.Rule{ID: "r1"}, When: rule.Residual(e, env, t)}
}

func TestSQL(t *testing.T) {
	not := func(e *rule.Expr) *rule.Expr { return expr(rule.Not, e) }
	like := func(p ...string) *rule.Expr {
		return &rule.Expr{Op: rule.Like, Args: []*rule.Expr{of("title")}, Pattern: p}
	}
	for _, c := range []struct {
		name             string
		when             *rule.Expr
		sqlite, postgres string
		args             string
	}{
		{"an owner", owned, "(author_id = $3)", "(author_id = $3)", "[ann]"},
		{"anybody but the owner", not(owned), "(author_id <> '' AND author_id <> $3)", "(author_id <> '' AND author_id <> $3)", "[ann]"},
		{"nobody has the empty identifier", expr(rule.Equal, of("author"), value(sallyport.EntityValue(user("")))), "(1=0)", "(1=0)", "[]"},
		{"another kind is never equal", expr(rule.Equal, of("views"), text("5")), "(1=0)", "(1=0)", "[]"},
		{"true", value(sallyport.BoolValue(true)), "(1=1)", "(1=1)", "[]"},
		{"what is not optional is there", named(rule.Has, "title", expr(rule.Resource)), "(1=1)", "(1=1)", "[]"},
		{"what is not declared is not loaded", named(rule.Has, "colour", expr(rule.Resource)), "(1=0)", "(1=0)", "[]"},
		{"a guard that the comparison implies", expr(rule.And, named(rule.Has, "author", expr(rule.Resource)), owned), "(author_id = $3)", "(author_id = $3)", "[ann]"},
		{"an optional attribute is missing", not(named(rule.Has, "note", expr(rule.Resource))), "(note IS NULL)", "(note IS NULL)", "[]"},
		{"a reference is missing", not(named(rule.Has, "author", expr(rule.Resource))), "(author_id IS NULL OR author_id = '')", "(author_id IS NULL OR author_id = '')", "[]"},
		{"a truth value", of("pinned"), "(pinned = TRUE)", "(pinned = TRUE)", "[]"},
		{"or looks to the right only where the left is false", expr(rule.Or, of("locked"), of("pinned")),
			"(locked = TRUE OR (locked = FALSE AND pinned = TRUE))", "(locked = TRUE OR (locked = FALSE AND pinned = TRUE))", "[]"},
		{"which is everywhere else if the left is always there", expr(rule.Or, of("pinned"), of("locked")), "(pinned = TRUE OR locked = TRUE)", "(pinned = TRUE OR locked = TRUE)", "[]"},
		{"a pattern", like("a*", "%", "it's!"), "(title GLOB 'a[*]*%*it''s!')", "(title LIKE E'a*%!%%it''s!!' ESCAPE '!')", "[]"},
		{"no such pattern", not(like(`\_`, "")), `((title GLOB '\_*') = FALSE)`, `((title LIKE E'\\!_%' ESCAPE '!') = FALSE)`, "[]"},
		{"a number", expr(rule.Less, of("views"), number(5)), "(views < $3)", "(views < $3::bigint)", "[5]"},
		{"a sum moves to the other side", expr(rule.Less, expr(rule.Add, of("views"), number(2)), number(5)), "(views <= $3)", "(views <= $3::bigint)", "[2]"},
		{"a sum that may overflow", expr(rule.LessEqual, number(5), expr(rule.Add, of("views"), number(1))),
			"(views >= $3 AND views <= $4)", "(views >= $3::bigint AND views <= $4::bigint)", "[4 9223372036854775806]"},
		{"twice a number is not odd", expr(rule.Equal, expr(rule.Mul, of("views"), number(2)), number(5)), "(1=0)", "(1=0)", "[]"},
		{"two columns", expr(rule.LessEqual, of("created"), of("due")), "(created <= due)", "(created <= due)", "[]"},
		{"one of many", expr(rule.Contains, value(sallyport.SetValue(sallyport.StringValue("a"), sallyport.IntValue(1), sallyport.StringValue("b"))), of("title")),
			"(title COLLATE BINARY IN ($3, $4))", "(title IN ($3, $4))", "[a b]"},
		{"none of none", not(expr(rule.Contains, value(sallyport.SetValue()), of("note"))), "(note IS NOT NULL)", "(note IS NOT NULL)", "[]"},
		{"in a folder", expr(rule.In, expr(rule.Resource), value(sallyport.EntityValue(sallyport.UID{Type: "Folder", ID: "f"}))),
			"(folder = $3)", "(folder = $3)", "[f]"},
		{"a column that is a calculation", expr(rule.Equal, of("score"), number(1)), "((score + 0) = $3)", "((score + 0) = $3::bigint)", "[1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := where.Filter{Permits: []where.Residual{residual(c.when, ann(), posts)}}
			w, err := f.Where(posts)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.SQL(sallyport.SQLite, 3); got != c.sqlite {
				t.Errorf("SQLite     %s\nwant       %s", got, c.sqlite)
			}
			if got := w.SQL(sallyport.Postgres, 3); got != c.postgres {
				t.Errorf("PostgreSQL %s\nwant       %s", got, c.postgres)
			}
			if got := fmt.Sprint(w.Args()); got != c.args {
				t.Errorf("args %s, want %s", got, c.args)
			}
		})
	}
}

func TestFilter(t *testing.T) {
	r := func(e *rule.Expr) []where.Residual { return []where.Residual{residual(e, ann(), orgPosts)} }
	for _, c := range []struct {
		name   string
		filter where.Filter
		typ    sallyport.AnyType
		want   string
	}{
		{"nothing permits", where.Filter{}, posts, "(1=0)"},
		{"a role permits", where.Filter{Everything: true}, posts, "(1=1)"},
		{"what a forbid does not rule out is forbidden", where.Filter{Everything: true, Forbids: r(of("locked"))}, posts, "(locked = FALSE)"},
		{"a grant", where.Filter{Granted: []sallyport.UID{{Type: "Post", ID: "1"}, {Type: "Comment", ID: "2"}}}, posts, "(p.id = $1)"},
		{"a grant on a folder", where.Filter{Granted: []sallyport.UID{{Type: "Post", ID: "1"}, {Type: "Folder", ID: "2"}}}, posts, "(p.id = $1 OR folder = $2)"},
		{"no organization", where.Filter{Everything: true}, orgPosts, "(1=0)"},
		{"an organization", where.Filter{Everything: true, Org: "o"}, orgPosts, "(org = $1)"},
		{"everything at once", where.Filter{Org: "o", Permits: r(owned), Granted: []sallyport.UID{{Type: "Post", ID: "1"}}, Forbids: r(of("locked"))}, orgPosts,
			"(org = $1 AND (author_id = $2 OR id = $3) AND locked = FALSE)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := c.filter.Where(c.typ)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.SQL(sallyport.Postgres, 1); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestNotListable(t *testing.T) {
	hidden := sallyport.TypeOf("Post", func(p *post) string { return p.id },
		sallyport.Subject("author", func(p *post) string { return or(p.author) }).Column(""),
		sallyport.Entity("folder", "Folder", func(p *post) string { return or(p.folder) }).Parent().Column(""))
	longer := owned
	for range 20 {
		longer = expr(rule.Or, expr(rule.And, longer, owned), owned)
	}
	huge := make([]sallyport.Value, 20_000)
	for i := range huge {
		huge[i] = sallyport.StringValue(fmt.Sprint(i))
	}
	for _, c := range []struct {
		name string
		when *rule.Expr
		typ  sallyport.AnyType
		says string
	}{
		{"a set", expr(rule.Contains, of("tags"), text("x")), posts, "resource.tags: a value of kind set is in no column"},
		{"no column", owned, hidden, "resource.author: the type Post names no column for it"},
		{"a parent without a column", expr(rule.In, expr(rule.Resource), value(sallyport.EntityValue(user("ann")))), hidden, "resource.folder: the type Post names no column for it"},
		{"a day of the week", expr(rule.Equal, named(rule.Call, "toDate", of("created")), of("due")), posts, "it is not calculated in SQL"},
		{"a sum of columns", expr(rule.Less, expr(rule.Add, of("views"), of("score")), number(5)), posts, "a sum can be compared with a constant only"},
		{"text that no database takes", expr(rule.Equal, of("title"), text("a\x00")), posts, `the text "a\x00" is not valid in SQL`},
		{"a condition without end", longer, posts, "it would take more than 10000 comparisons"},
		{"a set without end", expr(rule.Contains, value(sallyport.SetValue(huge...)), of("title")), posts, "it would take 20000 arguments, the limit is 10000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := where.Filter{Permits: []where.Residual{residual(c.when, ann(), c.typ)}}
			w, err := f.Where(c.typ)
			if !errors.Is(err, sallyport.ErrNotListable) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %s", err, c.says)
			}
			if got := w.SQL(sallyport.SQLite, 1); got != "(1=0)" {
				t.Errorf("beside the error %s", got)
			}
		})
	}
}

func TestListable(t *testing.T) {
	role := value(sallyport.EntityValue(sallyport.UID{Type: "Role", ID: "r"}))
	for _, c := range []struct {
		name string
		when *rule.Expr
		says string // "" = listable
	}{
		{"an owner", owned, ""},
		{"what the query knows counts as anything", expr(rule.Less, of("views"), expr(rule.Add, named(rule.Attr, "limit", expr(rule.Principal)), number(1))), ""},
		{"whose author is the principal, maybe", expr(rule.In, of("author"), role), ""},
		{"an attribute of the organization", expr(rule.Equal, named(rule.Attr, "plan", of("team")), text("pro")), ""},
		{"a team of the principal", expr(rule.In, expr(rule.Principal), of("team")), ""},
		{"a set, on the right", expr(rule.And, named(rule.Has, "x", expr(rule.Principal)), expr(rule.Contains, of("tags"), text("x"))), "resource.tags: a value of kind set is in no column"},
		{"a set, beside what is never true", expr(rule.And, expr(rule.Equal, of("views"), text("")), expr(rule.Contains, of("tags"), text("x"))), "resource.tags"},
		{"an attribute that is not declared", expr(rule.Equal, of("colour"), text("red")), "resource.colour: the type Post has no such attribute"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &rule.Rule{ID: "r1", When: c.when, Resource: rule.Scope{Type: "Post"}, Principal: rule.Scope{In: sallyport.UID{Type: "Role", ID: "r"}}}
			err := where.Listable(r, posts)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (!errors.Is(err, sallyport.ErrNotListable) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "rule r1")):
				t.Errorf("error %v, want %s", err, c.says)
			}
		})
	}
	t.Run("a rule on another type", func(t *testing.T) {
		r := &rule.Rule{ID: "r1", When: expr(rule.Equal, of("colour"), text("red")), Resource: rule.Scope{Type: "Car"}}
		if err := where.Listable(r, posts); err != nil {
			t.Error(err)
		}
	})
}

// TestIndex shows that a filtered list is found by an index, and not by reading
// all posts.
func TestIndex(t *testing.T) {
	f := where.Filter{Permits: []where.Residual{residual(owned, ann(), posts)}, Granted: []sallyport.UID{{Type: "Post", ID: "p1"}}}
	mine := where.Filter{Permits: f.Permits}
	for name, q := range map[string]struct {
		open   func(testing.TB) database
		filter *where.Filter
		plan   string
		uses   []string
	}{
		"SQLite, by owner":                 {openPlainSQLite, &mine, "EXPLAIN QUERY PLAN ", []string{"SEARCH p USING INDEX posts_author"}},
		"SQLite, by owner or by grant":     {openPlainSQLite, &f, "EXPLAIN QUERY PLAN ", []string{"USING INDEX posts_author", "USING INDEX sqlite_autoindex_posts_1"}},
		"PostgreSQL, by owner":             {openPostgres, &mine, "EXPLAIN ", []string{"Index Scan on posts_author"}},
		"PostgreSQL, by owner or by grant": {openPostgres, &f, "EXPLAIN ", []string{"Bitmap Index Scan on posts_author", "Bitmap Index Scan on posts_pkey"}},
	} {
		t.Run(name, func(t *testing.T) {
			db := q.open(t)
			setUp := []string{"CREATE INDEX posts_author ON posts (author_id)"}
			if db.dialect == sallyport.Postgres {
				setUp = append(setUp, "INSERT INTO posts (id, author_id) SELECT 'p'||n, 'u'||n%1000 FROM generate_series(1, 20000) n", "ANALYZE posts")
			}
			for _, s := range setUp {
				if _, err := db.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
			w, err := q.filter.Where(posts)
			if err != nil {
				t.Fatal(err)
			}
			plan := db.explain(t, q.plan+"SELECT * FROM posts p WHERE "+w.SQL(db.dialect, 1), w.Args())
			for _, use := range q.uses {
				if !strings.Contains(plan, use) {
					t.Errorf("no %q in\n%s", use, plan)
				}
			}
			if strings.Contains(plan, "SCAN p") || strings.Contains(plan, "Seq Scan") {
				t.Errorf("reads everything:\n%s", plan)
			}
		})
	}
}

func openPlainSQLite(t testing.TB) database {
	return prepare(t, "sqlite", ":memory:", sallyport.SQLite, table)
}

// explain returns the last column of each row of the plan.
func (db database) explain(t *testing.T, query string, args []any) string {
	rows, err := db.Query(query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	for rows.Next() {
		row := make([]any, len(names))
		for i := range row {
			row[i] = new(any)
		}
		if err := rows.Scan(row...); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, fmt.Sprint(*row[len(row)-1].(*any)))
	}
	return strings.Join(plan, "\n")
}

// TestLongLists shows that a list of thousands is no deeper than a database reads.
func TestLongLists(t *testing.T) {
	long := owned
	for i := range 1500 {
		long = expr(rule.Or, long, expr(rule.And, of("pinned"), expr(rule.Less, of("views"), number(int64(i)))))
	}
	f := where.Filter{Permits: []where.Residual{residual(long, ann(), posts)}}
	for i := range 3000 {
		f.Granted = append(f.Granted, sallyport.UID{Type: "Post", ID: fmt.Sprint(i)})
	}
	for _, open := range []func(testing.TB) database{openPlainSQLite, openPostgres} {
		db := open(t)
		if err := db.fill([]*post{{id: "2999"}, {id: "x"}}); err != nil {
			t.Fatal(err)
		}
		w, err := f.Where(posts)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := db.list(w); err != nil || !slices.Equal(got, []string{"2999"}) {
			t.Errorf("listed %q, %v", got, err)
		}
	}
}

func BenchmarkOwnership(b *testing.B) {
	env := ann()
	r := &rule.Rule{ID: "own"}
	b.ReportAllocs()
	for b.Loop() {
		f := where.Filter{Permits: []where.Residual{{Rule: r, When: rule.Residual(owned, env, posts)}}}
		w, err := f.Where(posts)
		if err != nil || len(w.SQL(sallyport.Postgres, 1)) == 0 {
			b.Fatal(err)
		}
	}
}

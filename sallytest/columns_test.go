package sallytest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/sallytest"
)

type page struct {
	ID            int64
	Author, Title string
	Draft         bool
	Views         int64
	Seen          time.Time
	Slow          time.Duration
	Tags          []string
}

// pages is a type with an attribute for each kind that a column can hold.
func pages() *sallyport.Type[page] {
	return sallyport.TypeOf("Page", func(p *page) string { return fmt.Sprint(p.ID) },
		sallyport.Subject("author", func(p *page) string { return p.Author }).Column("author_id"),
		sallyport.Entity("before", "Page", func(p *page) string { return fmt.Sprint(p.ID - 1) }).Column("before_id"),
		sallyport.String("title", func(p *page) string { return p.Title }),
		sallyport.Bool("draft", func(p *page) bool { return p.Draft }),
		sallyport.Int("views", func(p *page) int64 { return p.Views }).If(func(p *page) bool { return p.Views > 0 }),
		sallyport.Time("seen", func(p *page) time.Time { return p.Seen }),
		sallyport.Duration("slow", func(p *page) time.Duration { return p.Slow }),
		sallyport.Strings("tags", func(p *page) []string { return p.Tags }),
	)
}

// shelf is a database with rows of pages.
func shelf(t testing.TB, rows ...string) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/pages.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec(`CREATE TABLE pages (id INTEGER PRIMARY KEY, author_id, before_id, title, draft, views, seen, slow)`); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if _, err := db.Exec("INSERT INTO pages VALUES (" + row + ")"); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func TestColumnsHoldWhatAttributesRead(t *testing.T) {
	whole := &page{ID: 1, Author: "usr_ann", Title: "One", Draft: true, Views: 7, Seen: time.UnixMilli(1000), Slow: time.Second, Tags: []string{"a"}}
	for _, tt := range []struct {
		name, row string
		object    *page
		want      []string // names of attributes that differ
	}{
		{"all as it is", `1, 'usr_ann', 0, 'One', 1, 7, 1000, 1000`, whole, nil},
		{"text as bytes, and ids as text", `1, x'7573725f616e6e', '0', x'4f6e65', 1, 7, 1000, 1000`, whole, nil},
		{"nothing there", `2, NULL, 1, '', 0, NULL, NULL, 0`, &page{ID: 2}, nil},
		{"nobody, as an empty text", `2, '', 1, '', 0, NULL, NULL, 0`, &page{ID: 2}, nil},
		{"other content", `1, 'usr_bob', 5, 'Two', 0, 8, 1001, 1001`, whole, []string{"author", "before", "title", "draft", "views", "seen", "slow"}},
		{"other units and kinds", `1, 1.5, 0, 1, 2, '7', '1970-01-01T00:00:01Z', '1s'`, whole, []string{"author", "title", "draft", "views", "seen", "slow"}},
		{"NULL where there is something", `1, NULL, NULL, NULL, NULL, NULL, NULL, NULL`, whole, []string{"author", "before", "title", "draft", "views", "seen", "slow"}},
		{"a zero where there is nothing", `2, NULL, 1, NULL, 0, 0, 0, 0`, &page{ID: 2}, []string{"title", "views", "seen"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := sallytest.Columns(t.Context(), shelf(t, tt.row), "pages", pages().Of(tt.object))
			var lines []string
			if err != nil {
				lines = strings.Split(err.Error(), "\n")
			}
			if len(lines) != len(tt.want) {
				t.Fatalf("got\n%v", err)
			}
			for i, name := range tt.want {
				if !strings.HasPrefix(lines[i], fmt.Sprintf("Page::%q: %s is ", fmt.Sprint(tt.object.ID), name)) {
					t.Errorf("%s, want one of %s", lines[i], name)
				}
			}
		})
	}
}

func TestColumnsThatCannotBeRead(t *testing.T) {
	one := pages().Of(&page{ID: 1})
	for _, tt := range []struct {
		name, from string
		r          sallyport.Resource
		want       string
	}{
		{"no object", "pages", sallyport.Resource{}, "no object"},
		{"no row", "pages", one, "no rows"},
		{"no table", "papers", one, "no such table"},
		{"no column", "pages", pages().KeyColumn("key").Of(&page{ID: 1}), "no such column"},
	} {
		if err := sallytest.Columns(t.Context(), shelf(t), tt.from, tt.r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestColumnsOfPostgreSQL(t *testing.T) {
	db, err := sql.Open("pgx", testdb.Postgres(t, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		`CREATE TABLE pages (id bigint PRIMARY KEY, author_id text, before_id bigint, title text, draft boolean, views bigint, seen bigint, slow bigint)`,
		`INSERT INTO pages VALUES (1, 'usr_ann', 0, 'One', true, 7, 1000, 1000), (2, NULL, 1, '', false, NULL, NULL, 0)`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, object := range []*page{
		{ID: 1, Author: "usr_ann", Title: "One", Draft: true, Views: 7, Seen: time.UnixMilli(1000), Slow: time.Second},
		{ID: 2},
	} {
		if err := sallytest.Columns(t.Context(), db, "pages", pages().Of(object)); err != nil {
			t.Error(err)
		}
	}
	if err := sallytest.Columns(t.Context(), db, "pages", pages().Of(&page{ID: 2, Draft: true})); err == nil || !strings.Contains(err.Error(), "draft is true") {
		t.Errorf("a truth value that differs: %v", err)
	}
}

// A test of a type that is listed: its columns hold what Check sees.
func ExampleColumns() {
	db, _ := sql.Open("sqlite", ":memory:")
	defer db.Close()
	db.SetMaxOpenConns(1)
	db.Exec(`CREATE TABLE notes (id TEXT PRIMARY KEY, owner TEXT, editor TEXT)`)
	db.Exec(`INSERT INTO notes VALUES ('1', 'ann', 'bob')`)

	type Note struct{ ID, Owner, Editor string }
	notes := sallyport.TypeOf("Note", func(n *Note) string { return n.ID },
		sallyport.Subject("owner", func(n *Note) string { return n.Owner }).Column("editor")) // by mistake
	fmt.Println(sallytest.Columns(context.Background(), db, "notes", notes.Of(&Note{"1", "ann", "bob"})))
	// Output: Note::"1": owner is User::"ann", but column editor holds "bob"
}

package rivals

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// listPolicy is what a list of posts is made by: each rule is left with another
// condition on the post.
const listPolicy = `
permit (principal, action == Action::"post:read", resource is Post)
when { resource.status == "public" };

permit (principal, action == Action::"post:read", resource is Post)
when { resource.author == principal };

permit (principal is User, action == Action::"post:read", resource is Post)
when { principal.aal >= 2 && resource.status == "embargo" && resource has closes && resource.closes <= context.time };
`

// A lister says which posts a question is allowed on.
type lister struct {
	name  string
	where func(q *question) (condition string, args []any, err error)
}

func ourList(t testing.TB) lister {
	p := newPolicy(t, nil, listPolicy)
	ctx := t.Context()
	return lister{"cedar", func(q *question) (string, []any, error) {
		query := q.query()
		query.Resource = sallyport.Resource{}
		w, err := p.Filter(ctx, query, posts)
		return w.SQL(sallyport.SQLite, 1), w.Args(), err
	}}
}

// listByHand is the condition that one would write for this policy alone.
func listByHand() lister {
	return lister{"floor", func(q *question) (string, []any, error) {
		var b strings.Builder
		b.WriteString("(status = $1 OR author_id = $2")
		args := []any{"public", q.who.Subject}
		if q.who.AAL >= 2 {
			b.WriteString(" OR status = $3 AND closes_at <= $4")
			args = append(args, "embargo", q.at.UnixMilli())
		}
		b.WriteString(")")
		return b.String(), args, nil
	}}
}

func listQuestions() (made []question) {
	for _, aal := range []int{1, 2} {
		for _, subject := range []string{"ann", "bob", "eve"} {
			made = append(made, ask(func(q *question) { q.action, q.who.Subject, q.who.AAL = "post:read", subject, aal }))
		}
	}
	return made
}

// rows are posts of every sort, with whatever can be missing missing.
func rows() (made []*post) {
	for _, author := range []string{"", "ann", "bob"} {
		for _, status := range []string{"", "public", "draft", "embargo"} {
			for _, closes := range []time.Time{{}, noon.Add(-time.Hour), noon, noon.Add(time.Hour)} {
				made = append(made, &post{ID: strconv.Itoa(len(made)), Author: author, Status: status, Closes: closes})
			}
		}
	}
	return made
}

// TestList holds the listers to what cedar-go decides row by row.
func TestList(t *testing.T) {
	agreeOnLists(t, ourList(t), listByHand())
}

func agreeOnLists(t testing.TB, listers ...lister) {
	t.Helper()
	db := listed(t, rows())
	for _, q := range listQuestions() {
		want := decidedOneByOne(t, q)
		if len(want) == 0 || len(want) == len(rows()) {
			t.Fatalf("%d of %d posts are allowed: nothing is compared", len(want), len(rows()))
		}
		for _, l := range listers {
			if got := selected(t, db, l, &q); !slices.Equal(got, want) {
				t.Fatalf("%s: %v, want %v", l.name, got, want)
			}
		}
	}
}

// decidedOneByOne asks cedar-go about every row.
func decidedOneByOne(t testing.TB, q question) (allowed []string) {
	t.Helper()
	var questions []question
	for _, p := range rows() {
		on := q
		on.post = p
		questions = append(questions, on)
	}
	oracle := cedarGo(t, questions, listPolicy)
	for i := range questions {
		if oracle.ask(i) {
			allowed = append(allowed, questions[i].post.ID)
		}
	}
	return allowed
}

// listed is a table of the posts.
func listed(t testing.TB, rows []*post) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "posts.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Exec(t.Context(), `CREATE TABLE posts (id TEXT PRIMARY KEY, author_id TEXT, status TEXT NOT NULL, closes_at INTEGER)`); err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), func(tx *sqlite.Tx) error {
		for _, p := range rows {
			var closes any
			if !p.Closes.IsZero() {
				closes = p.Closes.UnixMilli()
			}
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO posts VALUES ($1, $2, $3, $4)`, p.ID, p.Author, p.Status, closes); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func selected(t testing.TB, db *sqlite.DB, l lister, q *question) (ids []string) {
	t.Helper()
	condition, args, err := l.where(q)
	if err != nil {
		t.Fatal(err)
	}
	found, err := db.Read.QueryContext(t.Context(), `SELECT id FROM posts WHERE `+condition+` ORDER BY CAST(id AS INTEGER)`, args...)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %s: %w", l.name, condition, err))
	}
	defer found.Close()
	for found.Next() {
		var id string
		if err := found.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// BenchmarkList measures the condition and its arguments, not the database.
func BenchmarkList(b *testing.B) {
	listers := []lister{ourList(b), listByHand()}
	agreeOnLists(b, listers...)
	questions := listQuestions()
	for _, l := range listers {
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			next := 0
			for b.Loop() {
				if _, _, err := l.where(&questions[next]); err != nil {
					b.Fatal(err)
				}
				if next++; next == len(questions) {
					next = 0
				}
			}
		})
	}
}

package rivals

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// granted is a database with n grants: post i to user i, to read it.
func granted(t testing.TB, n int) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "grants.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	err = db.Exec(t.Context(), `
		WITH RECURSIVE number(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < $1)
		INSERT INTO sallyport_grants (resource_type, resource_id, subject_type, subject_id, permission, created_at, expires_at)
		SELECT 'Post', 'post-' || i, 'subject', 'user-' || i, 'post:read', 0, 0 FROM number`, n)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// grantQuestions are 16 questions that one of n grants allows, and 16 that none
// does.
func grantQuestions(n int) []question {
	var made []question
	for i := range 16 {
		nth := i * (n - 1) / 15
		may := ask(func(q *question) {
			q.who = &sallyport.Principal{Kind: sallyport.User, Subject: fmt.Sprintf("user-%d", nth)}
			q.post, q.action = &post{ID: fmt.Sprintf("post-%d", nth)}, "post:read"
		})
		mayNot := may
		mayNot.want = false
		if i%2 == 0 {
			mayNot.action = "post:edit"
		} else {
			mayNot.post = &post{ID: fmt.Sprintf("post-%d", (nth+1)%n)}
		}
		made = append(made, may, mayNot)
	}
	return made
}

// grantContest runs f with the contest, in a transaction that reads.
func grantContest(t testing.TB, n int, f func(contest)) {
	db, questions := granted(t, n), grantQuestions(n)
	err := db.View(t.Context(), func(tx account.Tx) error {
		f(contest{questions, []contestant{
			{"statement", func(question int) bool { return holds(t.Context(), tx, &questions[question]) }},
			{"transaction", func(question int) (ok bool) {
				err := db.View(t.Context(), func(tx account.Tx) error {
					ok = holds(t.Context(), tx, &questions[question])
					return nil
				})
				return ok && err == nil
			}},
			decider(t, "decision", grantPolicy(db), questions),
			decider(t, "decision-of-member", grantPolicy(db), members(questions)),
			casbinGrants(n).over(t, questions, byGrant),
			bareSelect(t, db.Read, questions),
		}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// grantPolicy is our policy with nothing but the grants.
func grantPolicy(db *sqlite.DB) *authz.Policy {
	p := authz.New()
	p.Grants = grants{db}
	return p
}

// grants reads as our server does.
type grants struct{ db *sqlite.DB }

func (g grants) On(ctx context.Context, resources []sallyport.UID, grantees []authz.Grantee, now time.Time) (found []authz.Grant, err error) {
	err = account.Look(ctx, g.db, func(tx account.Tx) error {
		found, err = tx.Grants.On(ctx, resources, grantees, now)
		return err
	})
	return found, err
}

func (g grants) Of(ctx context.Context, grantees []authz.Grantee, resourceType string, now time.Time, limit int) (found []authz.Grant, err error) {
	err = account.Look(ctx, g.db, func(tx account.Tx) error {
		found, err = tx.Grants.Of(ctx, grantees, resourceType, now, limit)
		return err
	})
	return found, err
}

// members asks for principals who act in an organization and have two roles, so
// that grants may be theirs in three ways.
func members(questions []question) []question {
	made := make([]question, len(questions))
	for i, q := range questions {
		who := *q.who
		who.Org, who.Roles = "club", []string{"member", "author"}
		made[i] = q
		made[i].who = &who
	}
	return made
}

// holds reports whether a grant allows what q asks for.
func holds(ctx context.Context, tx account.Tx, q *question) bool {
	grants, err := tx.Grants.On(ctx, []sallyport.UID{{Type: "Post", ID: q.post.ID}},
		[]authz.Grantee{{Kind: authz.SubjectGrantee, ID: q.who.Subject}}, q.at)
	if err != nil {
		return false
	}
	for _, g := range grants {
		for _, p := range g.Permissions {
			if p == q.action {
				return true
			}
		}
	}
	return false
}

// bareSelect reads the key, which it knows whole, through a connection as ours
// are.
func bareSelect(t testing.TB, db *sql.DB, questions []question) contestant {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	stmt, err := conn.PrepareContext(t.Context(), `SELECT expires_at FROM sallyport_grants
		WHERE resource_type = $1 AND resource_id = $2 AND subject_type = $3 AND subject_id = $4 AND permission = $5`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stmt.Close() })
	ctx := context.WithoutCancel(t.Context()) // as ours: otherwise a goroutine waits for its end
	return contestant{"floor", func(question int) bool {
		q, expires := &questions[question], int64(0)
		err := stmt.QueryRowContext(ctx, "Post", q.post.ID, "subject", q.who.Subject, q.action).Scan(&expires)
		return err == nil && (expires == 0 || q.at.Before(time.UnixMilli(expires)))
	}}
}

func TestGrant(t *testing.T) {
	grantContest(t, 1000, func(c contest) { c.agree(t) })
}

func BenchmarkGrant(b *testing.B) {
	b.Run("1e6", func(b *testing.B) {
		grantContest(b, 1_000_000, func(c contest) { c.run(b, true) })
	})
}

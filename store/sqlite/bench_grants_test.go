package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// BenchmarkGrant looks for a grant among many, and compares with the least that
// SQLite can do: one row by its whole primary key, in a transaction like ours.
func BenchmarkGrant(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		db := open(b)
		give(b, db, n)
		b.Run(fmt.Sprintf("grants=%.0e", float64(n)), func(b *testing.B) {
			b.Run("bare", func(b *testing.B) { bareGrant(b, db, n) })
			b.Run("subject", func(b *testing.B) { grantsOn(b, db, n, 1, nil) })
			b.Run("subject-3-roles-org", func(b *testing.B) {
				grantsOn(b, db, n, 1, []authz.Grantee{
					{Kind: authz.RoleGrantee, ID: "editor"}, {Kind: authz.RoleGrantee, ID: "member"}, {Kind: authz.RoleGrantee, ID: "writer"},
					{Kind: authz.OrganizationGrantee, ID: "org_00000000000000000000000001"},
				})
			})
			b.Run("none", func(b *testing.B) { grantsOn(b, db, n, 0, nil) })
		})
	}
}

// Grant i is somebody's on one of n/5 posts.
const (
	postID = `post_%021d`
	userID = `usr_%022d`
)

func give(b *testing.B, db *sqlite.DB, n int) {
	b.Helper()
	err := db.Exec(b.Context(), `WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM i WHERE n+1 < ?)
		INSERT INTO sallyport_grants (resource_type, resource_id, subject_type, subject_id, permission, created_at, expires_at)
		SELECT 'Post', printf('`+postID+`', n/5), 'subject', printf('`+userID+`', n), 'post:edit', 1, 0 FROM i`, n)
	if err != nil {
		b.Fatal(err)
	}
}

// keys are random ones of n grants, made before the clock runs.
func keys(n int) (posts, users []string) {
	for range 4096 {
		i := rand.IntN(n)
		posts, users = append(posts, fmt.Sprintf(postID, i/5)), append(users, fmt.Sprintf(userID, i))
	}
	return posts, users
}

func bareGrant(b *testing.B, db *sqlite.DB, n int) {
	posts, users := keys(n)
	ctx := b.Context()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		found := 0
		err := db.Reading(ctx, func(c sqldb.Conn) error {
			return c.Query(ctx, `SELECT permission, expires_at FROM sallyport_grants
				WHERE resource_type = $1 AND resource_id = $2 AND subject_type = $3 AND subject_id = $4 AND permission = $5`,
				[]any{"Post", posts[i%4096], "subject", users[i%4096], "post:edit"}, func(row sqldb.Row) error {
					var permission string
					var expires int64
					found++
					return row.Scan(&permission, &expires)
				})
		})
		if err != nil || found != 1 {
			b.Fatal(found, err)
		}
	}
}

// grantsOn looks for a grant of the subject's, who has want of them, among those
// of others.
func grantsOn(b *testing.B, db *sqlite.DB, n, want int, others []authz.Grantee) {
	posts, users := keys(n)
	grantees := append([]authz.Grantee{{Kind: authz.SubjectGrantee}}, others...)
	resources := []sallyport.UID{{Type: "Post"}}
	now := time.Now()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		resources[0].ID, grantees[0].ID = posts[i%4096], users[i%4096]
		if want == 0 {
			grantees[0].ID = "usr_nobody"
		}
		var found []authz.Grant
		err := db.View(b.Context(), func(tx account.Tx) (err error) {
			found, err = tx.Grants.On(b.Context(), resources, grantees, now)
			return err
		})
		if err != nil || len(found) != want {
			b.Fatal(found, err)
		}
	}
}

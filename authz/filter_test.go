package authz_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

type sheet struct {
	id, org, author, folder, state string
	size                           int64
	noted                          sql.NullString
}

var sheets = sallyport.TypeOf("Sheet", func(s *sheet) string { return s.id },
	sallyport.Org(func(s *sheet) string { return s.org }),
	sallyport.Subject("author", func(s *sheet) string { return s.author }).Column("author_id"),
	sallyport.Entity("folder", "Folder", func(s *sheet) string { return s.folder }).Top(),
	sallyport.String("state", func(s *sheet) string { return s.state }),
	sallyport.Int("size", func(s *sheet) int64 { return s.size }),
	sallyport.String("note", func(s *sheet) string { return s.noted.String }).If(func(s *sheet) bool { return s.noted.Valid }),
)

const sheetRules = `
@id("authors") permit (principal, action, resource is Sheet) when { resource.author == principal };
@id("open") permit (principal, action == Action::"sheet:read", resource is Sheet) when { resource.state == "open" && resource.size < 50 };
@id("pro") permit (principal is User, action == Action::"sheet:export", resource is Sheet)
when { principal has plan && principal.plan == "pro" && !(resource.state like "dr*t") };
@id("in f1") permit (principal in Role::"filer", action, resource in Folder::"f1");
@id("noted") forbid (principal, action, resource is Sheet) when { resource has note && resource.note like "*secret*" && resource.author != principal };
@id("f2") forbid (principal, action == Action::"sheet:export", resource in Folder::"f2");
@id("large") forbid (principal, action == Action::"sheet:delete", resource is Sheet) unless { resource.size <= 90 || principal.aal >= 2 };
`

// world is some sheets, in memory and in a table.
func world(t *testing.T, n int) (*sql.DB, []*sheet) {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE sheet (id TEXT PRIMARY KEY, org TEXT, author_id TEXT, folder TEXT, state TEXT, size INTEGER, note TEXT)`); err != nil {
		t.Fatal(err)
	}
	some := func(of ...string) string { return of[rand.N(len(of))] }
	var all []*sheet
	for i := range n {
		s := &sheet{
			id: fmt.Sprint(i), org: some("o1", "o1", "o1", "o2", ""), author: some("ann", "bob", "cem", ""), folder: some("", "f1", "f2"),
			state: some("open", "draft", "Draft", ""), size: rand.Int64N(100), noted: sql.NullString{String: some("a secret", "SECRET", ""), Valid: rand.N(2) > 0},
		}
		if !s.noted.Valid {
			s.noted.String = ""
		}
		null := func(s string) any {
			if s == "" && rand.N(2) > 0 {
				return nil
			}
			return s
		}
		if _, err := db.Exec(`INSERT INTO sheet VALUES ($1, $2, $3, $4, $5, $6, $7)`, s.id, null(s.org), null(s.author), null(s.folder), s.state, s.size, s.noted); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return db, all
}

// A list holds exactly what the decisions permit: roles, grants, organizations,
// scopes and rules together.
func TestFilterIsDecide(t *testing.T) {
	db, all := world(t, 200)
	rules, err := cedar.Parse(rule.File{Name: "sheets.cedar", Text: sheetRules})
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Compile(rules, rule.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := authz.New()
	p.Swap(compile(t, []authz.Role{{Name: "reader", Permissions: []string{"sheet:read"}}, {Name: "filer"}, {Name: "admin", Permissions: []string{"*"}}}))
	p.SwapRules(authz.Rules{Set: set})
	pick := func(of ...string) (picked []string) {
		return slices.DeleteFunc(of, func(string) bool { return rand.N(3) > 0 })
	}
	compared, allowed := 0, 0
	for range testenv.Count(40, 1000) {
		var l ledger
		for range rand.N(6) {
			l = append(l, gave(authz.SubjectGrantee, "ann", "Sheet", fmt.Sprint(rand.N(len(all))), "sheet:read"))
			l = append(l, gave(authz.RoleGrantee, "filer", "Folder", []string{"f1", "f2"}[rand.N(2)], "sheet:*"))
		}
		p.Grants = l
		q := sallyport.Query{
			Principal: &sallyport.Principal{
				Kind: sallyport.User, Subject: []string{"ann", "bob", "eve"}[rand.N(3)], Org: []string{"o1", "o1", "o2", ""}[rand.N(4)],
				Roles: pick("reader", "filer"), OrgRoles: pick("reader", "filer", "admin"),
				Plan: []string{"", "pro"}[rand.N(2)], AAL: rand.N(4),
			},
			Action: []string{"sheet:read", "sheet:export", "sheet:delete"}[rand.N(3)],
		}
		if rand.N(5) == 0 {
			q.Principal.Scopes = []string{"sheet:read"}
		}
		listed := list(t, db, p, q)
		for _, s := range all {
			q.Resource = sheets.Of(s)
			d, err := p.Decide(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if d.Allow != slices.Contains(listed, s.id) {
				t.Fatalf("%+v: %+v of %+v, and it is in the list: %v", q.Principal, d, s, !d.Allow)
			}
			compared++
			if d.Allow {
				allowed++
			}
		}
	}
	t.Logf("%d comparisons, %d allowed", compared, allowed)
}

func list(t *testing.T, db *sql.DB, p *authz.Policy, q sallyport.Query) (ids []string) {
	t.Helper()
	w, err := p.Filter(t.Context(), q, sheets)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(`SELECT id FROM sheet WHERE `+w.SQL(sallyport.SQLite, 1), w.Args()...)
	if err != nil {
		t.Fatalf("%v: %s", err, w.SQL(sallyport.SQLite, 1))
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestWhatCannotBeListed(t *testing.T) {
	ann := &sallyport.Principal{Kind: sallyport.User, Subject: "ann"}
	q := sallyport.Query{Principal: ann, Action: "post:delete"}
	inGo := authz.New(authz.Permit(posts, authorMay).Named("in Go"))
	if _, err := inGo.Filter(t.Context(), q, posts); !errors.Is(err, sallyport.ErrNotListable) || !strings.Contains(err.Error(), `"in Go"`) {
		t.Errorf("a rule in Go: %v", err)
	}
	var many ledger
	for i := range 5001 {
		many = append(many, gave(authz.SubjectGrantee, "ann", "Post", fmt.Sprint(i), "post:delete"))
	}
	p := authz.New()
	p.Grants = many
	if _, err := p.Filter(t.Context(), q, posts); !errors.Is(err, sallyport.ErrNotListable) {
		t.Errorf("too many grants: %v", err)
	}
	if _, err := p.Filter(t.Context(), sallyport.Query{Principal: ann, Action: "post:*"}, posts); err == nil {
		t.Error("a pattern is no action")
	}
	p.Grants = failing{}
	if _, err := p.Filter(t.Context(), q, posts); !errors.Is(err, errDown) {
		t.Errorf("grants that cannot be read: %v", err)
	}
}

type failing struct{ lost }

func (failing) Of(context.Context, []authz.Grantee, string, time.Time, int) ([]authz.Grant, error) {
	return nil, errDown
}

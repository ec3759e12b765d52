package where_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rule/where"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// TestListIsFilter holds that what is prepared for all principals lists the same
// objects as what is made for one, for one principal after the other, on both
// databases.
func TestListIsFilter(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { listIsFilter(t, openSQLite(t), testenv.Count(3_000, 100_000)) })
	t.Run("PostgreSQL", func(t *testing.T) { listIsFilter(t, openPostgres(t), testenv.Count(1_000, 100_000)) })
}

func listIsFilter(t *testing.T, db database, lists int) {
	var rules, prepared, compared, some int
	for compared < lists {
		rapid.Check(t, func(t *rapid.T) {
			all := make([]*post, rapid.IntRange(1, 24).Draw(t, "posts"))
			for i := range all {
				all[i] = drawPost(t, fmt.Sprintf("p%d", i))
			}
			if err := db.fill(all); err != nil {
				t.Fatal(err)
			}
			typ := pick(t, []*sallyport.Type[post]{posts, posts, orgPosts})
			for range 6 {
				set := drawRules(t)
				rules++
				l := where.NewList(set, typ)
				if l == nil {
					continue
				}
				prepared++
				for range 5 {
					found, ok := listsAsFilter(t, db, l, set, typ)
					if ok {
						compared, some = compared+1, some+min(found, 1)
					}
				}
			}
		})
	}
	t.Logf("%d sets of rules, %d prepared; %d lists compared, %d with something in them", rules, prepared, compared, some)
}

// drawRules draws rules that are about as simple as real ones.
func drawRules(t *rapid.T) (set []*rule.Rule) {
	for i := range rapid.IntRange(1, 3).Draw(t, "rules") {
		set = append(set, &rule.Rule{
			ID: fmt.Sprint(i), Effect: pick(t, []rule.Effect{rule.Permit, rule.Permit, rule.Forbid}),
			When: conditions{t}.simple(rapid.IntRange(0, 3).Draw(t, "depth")),
		})
	}
	return set
}

// simple is a condition, more often than not one that compares a column with what
// the query knows.
func (c conditions) simple(depth int) *rule.Expr {
	if depth > 0 {
		switch c.n(4) {
		case 0:
			return expr(rule.And, c.simple(depth-1), c.simple(depth-1))
		case 1:
			return expr(rule.Or, c.simple(depth-1), c.simple(depth-1))
		case 2:
			return expr(rule.Not, c.simple(depth-1))
		}
	}
	mine := func(name string) *rule.Expr { return named(rule.Attr, name, expr(rule.Principal)) }
	switch c.n(8) {
	case 0:
		return expr(rule.Equal, of(c.attribute()), expr(rule.Principal))
	case 1:
		return expr(rule.Equal, mine(pick(c.T, []string{"plan", "name", "aal"})), of(c.attribute()))
	case 2:
		return expr(pick(c.T, []rule.Op{rule.Less, rule.LessEqual}), of(c.attribute()), mine("aal"))
	case 3:
		return expr(pick(c.T, []rule.Op{rule.Less, rule.LessEqual}), named(rule.Attr, "time", expr(rule.Context)), of(c.attribute()))
	case 4:
		return expr(rule.Less, value(sallyport.IntValue(1)), mine("aal"))
	case 5:
		return expr(rule.Equal, expr(rule.Principal), expr(rule.Resource))
	}
	return c.leaf()
}

// listsAsFilter asks for one principal, and returns how many objects there are.
func listsAsFilter(t *rapid.T, db database, l *where.List, set []*rule.Rule, typ sallyport.AnyType) (found int, ok bool) {
	env := drawEnv(t)
	f := where.Filter{Org: pick(t, append([]string{""}, ids...)), Everything: rapid.IntRange(0, 4).Draw(t, "everything") == 0}
	got, ok := l.Where(env, f.Org, f.Everything)
	if !ok {
		return 0, false
	}
	for _, r := range set {
		left := where.Residual{Rule: r, When: rule.Residual(rule.Condition(r), env, typ)}
		if r.Effect == rule.Permit {
			f.Permits = append(f.Permits, left)
		} else {
			f.Forbids = append(f.Forbids, left)
		}
	}
	want, err := f.Where(typ)
	if err != nil {
		t.Fatalf("listed although %v", err)
	}
	rows, err := db.list(got)
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := db.list(want)
	if err != nil || !slices.Equal(rows, wanted) {
		t.Fatalf("%v by %v\nlisted %q by %s %q\nwant   %q by %s %q, %v", f, env.Principal,
			rows, got.SQL(db.dialect, 1), got.Args(), wanted, want.SQL(db.dialect, 1), want.Args(), err)
	}
	return len(rows), true
}

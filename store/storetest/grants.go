package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

var (
	ann    = authz.Grantee{Kind: authz.SubjectGrantee, ID: "usr_ann"}
	editor = authz.Grantee{Kind: authz.RoleGrantee, ID: "editor"}
	acme   = authz.Grantee{Kind: authz.OrganizationGrantee, ID: "org_acme"}

	post1 = sallyport.UID{Type: "Post", ID: "1"}
	post2 = sallyport.UID{Type: "Post", ID: "2"}
	news  = sallyport.UID{Type: "Folder", ID: "news"}
)

var grants = []promise{
	{"On has every field as it was put, times to the millisecond, a grant for each permission", func(c *check) {
		want := authz.Grant{
			Grantee: authz.Grantee{Kind: authz.SubjectGrantee, ID: plenty("usr")}, Resource: sallyport.UID{Type: plenty("Post"), ID: plenty("1")},
			Permissions: []string{"post:read", "post:delete", "post:read"}, ExpiresAt: c.now.Add(time.Hour + 999999), CreatedAt: c.now.Add(999999),
		}
		c.grant(want)
		want.ExpiresAt, want.CreatedAt = c.now.Add(time.Hour), c.now
		c.has("On", c.on(c.now, want.Resource, want.Grantee), one(want, "post:delete"), one(want, "post:read"))
	}},

	{"On has what any of the grantees has on any of the resources, and nothing else", func(c *check) {
		for _, r := range []sallyport.UID{post1, post2, news, {Type: "Folder", ID: "1"}} {
			for _, g := range []authz.Grantee{ann, editor, acme, {Kind: authz.RoleGrantee, ID: "usr_ann"}, {Kind: authz.SubjectGrantee, ID: "editor"}} {
				c.grant(authz.Grant{Grantee: g, Resource: r, Permissions: []string{"post:read"}, CreatedAt: c.now})
			}
		}
		give := func(g authz.Grantee, r sallyport.UID) authz.Grant {
			return authz.Grant{Grantee: g, Resource: r, Permissions: []string{"post:read"}, CreatedAt: c.now}
		}
		c.has("one of each", c.on(c.now, post1, ann), give(ann, post1))
		writer := authz.Grantee{Kind: authz.RoleGrantee, ID: "writer"}
		got := get(c, func(tx account.Tx) ([]authz.Grant, error) {
			return tx.Grants.On(c.Context(), []sallyport.UID{post1, news, post1}, []authz.Grantee{ann, editor, writer, acme, ann}, c.now)
		})
		c.has("three grantees on two resources", got,
			give(ann, post1), give(editor, post1), give(acme, post1), give(ann, news), give(editor, news), give(acme, news))
		c.has("of nobody", c.on(c.now, post1))
		none := get(c, func(tx account.Tx) ([]authz.Grant, error) {
			return tx.Grants.On(c.Context(), nil, []authz.Grantee{ann}, c.now)
		})
		c.has("on nothing", none)
		c.has("on a prefix", c.on(c.now, sallyport.UID{Type: "Pos", ID: "1"}, ann))
		c.has("of a prefix", c.on(c.now, post1, authz.Grantee{Kind: authz.SubjectGrantee, ID: "usr_an"}))
	}},

	{"a grantee or a resource that cannot be does not hide the others", func(c *check) {
		g := c.grant(authz.Grant{Grantee: ann, Resource: post1, Permissions: []string{"post:read"}, CreatedAt: c.now})
		bad := authz.Grantee{Kind: authz.SubjectGrantee, ID: "a\x00b"}
		got := get(c, func(tx account.Tx) ([]authz.Grant, error) {
			return tx.Grants.On(c.Context(), []sallyport.UID{{Type: "Post", ID: "\xff"}, {Type: "Post", ID: "1\x00"}, post1}, []authz.Grantee{bad, ann}, c.now)
		})
		c.has("On", got, g)
		got = get(c, func(tx account.Tx) ([]authz.Grant, error) {
			return tx.Grants.Of(c.Context(), []authz.Grantee{bad, ann}, "Post", c.now, 10)
		})
		c.has("Of", got, g)
	}},

	{"Put adds permissions, and changes the expiry of those that it names only", func(c *check) {
		early, late := c.now.Add(time.Hour), c.now.Add(9*time.Hour)
		g := authz.Grant{Grantee: ann, Resource: post1, CreatedAt: c.now}
		put := func(expires, created time.Time, permissions ...string) {
			g.Permissions, g.ExpiresAt, g.CreatedAt = permissions, expires, created
			c.grant(g)
		}
		put(early, c.now, "post:delete", "post:edit")
		put(late, c.now.Add(time.Second), "post:edit", "post:read")
		put(time.Time{}, c.now.Add(time.Minute), "post:read")
		put(time.Time{}, c.now)
		with := func(p string, expires, created time.Time) authz.Grant {
			return authz.Grant{Grantee: ann, Resource: post1, Permissions: []string{p}, ExpiresAt: expires, CreatedAt: created}
		}
		c.has("On", c.on(c.now, post1, ann), with("post:delete", early, c.now),
			with("post:edit", late, c.now.Add(time.Second)), with("post:read", time.Time{}, c.now.Add(time.Minute)))
		put(early, c.now, "post:read") // never becomes soon
		c.has("after the first expiry", c.on(early, post1, ann), with("post:edit", late, c.now.Add(time.Second)))
		equal(c, "swept", c.sweepAt(early, 10), 2)
		equal(c, "swept later", c.sweepAt(late, 10), 1)
	}},

	{"what has expired is in no answer, before it is swept and to the millisecond", func(c *check) {
		expires := c.now.Add(time.Hour)
		g := c.grant(authz.Grant{Grantee: ann, Resource: post1, Permissions: []string{"post:read"}, ExpiresAt: expires, CreatedAt: c.now})
		for _, at := range []struct {
			what string
			now  time.Time
			want []authz.Grant
		}{
			{"a millisecond before", expires.Add(-time.Millisecond), []authz.Grant{g}},
			{"then", expires, nil},
			{"a millisecond after", expires.Add(time.Millisecond), nil},
		} {
			c.has("On "+at.what, c.on(at.now, post1, ann), at.want...)
			c.has("Of "+at.what, c.of(at.now, 10, ann), at.want...)
			same(c, "List "+at.what, c.grants(authz.GrantFilter{}, at.now), at.want)
		}
	}},

	{"Remove takes the permissions named, as they were given, or all", func(c *check) {
		put := func(g authz.Grantee, r sallyport.UID) {
			c.grant(authz.Grant{Grantee: g, Resource: r, Permissions: []string{"*", "post:*", "post:edit", "post:read"}, CreatedAt: c.now})
		}
		put(ann, post1)
		put(ann, post2)
		put(editor, post1)
		equal(c, "two of them, and one that there is not", c.ungrant(ann, post1, "post:read", "*", "post:delete"), 2)
		equal(c, "left", permissions(c.on(c.now, post1, ann)), []string{"post:*", "post:edit"})
		equal(c, "again", c.ungrant(ann, post1, "post:read", "*"), 0)
		equal(c, "all", c.ungrant(ann, post1), 2)
		same(c, "left", permissions(c.on(c.now, post1, ann)), nil)
		equal(c, "of another object", len(c.on(c.now, post2, ann)), 4)
		equal(c, "of somebody else", len(c.on(c.now, post1, editor)), 4)
		equal(c, "of an object that nobody knows", c.ungrant(ann, news), 0)
	}},

	{"RemoveAllOf takes everything from one grantee, and from nobody of the same id", func(c *check) {
		role := authz.Grantee{Kind: authz.RoleGrantee, ID: "usr_ann"}
		other := authz.Grantee{Kind: authz.SubjectGrantee, ID: "usr_anna"}
		for _, g := range []authz.Grantee{ann, role, other} {
			for _, r := range []sallyport.UID{post1, post2, news} {
				c.grant(authz.Grant{Grantee: g, Resource: r, Permissions: []string{"post:edit", "post:read"}, CreatedAt: c.now, ExpiresAt: c.now.Add(time.Hour)})
			}
		}
		c.update(func(tx account.Tx) error { return tx.Grants.RemoveAllOf(c.Context(), ann) })
		c.has("left on an object", c.on(c.now, post1, ann))
		c.has("left on a type", c.of(c.now, 10, ann))
		equal(c, "of the role", len(c.of(c.now, 10, role)), 4)
		equal(c, "of somebody else", len(c.of(c.now, 10, other)), 4)
		equal(c, "swept later", c.sweepAt(c.now.Add(2*time.Hour), 100), 12)
	}},

	{"Of has what the grantees have on objects of a type, up to a limit", func(c *check) {
		var want []authz.Grant
		for i := range 6 {
			r := sallyport.UID{Type: "Post", ID: fmt.Sprint(i)}
			g := []authz.Grantee{ann, editor, acme}[i%3]
			want = append(want, c.grant(authz.Grant{Grantee: g, Resource: r, Permissions: []string{"post:read"}, CreatedAt: c.now}))
			r.Type = "Poster"
			c.grant(authz.Grant{Grantee: g, Resource: r, Permissions: []string{"post:read"}, CreatedAt: c.now})
		}
		c.grant(authz.Grant{Grantee: authz.Grantee{Kind: authz.RoleGrantee, ID: "writer"}, Resource: post1, Permissions: []string{"post:read"}, CreatedAt: c.now})
		c.has("of all", c.of(c.now, 100, ann, editor, acme, ann), want...)
		c.has("of two kinds", c.of(c.now, 100, editor, acme), want[1], want[2], want[4], want[5])
		equal(c, "up to a limit", len(c.of(c.now, 4, ann, editor, acme)), 4)
		c.has("up to none", c.of(c.now, 0, ann))
		c.has("of nobody", c.of(c.now, 10))
	}},

	{"List pages through all, through those on an object, and through those of a grantee", func(c *check) {
		var all []authz.Grant
		for _, typ := range []string{"Folder", "Post"} {
			for _, id := range []string{"1", "10", "2"} {
				for _, g := range []authz.Grantee{acme, editor, {Kind: authz.RoleGrantee, ID: "writer"}, ann} {
					for _, p := range []string{"*", "post:edit", "post:read"} {
						all = append(all, authz.Grant{Grantee: g, Resource: sallyport.UID{Type: typ, ID: id}, Permissions: []string{p}, CreatedAt: c.now})
					}
				}
			}
		}
		for i := range all {
			c.grant(all[i*29%len(all)]) // in no order
		}
		for _, q := range []struct {
			name   string
			filter authz.GrantFilter
			want   func(authz.Grant) bool
		}{
			{"all", authz.GrantFilter{}, func(authz.Grant) bool { return true }},
			{"of a type", authz.GrantFilter{Resource: sallyport.UID{Type: "Post"}}, func(g authz.Grant) bool { return g.Resource.Type == "Post" }},
			{"on an object", authz.GrantFilter{Resource: post1}, func(g authz.Grant) bool { return g.Resource == post1 }},
			{"of a grantee", authz.GrantFilter{Grantee: editor}, func(g authz.Grant) bool { return g.Grantee == editor }},
			{"of a grantee on a type", authz.GrantFilter{Grantee: ann, Resource: sallyport.UID{Type: "Folder"}}, func(g authz.Grant) bool { return g.Grantee == ann && g.Resource.Type == "Folder" }},
			{"of a grantee on an object", authz.GrantFilter{Grantee: ann, Resource: post2}, func(g authz.Grant) bool { return g.Grantee == ann && g.Resource == post2 }},
			{"on an object that nobody knows", authz.GrantFilter{Resource: sallyport.UID{Type: "Post", ID: "3"}}, func(authz.Grant) bool { return false }},
			{"of a type that nobody knows", authz.GrantFilter{Resource: sallyport.UID{Type: "Pos"}}, func(authz.Grant) bool { return false }},
		} {
			want := slices.DeleteFunc(slices.Clone(all), func(g authz.Grant) bool { return !q.want(g) })
			same(c, q.name, c.grants(q.filter, c.now), want)
			for _, limit := range []int{1, 4, 1000} {
				var paged []authz.Grant
				for f := q.filter; ; f.After = paged[len(paged)-1] {
					f.Limit = limit
					page := c.grants(f, c.now)
					if len(page) > limit {
						c.Fatalf("%s: a page of %d, want at most %d", q.name, len(page), limit)
					}
					if len(page) == 0 {
						break
					}
					paged = append(paged, page...)
				}
				same(c, fmt.Sprintf("%s, %d at a time", q.name, limit), paged, want)
			}
		}
	}},

	{"List refuses half a grantee and an object without type", func(c *check) {
		for _, f := range []authz.GrantFilter{
			{Resource: sallyport.UID{ID: "1"}}, {Grantee: authz.Grantee{ID: "usr_ann"}}, {Grantee: authz.Grantee{Kind: authz.SubjectGrantee}},
		} {
			c.answer(authz.ErrFilter, func(tx account.Tx) error {
				_, err := tx.Grants.List(c.Context(), f, c.now)
				return err
			})
		}
	}},

	{"what a caller does to its copy of a grant does not reach the store", func(c *check) {
		given := []string{"post:read"}
		c.grant(authz.Grant{Grantee: ann, Resource: post1, Permissions: given, CreatedAt: c.now})
		given[0] = "*"
		found := c.on(c.now, post1, ann)
		equal(c, "after changing what was put", permissions(found), []string{"post:read"})
		found[0].Permissions[0] = "*"
		equal(c, "after changing what was found", permissions(c.on(c.now, post1, ann)), []string{"post:read"})
		equal(c, "after changing what was found, in a list", permissions(c.grants(authz.GrantFilter{}, c.now)), []string{"post:read"})
	}},

	{"many give and take at once on one object, and what is left is what was given last", func(c *check) {
		const n = 8
		all := []string{"post:a", "post:b", "post:c", "post:d"}
		c.succeed(together(n, func(i int) error {
			for round := range testenv.Count(5, 50) {
				g := authz.Grant{Grantee: ann, Resource: post1, Permissions: slices.Clone(all), CreatedAt: c.now}
				if (i+round)%2 == 0 {
					slices.Reverse(g.Permissions)
				}
				err := c.Update(c.Context(), func(tx account.Tx) error {
					if (i+round)%3 == 0 {
						if _, err := tx.Grants.Remove(c.Context(), ann, post1, "post:b", "post:a"); err != nil {
							return err
						}
					}
					return tx.Grants.Put(c.Context(), g)
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
		equal(c, "left", permissions(c.on(c.now, post1, ann)), all)
	}},
}

// one is the part of a grant that is about one permission.
func one(g authz.Grant, permission string) authz.Grant {
	g.Permissions = []string{permission}
	return g
}

func (c *check) grant(g authz.Grant) authz.Grant {
	c.Helper()
	c.update(func(tx account.Tx) error { return tx.Grants.Put(c.Context(), g) })
	return g
}

func (c *check) ungrant(g authz.Grantee, r sallyport.UID, permissions ...string) int {
	c.Helper()
	return do(c, func(tx account.Tx) (int, error) { return tx.Grants.Remove(c.Context(), g, r, permissions...) })
}

func (c *check) on(now time.Time, r sallyport.UID, grantees ...authz.Grantee) []authz.Grant {
	c.Helper()
	return get(c, func(tx account.Tx) ([]authz.Grant, error) {
		return tx.Grants.On(c.Context(), []sallyport.UID{r}, grantees, now)
	})
}

// of returns what the grantees have on posts.
func (c *check) of(now time.Time, limit int, grantees ...authz.Grantee) []authz.Grant {
	c.Helper()
	return get(c, func(tx account.Tx) ([]authz.Grant, error) {
		return tx.Grants.Of(c.Context(), grantees, "Post", now, limit)
	})
}

func (c *check) grants(f authz.GrantFilter, now time.Time) []authz.Grant {
	c.Helper()
	return get(c, func(tx account.Tx) ([]authz.Grant, error) { return tx.Grants.List(c.Context(), f, now) })
}

// has compares grants in any order.
func (c *check) has(what string, got []authz.Grant, want ...authz.Grant) {
	c.Helper()
	order := func(a, b authz.Grant) int {
		return strings.Compare(fmt.Sprint(a.Resource, a.Grantee, a.Permissions), fmt.Sprint(b.Resource, b.Grantee, b.Permissions))
	}
	got, want = slices.Clone(got), slices.Clone(want)
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	same(c, what, got, want)
}

// permissions returns those of all grants, sorted.
func permissions(grants []authz.Grant) (all []string) {
	for _, g := range grants {
		all = append(all, g.Permissions...)
	}
	slices.Sort(all)
	return all
}

package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

var resources = []promise{
	{"a resource comes back with every field, times to the millisecond", func(c *check) {
		want := oauth.Resource{
			URI: plenty("uri"), Name: plenty("name"), Alg: token.ES256,
			Scopes:    []oauth.Scope{{Name: plenty("b"), Says: plenty("says")}, {Name: "a", Says: "<b>&"}},
			CreatedAt: c.now.Add(1), UpdatedAt: c.now.Add(time.Minute + 1),
		}
		c.update(func(tx account.Tx) error { return tx.Resources.Put(c.Context(), want, time.Time{}) })
		want.CreatedAt, want.UpdatedAt = c.now, c.now.Add(time.Minute)
		equal(c, "by URI", c.resourceBy(want.URI), want)
		c.answer(oauth.ErrNoResource, func(tx account.Tx) error { _, err := tx.Resources.ByURI(c.Context(), "other"); return err })
	}},

	{"Put replaces what is as it was read, and keeps when it was made", func(c *check) {
		made := c.resource("a")
		put := func(x oauth.Resource, was time.Time) func(account.Tx) error {
			return func(tx account.Tx) error { return tx.Resources.Put(c.Context(), x, was) }
		}
		c.answer(oauth.ErrChanged, put(made, time.Time{}))
		c.answer(oauth.ErrChanged, put(made, made.UpdatedAt.Add(time.Millisecond)))
		c.answer(oauth.ErrChanged, put(c.newResource("other"), c.now))
		want := made
		want.Name, want.Alg, want.Scopes, want.UpdatedAt, want.CreatedAt = "another", "", nil, c.now.Add(time.Minute), c.now.Add(time.Hour)
		c.update(put(want, made.UpdatedAt.Add(999)))
		want.CreatedAt = made.CreatedAt
		same(c, "replaced", c.resourceBy("a"), want)
		same(c, "its algorithm", c.resourceAlgs(), nil)
	}},

	{"of those who define one at once, and of those who change it, exactly one succeeds", func(c *check) {
		for _, was := range []time.Time{{}, c.now} {
			errs := together(8, func(i int) error {
				mine := c.newResource("a")
				mine.Name = fmt.Sprint(i)
				return c.Update(c.Context(), func(tx account.Tx) error { return tx.Resources.Put(c.Context(), mine, was) })
			})
			n := 0
			for _, err := range errs {
				switch {
				case err == nil:
					n++
				case !errors.Is(err, oauth.ErrChanged):
					c.Error(err)
				}
			}
			equal(c, "successes", n, 1)
		}
		equal(c, "UpdatedAt", c.resourceBy("a").UpdatedAt, c.now.Add(time.Millisecond))
	}},

	{"Delete removes one, once, and its URI is free again", func(c *check) {
		c.resource("a")
		c.resource("b")
		remove := func() bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Resources.Delete(c.Context(), "a") })
		}
		equal(c, "deleted", remove(), true)
		equal(c, "again", remove(), false)
		equal(c, "left", c.listResources("", 0), []string{"b"})
		c.resource("a")
	}},

	{"List is in order of URI, in pages, and Algs has each algorithm once", func(c *check) {
		same(c, "of none", c.listResources("", 10), nil)
		same(c, "algorithms of none", c.resourceAlgs(), nil)
		for i, uri := range []string{"b", "a", "B", "ab", "c"} {
			c.resource(uri, func(x *oauth.Resource) { x.Alg = []token.Alg{token.RS256, "", token.EdDSA}[i%3] })
		}
		equal(c, "first page", c.listResources("", 2), []string{"B", "a"})
		equal(c, "second", c.listResources("a", 2), []string{"ab", "b"})
		equal(c, "rest", c.listResources("aa", 0), []string{"ab", "b", "c"})
		same(c, "after the last", c.listResources("c", 2), nil)
		equal(c, "algorithms", c.resourceAlgs(), []token.Alg{token.EdDSA, token.RS256})
	}},

	{"what a caller does to its copy of a resource does not reach the store", func(c *check) {
		mine := c.resource("a")
		for range 2 {
			mine.Scopes[0].Says = "something else"
			mine = c.resourceBy("a")
			same(c, "kept", mine, c.newResource("a"))
		}
	}},
}

var logos = []promise{
	{"a logo is kept byte by byte, replaced, and removed once", func(c *check) {
		of := func(client string) []byte {
			return get(c, func(tx account.Tx) ([]byte, error) { return tx.Logos.Of(c.Context(), client) })
		}
		put := func(client string, image []byte) {
			c.update(func(tx account.Tx) error { return tx.Logos.Put(c.Context(), client, image) })
		}
		remove := func() bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Logos.Remove(c.Context(), "app") })
		}
		c.answer(oauth.ErrNoLogo, func(tx account.Tx) error { _, err := tx.Logos.Of(c.Context(), "app"); return err })
		large := slices.Repeat([]byte{0, 1, 0xff, '\''}, 8<<10)
		put("app", large)
		put("web", []byte{1})
		equal(c, "kept", of("app"), large)
		of("app")[0] = 9
		put("app", []byte{2, 0})
		equal(c, "replaced", of("app"), []byte{2, 0})
		equal(c, "removed", remove(), true)
		equal(c, "again", remove(), false)
		equal(c, "another client's", of("web"), []byte{1})
	}},
}

// newResource returns a resource of that URI.
func (c *check) newResource(uri string) oauth.Resource {
	return oauth.Resource{
		URI: uri, Name: "Name of " + uri, Alg: token.RS256, Scopes: []oauth.Scope{{Name: "note:read", Says: "to read your notes"}},
		CreatedAt: c.now, UpdatedAt: c.now,
	}
}

// resource defines newResource(uri), as changed.
func (c *check) resource(uri string, change ...func(*oauth.Resource)) oauth.Resource {
	c.Helper()
	x := c.newResource(uri)
	for _, f := range change {
		f(&x)
	}
	c.update(func(tx account.Tx) error { return tx.Resources.Put(c.Context(), x, time.Time{}) })
	return x
}

func (c *check) resourceBy(uri string) oauth.Resource {
	c.Helper()
	return get(c, func(tx account.Tx) (oauth.Resource, error) { return tx.Resources.ByURI(c.Context(), uri) })
}

func (c *check) listResources(after string, limit int) (uris []string) {
	c.Helper()
	for _, x := range get(c, func(tx account.Tx) ([]oauth.Resource, error) { return tx.Resources.List(c.Context(), after, limit) }) {
		uris = append(uris, x.URI)
	}
	return uris
}

func (c *check) resourceAlgs() []token.Alg {
	c.Helper()
	return get(c, func(tx account.Tx) ([]token.Alg, error) { return tx.Resources.Algs(c.Context()) })
}

package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/oauth"
)

var initialTokens = []promise{
	{"an initial access token comes back with every field, times to the millisecond", func(c *check) {
		want := c.initialToken("1", func(t *oauth.InitialToken) {
			t.Name, t.Scopes, t.By = plenty("name"), []string{"openid", odd}, "usr_ann"
			t.CreatedAt, t.ExpiresAt = c.now.Add(1), c.now.Add(time.Hour+1)
		})
		want.CreatedAt, want.ExpiresAt = c.now, c.now.Add(time.Hour)
		equal(c, "listed", c.initialTokensAfter("", 0), []oauth.InitialToken{want})
		c.fails("an id that is taken", func(tx account.Tx) error {
			x := c.newInitialToken("1")
			x.Hash = hash("other")
			return tx.InitialTokens.Create(c.Context(), x)
		})
		c.fails("a hash that is taken", func(tx account.Tx) error {
			x := c.newInitialToken("1")
			x.ID = "iat_2"
			return tx.InitialTokens.Create(c.Context(), x)
		})
	}},

	{"it can be used so often, and while it is alive", func(c *check) {
		c.initialToken("1")
		use := func(name string, at time.Time) (left int, err error) {
			c.update(func(tx account.Tx) error {
				t, used := tx.InitialTokens.Use(c.Context(), hash(name), at)
				left, err = t.Uses, used
				return nil
			})
			return left, err
		}
		for _, want := range []int{1, 0} {
			left, err := use("1", c.now)
			equal(c, "left", left, want)
			equal(c, "error", err, nil)
		}
		for name, at := range map[string]time.Time{"1": c.now, "2": c.now} {
			if _, err := use(name, at); !errors.Is(err, oauth.ErrNoToken) {
				c.Errorf("%s: %v", name, err)
			}
		}
		c.initialToken("late")
		if _, err := use("late", c.now.Add(time.Hour)); !errors.Is(err, oauth.ErrNoToken) {
			c.Errorf("after its end: %v", err)
		}
	}},

	{"of those who use it at once as many succeed as may", func(c *check) {
		for round := range testenv.Count(5, 50) {
			name := fmt.Sprint(round)
			c.initialToken(name)
			var got [6]bool
			c.succeed(together(len(got), func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) error {
					_, err := tx.InitialTokens.Use(c.Context(), hash(name), c.now)
					if got[i] = err == nil; errors.Is(err, oauth.ErrNoToken) {
						return nil
					}
					return err
				})
			}))
			n := 0
			for _, ok := range got {
				if ok {
					n++
				}
			}
			equal(c, "uses", n, 2)
		}
	}},

	{"List has those that are alive, used up or not, in pages; Delete removes one", func(c *check) {
		for _, name := range []string{"b", "a", "c", "d"} {
			c.initialToken(name)
		}
		c.initialToken("old", func(t *oauth.InitialToken) { t.ExpiresAt = c.now })
		c.initialToken("used", func(t *oauth.InitialToken) { t.Uses = 0 })
		ids := func(all []oauth.InitialToken) (ids []string) {
			for _, t := range all {
				ids = append(ids, t.ID)
			}
			return ids
		}
		equal(c, "a page", ids(c.initialTokensAfter("", 2)), []string{"iat_a", "iat_b"})
		equal(c, "the rest", ids(c.initialTokensAfter("iat_b", 10)), []string{"iat_c", "iat_d", "iat_used"})
		gone := do(c, func(tx account.Tx) (oauth.InitialToken, error) { return tx.InitialTokens.Delete(c.Context(), "iat_c") })
		equal(c, "gone", gone.ID, "iat_c")
		c.answer(oauth.ErrNoToken, func(tx account.Tx) error { _, err := tx.InitialTokens.Delete(c.Context(), "iat_c"); return err })
		equal(c, "left", ids(c.initialTokensAfter("iat_b", 1)), []string{"iat_d"})
		c.initialToken("c") // its id and its hash are free again
	}},
}

// newInitialToken returns "iat_<name>", which can be used twice within an hour.
func (c *check) newInitialToken(name string) oauth.InitialToken {
	return oauth.InitialToken{
		ID: "iat_" + name, Name: name, Hash: hash(name), Scopes: []string{oauth.OpenID}, Uses: 2, CreatedAt: c.now, ExpiresAt: c.now.Add(time.Hour),
	}
}

func (c *check) initialToken(name string, change ...func(*oauth.InitialToken)) oauth.InitialToken {
	c.Helper()
	t := c.newInitialToken(name)
	for _, f := range change {
		f(&t)
	}
	c.update(func(tx account.Tx) error { return tx.InitialTokens.Create(c.Context(), t) })
	return t
}

func (c *check) initialTokensAfter(after string, limit int) []oauth.InitialToken {
	c.Helper()
	return get(c, func(tx account.Tx) ([]oauth.InitialToken, error) {
		return tx.InitialTokens.List(c.Context(), c.now, after, limit)
	})
}

package storetest

import (
	"fmt"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

var credentials = []promise{
	{"a user without a password has the empty one", func(c *check) {
		c.user("ann")
		equal(c, "ann", c.password("usr_ann"), "")
		equal(c, "nobody", c.password("usr_nobody"), "")
	}},

	{"SetPassword sets and replaces the hash of that user", func(c *check) {
		c.user("ann")
		c.user("bob")
		c.setPassword("usr_bob", "$bob$")
		for _, phc := range []string{"$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", plenty("phc")} {
			c.setPassword("usr_ann", phc)
			equal(c, "ann", c.password("usr_ann"), phc)
		}
		equal(c, "bob", c.password("usr_bob"), "$bob$")
	}},

	{"ReplacePassword replaces only the hash that it was told", func(c *check) {
		c.user("ann")
		c.setPassword("usr_ann", "$old$")
		equal(c, "of another hash", c.replacePassword("usr_ann", "$other$", "$new$"), false)
		equal(c, "kept", c.password("usr_ann"), "$old$")
		equal(c, "of this hash", c.replacePassword("usr_ann", "$old$", "$new$"), true)
		equal(c, "replaced", c.password("usr_ann"), "$new$")
		equal(c, "again", c.replacePassword("usr_ann", "$old$", "$newer$"), false)
		equal(c, "kept again", c.password("usr_ann"), "$new$")
	}},

	{"a password is marked as breached once, until another is set", func(c *check) {
		c.user("ann")
		c.user("bob")
		c.setPassword("usr_ann", "$old$")
		mark := func(phc string) (news bool) {
			c.update(func(tx account.Tx) (err error) {
				news, err = tx.Credentials.MarkBreached(c.Context(), "usr_ann", phc, c.now)
				return err
			})
			return news
		}
		breached := func(user string) (yes bool) {
			c.view(func(tx account.Tx) (err error) { yes, err = tx.Credentials.Breached(c.Context(), user); return err })
			return yes
		}
		equal(c, "another hash", mark("$other$"), false)
		equal(c, "not yet", breached("usr_ann"), false)
		equal(c, "this hash", mark("$old$"), true)
		equal(c, "again", mark("$old$"), false)
		equal(c, "ann", breached("usr_ann"), true)
		equal(c, "bob", breached("usr_bob"), false)
		equal(c, "rehashed", c.replacePassword("usr_ann", "$old$", "$new$"), true)
		equal(c, "still", breached("usr_ann"), true)
		c.setPassword("usr_ann", "$another$")
		equal(c, "no more", breached("usr_ann"), false)
	}},

	{"ReplacePassword gives nobody a password", func(c *check) {
		c.user("ann")
		equal(c, "of a user without", c.replacePassword("usr_ann", "$old$", "$new$"), false)
		equal(c, "of nobody", c.replacePassword("usr_nobody", "$old$", "$new$"), false)
		equal(c, "password", c.password("usr_ann"), "")
	}},

	{"of many who replace the same hash at once, one does", func(c *check) {
		c.user("ann")
		for round := range testenv.Count(10, 100) {
			c.setPassword("usr_ann", "$old$")
			won := make([]bool, 8)
			c.succeed(together(len(won), func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) (err error) {
					won[i], err = tx.Credentials.ReplacePassword(c.Context(), "usr_ann", "$old$", fmt.Sprint("$", i), c.now)
					return err
				})
			}))
			winners := 0
			for i := range won {
				if won[i] {
					winners++
					equal(c, "hash in force", c.password("usr_ann"), fmt.Sprint("$", i))
				}
			}
			if winners != 1 {
				c.Fatalf("round %d: %d replaced it", round, winners)
			}
		}
	}},

	{"a user who is created anew does not inherit a password", func(c *check) {
		c.user("ann")
		c.setPassword("usr_ann", "$old$")
		c.update(func(tx account.Tx) error { return tx.Users.Delete(c.Context(), "usr_ann") })
		c.user("ann")
		equal(c, "password", c.password("usr_ann"), "")
	}},
}

func (c *check) password(user string) string {
	c.Helper()
	return get(c, func(tx account.Tx) (string, error) { return tx.Credentials.Password(c.Context(), user) })
}

func (c *check) setPassword(user, phc string) {
	c.Helper()
	c.update(func(tx account.Tx) error { return tx.Credentials.SetPassword(c.Context(), user, phc, c.now) })
}

func (c *check) replacePassword(user, old, phc string) bool {
	c.Helper()
	return do(c, func(tx account.Tx) (bool, error) {
		return tx.Credentials.ReplacePassword(c.Context(), user, old, phc, c.now)
	})
}

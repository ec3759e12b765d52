package storetest

import (
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
)

// newIdentity returns an identity "idn_<name>" of a user, with that subject.
func (c *check) newIdentity(name, user string) account.Identity {
	return account.Identity{
		ID: "idn_" + name, User: user, Provider: "google", Issuer: "https://id.example.com", Subject: name, Email: name + "@example.com",
		Name: "Name of " + name, CreatedAt: c.now, LastUsedAt: c.now,
	}
}

// identity creates newIdentity(name, user), as changed.
func (c *check) identity(name, user string, change ...func(*account.Identity)) account.Identity {
	c.Helper()
	i := c.newIdentity(name, user)
	for _, set := range change {
		set(&i)
	}
	c.update(func(tx account.Tx) error { return tx.Identities.Create(c.Context(), i) })
	return i
}

func (c *check) identitiesOf(user string) []account.Identity {
	c.Helper()
	return get(c, func(tx account.Tx) ([]account.Identity, error) { return tx.Identities.Of(c.Context(), user) })
}

func (c *check) spend(text string, until time.Time) bool {
	c.Helper()
	return do(c, func(tx account.Tx) (bool, error) { return tx.Identities.Spend(c.Context(), hash(text), until) })
}

func (c *check) notConnected(issuer, subject string) {
	c.Helper()
	c.answer(account.ErrNotConnected, func(tx account.Tx) error {
		_, err := tx.Identities.BySubject(c.Context(), issuer, subject)
		return err
	})
}

var identities = []promise{
	{"an identity is found by issuer and subject, and by its user", func(c *check) {
		want := c.identity("ann", "usr_ann", func(i *account.Identity) {
			i.Subject, i.Email, i.Name = plenty("subject"), odd, odd
			i.CreatedAt, i.LastUsedAt = c.now.Add(time.Millisecond+1), c.now.Add(time.Minute+999)
		})
		want.CreatedAt, want.LastUsedAt = c.now.Add(time.Millisecond), c.now.Add(time.Minute)
		got := get(c, func(tx account.Tx) (account.Identity, error) {
			return tx.Identities.BySubject(c.Context(), want.Issuer, want.Subject)
		})
		equal(c, "BySubject", got, want)
		equal(c, "Of", c.identitiesOf("usr_ann"), []account.Identity{want})
		same(c, "of another", c.identitiesOf("usr_an"), nil)
		c.notConnected(want.Issuer, "ann")
		c.notConnected("https://other.example.com", want.Subject)
		c.notConnected(want.Issuer+want.Subject, "")
	}},

	{"issuer and subject are somebody's once; the same subject elsewhere is another", func(c *check) {
		first := c.identity("ann", "usr_ann")
		c.answer(account.ErrConnected, func(tx account.Tx) error {
			i := c.newIdentity("bob", "usr_bob")
			i.Subject = first.Subject
			return tx.Identities.Create(c.Context(), i)
		})
		equal(c, "still the first's", c.identitiesOf("usr_ann"), []account.Identity{first})
		same(c, "nothing of the second", c.identitiesOf("usr_bob"), nil)
		c.identity("bob", "usr_bob", func(i *account.Identity) { i.Subject, i.Issuer = first.Subject, "https://other.example.com" })
		c.identity("cat", "usr_cat", func(i *account.Identity) { i.Subject = "ANN" })
	}},

	{"of many who connect the same at once, one does", func(c *check) {
		const n = 16
		errs := together(n, func(i int) error {
			return c.Update(c.Context(), func(tx account.Tx) error {
				v := c.newIdentity(fmt.Sprint(i), fmt.Sprint("usr_", i))
				v.Subject = "one"
				return tx.Identities.Create(c.Context(), v)
			})
		})
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			}
		}
		equal(c, "connected", done, 1)
	}},

	{"Used keeps what was said last", func(c *check) {
		want := c.identity("ann", "usr_ann")
		other := c.identity("bob", "usr_bob")
		want.Email, want.Name, want.LastUsedAt = "", odd, c.now.Add(time.Hour)
		c.update(func(tx account.Tx) error {
			return tx.Identities.Used(c.Context(), want.ID, want.Email, want.Name, want.LastUsedAt.Add(999))
		})
		c.update(func(tx account.Tx) error { return tx.Identities.Used(c.Context(), "idn_none", "", "", c.now) })
		equal(c, "ann's", c.identitiesOf("usr_ann"), []account.Identity{want})
		equal(c, "bob's", c.identitiesOf("usr_bob"), []account.Identity{other})
	}},

	{"Remove removes one, RemoveAll those of a user, and others may connect them then", func(c *check) {
		for _, name := range []string{"1", "2", "3"} {
			c.identity(name, "usr_ann")
		}
		other := c.identity("4", "usr_bob")
		remove := func(id string) bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Identities.Remove(c.Context(), id) })
		}
		equal(c, "one", remove("idn_2"), true)
		equal(c, "again", remove("idn_2"), false)
		equal(c, "left", len(c.identitiesOf("usr_ann")), 2)
		all := func() int {
			return do(c, func(tx account.Tx) (int, error) { return tx.Identities.RemoveAll(c.Context(), "usr_ann") })
		}
		equal(c, "all", all(), 2)
		equal(c, "all again", all(), 0)
		same(c, "left", c.identitiesOf("usr_ann"), nil)
		equal(c, "another's", c.identitiesOf("usr_bob"), []account.Identity{other})
		c.identity("1", "usr_bob")
	}},

	{"an answer counts once, whoever brings it", func(c *check) {
		equal(c, "first", c.spend("a", c.now.Add(time.Hour)), true)
		equal(c, "second", c.spend("a", c.now.Add(2*time.Hour)), false)
		equal(c, "another", c.spend("b", c.now.Add(time.Hour)), true)
		const n = 16
		counted := make([]bool, n)
		c.succeed(together(n, func(i int) error {
			return c.Update(c.Context(), func(tx account.Tx) (err error) {
				counted[i], err = tx.Identities.Spend(c.Context(), hash("c"), c.now.Add(time.Hour))
				return err
			})
		}))
		times := 0
		for _, yes := range counted {
			if yes {
				times++
			}
		}
		equal(c, "counted", times, 1)
	}},
}

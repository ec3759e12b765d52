package storetest

import (
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
)

// join makes the user a member of "org_<name>".
func (c *check) join(name, user string) org.Member {
	c.Helper()
	m := org.Member{Org: "org_" + name, User: user, Status: org.Active, JoinedAt: c.now}
	c.update(func(tx account.Tx) error { _, err := tx.Members.Add(c.Context(), m); return err })
	return m
}

func (c *check) membersIn(id, after string, limit int) []org.Member {
	c.Helper()
	return get(c, func(tx account.Tx) ([]org.Member, error) { return tx.Members.In(c.Context(), id, after, limit) })
}

// organizationsOf returns the ids of the organizations that the user is in.
func (c *check) organizationsOf(user string) (ids []string) {
	c.Helper()
	for _, m := range get(c, func(tx account.Tx) ([]org.Membership, error) { return tx.Members.Of(c.Context(), user) }) {
		ids = append(ids, m.Organization.ID)
	}
	return ids
}

var members = []promise{
	{"Add and Remove say whether anything changed", func(c *check) {
		c.organization("club")
		m := org.Member{Org: "org_club", User: "usr_ann", Status: org.Active, JoinedAt: c.now}
		add := func() bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Members.Add(c.Context(), m) })
		}
		remove := func(user string) bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Members.Remove(c.Context(), "org_club", user) })
		}
		equal(c, "first", add(), true)
		m.JoinedAt = c.now.Add(time.Hour)
		equal(c, "second", add(), false)
		equal(c, "when she joined", c.membersIn("org_club", "", 0)[0].JoinedAt, c.now)
		equal(c, "somebody else", remove("usr_bob"), false)
		equal(c, "removed", remove("usr_ann"), true)
		equal(c, "removed again", remove("usr_ann"), false)
		equal(c, "back", add(), true)
	}},

	{"nobody is a member of what does not exist", func(c *check) {
		c.fails("Add", func(tx account.Tx) error {
			_, err := tx.Members.Add(c.Context(), org.Member{Org: "org_none", User: "usr_ann", Status: org.Active, JoinedAt: c.now})
			return err
		})
	}},

	{"a membership comes back with its organization", func(c *check) {
		club, pub := c.organization("club"), c.organization("pub")
		m := c.join("club", "usr_ann")
		p := c.join("pub", "usr_ann")
		c.join("club", "usr_bob")
		found := get(c, func(tx account.Tx) (org.Membership, error) {
			return tx.Members.Membership(c.Context(), "org_club", "usr_ann")
		})
		equal(c, "in the club", found, org.Membership{Member: m, Organization: club})
		all := get(c, func(tx account.Tx) ([]org.Membership, error) { return tx.Members.Of(c.Context(), "usr_ann") })
		equal(c, "all", all, []org.Membership{{Member: m, Organization: club}, {Member: p, Organization: pub}})
		same(c, "nobody's", c.organizationsOf("usr_eve"), nil)
		for _, pair := range [][2]string{{"org_club", "usr_eve"}, {"org_pub", "usr_bob"}, {"org_none", "usr_ann"}, {"", ""}} {
			c.answer(org.ErrNotMember, func(tx account.Tx) error {
				_, err := tx.Members.Membership(c.Context(), pair[0], pair[1])
				return err
			})
		}
	}},

	{"In is in order of user, page by page", func(c *check) {
		c.organization("club")
		c.organization("pub")
		for _, user := range []string{"usr_c", "usr_a", "usr_b", "usr_d"} {
			c.join("club", user)
		}
		c.join("pub", "usr_e")
		users := func(after string, limit int) (ids []string) {
			for _, m := range c.membersIn("org_club", after, limit) {
				ids = append(ids, m.User)
			}
			return ids
		}
		equal(c, "all", users("", 0), []string{"usr_a", "usr_b", "usr_c", "usr_d"})
		equal(c, "first page", users("", 2), []string{"usr_a", "usr_b"})
		equal(c, "second page", users("usr_b", 2), []string{"usr_c", "usr_d"})
		same(c, "third page", users("usr_d", 2), nil)
	}},

	{"RemoveUser ends all memberships of one user", func(c *check) {
		c.organization("club")
		c.organization("pub")
		c.join("club", "usr_ann")
		c.join("pub", "usr_ann")
		c.join("pub", "usr_bob")
		c.update(func(tx account.Tx) error { return tx.Members.RemoveUser(c.Context(), "usr_ann") })
		same(c, "ann", c.organizationsOf("usr_ann"), nil)
		equal(c, "bob", c.organizationsOf("usr_bob"), []string{"org_pub"})
		same(c, "club", c.membersIn("org_club", "", 0), nil)
	}},
}

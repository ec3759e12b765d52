package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// newInvitation returns the invitation "inv_<name>" with the secret hash(name).
func (c *check) newInvitation(name, to, email string) org.Invitation {
	return org.Invitation{
		ID: "inv_" + name, TokenHash: hash(name), Org: "org_" + to, EmailNorm: email, Role: "member", InvitedBy: "usr_boss",
		CreatedAt: c.now, ExpiresAt: c.now.Add(time.Hour),
	}
}

func (c *check) invitation(name, to, email string, change ...func(*org.Invitation)) org.Invitation {
	c.Helper()
	v := c.newInvitation(name, to, email)
	for _, f := range change {
		f(&v)
	}
	c.update(func(tx account.Tx) error { return tx.Invitations.Create(c.Context(), v) })
	return v
}

// pending returns the ids of invitations.
func (c *check) pending(id, after string, limit int) (ids []string) {
	c.Helper()
	for _, v := range get(c, func(tx account.Tx) ([]org.Invitation, error) {
		return tx.Invitations.Pending(c.Context(), id, c.now, after, limit)
	}) {
		ids = append(ids, v.ID)
	}
	return ids
}

func (c *check) consume(name string, now time.Time) (v org.Invitation, err error) {
	err = c.Update(c.Context(), func(tx account.Tx) (err error) {
		v, err = tx.Invitations.Consume(c.Context(), hash(name), now)
		return err
	})
	return v, err
}

var invitations = []promise{
	{"an invitation comes back as it was, and is used once", func(c *check) {
		c.organization("club")
		want := c.invitation("1", "club", plenty("a@example.org"))
		found := get(c, func(tx account.Tx) (org.Invitation, error) { return tx.Invitations.ByHash(c.Context(), hash("1")) })
		equal(c, "by hash", found, want)
		used, err := c.consume("1", c.now)
		equal(c, "used", used, want)
		equal(c, "error", err, nil)
		if _, err := c.consume("1", c.now); !errors.Is(err, org.ErrNoInvitation) {
			c.Errorf("used again: %v", err)
		}
		c.answer(org.ErrNoInvitation, func(tx account.Tx) error {
			_, err := tx.Invitations.ByHash(c.Context(), hash("1"))
			return err
		})
		same(c, "pending", c.pending("org_club", "", 0), nil)
	}},

	{"an invitation that has expired is found, and useless", func(c *check) {
		c.organization("club")
		v := c.invitation("1", "club", "a@example.org")
		for _, now := range []time.Time{v.ExpiresAt, v.ExpiresAt.Add(time.Hour)} {
			if _, err := c.consume("1", now); !errors.Is(err, org.ErrNoInvitation) {
				c.Errorf("used at %v: %v", now, err)
			}
		}
		_, err := c.consume("1", v.ExpiresAt.Add(-time.Millisecond))
		equal(c, "in the last moment", err, nil)
	}},

	{"of those who use an invitation at once exactly one succeeds, and nothing fails", func(c *check) {
		c.organization("club")
		for round := range testenv.Count(20, 500) {
			name := fmt.Sprint(round)
			c.invitation(name, "club", name+"@example.org")
			won := 0
			for _, err := range together(8, func(int) error { _, err := c.consume(name, c.now); return err }) {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, org.ErrNoInvitation):
					c.Errorf("round %d: %v", round, err)
				}
			}
			equal(c, "winners", won, 1)
		}
	}},

	{"an address has one invitation to an organization", func(c *check) {
		c.organization("club")
		c.organization("pub")
		c.invitation("1", "club", "a@example.org")
		c.invitation("2", "pub", "a@example.org")
		c.invitation("3", "club", "b@example.org")
		for what, v := range map[string]org.Invitation{
			"another for the address": c.newInvitation("4", "club", "a@example.org"),
			"another of the id": func() org.Invitation {
				v := c.newInvitation("1", "club", "c@example.org")
				v.TokenHash = hash("4")
				return v
			}(),
			"another of the secret": func() org.Invitation {
				v := c.newInvitation("4", "club", "c@example.org")
				v.TokenHash = hash("1")
				return v
			}(),
			"one to what is not there": c.newInvitation("4", "none", "a@example.org"),
		} {
			c.fails(what, func(tx account.Tx) error { return tx.Invitations.Create(c.Context(), v) })
		}
		equal(c, "club", c.pending("org_club", "", 0), []string{"inv_1", "inv_3"})
	}},

	{"Revoke removes one of that organization, and returns it", func(c *check) {
		c.organization("club")
		want := c.invitation("1", "club", "a@example.org")
		c.invitation("2", "club", "b@example.org")
		for _, pair := range [][2]string{{"org_pub", "inv_1"}, {"", "inv_1"}, {"org_club", "inv_3"}} {
			c.answer(org.ErrNoInvitation, func(tx account.Tx) error {
				_, err := tx.Invitations.Revoke(c.Context(), pair[0], pair[1])
				return err
			})
		}
		got := do(c, func(tx account.Tx) (org.Invitation, error) {
			return tx.Invitations.Revoke(c.Context(), "org_club", "inv_1")
		})
		equal(c, "revoked", got, want)
		equal(c, "left", c.pending("org_club", "", 0), []string{"inv_2"})
	}},

	{"Withdraw removes those for an address and those from somebody", func(c *check) {
		c.organization("club")
		c.organization("pub")
		from := func(user string) func(*org.Invitation) { return func(v *org.Invitation) { v.InvitedBy = user } }
		c.invitation("1", "club", "a@example.org", from("usr_ann"))
		c.invitation("2", "club", "b@example.org", from("usr_ann"))
		c.invitation("3", "club", "c@example.org", from("usr_bob"))
		c.invitation("4", "club", "d@example.org", from(""))
		c.invitation("5", "pub", "a@example.org", from("usr_bob"))
		for _, w := range []struct {
			email, inviter string
			left           []string
		}{
			{"", "", []string{"inv_1", "inv_2", "inv_3", "inv_4"}},
			{"e@example.org", "usr_eve", []string{"inv_1", "inv_2", "inv_3", "inv_4"}},
			{"a@example.org", "", []string{"inv_2", "inv_3", "inv_4"}},
			{"", "usr_ann", []string{"inv_3", "inv_4"}},
			{"d@example.org", "usr_bob", nil},
		} {
			c.update(func(tx account.Tx) error { return tx.Invitations.Withdraw(c.Context(), "org_club", w.email, w.inviter) })
			same(c, fmt.Sprintf("left after %q and %q", w.email, w.inviter), c.pending("org_club", "", 0), w.left)
		}
		equal(c, "another organization's", c.pending("org_pub", "", 0), []string{"inv_5"})
	}},

	{"Pending is in order of id, page by page, without what has expired", func(c *check) {
		c.organization("club")
		for i := range 5 {
			name := fmt.Sprint(i)
			c.invitation(name, "club", name+"@example.org", func(v *org.Invitation) {
				if i == 2 {
					v.ExpiresAt = c.now
				}
			})
		}
		equal(c, "all", c.pending("org_club", "", 0), []string{"inv_0", "inv_1", "inv_3", "inv_4"})
		equal(c, "first page", c.pending("org_club", "", 2), []string{"inv_0", "inv_1"})
		equal(c, "second page", c.pending("org_club", "inv_1", 2), []string{"inv_3", "inv_4"})
		same(c, "third page", c.pending("org_club", "inv_4", 2), nil)
	}},

	{"what was given and found belongs to the caller", func(c *check) {
		c.organization("club")
		v := c.newInvitation("1", "club", "a@example.org")
		v.TokenHash = slices.Clone(v.TokenHash)
		c.update(func(tx account.Tx) error { return tx.Invitations.Create(c.Context(), v) })
		v.TokenHash[0]++
		found := get(c, func(tx account.Tx) (org.Invitation, error) { return tx.Invitations.ByHash(c.Context(), hash("1")) })
		equal(c, "kept", found.TokenHash, hash("1"))
		found.TokenHash[0]++
		again := get(c, func(tx account.Tx) (org.Invitation, error) { return tx.Invitations.ByHash(c.Context(), hash("1")) })
		equal(c, "kept", again.TokenHash, hash("1"))
	}},

	{"expired invitations go in batches, others stay", func(c *check) {
		c.organization("club")
		c.batches(func(i int, expires time.Time) {
			c.invitation(fmt.Sprint(i), "club", fmt.Sprint(i, "@example.org"), func(v *org.Invitation) { v.ExpiresAt = expires })
		})
		equal(c, "left", c.pending("org_club", "", 0), []string{"inv_5"})
		c.invitation("0", "club", "0@example.org") // its place is free again
	}},
}

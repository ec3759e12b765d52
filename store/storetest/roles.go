package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

var roles = []promise{
	{"Roles has all definitions in order of the bytes of their names", func(c *check) {
		same(c, "without any", c.definitions(), nil)
		want := []authz.Role{
			{Name: "Admin", Permissions: []string{"*"}, Inherits: []string{"member", "moderator"}},
			{Name: "member", Permissions: []string{"post:create", "post:read"}},
			{Name: plenty("moderator"), Permissions: []string{plenty("post"), "post:delete"}, Inherits: []string{"member"}},
			{Name: "nothing"},
			{Name: "Ä"},
		}
		for _, r := range want {
			slices.Reverse(r.Permissions)
			c.putRole(r)
			slices.Reverse(r.Permissions)
		}
		same(c, "all", c.definitions(), want)
	}},

	{"PutRole replaces the definition and keeps the assignments", func(c *check) {
		c.putRole(authz.Role{Name: "member", Permissions: []string{"a", "b"}, Inherits: []string{"x"}})
		equal(c, "assigned", c.assign("usr_ann", "member", ""), true)
		want := authz.Role{Name: "member", Permissions: []string{"b", "c"}, Inherits: []string{"y", "z"}}
		c.putRole(want)
		same(c, "definitions", c.definitions(), []authz.Role{want})
		equal(c, "ann", c.assigned("usr_ann", ""), []string{"member"})
		c.putRole(authz.Role{Name: "member"})
		same(c, "emptied", c.definitions(), []authz.Role{{Name: "member"}})
	}},

	{"DeleteRole removes the role and its assignments everywhere", func(c *check) {
		c.putRole(authz.Role{Name: "member", Permissions: []string{"a"}})
		c.putRole(authz.Role{Name: "other", Permissions: []string{"b"}})
		c.assign("usr_ann", "member", "")
		c.assign("usr_ann", "member", "org_1")
		c.assign("usr_ann", "other", "")
		equal(c, "first time", c.deleteRole("member"), true)
		equal(c, "second time", c.deleteRole("member"), false)
		same(c, "definitions", c.definitions(), []authz.Role{{Name: "other", Permissions: []string{"b"}}})
		c.putRole(authz.Role{Name: "member"})
		equal(c, "ann, once the role is there again", c.assigned("usr_ann", ""), []string{"other"})
		same(c, "ann in the organization", c.assigned("usr_ann", "org_1"), nil)
	}},

	{"Assign says whether it is new, and needs the role to exist", func(c *check) {
		c.putRole(authz.Role{Name: "member"})
		equal(c, "first time", c.assign("usr_ann", "member", ""), true)
		equal(c, "second time", c.assign("usr_ann", "member", ""), false)
		equal(c, "in an organization", c.assign("usr_ann", "member", "org_1"), true)
		equal(c, "somebody else", c.assign("usr_bob", "member", ""), true)
		for _, role := range []string{"unknown", "", "MEMBER"} {
			c.answer(authz.ErrNotFound, func(tx account.Tx) error {
				_, err := tx.Roles.Assign(c.Context(), "usr_ann", role, "")
				return err
			})
		}
		equal(c, "ann", c.assigned("usr_ann", ""), []string{"member"})
	}},

	{"Assigned has the subject's roles in one organization or in none, sorted", func(c *check) {
		for _, name := range []string{"b", "a", "Z", "c"} {
			c.putRole(authz.Role{Name: name})
			c.assign("usr_ann", name, "")
		}
		c.assign("usr_ann", "c", "org_1")
		c.assign("usr_ann", "a", "org_1")
		c.assign("usr_anna", "b", "org_1")
		equal(c, "without organization", c.assigned("usr_ann", ""), []string{"Z", "a", "b", "c"})
		equal(c, "in org_1", c.assigned("usr_ann", "org_1"), []string{"a", "c"})
		same(c, "in org_", c.assigned("usr_ann", "org_"), nil)
		same(c, "of a prefix of ann", c.assigned("usr_an", ""), nil)
	}},

	{"Unassign takes one role away and says whether the subject had it", func(c *check) {
		c.putRole(authz.Role{Name: "a"})
		c.putRole(authz.Role{Name: "b"})
		c.assign("usr_ann", "a", "")
		c.assign("usr_ann", "a", "org_1")
		c.assign("usr_ann", "b", "")
		c.assign("usr_bob", "a", "")
		equal(c, "first time", c.unassign("usr_ann", "a", ""), true)
		equal(c, "second time", c.unassign("usr_ann", "a", ""), false)
		equal(c, "an unknown role", c.unassign("usr_ann", "unknown", ""), false)
		equal(c, "ann", c.assigned("usr_ann", ""), []string{"b"})
		equal(c, "ann in the organization", c.assigned("usr_ann", "org_1"), []string{"a"})
		equal(c, "bob", c.assigned("usr_bob", ""), []string{"a"})
	}},

	{"UnassignAll takes all of the subject's roles away, in every organization", func(c *check) {
		c.putRole(authz.Role{Name: "a"})
		c.assign("usr_ann", "a", "")
		c.assign("usr_ann", "a", "org_1")
		c.assign("usr_anna", "a", "")
		c.update(func(tx account.Tx) error { return tx.Roles.UnassignAll(c.Context(), "usr_ann") })
		same(c, "ann", c.assigned("usr_ann", ""), nil)
		same(c, "ann in the organization", c.assigned("usr_ann", "org_1"), nil)
		equal(c, "anna", c.assigned("usr_anna", ""), []string{"a"})
		equal(c, "assigned anew", c.assign("usr_ann", "a", ""), true)
	}},

	{"LockHolders has active users who hold the role without organization", func(c *check) {
		c.admins("1", "2", "3", "4")
		c.user("5")
		c.assign("usr_5", "admin", "org_1")
		c.assign("usr_nobody", "admin", "")
		c.update(func(tx account.Tx) error { return tx.Users.SetStatus(c.Context(), "usr_2", account.Disabled, c.now) })
		c.update(func(tx account.Tx) error { return tx.Users.Delete(c.Context(), "usr_3") })
		equal(c, "holders", c.holders("admin", 10), []string{"usr_1", "usr_4"})
		equal(c, "one at most", len(c.holders("admin", 1)), 1)
		same(c, "of an unknown role", c.holders("unknown", 10), nil)
	}},

	{"two who each would leave the other as the last holder do not leave none", func(c *check) {
		ways := []func(account.Tx, string) error{
			func(tx account.Tx, id string) error {
				_, err := tx.Roles.Unassign(c.Context(), id, "admin", "")
				return err
			},
			func(tx account.Tx, id string) error { return tx.Roles.UnassignAll(c.Context(), id) },
			func(tx account.Tx, id string) error {
				return tx.Users.SetStatus(c.Context(), id, account.Disabled, c.now)
			},
			func(tx account.Tx, id string) error { return tx.Users.Delete(c.Context(), id) },
		}
		for round := range testenv.Count(20, 200) {
			role := fmt.Sprint("admin", round)
			c.putRole(authz.Role{Name: role})
			for _, side := range []string{"a", "b"} {
				c.user(side + role)
				c.assign("usr_"+side+role, role, "")
			}
			c.succeed(together(2, func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) error {
					holders, err := tx.Roles.LockHolders(c.Context(), role, 2)
					if err != nil || len(holders) < 2 {
						return err
					}
					id := "usr_" + []string{"a", "b"}[i] + role
					if way := (round + i) % (len(ways) + 1); way < len(ways) {
						if err := ways[way](tx, id); err != nil {
							return err
						}
					}
					_, err = tx.Roles.Unassign(c.Context(), id, role, "")
					return err
				})
			}))
			if got := c.holders(role, 2); len(got) != 1 {
				c.Fatalf("round %d: holders %v, want one", round, got)
			}
		}
	}},

	{"LockHolders keeps those who did not lock from changing who holds the role", func(c *check) {
		for name, change := range map[string]func(tx account.Tx, role, id string) error{
			"Unassign": func(tx account.Tx, role, id string) error {
				_, err := tx.Roles.Unassign(c.Context(), id, role, "")
				return err
			},
			"UnassignAll": func(tx account.Tx, _, id string) error { return tx.Roles.UnassignAll(c.Context(), id) },
			"SetStatus": func(tx account.Tx, _, id string) error {
				return tx.Users.SetStatus(c.Context(), id, account.Disabled, c.now)
			},
			"Delete": func(tx account.Tx, _, id string) error { return tx.Users.Delete(c.Context(), id) },
			"DeleteRole": func(tx account.Tx, role, _ string) error {
				_, err := tx.Roles.DeleteRole(c.Context(), role)
				return err
			},
		} {
			c.putRole(authz.Role{Name: name})
			c.user(name)
			c.assign("usr_"+name, name, "")
			c.holderStays(name, func(tx account.Tx) error { return change(tx, name, "usr_"+name) })
			same(c, "holders after "+name, c.holders(name, 10), nil)
		}
	}},
}

// holderStays checks that whoever has locked the one holder of a role does not
// see the change that another transaction makes beside it.
func (c *check) holderStays(role string, change func(account.Tx) error) {
	c.Helper()
	done := make(chan error, 1)
	var begin sync.Once
	err := c.Update(c.Context(), func(tx account.Tx) error {
		if _, err := tx.Roles.LockHolders(c.Context(), role, 10); err != nil {
			return err
		}
		begin.Do(func() { go func() { done <- c.Update(c.Context(), change) }() })
		for range 10 {
			time.Sleep(time.Millisecond) // so that the other is there, most of the time
			now, err := tx.Roles.LockHolders(c.Context(), role, 10)
			if err != nil {
				return err
			}
			if len(now) != 1 {
				return errors.New("the holder is gone before the transaction has ended")
			}
		}
		return nil
	})
	if err := errors.Join(err, <-done); err != nil {
		c.Errorf("%s: %v", role, err)
	}
}

// admins creates users who hold the role "admin".
func (c *check) admins(names ...string) {
	c.Helper()
	c.putRole(authz.Role{Name: "admin"})
	for _, name := range names {
		c.user(name)
		c.assign("usr_"+name, "admin", "")
	}
}

// definitions returns all roles; the order within a role means nothing.
func (c *check) definitions() []authz.Role {
	c.Helper()
	all := get(c, func(tx account.Tx) ([]authz.Role, error) { return tx.Roles.Roles(c.Context()) })
	for _, r := range all {
		slices.SortFunc(r.Permissions, strings.Compare)
		slices.SortFunc(r.Inherits, strings.Compare)
	}
	return all
}

func (c *check) putRole(r authz.Role) {
	c.Helper()
	c.update(func(tx account.Tx) error { return tx.Roles.PutRole(c.Context(), r) })
}

func (c *check) deleteRole(name string) bool {
	c.Helper()
	return do(c, func(tx account.Tx) (bool, error) { return tx.Roles.DeleteRole(c.Context(), name) })
}

func (c *check) assign(subject, role, org string) bool {
	c.Helper()
	return do(c, func(tx account.Tx) (bool, error) { return tx.Roles.Assign(c.Context(), subject, role, org) })
}

func (c *check) unassign(subject, role, org string) bool {
	c.Helper()
	return do(c, func(tx account.Tx) (bool, error) { return tx.Roles.Unassign(c.Context(), subject, role, org) })
}

func (c *check) assigned(subject, org string) []string {
	c.Helper()
	return get(c, func(tx account.Tx) ([]string, error) { return tx.Roles.Assigned(c.Context(), subject, org) })
}

// holders returns what LockHolders does, sorted.
func (c *check) holders(role string, limit int) []string {
	c.Helper()
	ids := do(c, func(tx account.Tx) ([]string, error) { return tx.Roles.LockHolders(c.Context(), role, limit) })
	slices.Sort(ids)
	return ids
}

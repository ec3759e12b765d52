package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// newOrganization returns the organization "org_<name>" with that slug.
func (c *check) newOrganization(name string) org.Organization {
	return org.Organization{ID: "org_" + name, Slug: name, Name: plenty(name), Plan: "free", CreatedAt: c.now, UpdatedAt: c.now}
}

// organization creates newOrganization(name).
func (c *check) organization(name string) org.Organization {
	c.Helper()
	o := c.newOrganization(name)
	c.update(func(tx account.Tx) error { return tx.Organizations.Create(c.Context(), o) })
	return o
}

func (c *check) organizationByID(id string) (org.Organization, error) {
	var o org.Organization
	err := c.View(c.Context(), func(tx account.Tx) (err error) { o, err = tx.Organizations.ByID(c.Context(), id); return err })
	return o, err
}

func (c *check) organizations(f org.Filter) []org.Organization {
	c.Helper()
	return get(c, func(tx account.Tx) ([]org.Organization, error) { return tx.Organizations.List(c.Context(), f) })
}

func slugs(all []org.Organization) (names []string) {
	for _, o := range all {
		names = append(names, o.Slug)
	}
	return names
}

var organizations = []promise{
	{"an organization comes back as it was, by id and by slug", func(c *check) {
		want := c.organization("club")
		c.organization("pub")
		found, err := c.organizationByID("org_club")
		equal(c, "by id", found, want)
		equal(c, "error", err, nil)
		bySlug := get(c, func(tx account.Tx) (org.Organization, error) { return tx.Organizations.BySlug(c.Context(), "club") })
		equal(c, "by slug", bySlug, want)
		locked := do(c, func(tx account.Tx) (org.Organization, error) { return tx.Organizations.Lock(c.Context(), "org_club") })
		equal(c, "locked", locked, want)
	}},

	{"what is not there is not found", func(c *check) {
		c.organization("club")
		for _, name := range []string{"", "CLUB", "clu", "org_pub"} {
			for what, find := range map[string]func(tx account.Tx) error{
				"ByID":   func(tx account.Tx) error { _, err := tx.Organizations.ByID(c.Context(), name); return err },
				"BySlug": func(tx account.Tx) error { _, err := tx.Organizations.BySlug(c.Context(), name); return err },
				"Lock":   func(tx account.Tx) error { _, err := tx.Organizations.Lock(c.Context(), name); return err },
				"Update": func(tx account.Tx) error {
					return tx.Organizations.Update(c.Context(), org.Organization{ID: name, Slug: "x"})
				},
				"Delete": func(tx account.Tx) error { return tx.Organizations.Delete(c.Context(), name) },
			} {
				c.Log(what, name)
				c.answer(org.ErrNotFound, find)
			}
		}
	}},

	{"a slug is one organization's, whether it is created or changed", func(c *check) {
		c.organization("club")
		pub := c.organization("pub")
		c.answer(org.ErrTaken, func(tx account.Tx) error {
			o := c.newOrganization("other")
			o.Slug = "club"
			return tx.Organizations.Create(c.Context(), o)
		})
		pub.Slug = "club"
		c.answer(org.ErrTaken, func(tx account.Tx) error { return tx.Organizations.Update(c.Context(), pub) })
		equal(c, "after refusals", slugs(c.organizations(org.Filter{})), []string{"club", "pub"})
		pub.Slug = "bar"
		c.update(func(tx account.Tx) error { return tx.Organizations.Update(c.Context(), pub) })
		c.organization("pub2")
		c.update(func(tx account.Tx) error {
			o := c.newOrganization("new")
			o.Slug = "pub"
			return tx.Organizations.Create(c.Context(), o)
		})
		equal(c, "a slug that was given up is free", slugs(c.organizations(org.Filter{})), []string{"bar", "club", "pub", "pub2"})
	}},

	{"Update replaces slug, name and plan, and nothing else", func(c *check) {
		o := c.organization("club")
		later := c.now.Add(time.Minute)
		c.update(func(tx account.Tx) error {
			return tx.Organizations.Update(c.Context(), org.Organization{ID: o.ID, Slug: "club", Name: "", Plan: "gold", CreatedAt: later, UpdatedAt: later})
		})
		o.Name, o.Plan, o.UpdatedAt = "", "gold", later
		found, _ := c.organizationByID(o.ID)
		equal(c, "after Update", found, o)
	}},

	{"of those who want a slug at once exactly one gets it, and nothing fails", func(c *check) {
		for round := range testenv.Count(5, 50) {
			slug := fmt.Sprint("slug", round)
			var ids []string
			for i := range 4 {
				ids = append(ids, c.organization(fmt.Sprintf("r%do%d", round, i)).ID)
			}
			errs := together(8, func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) error {
					o := c.newOrganization(fmt.Sprintf("r%dn%d", round, i))
					o.Slug = slug
					if i%2 == 0 {
						return tx.Organizations.Create(c.Context(), o)
					}
					o.ID = ids[i/2]
					return tx.Organizations.Update(c.Context(), o)
				})
			})
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, org.ErrTaken):
					c.Errorf("round %d: %v", round, err)
				}
			}
			equal(c, "winners", won, 1)
		}
	}},

	{"List is in order of slug, by prefix and page", func(c *check) {
		for _, name := range []string{"b", "a", "ab", "abc", "b-c", "c"} {
			c.organization(name)
		}
		for _, l := range []struct {
			f    org.Filter
			want []string
		}{
			{org.Filter{}, []string{"a", "ab", "abc", "b", "b-c", "c"}},
			{org.Filter{Limit: 2}, []string{"a", "ab"}},
			{org.Filter{After: "ab", Limit: 2}, []string{"abc", "b"}},
			{org.Filter{Prefix: "ab"}, []string{"ab", "abc"}},
			{org.Filter{Prefix: "a", After: "a"}, []string{"ab", "abc"}},
			{org.Filter{Prefix: "b", After: "a"}, []string{"b", "b-c"}},
			{org.Filter{Prefix: "a", After: "b"}, nil},
			{org.Filter{After: "c"}, nil},
			{org.Filter{Prefix: "%"}, nil},
		} {
			same(c, fmt.Sprintf("%+v", l.f), slugs(c.organizations(l.f)), l.want)
		}
	}},

	{"Delete removes the organization with its members and invitations, and no other's", func(c *check) {
		for _, name := range []string{"club", "pub"} {
			c.organization(name)
			c.join(name, "usr_ann")
			c.invitation(name+"1", name, "bob@example.org")
		}
		c.update(func(tx account.Tx) error { return tx.Organizations.Delete(c.Context(), "org_club") })
		equal(c, "left", slugs(c.organizations(org.Filter{})), []string{"pub"})
		same(c, "members", c.membersIn("org_club", "", 0), nil)
		equal(c, "ann is in", c.organizationsOf("usr_ann"), []string{"org_pub"})
		same(c, "invitations", c.pending("org_club", "", 0), nil)
		equal(c, "invitations to another", len(c.pending("org_pub", "", 0)), 1)
		c.answer(org.ErrNoInvitation, func(tx account.Tx) error {
			_, err := tx.Invitations.ByHash(c.Context(), hash("club1"))
			return err
		})
		c.organization("club") // its slug is free again, and it begins empty
		same(c, "members of the new one", c.membersIn("org_club", "", 0), nil)
	}},

	{"UnassignIn takes the roles in one organization, of one subject or of all", func(c *check) {
		for _, role := range []string{"chief", "member"} {
			c.putRole(authz.Role{Name: role})
			for _, in := range []string{"", "org_club", "org_pub"} {
				c.assign("usr_ann", role, in)
				c.assign("usr_bob", role, in)
			}
		}
		unassign := func(subject, in string) {
			c.Helper()
			c.update(func(tx account.Tx) error { return tx.Roles.UnassignIn(c.Context(), subject, in) })
		}
		both := []string{"chief", "member"}
		unassign("usr_ann", "org_club")
		same(c, "ann in the club", c.assigned("usr_ann", "org_club"), nil)
		equal(c, "ann in the pub", c.assigned("usr_ann", "org_pub"), both)
		equal(c, "bob in the club", c.assigned("usr_bob", "org_club"), both)
		unassign("", "org_club")
		same(c, "bob in the club", c.assigned("usr_bob", "org_club"), nil)
		equal(c, "bob in the pub", c.assigned("usr_bob", "org_pub"), both)
		for _, subject := range []string{"usr_ann", ""} { // "" is no organization
			unassign(subject, "")
		}
		equal(c, "ann everywhere", c.assigned("usr_ann", ""), both)
		equal(c, "bob everywhere", c.assigned("usr_bob", ""), both)
	}},

	{"a session acts where it is told to, and leaves with its subject", func(c *check) {
		c.session("1", "usr_ann")
		c.session("2", "usr_ann")
		c.session("3", "usr_bob")
		for _, id := range []string{"ses_1", "ses_2", "ses_3"} {
			c.update(func(tx account.Tx) error { return tx.Sessions.SetOrg(c.Context(), id, "org_club") })
		}
		c.update(func(tx account.Tx) error { return tx.Sessions.SetOrg(c.Context(), "ses_2", "org_pub") })
		c.answer(session.ErrNotFound, func(tx account.Tx) error { return tx.Sessions.SetOrg(c.Context(), "ses_4", "org_club") })
		in := func(want string) {
			c.Helper()
			var got []string
			for _, name := range []string{"1", "2", "3"} {
				got = append(got, c.sessionByHash(hash(name)).Org)
			}
			equal(c, "organizations", fmt.Sprint(got), want)
		}
		in("[org_club org_pub org_club]")
		c.update(func(tx account.Tx) error { return tx.Sessions.Leave(c.Context(), "usr_ann", "org_club") })
		in("[ org_pub org_club]")
		c.update(func(tx account.Tx) error { return tx.Sessions.SetOrg(c.Context(), "ses_2", "") })
		in("[  org_club]")
	}},

	{"a user has the plan that was set", func(c *check) {
		want := c.user("ann", func(u *account.User) { u.Plan = "free" })
		byID := func() account.User {
			return get(c, func(tx account.Tx) (account.User, error) { return tx.Users.ByID(c.Context(), "usr_ann") })
		}
		equal(c, "as created", byID(), want)
		want.Plan, want.UpdatedAt = "gold", c.now.Add(time.Minute)
		c.update(func(tx account.Tx) error { return tx.Users.SetPlan(c.Context(), "usr_ann", "gold", want.UpdatedAt) })
		equal(c, "as set", byID(), want)
		c.answer(account.ErrNotFound, func(tx account.Tx) error { return tx.Users.SetPlan(c.Context(), "usr_bob", "gold", c.now) })
	}},
}

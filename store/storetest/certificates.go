package storetest

import (
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
)

var certificates = []promise{
	{"Create keeps every field, times to the millisecond", func(c *check) {
		c.user("ann")
		want := clientcert.Mapping{
			ID: "crt_1", Owner: "usr_ann", Name: clientcert.Name{Kind: clientcert.Subject, Value: plenty("CN=ann")}, Label: plenty("label"), Service: true,
			ExpiresAt: c.now.Add(time.Hour + 999999), CreatedAt: c.now.Add(1), LastUsedAt: c.now.Add(time.Minute),
		}
		c.update(func(tx account.Tx) error { return tx.Certificates.Create(c.Context(), want) })
		want.CreatedAt, want.ExpiresAt = c.now, c.now.Add(time.Hour)
		equal(c, "ByName", c.certificate(want.Name), want)
		equal(c, "ByID", get(c, func(tx account.Tx) (clientcert.Mapping, error) { return tx.Certificates.ByID(c.Context(), "crt_1") }), want)
		equal(c, "List", c.certificatesOf("usr_ann"), []clientcert.Mapping{want})
	}},

	{"a mapping that never expires and was never used comes back so", func(c *check) {
		c.user("ann")
		want := c.mapping("1", "usr_ann")
		got := c.certificate(want.Name)
		equal(c, "mapping", got, want)
		if !got.ExpiresAt.IsZero() || !got.LastUsedAt.IsZero() {
			c.Errorf("expires %v, last used %v", got.ExpiresAt, got.LastUsedAt)
		}
	}},

	{"a name stands for one, and the other kinds of it are other names", func(c *check) {
		c.user("ann")
		c.user("bob")
		want := c.mapping("1", "usr_ann")
		second := c.newMapping("2", "usr_bob")
		second.Name = want.Name
		c.answer(clientcert.ErrTaken, func(tx account.Tx) error { return tx.Certificates.Create(c.Context(), second) })
		equal(c, "whose it is", c.certificate(want.Name), want)
		second.Name.Kind = clientcert.Subject
		c.update(func(tx account.Tx) error { return tx.Certificates.Create(c.Context(), second) })
		equal(c, "the other kind", c.certificate(second.Name).Owner, "usr_bob")
		third := c.newMapping("1", "usr_bob")
		third.Name.Value = "another"
		c.fails("a second mapping of that id", func(tx account.Tx) error { return tx.Certificates.Create(c.Context(), third) })
	}},

	{"of two at once that map one name, one does", func(c *check) {
		c.user("ann")
		errs := together(8, func(i int) error {
			m := c.newMapping("1", "usr_ann")
			m.ID = "crt_" + string(rune('a'+i))
			return c.Update(c.Context(), func(tx account.Tx) error { return tx.Certificates.Create(c.Context(), m) })
		})
		made := 0
		for _, err := range errs {
			switch {
			case err == nil:
				made++
			case !errors.Is(err, clientcert.ErrTaken):
				c.Error(err)
			}
		}
		equal(c, "made", made, 1)
		equal(c, "kept", len(c.certificatesOf("usr_ann")), 1)
	}},

	{"ByName finds only mappings whose owner exists and is active", func(c *check) {
		c.user("ann")
		m := c.mapping("1", "usr_ann")
		c.noCertificate(c.mapping("2", "usr_nobody").Name)
		c.noCertificate(clientcert.Name{Kind: clientcert.DNS, Value: "unknown"})
		status := func(s account.Status) {
			c.update(func(tx account.Tx) error { return tx.Users.SetStatus(c.Context(), "usr_ann", s, c.now) })
		}
		status(account.Disabled)
		c.noCertificate(m.Name)
		equal(c, "of a disabled owner", len(c.certificatesOf("usr_ann")), 1)
		status(account.Active)
		equal(c, "once the owner is active again", c.certificate(m.Name).ID, "crt_1")
		c.update(func(tx account.Tx) error { return tx.Users.Delete(c.Context(), "usr_ann") })
		c.noCertificate(m.Name)
	}},

	{"Touch moves the last use on and never back", func(c *check) {
		c.user("ann")
		want := c.mapping("1", "usr_ann")
		for _, step := range []struct{ used, want time.Duration }{{time.Minute, time.Minute}, {time.Second, time.Minute}, {time.Hour, time.Hour}} {
			c.update(func(tx account.Tx) error {
				return tx.Certificates.Touch(c.Context(), "crt_1", c.now.Add(step.used+999))
			})
			want.LastUsedAt = c.now.Add(step.want)
			equal(c, "mapping", c.certificate(want.Name), want)
		}
		c.update(func(tx account.Tx) error { return tx.Certificates.Touch(c.Context(), "crt_2", c.now) })
	}},

	{"List has the owner's, newest first, and RemoveAll removes them", func(c *check) {
		for i, name := range []string{"1", "2", "3"} {
			c.mapping(name, "usr_ann", func(m *clientcert.Mapping) { m.CreatedAt = c.now.Add(time.Duration(i) * time.Second) })
		}
		c.mapping("4", "usr_anna")
		equal(c, "ann's", certificateIDs(c.certificatesOf("usr_ann")), []string{"crt_3", "crt_2", "crt_1"})
		c.update(func(tx account.Tx) error { return tx.Certificates.RemoveAll(c.Context(), "usr_ann") })
		same(c, "ann's, removed", certificateIDs(c.certificatesOf("usr_ann")), nil)
		equal(c, "another's", certificateIDs(c.certificatesOf("usr_anna")), []string{"crt_4"})
	}},

	{"Remove removes one, once, and its name is free again", func(c *check) {
		c.user("ann")
		m := c.mapping("1", "usr_ann")
		remove := func() bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Certificates.Remove(c.Context(), "crt_1") })
		}
		equal(c, "removed", remove(), true)
		c.noCertificate(m.Name)
		equal(c, "again", remove(), false)
		c.mapping("1", "usr_ann")
		equal(c, "mapped anew", c.certificate(m.Name), m)
	}},
}

// newMapping returns a mapping "crt_<name>" of the DNS name <name>.example that
// never expires.
func (c *check) newMapping(name, owner string) clientcert.Mapping {
	return clientcert.Mapping{
		ID: "crt_" + name, Owner: owner, Name: clientcert.Name{Kind: clientcert.DNS, Value: name + ".example"}, Label: name, CreatedAt: c.now,
	}
}

// mapping creates newMapping(name, owner), as changed.
func (c *check) mapping(name, owner string, change ...func(*clientcert.Mapping)) clientcert.Mapping {
	c.Helper()
	m := c.newMapping(name, owner)
	for _, f := range change {
		f(&m)
	}
	c.update(func(tx account.Tx) error { return tx.Certificates.Create(c.Context(), m) })
	return m
}

func (c *check) certificate(n clientcert.Name) clientcert.Mapping {
	c.Helper()
	return get(c, func(tx account.Tx) (clientcert.Mapping, error) { return tx.Certificates.ByName(c.Context(), n) })
}

// noCertificate checks that the name is not found.
func (c *check) noCertificate(n clientcert.Name) {
	c.Helper()
	c.answer(clientcert.ErrNotFound, func(tx account.Tx) error { _, err := tx.Certificates.ByName(c.Context(), n); return err })
}

func (c *check) certificatesOf(owner string) []clientcert.Mapping {
	c.Helper()
	return get(c, func(tx account.Tx) ([]clientcert.Mapping, error) { return tx.Certificates.List(c.Context(), owner) })
}

func certificateIDs(all []clientcert.Mapping) (ids []string) {
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	return ids
}

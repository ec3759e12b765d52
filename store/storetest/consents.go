package storetest

import (
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/oauth"
)

var consents = []promise{
	{"a consent comes back with every field, times to the millisecond", func(c *check) {
		want := c.consent(plenty("user"), plenty("client"), func(x *oauth.Consent) {
			x.Scope, x.Resources = []string{"openid", odd}, []string{odd}
			x.CreatedAt, x.UpdatedAt = c.now.Add(1), c.now.Add(time.Minute+1)
		})
		want.CreatedAt, want.UpdatedAt = c.now, c.now.Add(time.Minute)
		equal(c, "the consent", c.consentTo(want.User, want.Client), want)
		bare := c.consent("usr_ann", "app", func(x *oauth.Consent) { x.Scope, x.Resources = nil, []string{} })
		equal(c, "one to nothing", c.consentTo("usr_ann", "app"), bare)
		c.noConsent("usr_ann", "web")
		c.noConsent("usr_bob", "app")
	}},

	{"Put replaces all of the consent to that client, and no other", func(c *check) {
		c.consent("usr_ann", "app")
		web, bob := c.consent("usr_ann", "web"), c.consent("usr_bob", "app")
		want := c.consent("usr_ann", "app", func(x *oauth.Consent) {
			x.Scope, x.Resources = []string{"email"}, []string{"https://b.example"}
			x.CreatedAt, x.UpdatedAt = c.now.Add(time.Hour), c.now.Add(time.Hour)
		})
		equal(c, "replaced", c.consentTo("usr_ann", "app"), want)
		equal(c, "to another client", c.consentTo("usr_ann", "web"), web)
		equal(c, "another's", c.consentTo("usr_bob", "app"), bob)
	}},

	{"Of has the user's consents, by client", func(c *check) {
		for _, client := range []string{"b", "a", "B"} {
			c.consent("usr_ann", client)
		}
		c.consent("usr_anna", "c")
		equal(c, "ann's", c.consentsOf("usr_ann"), []string{"B", "a", "b"})
		same(c, "nobody's", c.consentsOf("usr_an"), nil)
	}},

	{"Remove removes that to one client, or all", func(c *check) {
		for _, client := range []string{"a", "b", "c"} {
			c.consent("usr_ann", client)
		}
		c.consent("usr_bob", "a")
		remove := func(user, client string) bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Consents.Remove(c.Context(), user, client) })
		}
		equal(c, "to one", remove("usr_ann", "a"), true)
		equal(c, "again", remove("usr_ann", "a"), false)
		equal(c, "left", c.consentsOf("usr_ann"), []string{"b", "c"})
		equal(c, "all", remove("usr_ann", ""), true)
		equal(c, "all again", remove("usr_ann", ""), false)
		same(c, "left", c.consentsOf("usr_ann"), nil)
		equal(c, "another's", c.consentsOf("usr_bob"), []string{"a"})
	}},

	{"what a caller does to its copy of a consent does not reach the store", func(c *check) {
		mine := c.consent("usr_ann", "app")
		for range 2 {
			mine.Scope[0], mine.Resources[0] = "x", "x"
			mine = c.consentTo("usr_ann", "app")
			equal(c, "kept", mine, c.newConsent("usr_ann", "app"))
		}
	}},
}

func (c *check) newConsent(user, client string) oauth.Consent {
	return oauth.Consent{
		User: user, Client: client, Scope: []string{oauth.OpenID}, Resources: []string{"https://api.example"}, CreatedAt: c.now, UpdatedAt: c.now,
	}
}

// consent writes newConsent(user, client), as changed.
func (c *check) consent(user, client string, change ...func(*oauth.Consent)) oauth.Consent {
	c.Helper()
	x := c.newConsent(user, client)
	for _, f := range change {
		f(&x)
	}
	c.update(func(tx account.Tx) error { return tx.Consents.Put(c.Context(), x) })
	return x
}

func (c *check) consentTo(user, client string) oauth.Consent {
	c.Helper()
	return get(c, func(tx account.Tx) (oauth.Consent, error) { return tx.Consents.Get(c.Context(), user, client) })
}

func (c *check) noConsent(user, client string) {
	c.Helper()
	c.answer(oauth.ErrNoGrant, func(tx account.Tx) error { _, err := tx.Consents.Get(c.Context(), user, client); return err })
}

func (c *check) consentsOf(user string) (clients []string) {
	c.Helper()
	for _, x := range get(c, func(tx account.Tx) ([]oauth.Consent, error) { return tx.Consents.Of(c.Context(), user) }) {
		clients = append(clients, x.Client)
	}
	return clients
}

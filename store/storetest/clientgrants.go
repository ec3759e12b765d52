package storetest

import (
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

var clientGrants = []promise{
	{"a grant to a client comes back with every field, times to the millisecond", func(c *check) {
		want := oauth.Grant{
			ID: plenty("id"), User: plenty("user"), Client: plenty("client"), Session: plenty("session"), Org: plenty("org"),
			GrantData: oauth.GrantData{
				Scope: []string{"openid", plenty("scope")}, Resources: []string{plenty("resource")}, Redirect: plenty("redirect"),
				Challenge: plenty("challenge"), Nonce: plenty("nonce"), JKT: plenty("jkt"),
				Claims:   oauth.Claims{UserInfo: []string{"name", odd}, IDToken: []string{"email", odd}, Subject: odd, ACR: []string{odd}},
				AuthTime: c.now.Add(1), AMR: []string{"pwd", odd}, AAL: 2, MaxAge: true,
			},
			Position: revoke.Position{Log: plenty("log"), Seq: 1 << 41},
			CodeHash: hash("code"), CodeUntil: c.now.Add(time.Minute + 1), RedeemedAt: c.now.Add(time.Second + 1),
			CreatedAt: c.now.Add(-time.Minute + 1), ExpiresAt: c.now.Add(time.Hour + 1),
		}
		c.update(func(tx account.Tx) error { return tx.ClientGrants.Create(c.Context(), want) })
		want.AuthTime, want.CodeUntil, want.RedeemedAt = c.now, c.now.Add(time.Minute), c.now.Add(time.Second)
		want.CreatedAt, want.ExpiresAt = c.now.Add(-time.Minute), c.now.Add(time.Hour)
		equal(c, "by id", c.clientGrantBy(want.ID), want)
		equal(c, "by code", get(c, func(tx account.Tx) (oauth.Grant, error) { return tx.ClientGrants.ByCode(c.Context(), hash("code")) }), want)
		equal(c, "of its user", get(c, func(tx account.Tx) ([]oauth.Grant, error) { return tx.ClientGrants.Of(c.Context(), want.User) }), []oauth.Grant{want})
		for _, scope := range [][]string{nil, {}} {
			g := c.clientGrant(fmt.Sprintf("%#v", scope), "usr_ann", func(g *oauth.Grant) { g.Scope, g.CodeHash = scope, nil })
			equal(c, "one with little", c.clientGrantBy(g.ID), g)
		}
		c.noClientGrant("other")
	}},

	{"many grants have no code, and none is found by none", func(c *check) {
		none := func(g *oauth.Grant) { g.CodeHash = nil }
		c.clientGrant("1", "usr_ann", none)
		c.clientGrant("2", "usr_ann", none, func(g *oauth.Grant) { g.CodeHash = []byte{} })
		for _, code := range [][]byte{nil, {}, hash("1")} {
			c.answer(oauth.ErrNoGrant, func(tx account.Tx) error { _, err := tx.ClientGrants.ByCode(c.Context(), code); return err })
		}
		c.endGrant("gnt_1", true)
		c.clientGrant("1", "usr_ann", none)
	}},

	{"an id or a code is given once", func(c *check) {
		want := c.clientGrant("1", "usr_ann")
		again := c.newClientGrant("2", "usr_bob")
		again.CodeHash = hash("1")
		c.fails("same code", func(tx account.Tx) error { return tx.ClientGrants.Create(c.Context(), again) })
		again = c.newClientGrant("2", "usr_bob")
		again.ID = "gnt_1"
		c.fails("same id", func(tx account.Tx) error { return tx.ClientGrants.Create(c.Context(), again) })
		equal(c, "the first", c.clientGrantBy("gnt_1"), want)
		c.noClientGrant("gnt_2")
	}},

	{"of those who redeem a code at once exactly one succeeds, and the code is known still", func(c *check) {
		for round := range testenv.Count(10, 500) {
			name := fmt.Sprint(round)
			want := c.clientGrant(name, "usr_ann")
			c.exactlyOne(func(tx account.Tx) (bool, error) {
				return tx.ClientGrants.Redeem(c.Context(), want.ID, c.now.Add(time.Second+999))
			})
			want.RedeemedAt = c.now.Add(time.Second)
			equal(c, "by code", get(c, func(tx account.Tx) (oauth.Grant, error) { return tx.ClientGrants.ByCode(c.Context(), hash(name)) }), want)
		}
		equal(c, "of none", do(c, func(tx account.Tx) (bool, error) { return tx.ClientGrants.Redeem(c.Context(), "gnt_other", c.now) }), false)
	}},

	{"Of has the user's grants, newest first", func(c *check) {
		for i, name := range []string{"3", "1", "2"} {
			c.clientGrant(name, "usr_ann", func(g *oauth.Grant) { g.CreatedAt = c.now.Add(time.Duration(i) * time.Second) })
		}
		c.clientGrant("4", "usr_ann")
		c.clientGrant("5", "usr_anna")
		equal(c, "ann's", c.clientGrantsOf("usr_ann"), []string{"gnt_2", "gnt_1", "gnt_4", "gnt_3"})
		same(c, "nobody's", c.clientGrantsOf("usr_an"), nil)
	}},

	{"End removes one, once, and its code with it", func(c *check) {
		c.clientGrant("1", "usr_ann")
		c.clientGrant("2", "usr_ann")
		c.exactlyOne(func(tx account.Tx) (bool, error) { return tx.ClientGrants.End(c.Context(), "gnt_1") })
		c.noClientGrant("gnt_1")
		c.answer(oauth.ErrNoGrant, func(tx account.Tx) error { _, err := tx.ClientGrants.ByCode(c.Context(), hash("1")); return err })
		equal(c, "left", c.clientGrantsOf("usr_ann"), []string{"gnt_2"})
		c.clientGrant("1", "usr_ann") // id and code are free again
	}},

	{"EndAll removes those to one client, or all, and says which", func(c *check) {
		to := func(client string) func(*oauth.Grant) { return func(g *oauth.Grant) { g.Client = client } }
		c.clientGrant("3", "usr_ann", to("app"))
		c.clientGrant("1", "usr_ann", to("app"))
		c.clientGrant("2", "usr_ann", to("web"))
		c.clientGrant("4", "usr_bob", to("app"))
		end := func(user, client string) []string {
			return do(c, func(tx account.Tx) ([]string, error) { return tx.ClientGrants.EndAll(c.Context(), user, client) })
		}
		equal(c, "to one", end("usr_ann", "app"), []string{"gnt_1", "gnt_3"})
		same(c, "again", end("usr_ann", "app"), nil)
		equal(c, "left", c.clientGrantsOf("usr_ann"), []string{"gnt_2"})
		c.clientGrant("1", "usr_ann", to("app"))
		equal(c, "to all", end("usr_ann", ""), []string{"gnt_1", "gnt_2"})
		same(c, "left", c.clientGrantsOf("usr_ann"), nil)
		equal(c, "another's", c.clientGrantsOf("usr_bob"), []string{"gnt_4"})
	}},

	{"what a caller does to its copy of a grant does not reach the store", func(c *check) {
		set := func(g *oauth.Grant) { g.AMR, g.Claims.IDToken = []string{"pwd"}, []string{"name"} }
		mine := c.clientGrant("1", "usr_ann", set)
		want := c.newClientGrant("1", "usr_ann")
		set(&want)
		for range 2 {
			mine.Scope[0], mine.Resources[0], mine.AMR[0], mine.Claims.IDToken[0], mine.CodeHash[0] = "x", "x", "x", "x", 0
			mine = c.clientGrantBy("gnt_1")
			equal(c, "kept", mine, want)
		}
	}},
}

// newClientGrant returns a grant "gnt_<name>" of the user to the client "app", with the
// code hash(name).
func (c *check) newClientGrant(name, user string) oauth.Grant {
	return oauth.Grant{
		ID: "gnt_" + name, User: user, Client: "app", Session: "ses_" + name,
		GrantData: oauth.GrantData{Scope: []string{oauth.OpenID}, Resources: []string{"https://api.example"}, AuthTime: c.now},
		Position:  revoke.Position{Log: "log_1", Seq: 3},
		CodeHash:  hash(name), CodeUntil: c.now.Add(time.Minute), CreatedAt: c.now, ExpiresAt: c.now.Add(time.Hour),
	}
}

// clientGrant creates newClientGrant(name, user), as changed.
func (c *check) clientGrant(name, user string, change ...func(*oauth.Grant)) oauth.Grant {
	c.Helper()
	g := c.newClientGrant(name, user)
	for _, f := range change {
		f(&g)
	}
	c.update(func(tx account.Tx) error { return tx.ClientGrants.Create(c.Context(), g) })
	return g
}

func (c *check) clientGrantBy(id string) oauth.Grant {
	c.Helper()
	return get(c, func(tx account.Tx) (oauth.Grant, error) { return tx.ClientGrants.ByID(c.Context(), id) })
}

func (c *check) noClientGrant(id string) {
	c.Helper()
	c.answer(oauth.ErrNoGrant, func(tx account.Tx) error { _, err := tx.ClientGrants.ByID(c.Context(), id); return err })
}

func (c *check) endGrant(id string, want bool) {
	c.Helper()
	equal(c, "ended "+id, do(c, func(tx account.Tx) (bool, error) { return tx.ClientGrants.End(c.Context(), id) }), want)
}

func (c *check) clientGrantsOf(user string) (ids []string) {
	c.Helper()
	for _, g := range get(c, func(tx account.Tx) ([]oauth.Grant, error) { return tx.ClientGrants.Of(c.Context(), user) }) {
		ids = append(ids, g.ID)
	}
	return ids
}

// exactlyOne checks that of those who do it at once exactly one is told that they did,
// and that nothing fails.
func (c *check) exactlyOne(f func(account.Tx) (bool, error)) {
	c.Helper()
	won := make([]bool, 8)
	c.succeed(together(8, func(i int) error {
		return c.Update(c.Context(), func(tx account.Tx) (err error) {
			won[i], err = f(tx)
			return err
		})
	}))
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	equal(c, "who did it", n, 1)
}

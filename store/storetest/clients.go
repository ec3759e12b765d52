package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

var clients = []promise{
	{"a client comes back with every field, times to the millisecond", func(c *check) {
		want := oauth.Client{
			ID: plenty("id"), Name: plenty("name"), Home: plenty("home"), Logo: plenty("logo"), Policy: plenty("policy"), Terms: plenty("terms"),
			Trusted: true, Redirects: []string{"https://a.example/", plenty("redirect")}, LogoutRedirects: []string{plenty("logout")},
			Grants: []oauth.GrantType{oauth.ByRefresh, oauth.ByCode}, Scopes: []string{"openid", plenty("scope")}, Resources: []string{plenty("resource")},
			Auth: oauth.PrivateKeyJWT, JWKS: json.RawMessage(` {"keys": [{"kid": "<1>"}]}`), JWKSURI: plenty("uri"),
			IDTokenAlg: token.ES256, NoPKCE: true, PushOnly: true, DPoP: true, Disabled: true,
			MTLS: true, SignedOnly: true, Impersonates: true, Serves: []string{plenty("serves")}, Profile: oauth.SecurityProfile(plenty("profile")),
			CertificateName:   oauth.CertificateName{Subject: plenty("subject"), DNS: plenty("dns"), URI: plenty("san"), IP: plenty("ip"), Email: plenty("email")},
			BackchannelLogout: plenty("told"), BackchannelSession: true,
			Registered: &oauth.Registered{By: plenty("by"), Scopes: []string{"openid", plenty("permitted")}, Hash: hash("own")},
			Secrets:    []oauth.Secret{{Hash: hash("new"), CreatedAt: c.now.Add(1), ExpiresAt: c.now.Add(time.Hour + 1)}, {Hash: hash("old"), CreatedAt: c.now}},
			CreatedAt:  c.now.Add(1), UpdatedAt: c.now.Add(time.Minute + 1),
		}
		c.update(func(tx account.Tx) error { return tx.Clients.Create(c.Context(), want) })
		want.CreatedAt, want.UpdatedAt = c.now, c.now.Add(time.Minute)
		want.Secrets[0].CreatedAt, want.Secrets[0].ExpiresAt = c.now, c.now.Add(time.Hour)
		got := c.clientBy(want.ID)
		var keys map[string][]map[string]string
		if err := json.Unmarshal(got.JWKS, &keys); err != nil {
			c.Errorf("JWKS: %v", err)
		}
		equal(c, "keys", keys, map[string][]map[string]string{"keys": {{"kid": "<1>"}}})
		got.JWKS = want.JWKS
		equal(c, "by id", got, want)
		bare := c.client("bare")
		same(c, "one with little", c.clientBy("bare"), bare)
		c.answer(oauth.ErrNotFound, func(tx account.Tx) error { _, err := tx.Clients.ByID(c.Context(), "other"); return err })
	}},

	{"keys that are no JSON are refused", func(c *check) {
		bad := c.newClient("bad")
		bad.JWKS = json.RawMessage(`{"keys"`)
		c.fails("Create", func(tx account.Tx) error { return tx.Clients.Create(c.Context(), bad) })
	}},

	{"an id is given once", func(c *check) {
		want := c.client("app")
		again := c.newClient("app")
		again.Name = "another"
		c.answer(oauth.ErrTaken, func(tx account.Tx) error { return tx.Clients.Create(c.Context(), again) })
		same(c, "the first", c.clientBy("app"), want)
	}},

	{"Update replaces a client that is as it was read, and keeps when it was made", func(c *check) {
		made := c.client("app")
		want := made
		want.Name, want.IDTokenAlg, want.Disabled, want.UpdatedAt = "another", token.EdDSA, true, c.now.Add(time.Minute)
		want.CreatedAt = c.now.Add(time.Hour)
		update := func(x oauth.Client, was time.Time) func(account.Tx) error {
			return func(tx account.Tx) error { return tx.Clients.Update(c.Context(), x, was) }
		}
		c.update(update(want, made.UpdatedAt.Add(999)))
		want.CreatedAt = made.CreatedAt
		same(c, "replaced", c.clientBy("app"), want)
		equal(c, "its algorithm", c.algs(), []token.Alg{token.EdDSA})
		c.answer(oauth.ErrChanged, update(made, made.UpdatedAt))
		c.answer(oauth.ErrNotFound, update(c.newClient("other"), c.now))
		same(c, "after those", c.clientBy("app"), want)
	}},

	{"of those who update what they have read exactly one succeeds, in one millisecond too", func(c *check) {
		made := c.client("app")
		errs := together(8, func(i int) error {
			mine := made
			mine.Name = fmt.Sprint(i)
			return c.Update(c.Context(), func(tx account.Tx) error { return tx.Clients.Update(c.Context(), mine, made.UpdatedAt) })
		})
		n := 0
		for _, err := range errs {
			switch {
			case err == nil:
				n++
			case !errors.Is(err, oauth.ErrChanged):
				c.Error(err)
			}
		}
		equal(c, "updates", n, 1)
		equal(c, "UpdatedAt", c.clientBy("app").UpdatedAt, made.UpdatedAt.Add(time.Millisecond))
	}},

	{"Delete removes one, once, and its id is free again", func(c *check) {
		c.client("app")
		c.client("web")
		remove := func() bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Clients.Delete(c.Context(), "app") })
		}
		equal(c, "deleted", remove(), true)
		equal(c, "again", remove(), false)
		equal(c, "left", c.listClients("", 0), []string{"web"})
		c.client("app")
	}},

	{"List is in order of id, in pages, and Algs has each algorithm once", func(c *check) {
		same(c, "of none", c.listClients("", 10), nil)
		same(c, "algorithms of none", c.algs(), nil)
		for _, id := range []string{"b", "a", "B", "ab", "c"} {
			c.client(id, func(x *oauth.Client) {
				if id > "b" {
					x.IDTokenAlg = token.EdDSA
				}
			})
		}
		equal(c, "first page", c.listClients("", 2), []string{"B", "a"})
		equal(c, "second", c.listClients("a", 2), []string{"ab", "b"})
		equal(c, "rest", c.listClients("aa", 0), []string{"ab", "b", "c"})
		same(c, "after the last", c.listClients("c", 2), nil)
		equal(c, "algorithms", c.algs(), []token.Alg{token.EdDSA, token.RS256})
	}},

	{"what a caller does to its copy of a client does not reach the store", func(c *check) {
		set := func(x *oauth.Client) {
			x.Redirects, x.Scopes = []string{"https://a.example/"}, []string{"openid"}
			x.Secrets = []oauth.Secret{{Hash: hash("1"), CreatedAt: c.now}}
		}
		mine := c.client("app", set)
		want := c.newClient("app")
		set(&want)
		for range 2 {
			mine.Redirects[0], mine.Scopes[0], mine.Secrets[0].Hash[0] = "x", "y", 0
			mine.Secrets[0].ExpiresAt = c.now
			mine = c.clientBy("app")
			same(c, "kept", mine, want)
		}
	}},
}

// newClient returns a client of that id.
func (c *check) newClient(id string) oauth.Client {
	return oauth.Client{
		ID: id, Name: "Name of " + id, Redirects: []string{"https://" + id + ".example/callback"},
		Grants: []oauth.GrantType{oauth.ByCode}, Scopes: []string{oauth.OpenID}, Auth: oauth.NoAuth, IDTokenAlg: token.RS256,
		CreatedAt: c.now, UpdatedAt: c.now,
	}
}

// client creates newClient(id), as changed.
func (c *check) client(id string, change ...func(*oauth.Client)) oauth.Client {
	c.Helper()
	x := c.newClient(id)
	for _, f := range change {
		f(&x)
	}
	c.update(func(tx account.Tx) error { return tx.Clients.Create(c.Context(), x) })
	return x
}

func (c *check) clientBy(id string) oauth.Client {
	c.Helper()
	return get(c, func(tx account.Tx) (oauth.Client, error) { return tx.Clients.ByID(c.Context(), id) })
}

func (c *check) listClients(after string, limit int) (ids []string) {
	c.Helper()
	for _, x := range get(c, func(tx account.Tx) ([]oauth.Client, error) { return tx.Clients.List(c.Context(), after, limit) }) {
		ids = append(ids, x.ID)
	}
	return ids
}

func (c *check) algs() []token.Alg {
	c.Helper()
	return get(c, func(tx account.Tx) ([]token.Alg, error) { return tx.Clients.Algs(c.Context()) })
}

package storetest

import (
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
)

var apiKeys = []promise{
	{"Create keeps every field, times to the millisecond", func(c *check) {
		c.user("ann")
		want := apikey.Key{
			ID: "key_1", Hash: hash("key"), Owner: "usr_ann", Org: plenty("org"), Name: plenty("name"), Scopes: []string{"post:read", plenty("scope")},
			Last4: "a1b2", CreatedAt: c.now.Add(1), ExpiresAt: c.now.Add(time.Hour + 999999), LastUsedAt: c.now.Add(time.Minute),
		}
		c.update(func(tx account.Tx) error { return tx.APIKeys.Create(c.Context(), want) })
		want.CreatedAt, want.ExpiresAt = c.now, c.now.Add(time.Hour)
		equal(c, "ByID", c.keyByID("key_1"), want)
		equal(c, "List", c.listKeys("usr_ann"), []apikey.Key{want})
	}},

	{"a key that never expires and was never used comes back so", func(c *check) {
		c.user("ann")
		want := c.key("1", "usr_ann")
		got := c.keyByID("key_1")
		equal(c, "key", got, want)
		if !got.ExpiresAt.IsZero() || !got.LastUsedAt.IsZero() {
			c.Errorf("expires %v, last used %v", got.ExpiresAt, got.LastUsedAt)
		}
	}},

	{"the scopes of a key are never nil, which would mean no limit", func(c *check) {
		c.user("ann")
		c.key("1", "usr_ann", func(k *apikey.Key) { k.Scopes = []string{} })
		equal(c, "an empty list", c.keyByID("key_1").Scopes, []string{})
		none := c.newKey("2", "usr_ann")
		none.Scopes = nil
		if c.Update(c.Context(), func(tx account.Tx) error { return tx.APIKeys.Create(c.Context(), none) }) != nil {
			return // refused: as good
		}
		equal(c, "no list", c.keyByID("key_2").Scopes, []string{})
	}},

	{"an id is given once", func(c *check) {
		c.user("ann")
		c.user("bob")
		want := c.key("1", "usr_ann")
		c.fails("second key of that id", func(tx account.Tx) error {
			return tx.APIKeys.Create(c.Context(), c.newKey("1", "usr_bob"))
		})
		equal(c, "first key", c.keyByID("key_1"), want)
	}},

	{"ByID finds only keys whose owner exists and is active", func(c *check) {
		c.user("ann")
		c.key("1", "usr_ann")
		c.key("2", "usr_nobody")
		c.noKey("key_2")
		c.noKey("key_3")
		status := func(s account.Status) {
			c.update(func(tx account.Tx) error { return tx.Users.SetStatus(c.Context(), "usr_ann", s, c.now) })
		}
		status(account.Disabled)
		c.noKey("key_1")
		equal(c, "keys of a disabled owner", len(c.listKeys("usr_ann")), 1)
		status(account.Active)
		equal(c, "once the owner is active again", c.keyByID("key_1").ID, "key_1")
		c.update(func(tx account.Tx) error { return tx.Users.Delete(c.Context(), "usr_ann") })
		c.noKey("key_1")
	}},

	{"Touch moves the last use on and never back", func(c *check) {
		c.user("ann")
		want := c.key("1", "usr_ann")
		for _, step := range []struct{ used, want time.Duration }{{time.Minute, time.Minute}, {time.Second, time.Minute}, {time.Hour, time.Hour}} {
			c.update(func(tx account.Tx) error { return tx.APIKeys.Touch(c.Context(), "key_1", c.now.Add(step.used+999)) })
			want.LastUsedAt = c.now.Add(step.want)
			equal(c, "key", c.keyByID("key_1"), want)
		}
		c.update(func(tx account.Tx) error { return tx.APIKeys.Touch(c.Context(), "key_2", c.now) })
		equal(c, "keys", len(c.listKeys("usr_ann")), 1)
	}},

	{"List has the owner's keys, newest first", func(c *check) {
		var want []string
		for i, name := range []string{"1", "2", "3"} {
			c.key(name, "usr_ann", func(k *apikey.Key) { k.CreatedAt = c.now.Add(time.Duration(i) * time.Second) })
			want = append(want, "key_"+name)
		}
		c.key("4", "usr_anna")
		slices.Reverse(want)
		equal(c, "ann's", keyIDs(c.listKeys("usr_ann")), want)
		same(c, "of a prefix of ann", keyIDs(c.listKeys("usr_an")), nil)
	}},

	{"Revoke removes a key of that owner, or of anybody", func(c *check) {
		c.user("ann")
		c.key("1", "usr_ann")
		c.key("2", "usr_ann")
		equal(c, "as another owner", c.revokeKey("key_1", "usr_bob"), false)
		equal(c, "still there", c.keyByID("key_1").ID, "key_1")
		equal(c, "as the owner", c.revokeKey("key_1", "usr_ann"), true)
		c.noKey("key_1")
		equal(c, "again", c.revokeKey("key_1", "usr_ann"), false)
		equal(c, "as anybody", c.revokeKey("key_2", ""), true)
		equal(c, "an unknown key", c.revokeKey("key_3", ""), false)
		same(c, "left", keyIDs(c.listKeys("usr_ann")), nil)
	}},

	{"RevokeAll removes the owner's keys and returns their ids", func(c *check) {
		c.user("ann")
		c.key("1", "usr_ann")
		c.key("2", "usr_ann")
		c.key("3", "usr_anna")
		revokeAll := func() []string {
			ids := do(c, func(tx account.Tx) ([]string, error) { return tx.APIKeys.RevokeAll(c.Context(), "usr_ann") })
			slices.Sort(ids)
			return ids
		}
		equal(c, "ids", revokeAll(), []string{"key_1", "key_2"})
		c.noKey("key_1")
		same(c, "left", keyIDs(c.listKeys("usr_ann")), nil)
		equal(c, "another's", keyIDs(c.listKeys("usr_anna")), []string{"key_3"})
		same(c, "again", revokeAll(), nil)
	}},

	{"what a caller does to its copy does not reach the store", func(c *check) {
		c.user("ann")
		mine := c.newKey("1", "usr_ann")
		c.update(func(tx account.Tx) error { return tx.APIKeys.Create(c.Context(), mine) })
		mine.Scopes[0], mine.Hash[0] = "*", mine.Hash[0]+1
		want := c.newKey("1", "usr_ann")
		found := c.keyByID("key_1")
		equal(c, "after changing what was created", found, want)
		found.Scopes[0], found.Hash[0] = "*", found.Hash[0]+1
		c.listKeys("usr_ann")[0].Scopes[0] = "*"
		equal(c, "after changing what was found", c.keyByID("key_1"), want)
	}},
}

func (c *check) keyByID(id string) apikey.Key {
	c.Helper()
	return get(c, func(tx account.Tx) (apikey.Key, error) { return tx.APIKeys.ByID(c.Context(), id) })
}

// noKey checks that the key is not found.
func (c *check) noKey(id string) {
	c.Helper()
	c.answer(apikey.ErrNotFound, func(tx account.Tx) error { _, err := tx.APIKeys.ByID(c.Context(), id); return err })
}

func (c *check) listKeys(owner string) []apikey.Key {
	c.Helper()
	return get(c, func(tx account.Tx) ([]apikey.Key, error) { return tx.APIKeys.List(c.Context(), owner) })
}

func (c *check) revokeKey(id, owner string) bool {
	c.Helper()
	return do(c, func(tx account.Tx) (bool, error) { return tx.APIKeys.Revoke(c.Context(), id, owner) })
}

func keyIDs(all []apikey.Key) (ids []string) {
	for _, k := range all {
		ids = append(ids, k.ID)
	}
	return ids
}

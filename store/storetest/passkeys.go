package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/passkey"
)

var passkeys = []promise{
	{"Create keeps every field, times to the millisecond", func(c *check) {
		want := passkey.Passkey{
			ID: "pky_1", User: "usr_ann", Handle: []byte{0, 0xff, 1}, CredentialID: hash("credential"), PublicKey: []byte{0xa5, 0, 0xff},
			SignCount: 1<<32 - 1, AAGUID: [16]byte{0, 1, 0xff, 15: 7}, Transports: []string{"internal", plenty("transport")},
			Synced: true, BackedUp: true, Name: plenty("name"), CreatedAt: c.now.Add(1), LastUsedAt: c.now.Add(time.Minute + 999),
		}
		c.update(func(tx account.Tx) error { return tx.Passkeys.Create(c.Context(), want) })
		want.CreatedAt, want.LastUsedAt = c.now, c.now.Add(time.Minute)
		equal(c, "ByCredential", c.passkeyBy("credential"), want)
		equal(c, "List", c.listPasskeys("usr_ann"), []passkey.Passkey{want})
	}},

	{"a passkey that was never used comes back so", func(c *check) {
		want := c.passkey("1", "usr_ann")
		got := c.passkeyBy("1")
		equal(c, "passkey", got, want)
		if !got.LastUsedAt.IsZero() || got.Synced || got.BackedUp {
			c.Errorf("%+v", got)
		}
	}},

	{"the first use says whether an unseen passkey is synced, later ones do not", func(c *check) {
		for _, synced := range []bool{true, false} {
			k := c.newPasskey(fmt.Sprint("unseen ", synced), "usr_ann")
			k.Unseen = true
			c.update(func(tx account.Tx) error { return tx.Passkeys.Create(c.Context(), k) })
			equal(c, "before", c.passkeyBy(fmt.Sprint("unseen ", synced)).Unseen, true)
			for _, said := range []bool{synced, !synced} {
				c.update(func(tx account.Tx) error {
					return tx.Passkeys.Use(c.Context(), k.ID, passkey.Use{Synced: said}, c.now)
				})
				got := c.passkeyBy(fmt.Sprint("unseen ", synced))
				equal(c, "synced", got.Synced, synced)
				equal(c, "unseen", got.Unseen, false)
			}
		}
	}},

	{"a credential id is kept once, whoever brings it, and the transaction goes on", func(c *check) {
		want := c.passkey("1", "usr_ann")
		second := c.newPasskey("2", "usr_bob")
		second.CredentialID = want.CredentialID
		c.answer(passkey.ErrTaken, func(tx account.Tx) error { return tx.Passkeys.Create(c.Context(), second) })
		equal(c, "first", c.passkeyBy("1"), want)
		same(c, "bob's", c.listPasskeys("usr_bob"), nil)
	}},

	{"of those who bring a credential id at once, one keeps it", func(c *check) {
		const n = 8
		taken := make([]bool, n)
		c.succeed(together(n, func(i int) error {
			return c.Update(c.Context(), func(tx account.Tx) error {
				k := c.newPasskey("one", "usr_ann")
				k.ID = "pky_" + string(rune('a'+i))
				err := tx.Passkeys.Create(c.Context(), k)
				taken[i] = err == passkey.ErrTaken
				if taken[i] {
					return nil
				}
				return err
			})
		}))
		equal(c, "kept", len(c.listPasskeys("usr_ann")), 1)
		equal(c, "refused", len(slices.DeleteFunc(taken, func(t bool) bool { return !t })), n-1)
	}},

	{"an id is given once", func(c *check) {
		want := c.passkey("1", "usr_ann")
		c.fails("second passkey of that id", func(tx account.Tx) error {
			k := c.newPasskey("2", "usr_bob")
			k.ID = want.ID
			return tx.Passkeys.Create(c.Context(), k)
		})
		equal(c, "first", c.passkeyBy("1"), want)
	}},

	{"ByCredential finds whole credential ids alone", func(c *check) {
		k := c.passkey("1", "usr_ann")
		for _, id := range [][]byte{nil, {}, k.CredentialID[:31], append(slices.Clone(k.CredentialID), 0), hash("2")} {
			c.answer(passkey.ErrNotFound, func(tx account.Tx) error {
				_, err := tx.Passkeys.ByCredential(c.Context(), id)
				return err
			})
		}
	}},

	{"List has the user's passkeys, newest first", func(c *check) {
		var want []string
		for i, name := range []string{"1", "2", "3"} {
			c.passkey(name, "usr_ann", func(k *passkey.Passkey) { k.CreatedAt = c.now.Add(time.Duration(i) * time.Second) })
			want = append(want, "pky_"+name)
		}
		c.passkey("4", "usr_anna")
		slices.Reverse(want)
		equal(c, "ann's", passkeyIDs(c.listPasskeys("usr_ann")), want)
		same(c, "of a prefix of ann", passkeyIDs(c.listPasskeys("usr_an")), nil)
	}},

	{"Use records what the device has said, and when", func(c *check) {
		want := c.passkey("1", "usr_ann", func(k *passkey.Passkey) { k.Synced, k.SignCount = true, 9 })
		other := c.passkey("2", "usr_ann")
		for _, u := range []passkey.Use{{SignCount: 12, BackedUp: true, Verified: true}, {SignCount: 3}} {
			c.update(func(tx account.Tx) error { return tx.Passkeys.Use(c.Context(), "pky_1", u, c.now.Add(time.Minute+999)) })
			want.SignCount, want.BackedUp, want.LastUsedAt = u.SignCount, u.BackedUp, c.now.Add(time.Minute)
			equal(c, "passkey", c.passkeyBy("1"), want)
		}
		equal(c, "another", c.passkeyBy("2"), other)
		c.answer(passkey.ErrNotFound, func(tx account.Tx) error {
			return tx.Passkeys.Use(c.Context(), "pky_3", passkey.Use{}, c.now)
		})
	}},

	{"Rename renames a passkey of that user", func(c *check) {
		want := c.passkey("1", "usr_ann")
		rename := func(id, user, name string) bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Passkeys.Rename(c.Context(), id, user, name) })
		}
		equal(c, "as another user", rename("pky_1", "usr_bob", "mine"), false)
		equal(c, "unknown", rename("pky_2", "usr_ann", "mine"), false)
		equal(c, "still", c.passkeyBy("1"), want)
		equal(c, "as its user", rename("pky_1", "usr_ann", odd), true)
		want.Name = odd
		equal(c, "renamed", c.passkeyBy("1"), want)
	}},

	{"Remove removes a passkey of that user, whose credential id is free then", func(c *check) {
		c.passkey("1", "usr_ann")
		c.passkey("2", "usr_ann")
		remove := func(id, user string) bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Passkeys.Remove(c.Context(), id, user) })
		}
		equal(c, "as another user", remove("pky_1", "usr_bob"), false)
		equal(c, "as anybody", remove("pky_1", ""), false)
		equal(c, "as its user", remove("pky_1", "usr_ann"), true)
		equal(c, "again", remove("pky_1", "usr_ann"), false)
		equal(c, "left", passkeyIDs(c.listPasskeys("usr_ann")), []string{"pky_2"})
		c.passkey("1", "usr_bob")
		equal(c, "bob's", passkeyIDs(c.listPasskeys("usr_bob")), []string{"pky_1"})
	}},

	{"RemoveAll removes the user's passkeys and nobody else's", func(c *check) {
		c.passkey("1", "usr_ann")
		c.passkey("2", "usr_ann")
		c.passkey("3", "usr_anna")
		c.update(func(tx account.Tx) error { return tx.Passkeys.RemoveAll(c.Context(), "usr_ann") })
		same(c, "ann's", c.listPasskeys("usr_ann"), nil)
		equal(c, "anna's", passkeyIDs(c.listPasskeys("usr_anna")), []string{"pky_3"})
		c.update(func(tx account.Tx) error { return tx.Passkeys.RemoveAll(c.Context(), "usr_ann") })
	}},

	{"what a caller does to its copy does not reach the store", func(c *check) {
		mine := c.newPasskey("1", "usr_ann")
		c.update(func(tx account.Tx) error { return tx.Passkeys.Create(c.Context(), mine) })
		spoil := func(k passkey.Passkey) {
			for _, b := range [][]byte{k.Handle, k.CredentialID, k.PublicKey} {
				clear(b)
			}
			k.Transports[0] = "spoilt"
		}
		spoil(mine)
		want := c.newPasskey("1", "usr_ann")
		spoil(c.passkeyBy("1"))
		spoil(c.listPasskeys("usr_ann")[0])
		equal(c, "passkey", c.passkeyBy("1"), want)
	}},
}

func (c *check) passkeyBy(credential string) passkey.Passkey {
	c.Helper()
	return get(c, func(tx account.Tx) (passkey.Passkey, error) {
		return tx.Passkeys.ByCredential(c.Context(), hash(credential))
	})
}

func (c *check) listPasskeys(user string) []passkey.Passkey {
	c.Helper()
	return get(c, func(tx account.Tx) ([]passkey.Passkey, error) { return tx.Passkeys.List(c.Context(), user) })
}

func passkeyIDs(all []passkey.Passkey) (ids []string) {
	for _, k := range all {
		ids = append(ids, k.ID)
	}
	return ids
}

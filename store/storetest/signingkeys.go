package storetest

import (
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
)

var signingKeys = []promise{
	{"Keys has every field of all keys, in order of their ids", func(c *check) {
		same(c, "without any", c.signingKeys(), nil)
		want := []token.StoredKey{
			{
				KID: "A", Alg: token.ES256, Use: "sig", Resource: plenty("resource"),
				PrivateSealed: []byte{0, 0xff, 0x80}, PublicJWK: []byte(`{"kid": "A", "b":1,"a" : "ü"}`), State: token.Next,
				NotBefore: c.now.Add(time.Hour + 999999), RetireAt: c.now.Add(2 * time.Hour), CreatedAt: c.now.Add(time.Minute),
			},
			{KID: "b", Alg: token.HS256, Use: "sig", State: token.Revoked},
			{KID: plenty("c"), Alg: token.EdDSA, Use: "sig", State: token.Active, PrivateSealed: []byte("sealed")},
		}
		for _, i := range []int{2, 0, 1} {
			c.putKey(want[i])
		}
		want[0].NotBefore = c.now.Add(time.Hour)
		same(c, "all", c.signingKeys(), want)
	}},

	{"PutKey replaces the key of that id", func(c *check) {
		c.putKey(c.newSigningKey("1"))
		c.putKey(c.newSigningKey("2"))
		want := c.newSigningKey("1")
		want.State, want.PrivateSealed, want.RetireAt = token.Revoked, nil, c.now.Add(-time.Hour)
		c.putKey(want)
		same(c, "all", c.signingKeys(), []token.StoredKey{want, c.newSigningKey("2")})
	}},

	{"DeleteKey removes one key and says whether it was there", func(c *check) {
		c.putKey(c.newSigningKey("1"))
		c.putKey(c.newSigningKey("2"))
		remove := func(tx account.Tx) (bool, error) { return tx.Keys.DeleteKey(c.Context(), "1") }
		equal(c, "first time", do(c, remove), true)
		equal(c, "second time", do(c, remove), false)
		same(c, "left", c.signingKeys(), []token.StoredKey{c.newSigningKey("2")})
	}},

	{"what a caller does to its copy does not reach the store", func(c *check) {
		mine := c.newSigningKey("1")
		c.putKey(mine)
		mine.PrivateSealed[0]++
		mine.PublicJWK[0]++
		found := c.signingKeys()
		equal(c, "after changing what was put", found, []token.StoredKey{c.newSigningKey("1")})
		found[0].PrivateSealed[0]++
		found[0].PublicJWK[0]++
		equal(c, "after changing what was found", c.signingKeys(), []token.StoredKey{c.newSigningKey("1")})
	}},
}

func (c *check) signingKeys() []token.StoredKey {
	c.Helper()
	return get(c, func(tx account.Tx) ([]token.StoredKey, error) { return tx.Keys.Keys(c.Context()) })
}

func (c *check) putKey(k token.StoredKey) {
	c.Helper()
	c.update(func(tx account.Tx) error { return tx.Keys.PutKey(c.Context(), k) })
}

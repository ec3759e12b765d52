package storetest

import (
	"fmt"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

var secrets = []promise{
	{"a name without a value has nil", func(c *check) {
		if got := c.secret("unknown"); got != nil {
			c.Errorf("got %q", got)
		}
	}},

	{"Create keeps any bytes under any name", func(c *check) {
		for i, value := range [][]byte{{0}, {0xff, 0, 0xfe}, []byte(plenty("value")), hash("x")} {
			name := plenty(fmt.Sprint(i))
			equal(c, "in force", c.createSecret(name, value), value)
			equal(c, "found", c.secret(name), value)
		}
	}},

	{"the first value of a name stays in force", func(c *check) {
		equal(c, "first", c.createSecret("name", []byte("first")), []byte("first"))
		equal(c, "second", c.createSecret("name", []byte("second")), []byte("first"))
		equal(c, "found", c.secret("name"), []byte("first"))
		equal(c, "of another name", c.createSecret("other", []byte("second")), []byte("second"))
	}},

	{"many who create the same name at once agree on the value", func(c *check) {
		for round := range testenv.Count(10, 100) {
			name := fmt.Sprint(round)
			var got [8][]byte
			c.succeed(together(len(got), func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) (err error) {
					got[i], err = tx.Secrets.Create(c.Context(), name, []byte{byte(i), 1})
					return err
				})
			}))
			want := c.secret(name)
			for _, value := range got {
				equal(c, "value", value, want)
			}
		}
	}},

	{"who creates a name works alone until the transaction ends, whether or not it is new", func(c *check) {
		const n = 8 // account keeps changes of role definitions apart by a name without a value
		for round := range testenv.Count(5, 50) {
			name := fmt.Sprint(round)
			c.succeed(together(n, func(int) error {
				return c.Update(c.Context(), func(tx account.Tx) error {
					if _, err := tx.Secrets.Create(c.Context(), name, nil); err != nil {
						return err
					}
					keys, err := tx.Keys.Keys(c.Context())
					if err != nil {
						return err
					}
					return tx.Keys.PutKey(c.Context(), c.newSigningKey(fmt.Sprint(len(keys))))
				})
			}))
			if got := len(c.signingKeys()); got != n*(round+1) {
				c.Fatalf("round %d: %d keys, want one more of each transaction, %d", round, got, n*(round+1))
			}
		}
	}},

	{"what a caller does to its copy does not reach the store", func(c *check) {
		mine := []byte("value")
		created := c.createSecret("name", mine)
		mine[0], created[0] = 'X', 'Y'
		found := c.secret("name")
		equal(c, "after changing what was created", found, []byte("value"))
		found[0] = 'Z'
		c.createSecret("name", nil)[0] = 'Z'
		equal(c, "after changing what was found", c.secret("name"), []byte("value"))
	}},
}

func (c *check) secret(name string) []byte {
	c.Helper()
	return get(c, func(tx account.Tx) ([]byte, error) { return tx.Secrets.Get(c.Context(), name) })
}

func (c *check) createSecret(name string, value []byte) []byte {
	c.Helper()
	return do(c, func(tx account.Tx) ([]byte, error) { return tx.Secrets.Create(c.Context(), name, value) })
}

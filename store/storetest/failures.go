package storetest

import (
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/limit"
)

var failures = []promise{
	{"nothing is remembered of a new key", func(c *check) {
		equal(c, "failures", c.failures("new"), limit.Failures{})
	}},

	{"Set keeps every field, times to the millisecond", func(c *check) {
		want := limit.Failures{Count: 1 << 30, FirstAt: c.now.Add(-time.Minute + 999999), LockedUntil: c.now.Add(time.Hour + 1)}
		c.setFailures("key", want)
		want.FirstAt, want.LockedUntil = c.now.Add(-time.Minute), c.now.Add(time.Hour)
		equal(c, "failures", c.failures("key"), want)
	}},

	{"a key that is not locked comes back so", func(c *check) {
		want := limit.Failures{Count: 1, FirstAt: c.now}
		c.setFailures("key", want)
		got := c.failures("key")
		equal(c, "failures", got, want)
		if !got.LockedUntil.IsZero() {
			c.Errorf("locked until %v", got.LockedUntil)
		}
	}},

	{"Set replaces, and the zero Failures forgets", func(c *check) {
		c.setFailures("key", limit.Failures{Count: 1, FirstAt: c.now, LockedUntil: c.now})
		want := limit.Failures{Count: 2, FirstAt: c.now.Add(time.Second)}
		c.setFailures("key", want)
		equal(c, "replaced", c.failures("key"), want)
		c.setFailures("key", limit.Failures{})
		equal(c, "forgotten", c.failures("key"), limit.Failures{})
		c.setFailures("key", limit.Failures{})
		n, err := c.Sweep(c.Context(), c.now.AddDate(1, 0, 0), 10)
		if n != 0 || err != nil {
			c.Errorf("a forgotten key left %d rows to sweep (%v)", n, err)
		}
	}},

	{"Lock alone leaves nothing to be remembered", func(c *check) {
		for range 3 {
			c.failures("key")
		}
		equal(c, "failures", c.failures("key"), limit.Failures{})
	}},

	{"keys are bytes, and each has its own failures", func(c *check) {
		keys := []string{"a", "a\x00", "a\x00b", "\xff\xfe", "A", "a%", string(hash("key"))}
		for i, key := range keys {
			c.setFailures(key, limit.Failures{Count: i + 1, FirstAt: c.now})
		}
		for i, key := range keys {
			equal(c, fmt.Sprintf("%q", key), c.failures(key).Count, i+1)
		}
	}},

	{"Lock keeps others from the same key, whether or not it is new", func(c *check) {
		const each = 4
		for round := range testenv.Count(10, 100) {
			key := fmt.Appendf(nil, "key %d", round)
			c.succeed(together(8, func(int) error {
				for range each {
					err := c.Update(c.Context(), func(tx account.Tx) error {
						f, err := tx.Failures.Lock(c.Context(), key)
						if err != nil {
							return err
						}
						f.Count++
						f.FirstAt = c.now
						return tx.Failures.Set(c.Context(), key, f, c.now.Add(time.Hour))
					})
					if err != nil {
						return err
					}
				}
				return nil
			}))
			if got := c.failures(string(key)).Count; got != 8*each {
				c.Fatalf("round %d: counted %d, want %d", round, got, 8*each)
			}
		}
	}},
}

func (c *check) failures(key string) limit.Failures {
	c.Helper()
	return do(c, func(tx account.Tx) (limit.Failures, error) { return tx.Failures.Lock(c.Context(), []byte(key)) })
}

// setFailures remembers f for a day.
func (c *check) setFailures(key string, f limit.Failures) {
	c.Helper()
	c.update(func(tx account.Tx) error {
		return tx.Failures.Set(c.Context(), []byte(key), f, c.now.Add(24*time.Hour))
	})
}

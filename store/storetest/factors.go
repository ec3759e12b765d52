package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// newFactor returns a TOTP factor "fac_<name>" that waits for its first code.
func (c *check) newFactor(name, user string) otp.Factor {
	return otp.Factor{ID: "fac_" + name, User: user, Kind: otp.TOTP, KeySealed: []byte{0, 1, 0xff, 2}, CreatedAt: c.now}
}

// factor creates newFactor(name, user), as changed.
func (c *check) factor(name, user string, change ...func(*otp.Factor)) otp.Factor {
	c.Helper()
	f := c.newFactor(name, user)
	for _, set := range change {
		set(&f)
	}
	c.update(func(tx account.Tx) error { return tx.Factors.Create(c.Context(), f) })
	return f
}

// confirmed is a change of a factor.
func confirmed(f *otp.Factor) { f.ConfirmedAt = f.CreatedAt }

func (c *check) factorsOf(user string) []otp.Factor {
	c.Helper()
	return get(c, func(tx account.Tx) ([]otp.Factor, error) { return tx.Factors.Of(c.Context(), user) })
}

func (c *check) factorIDs(user string) (ids []string) {
	c.Helper()
	for _, f := range c.factorsOf(user) {
		ids = append(ids, f.ID)
	}
	return ids
}

func (c *check) useFactor(name string, step int64) bool {
	c.Helper()
	return do(c, func(tx account.Tx) (bool, error) {
		return tx.Factors.Use(c.Context(), "fac_"+name, step, c.now.Add(time.Minute))
	})
}

func (c *check) codesLeft(user string) int {
	c.Helper()
	return get(c, func(tx account.Tx) (int, error) { return tx.Recovery.Left(c.Context(), user) })
}

func (c *check) replaceCodes(user string, codes ...string) {
	c.Helper()
	var macs [][]byte
	for _, code := range codes {
		macs = append(macs, hash(code))
	}
	c.update(func(tx account.Tx) error { return tx.Recovery.Replace(c.Context(), user, macs) })
}

func (c *check) useCode(user, code string) bool {
	c.Helper()
	return do(c, func(tx account.Tx) (bool, error) { return tx.Recovery.Use(c.Context(), user, hash(code), c.now) })
}

var factors = []promise{
	{"a factor comes back as it was", func(c *check) {
		want := c.factor("1", "usr_ann", func(f *otp.Factor) {
			f.Kind, f.LastStep, f.ConfirmedAt, f.LastUsedAt = otp.SMS, 1<<40, c.now.Add(time.Second), c.now.Add(time.Minute)
		})
		waits := c.factor("2", "usr_ann")
		c.factor("3", "usr_bob")
		equal(c, "Ann's", c.factorsOf("usr_ann"), []otp.Factor{want, waits})
		same(c, "nobody's", c.factorsOf("usr_nobody"), nil)
		equal(c, "confirmed", []bool{want.Confirmed(), waits.Confirmed()}, []bool{true, false})
	}},

	{"a user has one confirmed factor of a kind, and any number that wait", func(c *check) {
		c.factor("1", "usr_ann", confirmed)
		c.factor("2", "usr_ann")
		c.factor("3", "usr_ann")
		c.factor("4", "usr_ann", confirmed, func(f *otp.Factor) { f.Kind = otp.Email })
		c.factor("5", "usr_bob", confirmed)
		for _, f := range []otp.Factor{
			{ID: "fac_6", User: "usr_ann", Kind: otp.TOTP, CreatedAt: c.now, ConfirmedAt: c.now},
			{ID: "fac_1", User: "usr_eve", Kind: otp.TOTP, CreatedAt: c.now},
		} {
			c.answer(otp.ErrTaken, func(tx account.Tx) error { return tx.Factors.Create(c.Context(), f) })
		}
		equal(c, "Ann's", c.factorIDs("usr_ann"), []string{"fac_1", "fac_2", "fac_3", "fac_4"})
	}},

	{"Use confirms a factor that waits, and its step only grows", func(c *check) {
		want := c.factor("1", "usr_ann")
		for _, u := range []struct {
			step, last int64
			ok         bool
		}{{5, 5, true}, {5, 5, false}, {4, 5, false}, {6, 6, true}, {1 << 40, 1 << 40, true}, {0, 1 << 40, false}} {
			equal(c, fmt.Sprint("use of step ", u.step), c.useFactor("1", u.step), u.ok)
			equal(c, "last step", c.factorsOf("usr_ann")[0].LastStep, u.last)
		}
		want.LastStep, want.ConfirmedAt, want.LastUsedAt = 1<<40, c.now.Add(time.Minute), c.now.Add(time.Minute)
		equal(c, "the factor", c.factorsOf("usr_ann"), []otp.Factor{want})
		equal(c, "use of none", c.useFactor("2", 5), false)
	}},

	{"Use leaves the time of confirmation alone", func(c *check) {
		want := c.factor("1", "usr_ann", confirmed)
		c.useFactor("1", 1)
		equal(c, "confirmed", c.factorsOf("usr_ann")[0].ConfirmedAt, want.ConfirmedAt)
	}},

	{"a factor that waits is not confirmed beside another", func(c *check) {
		c.factor("1", "usr_ann", confirmed)
		c.factor("2", "usr_ann")
		c.factor("3", "usr_ann", func(f *otp.Factor) { f.Kind = otp.Email })
		equal(c, "beside another", c.useFactor("2", 5), false)
		equal(c, "of another kind", c.useFactor("3", 5), true)
		equal(c, "the other removed", do(c, func(tx account.Tx) (bool, error) { return tx.Factors.Remove(c.Context(), "fac_1") }), true)
		equal(c, "alone", c.useFactor("2", 5), true)
	}},

	{"of those who use a code at once exactly one is told so", func(c *check) {
		c.factor("1", "usr_ann", confirmed)
		for round := range testenv.Count(20, 500) {
			won := make([]bool, 8)
			c.succeed(together(len(won), func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) (err error) {
					won[i], err = tx.Factors.Use(c.Context(), "fac_1", int64(round+1), c.now)
					return err
				})
			}))
			equal(c, fmt.Sprint("winners of round ", round), count(won), 1)
		}
	}},

	{"Remove and RemoveAll remove what they name", func(c *check) {
		c.factor("1", "usr_ann", confirmed)
		c.factor("2", "usr_ann")
		c.factor("3", "usr_ann", confirmed, func(f *otp.Factor) { f.Kind = otp.SMS })
		c.factor("4", "usr_bob", confirmed)
		remove := func(tx account.Tx) (bool, error) { return tx.Factors.Remove(c.Context(), "fac_1") }
		equal(c, "removed", do(c, remove), true)
		equal(c, "again", do(c, remove), false)
		equal(c, "left", c.factorIDs("usr_ann"), []string{"fac_2", "fac_3"})
		removeAll := func(tx account.Tx) (int, error) { return tx.Factors.RemoveAll(c.Context(), "usr_ann") }
		equal(c, "confirmed ones removed", do(c, removeAll), 1)
		equal(c, "again", do(c, removeAll), 0)
		same(c, "left", c.factorIDs("usr_ann"), nil)
		equal(c, "Bob's", c.factorIDs("usr_bob"), []string{"fac_4"})
	}},

	{"what was given and found belongs to the caller", func(c *check) {
		f := c.newFactor("1", "usr_ann")
		f.KeySealed = slices.Clone(f.KeySealed)
		c.update(func(tx account.Tx) error { return tx.Factors.Create(c.Context(), f) })
		f.KeySealed[0]++
		c.factorsOf("usr_ann")[0].KeySealed[1]++
		equal(c, "kept", c.factorsOf("usr_ann")[0].KeySealed, []byte{0, 1, 0xff, 2})
	}},

	{"factors that waited too long go in batches, others stay", func(c *check) {
		c.factor("old", "usr_ann", confirmed, func(f *otp.Factor) { f.CreatedAt = c.now.AddDate(-1, 0, 0) })
		c.batches(func(i int, expires time.Time) {
			c.factor(fmt.Sprint(i), "usr_ann", func(f *otp.Factor) { f.CreatedAt = expires.Add(-otp.PendingLife) })
		})
		equal(c, "left", c.factorIDs("usr_ann"), []string{"fac_5", "fac_old"})
	}},

	{"a factor that is confirmed is not swept", func(c *check) {
		c.factor("1", "usr_ann")
		c.useFactor("1", 1)
		equal(c, "rows swept after a century", c.sweepAt(c.now.AddDate(100, 0, 0), 10), 0)
		equal(c, "left", c.factorIDs("usr_ann"), []string{"fac_1"})
	}},
}

var recoveryCodes = []promise{
	{"a recovery code is good once, and for its user", func(c *check) {
		c.replaceCodes("usr_ann", "a", "b", "c")
		c.replaceCodes("usr_bob", "a", "d")
		equal(c, "left", c.codesLeft("usr_ann"), 3)
		equal(c, "Ann's a", c.useCode("usr_ann", "a"), true)
		equal(c, "again", c.useCode("usr_ann", "a"), false)
		equal(c, "Bob's d, from Ann", c.useCode("usr_ann", "d"), false)
		equal(c, "nobody's", c.useCode("usr_nobody", "a"), false)
		equal(c, "left", []int{c.codesLeft("usr_ann"), c.codesLeft("usr_bob"), c.codesLeft("usr_nobody")}, []int{2, 2, 0})
		equal(c, "Bob's a", c.useCode("usr_bob", "a"), true)
	}},

	{"a new set ends the old one", func(c *check) {
		c.replaceCodes("usr_ann", "a", "b")
		c.replaceCodes("usr_bob", "a")
		c.useCode("usr_ann", "a")
		c.replaceCodes("usr_ann", "c", "a")
		equal(c, "of the old set", c.useCode("usr_ann", "b"), false)
		equal(c, "of the new one", c.useCode("usr_ann", "c"), true)
		equal(c, "one that was in both", c.useCode("usr_ann", "a"), true)
		c.replaceCodes("usr_ann")
		equal(c, "left of none", c.codesLeft("usr_ann"), 0)
		equal(c, "Bob's", c.codesLeft("usr_bob"), 1)
	}},

	{"RemoveAll removes the user's", func(c *check) {
		c.replaceCodes("usr_ann", "a", "b")
		c.replaceCodes("usr_bob", "a")
		c.update(func(tx account.Tx) error { return tx.Recovery.RemoveAll(c.Context(), "usr_ann") })
		equal(c, "left", []int{c.codesLeft("usr_ann"), c.codesLeft("usr_bob")}, []int{0, 1})
		equal(c, "use", c.useCode("usr_ann", "a"), false)
	}},

	{"of those who use a code at once exactly one is told so", func(c *check) {
		for round := range testenv.Count(20, 500) {
			c.replaceCodes("usr_ann", "a", "b")
			won := make([]bool, 8)
			c.succeed(together(len(won), func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) (err error) {
					won[i], err = tx.Recovery.Use(c.Context(), "usr_ann", hash("a"), c.now)
					return err
				})
			}))
			equal(c, fmt.Sprint("winners of round ", round), count(won), 1)
			equal(c, "left", c.codesLeft("usr_ann"), 1)
		}
	}},

	{"a refused transaction uses no code", func(c *check) {
		c.replaceCodes("usr_ann", "a")
		_ = c.Update(c.Context(), func(tx account.Tx) error {
			if _, err := tx.Recovery.Use(c.Context(), "usr_ann", hash("a"), c.now); err != nil {
				return err
			}
			return errUndo
		})
		equal(c, "left", c.codesLeft("usr_ann"), 1)
	}},
}

func count(won []bool) (n int) {
	for _, w := range won {
		if w {
			n++
		}
	}
	return n
}

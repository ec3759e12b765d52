package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

var versions = []promise{
	{"without any version the one in force is the zero Version", func(c *check) {
		same(c, "Current", c.current(), authz.Version{})
		same(c, "History", c.history(0, 10), nil)
		c.answer(authz.ErrNoVersion, func(tx account.Tx) error {
			_, err := tx.Versions.ByNumber(c.Context(), 1)
			return err
		})
	}},

	{"Publish gives the next number and keeps every field, times to the millisecond", func(c *check) {
		want := c.newVersion("first")
		want.RolledBackTo, want.CreatedAt = 7, c.now.Add(999999)
		got := c.publish(want, 0)
		want.Number, want.CreatedAt = 1, c.now
		same(c, "what Publish returns", got, want)
		same(c, "Current", c.current(), want)
		second := c.newVersion("second")
		second.Number = 99 // which counts for nothing
		second = c.publish(second, 1)
		equal(c, "number", second.Number, int64(2))
		same(c, "Current", c.current(), second)
		for _, v := range []authz.Version{want, second} {
			same(c, "ByNumber", get(c, func(tx account.Tx) (authz.Version, error) { return tx.Versions.ByNumber(c.Context(), v.Number) }), v)
		}
	}},

	{"a version may be without files", func(c *check) {
		c.publish(authz.Version{CreatedAt: c.now}, 0)
		same(c, "Current", c.current(), authz.Version{Number: 1, CreatedAt: c.now})
	}},

	{"who publishes over a version that is not in force is refused, and nothing changes", func(c *check) {
		c.publish(c.newVersion("first"), 0)
		want := c.publish(c.newVersion("second"), 1)
		for _, current := range []int64{0, 1, 3, -1} {
			c.answer(authz.ErrConflict, func(tx account.Tx) error {
				_, err := tx.Versions.Publish(c.Context(), c.newVersion("late"), current)
				return err
			})
		}
		same(c, "Current", c.current(), want)
	}},

	{"of many who publish at once over the same version one wins", func(c *check) {
		for round := range int64(testenv.Count(5, 100)) {
			const n = 6
			results := make([]error, n)
			c.succeed(together(n, func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) error {
					_, err := tx.Versions.Publish(c.Context(), c.newVersion(fmt.Sprint(round, i)), round)
					if results[i] = err; errors.Is(err, authz.ErrConflict) {
						return nil
					}
					return err
				})
			}))
			won := slices.DeleteFunc(slices.Clone(results), func(err error) bool { return err != nil })
			equal(c, "winners", len(won), 1)
			equal(c, "number", c.current().Number, round+1)
		}
	}},

	{"History pages from the newest to the oldest, without schema and files", func(c *check) {
		var want []authz.Version
		for i := range int64(7) {
			v := c.publish(c.newVersion(fmt.Sprint(i)), i)
			v.Schema, v.Files = "", nil
			want = append([]authz.Version{v}, want...)
		}
		same(c, "all", c.history(0, 100), want)
		same(c, "a page", c.history(0, 3), want[:3])
		same(c, "the next page", c.history(want[2].Number, 3), want[3:6])
		same(c, "the last page", c.history(want[5].Number, 3), want[6:])
		same(c, "a page of none", c.history(0, 0), nil)
	}},

	{"what a caller does to its copy of a version does not reach the store", func(c *check) {
		v := c.newVersion("first")
		out := c.publish(v, 0)
		want := c.newVersion("first").Files
		v.Files[0].Text = "forged"
		out.Files[0].Text = "forged"
		found := c.current()
		equal(c, "after changing what was published", found.Files, want)
		found.Files[0].Text = "forged"
		equal(c, "after changing what was found", c.current().Files, want)
	}},
}

// newVersion returns a version with two files.
func (c *check) newVersion(name string) authz.Version {
	return authz.Version{
		Schema:  plenty("schema of " + name),
		Files:   []rule.File{{Name: "z.cedar", Text: plenty("permit;\n\t<&>\u2028")}, {Name: plenty("a.cedar"), Text: ""}},
		Comment: plenty(name), CreatedBy: plenty("usr_ann"), CreatedAt: c.now,
	}
}

func (c *check) publish(v authz.Version, current int64) authz.Version {
	c.Helper()
	return do(c, func(tx account.Tx) (authz.Version, error) { return tx.Versions.Publish(c.Context(), v, current) })
}

func (c *check) current() authz.Version {
	c.Helper()
	return get(c, func(tx account.Tx) (authz.Version, error) { return tx.Versions.Current(c.Context()) })
}

func (c *check) history(below int64, limit int) []authz.Version {
	c.Helper()
	return get(c, func(tx account.Tx) ([]authz.Version, error) { return tx.Versions.History(c.Context(), below, limit) })
}

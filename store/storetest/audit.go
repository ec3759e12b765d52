package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
)

var auditLog = []promise{
	{"Append keeps every field, times to the millisecond", func(c *check) {
		want := audit.Entry{
			ID: "aud_1", At: c.now.Add(999999), Actor: plenty("actor"), Action: plenty("action"), Target: plenty("target"), Org: plenty("org"),
			Address: "2001:db8::1", Trace: plenty("trace"), Outcome: audit.Failure,
			Detail: map[string]string{"method": "pwd", plenty("name"): plenty("value"), "empty": ""},
		}
		c.append(want)
		want.At = c.now
		equal(c, "List", c.events(audit.Filter{}), []audit.Entry{want})
	}},

	{"an entry without detail comes back without", func(c *check) {
		want := audit.Entry{ID: "aud_1", At: c.now, Actor: "system", Action: "sweep", Outcome: audit.Success}
		c.append(want)
		same(c, "List", c.events(audit.Filter{}), []audit.Entry{want})
	}},

	{"Append assigns ids in order of time", func(c *check) {
		const n = 5
		for i := range n {
			if i > 0 {
				time.Sleep(2 * time.Millisecond) // ids are made in different milliseconds
			}
			c.append(audit.Entry{At: time.Now(), Actor: "system", Action: fmt.Sprint(i), Outcome: audit.Success})
		}
		seen := map[string]bool{}
		for i, e := range c.events(audit.Filter{}) {
			equal(c, "action", e.Action, fmt.Sprint(n-1-i))
			seen[e.ID] = true
		}
		if len(seen) != n || seen[""] {
			c.Errorf("ids: %v", seen)
		}
	}},

	{"an id is given once", func(c *check) {
		want := audit.Entry{ID: "aud_1", At: c.now, Actor: "ann", Action: "first", Outcome: audit.Success}
		c.append(want)
		c.fails("second entry of that id", func(tx account.Tx) error {
			e := want
			e.Action = "second"
			return tx.Audit.Append(c.Context(), e)
		})
		same(c, "List", c.events(audit.Filter{}), []audit.Entry{want})
	}},

	{"List pages from the newest to the oldest and meets every entry once", func(c *check) {
		const n = 25
		var want []string
		for i := range n {
			id := fmt.Sprintf("aud_%02d", n-1-i)
			want = append(want, id)
			c.append(audit.Entry{ID: fmt.Sprintf("aud_%02d", (i*7)%n), At: c.now, Actor: "ann", Action: "x", Outcome: audit.Success})
		}
		var got []string
		for before := ""; ; {
			page := eventIDs(c.events(audit.Filter{Before: before, Limit: 4}))
			if len(page) > 4 {
				c.Fatalf("a page of %d, want at most 4", len(page))
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			before = got[len(got)-1]
		}
		equal(c, "page by page", got, want)
		equal(c, "without a limit", eventIDs(c.events(audit.Filter{})), want)
	}},

	{"List filters by actor, action and target, together with the cursor", func(c *check) {
		for i := range 16 {
			pick := func(bit int, s string) string {
				if i&bit != 0 {
					return s + "2"
				}
				return s
			}
			c.append(audit.Entry{
				ID: fmt.Sprintf("aud_%02d", i), At: c.now, Outcome: audit.Success,
				Actor: pick(1, "actor"), Action: pick(2, "action"), Target: pick(4, "target"),
			})
		}
		for _, q := range []struct {
			name   string
			filter audit.Filter
			want   []string
		}{
			{"by actor", audit.Filter{Actor: "actor2", Limit: 3}, []string{"aud_15", "aud_13", "aud_11"}},
			{"by action", audit.Filter{Action: "action", Limit: 3}, []string{"aud_13", "aud_12", "aud_09"}},
			{"by target", audit.Filter{Target: "target", Limit: 3}, []string{"aud_11", "aud_10", "aud_09"}},
			{"by all", audit.Filter{Actor: "actor", Action: "action2", Target: "target2"}, []string{"aud_14", "aud_06"}},
			{"after a cursor", audit.Filter{Actor: "actor", Action: "action2", Target: "target2", Before: "aud_14"}, []string{"aud_06"}},
			{"of nobody", audit.Filter{Actor: "acto_"}, nil},
		} {
			same(c, q.name, eventIDs(c.events(q.filter)), q.want)
		}
	}},

	{"what a caller does to its copy does not reach the store", func(c *check) {
		detail := map[string]string{"method": "pwd"}
		c.append(audit.Entry{ID: "aud_1", At: c.now, Actor: "ann", Action: "x", Outcome: audit.Success, Detail: detail})
		detail["method"] = "forged"
		found := c.events(audit.Filter{})[0].Detail
		equal(c, "after changing what was appended", found["method"], "pwd")
		found["method"] = "forged"
		equal(c, "after changing what was found", c.events(audit.Filter{})[0].Detail["method"], "pwd")
	}},

	{"many append at once and every entry is there", func(c *check) {
		const n, each = 8, 10
		c.succeed(together(n, func(i int) error {
			for j := range each {
				err := c.Update(c.Context(), func(tx account.Tx) error {
					return tx.Audit.Append(c.Context(), audit.Entry{At: c.now, Actor: "ann", Action: fmt.Sprint(i, j), Outcome: audit.Success})
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
		ids := eventIDs(c.events(audit.Filter{}))
		slices.Sort(ids)
		equal(c, "entries of different ids", len(slices.Compact(ids)), n*each)
	}},
}

func (c *check) append(e audit.Entry) {
	c.Helper()
	c.update(func(tx account.Tx) error { return tx.Audit.Append(c.Context(), e) })
}

func (c *check) events(f audit.Filter) []audit.Entry {
	c.Helper()
	return get(c, func(tx account.Tx) ([]audit.Entry, error) { return tx.Audit.List(c.Context(), f) })
}

func eventIDs(all []audit.Entry) (ids []string) {
	for _, e := range all {
		ids = append(ids, e.ID)
	}
	return ids
}

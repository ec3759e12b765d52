package storetest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
)

var decisions = []promise{
	{"ByID and Recent have every field as it was appended, At to the millisecond", func(c *check) {
		prefix := netip.MustParsePrefix("10.0.0.0/8")
		want := authz.DecisionEntry{
			Decision: sallyport.Decision{
				ID: plenty("dec"), Rule: plenty("rule"), Source: plenty("posts.cedar:1:2"), Reason: plenty("reason"),
				Need: &sallyport.Need{Scope: "post:read", ACR: []string{"a"}, MaxAge: time.Minute + 1},
			},
			At: c.now.Add(999999),
			Principal: &sallyport.Principal{
				Kind: sallyport.User, Subject: plenty("usr"), Org: "org", Roles: []string{"a"}, OrgRoles: []string{"b"}, Scopes: []string{}, Plan: "pro",
				Session: "ses", Grant: "gid", Credential: "session", AuthTime: c.now.Add(1), AMR: []string{"pwd"}, AAL: 1, Rev: "log.7",
			},
			Action: plenty("post:delete"), Resource: sallyport.UID{Type: plenty("Post"), ID: plenty("1")},
			Attrs: map[string]sallyport.Value{
				"author": sallyport.EntityValue(sallyport.UID{Type: "User", ID: "usr_ann"}), "gone": sallyport.AbsentValue(),
				"text": sallyport.StringValue("a\x00b\xff"), "when": sallyport.TimeValue(c.now),
			},
			Parents: []sallyport.UID{news},
			Context: sallyport.Context{Time: c.now.Add(5), Addr: netip.MustParseAddr("2001:db8::1"), Attrs: map[string]sallyport.Value{
				plenty("net"): sallyport.IPValue(&prefix),
			}},
			PolicyVersion: 7,
		}
		c.decided(want)
		want.At = c.now
		c.sameDecisions("ByID", []authz.DecisionEntry{c.decision(want.ID)}, want)
		c.sameDecisions("Recent", c.recent(authz.DecisionFilter{}), want)
	}},

	{"a decision about an anonymous principal and no object comes back as it was", func(c *check) {
		want := authz.DecisionEntry{Decision: sallyport.Decision{ID: "dec_1", Allow: true}, At: c.now, Action: "post:read"}
		c.decided(want)
		c.sameDecisions("ByID", []authz.DecisionEntry{c.decision("dec_1")}, want)
		c.answer(authz.ErrNoDecision, func(tx account.Tx) error {
			_, err := tx.Decisions.ByID(c.Context(), "dec_")
			return err
		})
	}},

	{"a decision that is there already stays as it is, and the others of the batch are written", func(c *check) {
		want := c.newDecision("1")
		c.decided(want)
		again := want
		again.Rule = "other"
		next := c.newDecision("2")
		c.decided(again, next, next)
		c.sameDecisions("Recent", c.recent(authz.DecisionFilter{}), next, want)
	}},

	{"Recent pages from the newest to the oldest by time and id, and meets every entry once", func(c *check) {
		var want, mixed []authz.DecisionEntry
		for i := range 20 {
			e := c.newDecision(fmt.Sprintf("%02d", i*7%20))
			e.At = c.now.Add(time.Duration(i*3%7) * time.Millisecond)
			want = append(want, e)
		}
		mixed = slices.Clone(want)
		slices.SortFunc(want, func(a, b authz.DecisionEntry) int {
			if order := b.At.Compare(a.At); order != 0 {
				return order
			}
			return strings.Compare(b.ID, a.ID)
		})
		c.decided(mixed...)
		c.sameDecisions("all", c.recent(authz.DecisionFilter{}), want...)
		var paged []authz.DecisionEntry
		for f := (authz.DecisionFilter{Limit: 3}); ; {
			page := c.recent(f)
			if len(page) > 3 {
				c.Fatalf("a page of %d", len(page))
			}
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
			last := page[len(page)-1]
			f.Before, f.BeforeID = last.At, last.ID
		}
		c.sameDecisions("page by page", paged, want...)
	}},

	{"Recent filters by subject, action and outcome, together with the cursor", func(c *check) {
		var all []authz.DecisionEntry
		for i := range 16 {
			e := c.newDecision(fmt.Sprintf("%02d", i))
			e.At = c.now.Add(time.Duration(i) * time.Second)
			e.Principal = &sallyport.Principal{Kind: sallyport.User, Subject: []string{"usr_ann", "usr_anna"}[i%2]}
			e.Action = []string{"post:read", "post:readall"}[i/2%2]
			e.Allow = i/4%2 == 1
			all = append([]authz.DecisionEntry{e}, all...)
		}
		c.decided(all...)
		yes, no := true, false
		for _, q := range []struct {
			name   string
			filter authz.DecisionFilter
			want   []int
		}{
			{"by subject", authz.DecisionFilter{Subject: "usr_ann", Limit: 3}, []int{14, 12, 10}},
			{"by action", authz.DecisionFilter{Action: "post:readall", Limit: 3}, []int{15, 14, 11}},
			{"allowed ones", authz.DecisionFilter{Allow: &yes}, []int{15, 14, 13, 12, 7, 6, 5, 4}},
			{"denied ones", authz.DecisionFilter{Allow: &no, Limit: 2}, []int{11, 10}},
			{"by all", authz.DecisionFilter{Subject: "usr_anna", Action: "post:readall", Allow: &no}, []int{11, 3}},
			{"after a cursor", authz.DecisionFilter{Subject: "usr_anna", Action: "post:readall", Allow: &no, Before: all[15-11].At, BeforeID: all[15-11].ID}, []int{3}},
			{"of nobody", authz.DecisionFilter{Subject: "usr_"}, nil},
		} {
			var want []authz.DecisionEntry
			for _, i := range q.want {
				want = append(want, all[15-i])
			}
			c.sameDecisions(q.name, c.recent(q.filter), want...)
		}
	}},

	{"what a caller does to its copy of a decision does not reach the store", func(c *check) {
		e := c.newDecision("1")
		e.Attrs = map[string]sallyport.Value{"a": sallyport.IntValue(1)}
		c.decided(e)
		e.Attrs["a"] = sallyport.IntValue(2)
		found := c.decision(e.ID)
		equal(c, "after changing what was appended", found.Attrs["a"].Int(), int64(1))
		found.Attrs["a"], found.Principal.Subject = sallyport.IntValue(2), "usr_other"
		equal(c, "after changing what was found", c.decision(e.ID).Attrs["a"].Int(), int64(1))
		equal(c, "its subject", c.decision(e.ID).Principal.Subject, "usr_ann")
	}},

	{"a batch larger than one statement is written as a whole", func(c *check) {
		var all []authz.DecisionEntry
		for i := range 150 {
			all = append(all, c.newDecision(fmt.Sprintf("%03d", i)))
		}
		c.decided(all...)
		c.decided()
		equal(c, "entries", len(c.recent(authz.DecisionFilter{})), 150)
	}},
}

// newDecision returns a denial "dec_<name>" of ann's.
func (c *check) newDecision(name string) authz.DecisionEntry {
	return authz.DecisionEntry{
		Decision:  sallyport.Decision{ID: "dec_" + name, Rule: "rule"},
		At:        c.now,
		Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann"},
		Action:    "post:delete", Resource: post1, PolicyVersion: 1,
	}
}

func (c *check) decided(entries ...authz.DecisionEntry) {
	c.Helper()
	c.update(func(tx account.Tx) error { return tx.Decisions.Append(c.Context(), entries...) })
}

func (c *check) decision(id string) authz.DecisionEntry {
	c.Helper()
	return get(c, func(tx account.Tx) (authz.DecisionEntry, error) { return tx.Decisions.ByID(c.Context(), id) })
}

func (c *check) recent(f authz.DecisionFilter) []authz.DecisionEntry {
	c.Helper()
	return get(c, func(tx account.Tx) ([]authz.DecisionEntry, error) { return tx.Decisions.Recent(c.Context(), f) })
}

// sameDecisions compares what can be seen of entries, values by their JSON.
func (c *check) sameDecisions(what string, got []authz.DecisionEntry, want ...authz.DecisionEntry) {
	c.Helper()
	same(c, what, c.shown(got), c.shown(want))
}

func (c *check) shown(entries []authz.DecisionEntry) (all []string) {
	c.Helper()
	for _, e := range entries {
		text, err := e.MarshalJSON()
		if err != nil {
			c.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// newMessage returns a mail "msg_<name>" that is due, and expires in an hour.
func (c *check) newMessage(name string) outbox.Message {
	return outbox.Message{
		ID: "msg_" + name, Channel: outbox.Email, Kind: outbox.Verify, Sealed: []byte{0, 0xff, 1}, DueAt: c.now,
		CreatedAt: c.now, ExpiresAt: c.now.Add(time.Hour),
	}
}

// message adds newMessage(name), as changed.
func (c *check) message(name string, change ...func(*outbox.Message)) outbox.Message {
	c.Helper()
	m := c.newMessage(name)
	for _, f := range change {
		f(&m)
	}
	c.update(func(tx account.Tx) error { return tx.Outbox.Add(c.Context(), m) })
	return m
}

// claim claims mails that are due now, for a minute.
func (c *check) claim(now time.Time, limit int) []outbox.Message {
	c.Helper()
	return do(c, func(tx account.Tx) ([]outbox.Message, error) {
		return tx.Outbox.Claim(c.Context(), outbox.Email, now, now.Add(time.Minute), limit)
	})
}

func (c *check) waiting() []outbox.Message {
	c.Helper()
	return get(c, func(tx account.Tx) ([]outbox.Message, error) { return tx.Outbox.Waiting(c.Context(), 1000) })
}

func messageIDs(all []outbox.Message) (ids []string) {
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	return ids
}

var outboxPromises = []promise{
	{"a message comes back as it was", func(c *check) {
		full := c.message("full", func(m *outbox.Message) {
			m.Channel, m.Kind, m.Attempt, m.Problem, m.DueAt = outbox.SMS, "odd", 7, odd, c.now.Add(time.Second)
		})
		plain := c.message("plain")
		equal(c, "waiting, newest first", c.waiting(), []outbox.Message{plain, full})
		c.message("done", func(m *outbox.Message) { m.DoneAt = c.now })
		equal(c, "waiting", messageIDs(c.waiting()), []string{"msg_plain", "msg_full"})
		equal(c, "the newest", messageIDs(get(c, func(tx account.Tx) ([]outbox.Message, error) { return tx.Outbox.Waiting(c.Context(), 1) })), []string{"msg_plain"})
		c.fails("an id that is taken", func(tx account.Tx) error { return tx.Outbox.Add(c.Context(), plain) })
	}},

	{"Claim takes what is due on the channel, what waits longest first, and keeps it until then", func(c *check) {
		for i, f := range []func(*outbox.Message){
			0: func(m *outbox.Message) { m.DueAt = c.now.Add(-time.Second) },
			1: func(m *outbox.Message) { m.DueAt = c.now.Add(time.Millisecond) },
			2: func(m *outbox.Message) { m.Channel = outbox.SMS },
			3: func(m *outbox.Message) { m.DoneAt = c.now },
			4: func(m *outbox.Message) { m.DueAt = c.now.Add(-time.Hour) },
			5: func(m *outbox.Message) { m.ExpiresAt = c.now.Add(-time.Minute) },
		} {
			c.message(fmt.Sprint(i), f)
		}
		first := c.claim(c.now, 2)
		equal(c, "first", messageIDs(first), []string{"msg_0", "msg_4"})
		for _, m := range first {
			want := c.newMessage(m.ID[len("msg_"):])
			want.Attempt, want.DueAt = 1, c.now.Add(time.Minute)
			equal(c, "claimed", m, want)
		}
		equal(c, "then, also what has expired", messageIDs(c.claim(c.now, 10)), []string{"msg_5"})
		same(c, "nothing is left", c.claim(c.now, 10), nil)
		equal(c, "later", messageIDs(c.claim(c.now.Add(time.Millisecond), 10)), []string{"msg_1"})
		again := c.claim(c.now.Add(time.Minute), 10)
		equal(c, "after the lease", messageIDs(again), []string{"msg_0", "msg_4", "msg_5"})
		equal(c, "attempt", again[0].Attempt, 2)
		same(c, "none", c.claim(c.now.Add(time.Hour), 0), nil)
	}},

	{"Done ends it and forgets what it said, Retry sets the next attempt; only for the last attempt", func(c *check) {
		c.message("1")
		c.message("2")
		c.claim(c.now, 10)
		done := func(id string, attempt int) bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Outbox.Done(c.Context(), id, attempt, c.now, odd) })
		}
		retry := func(id string, attempt int, at time.Time) bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Outbox.Retry(c.Context(), id, attempt, at, odd) })
		}
		for _, attempt := range []int{0, 2} {
			equal(c, "another attempt ends it", done("msg_1", attempt), false)
			equal(c, "another attempt is put off", retry("msg_1", attempt, c.now), false)
		}
		equal(c, "what is not there", done("msg_3", 0) || retry("msg_3", 0, c.now), false)
		equal(c, "ended", done("msg_1", 1), true)
		equal(c, "ended again", done("msg_1", 1), false)
		equal(c, "put off after its end", retry("msg_1", 1, c.now), false)
		equal(c, "put off", retry("msg_2", 1, c.now.Add(time.Second)), true)
		want := c.newMessage("2")
		want.Attempt, want.DueAt, want.Problem = 1, c.now.Add(time.Second), odd
		equal(c, "waiting", c.waiting(), []outbox.Message{want})
		same(c, "too early", c.claim(c.now, 10), nil)
		equal(c, "again", messageIDs(c.claim(c.now.Add(time.Second), 10)), []string{"msg_2"})
		equal(c, "an attempt that is over ends it", done("msg_2", 1), false)
	}},

	{"Lanes are the channels that begin so and in which something is due, each once", func(c *check) {
		lanes := func(prefix outbox.Channel, after time.Duration) []outbox.Channel {
			return get(c, func(tx account.Tx) ([]outbox.Channel, error) {
				return tx.Outbox.Lanes(c.Context(), prefix, c.now.Add(after))
			})
		}
		same(c, "of nothing", lanes(outbox.Clients, time.Hour), nil)
		for i, m := range []struct {
			channel outbox.Channel
			due     time.Duration
			done    bool
		}{
			{outbox.ToClient("web"), time.Minute, false}, {outbox.ToClient("web"), -time.Hour, true}, {outbox.ToClient("web"), 2 * time.Minute, false},
			{outbox.ToClient("~~~"), 0, false}, {outbox.ToClient("app"), 0, false}, {outbox.ToClient("app"), -time.Minute, false},
			{outbox.ToClient("App"), -time.Minute, false}, {outbox.ToClient("gone"), 0, true}, {outbox.Email, 0, false}, {"clienu", 0, false},
		} {
			c.message(fmt.Sprint(i), func(x *outbox.Message) {
				x.Channel, x.DueAt = m.channel, c.now.Add(m.due)
				if m.done {
					x.DoneAt = c.now
				}
			})
		}
		equal(c, "now", lanes(outbox.Clients, 0), []outbox.Channel{outbox.ToClient("App"), outbox.ToClient("app"), outbox.ToClient("~~~")})
		equal(c, "later", len(lanes(outbox.Clients, time.Minute)), 4)
		equal(c, "that of one", lanes(outbox.ToClient("a"), 0), []outbox.Channel{outbox.ToClient("app")})
	}},

	{"of those who claim at once each message goes to one", func(c *check) {
		const n = 4
		for round := range testenv.Count(10, 200) {
			for i := range 6 {
				c.message(fmt.Sprint(round, "-", i))
			}
			var mu sync.Mutex
			var got []string
			c.succeed(together(n, func(int) error {
				var mine []outbox.Message
				err := c.Update(c.Context(), func(tx account.Tx) (err error) {
					mine, err = tx.Outbox.Claim(c.Context(), outbox.Email, c.now, c.now.Add(time.Minute), 2)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				got = append(got, messageIDs(mine)...)
				return err
			}))
			got = append(got, messageIDs(c.claim(c.now, 10))...)
			slices.Sort(got)
			equal(c, "claimed in all", len(slices.Compact(got)), 6)
			equal(c, "claimed", len(got), 6)
		}
	}},

	{"messages go in batches a while after they expired, done or not", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			c.message(fmt.Sprint(i), func(m *outbox.Message) {
				m.ExpiresAt = expires.Add(-outbox.Retention)
				if i%2 == 0 {
					m.DoneAt = c.now
				}
			})
		})
		equal(c, "left", messageIDs(c.waiting()), []string{"msg_5"})
	}},

	{"what was given and found belongs to the caller", func(c *check) {
		m := c.newMessage("1")
		c.update(func(tx account.Tx) error { return tx.Outbox.Add(c.Context(), m) })
		m.Sealed[0]++
		found := c.waiting()
		equal(c, "kept", found[0].Sealed, []byte{0, 0xff, 1})
		found[0].Sealed[0]++
		equal(c, "kept", c.waiting()[0].Sealed, []byte{0, 0xff, 1})
	}},
}

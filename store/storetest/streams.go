package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// newSignal returns the signal "sig_<name>" of that number.
func (c *check) newSignal(name string, seq int64) ssf.Signal {
	return ssf.Signal{
		Seq: seq, ID: "sig_" + name, At: c.now, Event: ssf.TokenClaimsChange, Subject: "usr_" + name, Session: "ses_1", Org: "org_1",
		Roles: []string{"editor", odd}, Credential: ssf.APIKey, Change: ssf.Create, Name: odd, By: ssf.Admin, Reason: odd, Txn: "txn_1",
	}
}

// newStream returns the stream "stm_<name>", with something in every field.
func (c *check) newStream(name, owner string, change ...func(*ssf.Stream)) ssf.Stream {
	s := ssf.Stream{
		ID: "stm_" + name, Owner: owner, Method: ssf.Push, Endpoint: "https://a.example/" + name, Authorization: []byte{0, 255},
		Requested: []string{ssf.SessionRevoked, odd}, Description: odd, Status: ssf.Enabled, Reason: odd,
		Cursor: 7, Acked: []int64{9, 12}, VerifiedAt: c.now,
		Notices:  []ssf.Notice{{JTI: "n1", At: c.now, Event: ssf.Verification, State: odd}, {JTI: "n2", At: c.now, Event: ssf.StreamUpdated, Status: ssf.Paused, Reason: odd}},
		Failures: 3, RetryAt: c.now.Add(time.Minute), Refused: 4, Problem: odd, Lease: "node", LeaseUntil: c.now.Add(time.Hour),
		CreatedAt: c.now, UpdatedAt: c.now,
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

// stream creates a stream to which nothing has happened yet, as changed.
func (c *check) stream(name, owner string, change ...func(*ssf.Stream)) ssf.Stream {
	c.Helper()
	s := ssf.Stream{
		ID: "stm_" + name, Owner: owner, Method: ssf.Push, Endpoint: "https://a.example/", Status: ssf.Enabled,
		CreatedAt: c.now, UpdatedAt: c.now,
	}
	for _, f := range change {
		f(&s)
	}
	c.update(func(tx account.Tx) error { return tx.Streams.Create(c.Context(), s) })
	return s
}

func (c *check) streamByID(id string) ssf.Stream {
	c.Helper()
	return get(c, func(tx account.Tx) (ssf.Stream, error) { return tx.Streams.ByID(c.Context(), id) })
}

func (c *check) streamsOf(owner string) []ssf.Stream {
	c.Helper()
	return get(c, func(tx account.Tx) ([]ssf.Stream, error) { return tx.Streams.Of(c.Context(), owner) })
}

func streamIDs(all []ssf.Stream) (ids []string) {
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

// signal appends an entry to the log and keeps a signal at its number.
func (c *check) signal(name string, change ...func(*ssf.Signal)) ssf.Signal {
	c.Helper()
	return do(c, func(tx account.Tx) (ssf.Signal, error) {
		p, err := tx.Log.Append(c.Context(), c.newKill(name))
		s := c.newSignal(name, p.Seq)
		for _, f := range change {
			f(&s)
		}
		if err == nil {
			err = tx.Signals.Append(c.Context(), s)
		}
		return s, err
	})
}

func (c *check) signalsAfter(seq int64, limit int) []ssf.Signal {
	c.Helper()
	return get(c, func(tx account.Tx) ([]ssf.Signal, error) { return tx.Signals.Read(c.Context(), seq, limit) })
}

var signals = []promise{
	{"a signal is forgotten if there is no stream, and kept if there is one", func(c *check) {
		c.signal("early")
		same(c, "without a stream", c.signalsAfter(0, 10), nil)
		c.stream("1", "usr_ann")
		want := c.signal("late")
		equal(c, "with a stream", c.signalsAfter(0, 10), []ssf.Signal{want})
	}},

	{"signals are read in order, page by page", func(c *check) {
		c.stream("1", "usr_ann")
		var want []ssf.Signal
		for i := range 70 {
			want = append(want, c.newSignal(fmt.Sprint(i), int64(100+i)))
		}
		c.update(func(tx account.Tx) error { return tx.Signals.Append(c.Context(), want...) })
		c.update(func(tx account.Tx) error { return tx.Signals.Append(c.Context()) })
		equal(c, "all", c.signalsAfter(0, 100), want)
		equal(c, "a page", c.signalsAfter(101, 3), want[2:5])
		same(c, "the end", c.signalsAfter(169, 3), nil)
		same(c, "none", c.signalsAfter(0, 0), nil)
		c.fails("a number that is taken", func(tx account.Tx) error { return tx.Signals.Append(c.Context(), want[0]) })
	}},

	{"of a stream that is made and a change beside it, the stream sees the signal, or the position of its entry", func(c *check) {
		for round := range 30 {
			name := fmt.Sprint(round)
			var cursor, seq int64
			c.succeed(together(2, func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) error {
					ctx := c.Context()
					if i == 0 {
						p, err := tx.Log.Append(ctx, c.newKill(name))
						seq = p.Seq
						if err != nil {
							return err
						}
						return tx.Signals.Append(ctx, c.newSignal(name, p.Seq))
					}
					st := ssf.Stream{ID: "stm_" + name, Owner: "usr_ann", Method: ssf.Poll, Status: ssf.Enabled}
					if err := tx.Streams.Create(ctx, st); err != nil {
						return err
					}
					p, err := tx.Log.Append(ctx, revoke.Entry{Effect: revoke.Notice, Kind: revoke.Subject, ID: "usr_ann", CreatedAt: c.now, ExpiresAt: c.now.Add(time.Hour)})
					if err != nil {
						return err
					}
					cursor, st.Cursor = p.Seq, p.Seq
					return tx.Streams.Update(ctx, st)
				})
			}))
			if seen := len(c.signalsAfter(cursor, 10)); seq > cursor && seen != 1 {
				c.Fatalf("round %d: %d signals after %d, though one has number %d", round, seen, cursor, seq)
			}
			c.update(func(tx account.Tx) error { return tx.Streams.DeleteOf(c.Context(), "usr_ann") })
		}
	}},

	{"old signals go in batches unless a stream waits for them, and disabled streams wait for nothing", func(c *check) {
		st := c.stream("1", "usr_ann")
		c.stream("2", "usr_ann", func(s *ssf.Stream) { s.Status = ssf.Disabled })
		var all []ssf.Signal
		for i := range 6 {
			all = append(all, c.signal(fmt.Sprint(i), func(s *ssf.Signal) { s.At = c.now.Add(time.Duration(i) * time.Millisecond) }))
		}
		late := c.now.Add(ssf.Retention)
		equal(c, "while all wait", c.sweepSignals(late.Add(time.Hour)), 0)
		st.Cursor = all[3].Seq
		c.update(func(tx account.Tx) error { return tx.Streams.Update(c.Context(), st) })
		equal(c, "what is old enough", c.sweepSignals(late.Add(time.Millisecond)), 2)
		equal(c, "what is not waited for", c.sweepSignals(late.Add(time.Hour)), 2)
		equal(c, "left", c.signalsAfter(0, 10), all[4:])
		st.Status = ssf.Disabled
		c.update(func(tx account.Tx) error { return tx.Streams.Update(c.Context(), st) })
		equal(c, "once nobody waits", c.sweepSignals(late.Add(time.Hour)), 2)
	}},

	{"signals that are given and found belong to the caller", func(c *check) {
		c.stream("1", "usr_ann")
		want := c.signal("1")
		want.Roles[0] = "changed"
		found := c.signalsAfter(0, 1)
		equal(c, "kept", found[0].Roles[0], "editor")
		found[0].Roles[0] = "changed"
		equal(c, "kept", c.signalsAfter(0, 1)[0].Roles[0], "editor")
	}},
}

// sweepSignals sweeps until nothing is left and returns how many signals that were.
func (c *check) sweepSignals(now time.Time) int {
	c.Helper()
	before := len(c.signalsAfter(0, 1000))
	for c.sweepAt(now, 2) > 0 {
	}
	return before - len(c.signalsAfter(0, 1000))
}

var streams = []promise{
	{"a stream comes back as it was", func(c *check) {
		full := c.newStream("full", "usr_ann")
		c.update(func(tx account.Tx) error { return tx.Streams.Create(c.Context(), full) })
		equal(c, "by id", c.streamByID("stm_full"), full)
		empty := c.stream("empty", "usr_ann")
		equal(c, "with nothing", c.streamByID("stm_empty"), empty)
		none := c.stream("none", "usr_bob", func(s *ssf.Stream) { s.Requested = []string{} })
		equal(c, "that asks for nothing", c.streamByID("stm_none"), none)
		equal(c, "locked", do(c, func(tx account.Tx) (ssf.Stream, error) { return tx.Streams.Lock(c.Context(), "stm_full") }), full)
		equal(c, "of an owner", c.streamsOf("usr_ann"), []ssf.Stream{empty, full})
		same(c, "of somebody else", c.streamsOf("usr_eve"), nil)
		for _, f := range []func(account.Tx) error{
			func(tx account.Tx) error { _, err := tx.Streams.ByID(c.Context(), "stm_x"); return err },
			func(tx account.Tx) error { _, err := tx.Streams.Lock(c.Context(), "stm_x"); return err },
			func(tx account.Tx) error { return tx.Streams.Update(c.Context(), c.newStream("x", "usr_ann")) },
		} {
			c.answer(ssf.ErrNotFound, f)
		}
		c.fails("an id that is taken", func(tx account.Tx) error { return tx.Streams.Create(c.Context(), full) })
	}},

	{"Update writes everything but whose it is and since when", func(c *check) {
		c.stream("1", "usr_ann")
		want := c.newStream("1", "usr_eve", func(s *ssf.Stream) { s.Method, s.Status, s.CreatedAt = ssf.Poll, ssf.Paused, c.now.Add(-time.Hour) })
		c.update(func(tx account.Tx) error { return tx.Streams.Update(c.Context(), want) })
		want.Owner, want.CreatedAt = "usr_ann", c.now
		equal(c, "updated", c.streamByID("stm_1"), want)
	}},

	{"Delete removes one and says whether it was there, DeleteOf all of an owner", func(c *check) {
		for name, owner := range map[string]string{"1": "usr_ann", "2": "usr_ann", "3": "usr_ann", "4": "usr_bob"} {
			c.stream(name, owner)
		}
		for i, want := range []bool{true, false} {
			equal(c, fmt.Sprint("time ", i), do(c, func(tx account.Tx) (bool, error) { return tx.Streams.Delete(c.Context(), "stm_2") }), want)
		}
		equal(c, "left", streamIDs(c.streamsOf("usr_ann")), []string{"stm_1", "stm_3"})
		c.update(func(tx account.Tx) error { return tx.Streams.DeleteOf(c.Context(), "usr_ann") })
		same(c, "left", c.streamsOf("usr_ann"), nil)
		equal(c, "another's", streamIDs(c.streamsOf("usr_bob")), []string{"stm_4"})
	}},

	{"Due are streams with something to push, that nobody pushes and that need not wait", func(c *check) {
		c.stream("0", "usr_ann", func(s *ssf.Stream) { s.Cursor = 1 << 40 })
		g := c.signal("1")
		notice := []ssf.Notice{{JTI: "n", At: c.now, Event: ssf.Verification}}
		for i, f := range []func(*ssf.Stream){
			1: func(s *ssf.Stream) { s.RetryAt = c.now.Add(-time.Minute) }, // news
			2: func(s *ssf.Stream) { s.Cursor = g.Seq },                    // no news
			3: func(s *ssf.Stream) { s.Method = ssf.Poll },                 // comes for it
			4: func(s *ssf.Stream) { s.Status = ssf.Paused },
			5: func(s *ssf.Stream) { s.Status = ssf.Disabled },
			6: func(s *ssf.Stream) { s.RetryAt = c.now.Add(time.Millisecond) },
			7: func(s *ssf.Stream) { s.LeaseUntil = c.now.Add(time.Millisecond) },
			8: func(s *ssf.Stream) { s.Status, s.Notices = ssf.Disabled, notice },
			9: func(s *ssf.Stream) { s.RetryAt, s.LeaseUntil = c.now.Add(-time.Hour), c.now },
		} {
			if f != nil {
				c.stream(fmt.Sprint(i), "usr_ann", f)
			}
		}
		due := func(now time.Time, limit int) []string {
			return get(c, func(tx account.Tx) ([]string, error) { return tx.Streams.Due(c.Context(), now, limit) })
		}
		equal(c, "due, longest waiting first", due(c.now, 10), []string{"stm_8", "stm_9", "stm_1"})
		equal(c, "some", due(c.now, 1), []string{"stm_8"})
		equal(c, "later", due(c.now.Add(time.Second), 10), []string{"stm_7", "stm_8", "stm_9", "stm_1", "stm_6"})
	}},

	{"Behind are streams that an old signal waits for", func(c *check) {
		c.stream("1", "usr_ann")
		g := c.signal("1")
		c.stream("2", "usr_ann", func(s *ssf.Stream) { s.Cursor = g.Seq })
		c.stream("3", "usr_ann", func(s *ssf.Stream) { s.Status = ssf.Disabled })
		c.stream("4", "usr_ann", func(s *ssf.Stream) { s.Status, s.Method = ssf.Paused, ssf.Poll })
		behind := func(before time.Time, limit int) []string {
			return get(c, func(tx account.Tx) ([]string, error) { return tx.Streams.Behind(c.Context(), before, limit) })
		}
		equal(c, "by then", behind(g.At, 10), []string{"stm_1", "stm_4"})
		equal(c, "some", behind(g.At, 1), []string{"stm_1"})
		same(c, "a moment sooner", behind(g.At.Add(-time.Millisecond), 10), nil)
	}},

	{"of those who take a lease at once exactly one gets it", func(c *check) {
		c.stream("1", "usr_ann")
		for round := range 20 {
			now := c.now.Add(time.Duration(round) * time.Hour)
			taken := errors.New("taken")
			won := 0
			for _, err := range together(4, func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) error {
					s, err := tx.Streams.Lock(c.Context(), "stm_1")
					if err != nil {
						return err
					}
					if s.LeaseUntil.After(now) {
						return taken
					}
					s.Lease, s.LeaseUntil = fmt.Sprint("node ", i), now.Add(time.Minute)
					return tx.Streams.Update(c.Context(), s)
				})
			}) {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, taken):
					c.Error(err)
				}
			}
			equal(c, "winners", won, 1)
		}
	}},

	{"a stream that was given and found belongs to the caller", func(c *check) {
		s := c.newStream("1", "usr_ann")
		c.update(func(tx account.Tx) error { return tx.Streams.Create(c.Context(), s) })
		s.Requested[0], s.Acked[0], s.Authorization[0], s.Notices[0].State = "x", 1, 1, "x"
		want := c.newStream("1", "usr_ann")
		found := c.streamByID("stm_1")
		equal(c, "kept", found, want)
		found.Requested[0], found.Acked[0], found.Authorization[0], found.Notices[0].State = "x", 1, 1, "x"
		equal(c, "kept", c.streamByID("stm_1"), want)
	}},
}

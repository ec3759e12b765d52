package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
)

var sessions = []promise{
	{"Create keeps every field, times to the millisecond", func(c *check) {
		want := session.Session{
			ID: "ses_1", TokenHash: hash("cookie"), Subject: "usr_ann", Org: plenty("org"), AAL: 2, AMR: []string{"pwd", plenty("otp")},
			AuthTime: c.now.Add(-time.Minute), Position: revoke.Position{Log: plenty("log"), Seq: 1 << 40},
			CreatedAt: c.now.Add(999999), LastSeenAt: c.now.Add(time.Second), IdleExpiresAt: c.now.Add(time.Hour),
			ExpiresAt: c.now.Add(24 * time.Hour), Address: "2001:db8::1", UserAgent: plenty("agent"),
		}
		c.update(func(tx account.Tx) error { return tx.Sessions.Create(c.Context(), want) })
		want.CreatedAt = c.now
		equal(c, "ByID", c.sessionByID(want.ID), want)
		equal(c, "ByTokenHash", c.sessionByHash(want.TokenHash), want)
		equal(c, "List", c.listSessions("usr_ann"), []session.Session{want})
	}},

	{"a session without methods, organization and times comes back without", func(c *check) {
		want := session.Session{ID: "ses_1", TokenHash: hash("cookie"), Subject: "usr_ann", ExpiresAt: c.now}
		c.update(func(tx account.Tx) error { return tx.Sessions.Create(c.Context(), want) })
		same(c, "ByID", c.sessionByID(want.ID), want)
	}},

	{"whichever does not exist is ErrNotFound", func(c *check) {
		c.session("1", "usr_ann")
		ctx := c.Context()
		for _, f := range []func(account.Tx) error{
			func(tx account.Tx) error { _, err := tx.Sessions.ByID(ctx, "ses_2"); return err },
			func(tx account.Tx) error { _, err := tx.Sessions.ByTokenHash(ctx, hash("2")); return err },
			func(tx account.Tx) error { _, err := tx.Sessions.ByTokenHash(ctx, nil); return err },
			func(tx account.Tx) error { _, err := tx.Sessions.ByTokenHash(ctx, hash("1")[:31]); return err },
			func(tx account.Tx) error {
				return tx.Sessions.Rotate(ctx, "ses_2", hash("3"), revoke.Position{Log: "log_1"}, c.now)
			},
		} {
			c.answer(session.ErrNotFound, f)
		}
	}},

	{"an id and a token are given once", func(c *check) {
		want := c.session("1", "usr_ann")
		c.session("2", "usr_ann")
		c.fails("second session of that id", func(tx account.Tx) error {
			s := c.newSession("1", "usr_bob")
			s.TokenHash = hash("other")
			return tx.Sessions.Create(c.Context(), s)
		})
		c.fails("second session of that token", func(tx account.Tx) error {
			s := c.newSession("3", "usr_bob")
			s.TokenHash = hash("1")
			return tx.Sessions.Create(c.Context(), s)
		})
		c.fails("rotation to the token of another", func(tx account.Tx) error {
			return tx.Sessions.Rotate(c.Context(), "ses_2", hash("1"), want.Position, c.now)
		})
		equal(c, "first session", c.sessionByHash(hash("1")), want)
	}},

	{"Touch moves times on and never back", func(c *check) {
		want := c.session("1", "usr_ann")
		for _, step := range []struct {
			name       string
			seen, idle time.Duration // from now; the session has 0 and 1 hour
			wantSeen   time.Duration
			wantIdle   time.Duration
		}{
			{"both on", time.Minute, 2 * time.Hour, time.Minute, 2 * time.Hour},
			{"both back", time.Second, time.Hour, time.Minute, 2 * time.Hour},
			{"seen on, idle back", 2 * time.Minute, time.Hour, 2 * time.Minute, 2 * time.Hour},
		} {
			c.update(func(tx account.Tx) error {
				return tx.Sessions.Touch(c.Context(), "ses_1", c.now.Add(step.seen), c.now.Add(step.idle))
			})
			want.LastSeenAt, want.IdleExpiresAt = c.now.Add(step.wantSeen), c.now.Add(step.wantIdle)
			equal(c, step.name, c.sessionByID("ses_1"), want)
		}
	}},

	{"Touch does nothing to a session that has ended", func(c *check) {
		c.session("1", "usr_ann")
		c.endSession("ses_1")
		c.update(func(tx account.Tx) error {
			return tx.Sessions.Touch(c.Context(), "ses_1", c.now, c.now.Add(time.Hour))
		})
		equal(c, "sessions", len(c.listSessions("usr_ann")), 0)
	}},

	{"Rotate changes token, position and time of proof, and the old token is dead", func(c *check) {
		want := c.session("1", "usr_ann")
		other := c.session("2", "usr_ann")
		want.TokenHash, want.Position, want.AuthTime = hash("new"), revoke.Position{Log: "log_2", Seq: 9}, c.now.Add(time.Minute)
		c.update(func(tx account.Tx) error {
			return tx.Sessions.Rotate(c.Context(), "ses_1", hash("new"), want.Position, want.AuthTime)
		})
		equal(c, "by the new token", c.sessionByHash(hash("new")), want)
		equal(c, "by id", c.sessionByID("ses_1"), want)
		c.answer(session.ErrNotFound, func(tx account.Tx) error {
			_, err := tx.Sessions.ByTokenHash(c.Context(), hash("1"))
			return err
		})
		equal(c, "the other session", c.sessionByID("ses_2"), other)
	}},

	{"Elevate is Rotate that also says what was proved", func(c *check) {
		want := c.session("1", "usr_ann")
		want.TokenHash, want.Position, want.AuthTime = hash("new"), revoke.Position{Log: "log_1", Seq: 9}, c.now.Add(time.Minute)
		want.AMR, want.AAL = []string{"pwd", "otp", "mfa"}, 2
		c.update(func(tx account.Tx) error {
			return tx.Sessions.Elevate(c.Context(), "ses_1", hash("new"), want.Position, want.AuthTime, want.AMR, want.AAL)
		})
		equal(c, "session", get(c, func(tx account.Tx) (session.Session, error) {
			return tx.Sessions.ByTokenHash(c.Context(), hash("new"))
		}), want)
		for _, f := range []func(account.Tx) error{
			func(tx account.Tx) error { _, err := tx.Sessions.ByTokenHash(c.Context(), hash("1")); return err },
			func(tx account.Tx) error {
				return tx.Sessions.Elevate(c.Context(), "ses_2", hash("2"), want.Position, c.now, nil, 1)
			},
		} {
			c.answer(session.ErrNotFound, f)
		}
	}},

	{"Rotate of a session that has ended is ErrNotFound", func(c *check) {
		c.session("1", "usr_ann")
		c.endSession("ses_1")
		c.answer(session.ErrNotFound, func(tx account.Tx) error {
			return tx.Sessions.Rotate(c.Context(), "ses_1", hash("new"), revoke.Position{Log: "log_1"}, c.now)
		})
	}},

	{"List has the subject's sessions, newest first", func(c *check) {
		var want []string
		for i, name := range []string{"1", "2", "3"} {
			c.session(name, "usr_ann", func(s *session.Session) { s.CreatedAt = c.now.Add(time.Duration(i) * time.Second) })
			want = append(want, "ses_"+name)
		}
		c.session("4", "usr_anna")
		slices.Reverse(want)
		equal(c, "ann's", sessionIDs(c.listSessions("usr_ann")), want)
		same(c, "of a prefix of ann", sessionIDs(c.listSessions("usr_an")), nil)
	}},

	{"End removes one session and says whether it was there", func(c *check) {
		c.session("1", "usr_ann")
		c.session("2", "usr_ann")
		equal(c, "first time", c.endSession("ses_1"), true)
		equal(c, "second time", c.endSession("ses_1"), false)
		c.answer(session.ErrNotFound, func(tx account.Tx) error { _, err := tx.Sessions.ByID(c.Context(), "ses_1"); return err })
		c.answer(session.ErrNotFound, func(tx account.Tx) error {
			_, err := tx.Sessions.ByTokenHash(c.Context(), hash("1"))
			return err
		})
		equal(c, "left", sessionIDs(c.listSessions("usr_ann")), []string{"ses_2"})
	}},

	{"EndAll removes the subject's sessions except one and returns them", func(c *check) {
		one, two := c.session("1", "usr_ann"), c.session("2", "usr_ann")
		c.session("3", "usr_ann")
		c.session("4", "usr_anna")
		equal(c, "except ses_3", c.endAll("usr_ann", "ses_3"), []session.Session{one, two})
		equal(c, "left", sessionIDs(c.listSessions("usr_ann")), []string{"ses_3"})
		equal(c, "another's as exception", sessionIDs(c.endAll("usr_ann", "ses_4")), []string{"ses_3"})
		same(c, "nothing left to end", c.endAll("usr_ann", ""), nil)
		equal(c, "of another subject", sessionIDs(c.listSessions("usr_anna")), []string{"ses_4"})
	}},

	{"EndAll without an exception removes all", func(c *check) {
		c.session("1", "usr_ann")
		c.session("2", "usr_ann")
		equal(c, "ended", sessionIDs(c.endAll("usr_ann", "")), []string{"ses_1", "ses_2"})
		c.answer(session.ErrNotFound, func(tx account.Tx) error {
			_, err := tx.Sessions.ByTokenHash(c.Context(), hash("2"))
			return err
		})
	}},

	{"what a caller does to its copy does not reach the store", func(c *check) {
		mine := c.newSession("1", "usr_ann")
		c.update(func(tx account.Tx) error { return tx.Sessions.Create(c.Context(), mine) })
		mine.TokenHash[0]++
		mine.AMR[0] = "forged"
		want := c.newSession("1", "usr_ann")
		found := c.sessionByID("ses_1")
		equal(c, "after changing what was created", found, want)
		found.TokenHash[0]++
		found.AMR[0] = "forged"
		c.listSessions("usr_ann")[0].AMR[0] = "forged"
		equal(c, "after changing what was found", c.sessionByHash(hash("1")), want)
		newHash := hash("new")
		c.update(func(tx account.Tx) error {
			return tx.Sessions.Rotate(c.Context(), "ses_1", newHash, want.Position, want.AuthTime)
		})
		newHash[0]++
		equal(c, "after changing the new token", c.sessionByHash(hash("new")).TokenHash, hash("new"))
	}},
}

func (c *check) sessionByID(id string) session.Session {
	c.Helper()
	return get(c, func(tx account.Tx) (session.Session, error) { return tx.Sessions.ByID(c.Context(), id) })
}

func (c *check) sessionByHash(hash []byte) session.Session {
	c.Helper()
	return get(c, func(tx account.Tx) (session.Session, error) { return tx.Sessions.ByTokenHash(c.Context(), hash) })
}

func (c *check) listSessions(subject string) []session.Session {
	c.Helper()
	return get(c, func(tx account.Tx) ([]session.Session, error) { return tx.Sessions.List(c.Context(), subject) })
}

func (c *check) endSession(id string) bool {
	c.Helper()
	return do(c, func(tx account.Tx) (bool, error) { return tx.Sessions.End(c.Context(), id) })
}

// endAll returns what EndAll does, in order of id.
func (c *check) endAll(subject, except string) []session.Session {
	c.Helper()
	ended := do(c, func(tx account.Tx) ([]session.Session, error) {
		return tx.Sessions.EndAll(c.Context(), subject, except)
	})
	slices.SortFunc(ended, func(a, b session.Session) int { return strings.Compare(a.ID, b.ID) })
	return ended
}

func sessionIDs(all []session.Session) (ids []string) {
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

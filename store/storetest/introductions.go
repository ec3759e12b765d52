package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/oauth"
)

var introductions = []promise{
	{"an introduction comes back with every field, once, by client", func(c *check) {
		s := c.session("1", "usr_ann")
		c.introduce("ses_1", plenty("web"), c.now.Add(1))
		c.introduce("ses_1", "app", c.now.Add(time.Minute))
		c.session("2", "usr_ann")
		c.introduce("ses_2", "app", c.now)
		want := []oauth.Introduction{
			{Session: "ses_1", Client: "app", User: "usr_ann", CreatedAt: c.now.Add(time.Minute), ExpiresAt: s.ExpiresAt},
			{Session: "ses_1", Client: plenty("web"), User: "usr_ann", CreatedAt: c.now, ExpiresAt: s.ExpiresAt},
		}
		equal(c, "taken", c.introduced("ses_1"), want)
		same(c, "taken again", c.introduced("ses_1"), nil)
		equal(c, "those of another session", len(c.introduced("ses_2")), 1)
		same(c, "those of part of an id", c.introduced("ses_"), nil)
	}},

	{"whoever is introduced already stays so", func(c *check) {
		c.session("1", "usr_ann")
		c.introduce("ses_1", "app", c.now)
		c.introduce("ses_1", "app", c.now.Add(time.Hour))
		all := c.introduced("ses_1")
		equal(c, "how many", len(all), 1)
		equal(c, "since", all[0].CreatedAt, c.now)
	}},

	{"to a session that is gone nobody is introduced", func(c *check) {
		add := func(tx account.Tx) error { return tx.Introduced.Add(c.Context(), "ses_1", "app", c.now) }
		c.answer(oauth.ErrNoSession, add)
		c.session("1", "usr_ann")
		c.update(add)
		c.update(func(tx account.Tx) error { _, err := tx.Sessions.End(c.Context(), "ses_1"); return err })
		c.answer(oauth.ErrNoSession, add)
		equal(c, "from before", len(c.introduced("ses_1")), 1)
	}},

	{"those whose session is over are taken in batches, the oldest first", func(c *check) {
		for i := range 4 {
			name := fmt.Sprint(i)
			c.session(name, "usr_ann", func(s *session.Session) { s.ExpiresAt = c.now.Add(time.Duration(4-i) * time.Minute) })
			c.introduce("ses_"+name, "app", c.now)
		}
		take := func(after time.Duration, limit int) (ids []string) {
			for _, i := range do(c, func(tx account.Tx) ([]oauth.Introduction, error) {
				return tx.Introduced.TakeExpired(c.Context(), c.now.Add(after), limit)
			}) {
				ids = append(ids, i.Session)
			}
			return ids
		}
		same(c, "too early", take(time.Minute-time.Millisecond, 10), nil)
		equal(c, "the first", take(time.Minute, 10), []string{"ses_3"})
		equal(c, "two more", take(time.Hour, 2), []string{"ses_2", "ses_1"})
		equal(c, "the rest", take(time.Hour, 2), []string{"ses_0"})
		same(c, "nothing is left", take(time.Hour, 2), nil)
		same(c, "nor with the session", c.introduced("ses_0"), nil)
	}},

	{"all can expire at once", func(c *check) {
		for i := range 3 {
			name := fmt.Sprint(i)
			c.session(name, "usr_ann", func(s *session.Session) { s.ExpiresAt = c.now.Add(time.Duration(i-1) * time.Minute) })
			c.introduce("ses_"+name, "app", c.now)
		}
		c.update(func(tx account.Tx) error { return tx.Introduced.ExpireAll(c.Context(), c.now) })
		all := do(c, func(tx account.Tx) ([]oauth.Introduction, error) {
			return tx.Introduced.TakeExpired(c.Context(), c.now, 10)
		})
		equal(c, "how many", len(all), 3)
		equal(c, "the one that had expired", all[0].ExpiresAt, c.now.Add(-time.Minute))
		equal(c, "the last", all[2].ExpiresAt, c.now)
	}},

	// Whoever ends a session finds everybody who was introduced to it, however close that was.
	{"nobody slips in between the end of a session and who is told of it", func(c *check) {
		const n = 4
		for round := range testenv.Count(10, 200) {
			id := fmt.Sprint(round)
			c.session(id, "usr_ann")
			var in [n]bool
			told := 0
			c.succeed(together(n+1, func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) error {
					if i < n {
						err := tx.Introduced.Add(c.Context(), "ses_"+id, fmt.Sprint("app", i), c.now)
						if in[i] = err == nil; errors.Is(err, oauth.ErrNoSession) {
							return nil
						}
						return err
					}
					if _, err := tx.Sessions.End(c.Context(), "ses_"+id); err != nil {
						return err
					}
					all, err := tx.Introduced.Take(c.Context(), "ses_"+id)
					told = len(all)
					return err
				})
			}))
			for _, there := range in {
				if there {
					told--
				}
			}
			equal(c, "told less introduced", told, 0)
			same(c, "left", c.introduced("ses_"+id), nil)
		}
	}},
}

func (c *check) introduce(session, client string, at time.Time) {
	c.Helper()
	c.update(func(tx account.Tx) error { return tx.Introduced.Add(c.Context(), session, client, at) })
}

// introduced takes those of a session.
func (c *check) introduced(session string) []oauth.Introduction {
	c.Helper()
	return do(c, func(tx account.Tx) ([]oauth.Introduction, error) { return tx.Introduced.Take(c.Context(), session) })
}

package storetest

import (
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// newOneTime returns the token "otk_<name>" of the user with the value hash(name).
func (c *check) newOneTime(name, user string, p onetime.Purpose) onetime.Token {
	return onetime.Token{
		ID: "otk_" + name, Hash: hash(name), User: user, Purpose: p, Position: revoke.Position{Log: "log_1", Seq: 3},
		CreatedAt: c.now, ExpiresAt: c.now.Add(10 * time.Minute),
	}
}

func (c *check) oneTime(name, user string, p onetime.Purpose, change ...func(*onetime.Token)) onetime.Token {
	c.Helper()
	t := c.newOneTime(name, user, p)
	for _, f := range change {
		f(&t)
	}
	c.update(func(tx account.Tx) error { return tx.OneTime.Create(c.Context(), t) })
	return t
}

func (c *check) useOneTime(id string, now time.Time) (used bool, err error) {
	err = c.Update(c.Context(), func(tx account.Tx) (err error) {
		used, err = tx.OneTime.Consume(c.Context(), id, now)
		return err
	})
	return used, err
}

// newestOneTime returns the id, "" if there is none.
func (c *check) newestOneTime(user string, p onetime.Purpose) string {
	c.Helper()
	var id string
	err := c.View(c.Context(), func(tx account.Tx) error {
		t, err := tx.OneTime.Newest(c.Context(), user, p)
		id = t.ID
		return err
	})
	if err != nil && err != onetime.ErrNotFound {
		c.Fatal(err)
	}
	return id
}

var oneTimeTokens = []promise{
	{"a one-time token comes back as it was, for its purpose only", func(c *check) {
		full := c.oneTime("1", "usr_ann", "reset", func(t *onetime.Token) {
			t.CodeMAC, t.Target, t.Data = hash("code"), plenty("ann@example.org"), []byte(`{"a": 1}`)
			t.CreatedAt = c.now.Add(-time.Second)
		})
		bare := c.oneTime("2", "", "ticket")
		for _, want := range []onetime.Token{full, bare} {
			got := get(c, func(tx account.Tx) (onetime.Token, error) {
				return tx.OneTime.ByHash(c.Context(), want.Purpose, want.Hash)
			})
			equal(c, "by hash", got, want)
		}
		for _, look := range []struct {
			p    onetime.Purpose
			hash []byte
		}{{"link", full.Hash}, {"", full.Hash}, {"reset", hash("3")}, {"reset", nil}, {"ticket", full.Hash}} {
			c.answer(onetime.ErrNotFound, func(tx account.Tx) error {
				_, err := tx.OneTime.ByHash(c.Context(), look.p, look.hash)
				return err
			})
		}
	}},

	{"a value or an id is given once", func(c *check) {
		c.oneTime("1", "usr_ann", "reset")
		again := c.newOneTime("2", "usr_bob", "link")
		again.Hash = hash("1")
		c.fails("same value", func(tx account.Tx) error { return tx.OneTime.Create(c.Context(), again) })
		again = c.newOneTime("2", "usr_bob", "link")
		again.ID = "otk_1"
		c.fails("same id", func(tx account.Tx) error { return tx.OneTime.Create(c.Context(), again) })
	}},

	{"Newest is the user's last one of that purpose", func(c *check) {
		c.oneTime("1", "usr_ann", "reset")
		c.oneTime("2", "usr_ann", "reset")
		c.oneTime("3", "usr_ann", "link")
		c.oneTime("4", "usr_bob", "reset")
		equal(c, "reset", c.newestOneTime("usr_ann", "reset"), "otk_2")
		equal(c, "link", c.newestOneTime("usr_ann", "link"), "otk_3")
		equal(c, "of nobody", c.newestOneTime("usr_eve", "link"), "")
	}},

	{"SetData changes the data alone, of a token that is there", func(c *check) {
		want := c.oneTime("1", "usr_ann", "ticket")
		want.Data = []byte(`{"b":2}`)
		c.update(func(tx account.Tx) error { return tx.OneTime.SetData(c.Context(), "otk_1", want.Data) })
		got := get(c, func(tx account.Tx) (onetime.Token, error) { return tx.OneTime.ByHash(c.Context(), "ticket", hash("1")) })
		equal(c, "changed", got, want)
		c.answer(onetime.ErrNotFound, func(tx account.Tx) error { return tx.OneTime.SetData(c.Context(), "otk_2", nil) })
	}},

	{"a token that has expired is useless", func(c *check) {
		t := c.oneTime("1", "usr_ann", "reset")
		for _, now := range []time.Time{t.ExpiresAt, t.ExpiresAt.Add(time.Hour)} {
			used, err := c.useOneTime("otk_1", now)
			equal(c, "error", err, nil)
			equal(c, "used", used, false)
		}
		used, _ := c.useOneTime("otk_1", t.ExpiresAt.Add(-time.Millisecond))
		equal(c, "in the last moment", used, true)
		used, _ = c.useOneTime("otk_1", c.now)
		equal(c, "again", used, false)
	}},

	{"of those who use a one-time token at once exactly one succeeds, and nothing fails", func(c *check) {
		for round := range testenv.Count(20, 500) {
			name := fmt.Sprint(round)
			c.oneTime(name, "usr_ann", "reset")
			won := make([]bool, 8)
			for _, err := range together(8, func(i int) (err error) { won[i], err = c.useOneTime("otk_"+name, c.now); return err }) {
				equal(c, "error", err, nil)
			}
			n := 0
			for _, w := range won {
				if w {
					n++
				}
			}
			equal(c, "winners", n, 1)
		}
	}},

	{"EndAll ends those of the purposes named, or all of the user's", func(c *check) {
		for i, p := range []onetime.Purpose{"reset", "link", "ticket"} {
			c.oneTime(fmt.Sprint(i), "usr_ann", p)
			c.oneTime(fmt.Sprint(i, "b"), "usr_bob", p)
		}
		left := func(user string) (all []onetime.Purpose) {
			for _, p := range []onetime.Purpose{"reset", "link", "ticket"} {
				if c.newestOneTime(user, p) != "" {
					all = append(all, p)
				}
			}
			return all
		}
		c.update(func(tx account.Tx) error { return tx.OneTime.EndAll(c.Context(), "usr_ann", "reset", "link") })
		equal(c, "ann", left("usr_ann"), []onetime.Purpose{"ticket"})
		c.update(func(tx account.Tx) error { return tx.OneTime.EndAll(c.Context(), "usr_ann") })
		equal(c, "ann", len(left("usr_ann")), 0)
		equal(c, "bob", len(left("usr_bob")), 3)
	}},
}

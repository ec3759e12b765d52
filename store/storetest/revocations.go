package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

var revocations = []promise{
	{"a new log has a name, nothing in it and nothing pruned", func(c *check) {
		head := c.head()
		if head.IsZero() || head.Floor != 0 {
			c.Errorf("head %+v", head)
		}
		if p, err := revoke.ParsePosition(head.String()); p != head.Position || err != nil {
			c.Errorf("position %q reads as %+v, %v", head.String(), p, err)
		}
		same(c, "entries", c.readLog(0, 10), nil)
		equal(c, "head in an Update", do(c, func(tx account.Tx) (revoke.Head, error) { return tx.Log.Head(c.Context()) }), head)
	}},

	{"Append keeps every field, times to the millisecond", func(c *check) {
		begin := c.head()
		want := []revoke.Entry{
			{Effect: revoke.Kill, Kind: revoke.Session, ID: plenty("id"), CreatedAt: c.now.Add(999999), ExpiresAt: c.now.Add(time.Hour + 1)},
			{
				Effect: revoke.Overlay, Kind: revoke.Subject, ID: "usr_ann", Org: plenty("org"), Overlay: []string{"b", plenty("a")},
				CreatedAt: c.now, ExpiresAt: c.now.Add(time.Minute),
			},
			{Effect: revoke.Notice, Kind: revoke.Policy, CreatedAt: c.now, ExpiresAt: c.now.Add(time.Minute)},
		}
		end := c.appendLog(want...)
		equal(c, "position", end, revoke.Position{Log: begin.Log, Seq: begin.Seq + 3})
		equal(c, "head", c.head(), revoke.Head{Position: end})
		got := c.readLog(begin.Seq, 10)
		nonces := map[string]bool{}
		for i := range got {
			nonces[got[i].Nonce] = true
			got[i].Nonce = ""
		}
		if len(nonces) != 3 || nonces[""] {
			c.Errorf("nonces %v, want three different ones", nonces)
		}
		for i := range want {
			want[i].Seq = begin.Seq + int64(i) + 1
		}
		want[0].CreatedAt, want[0].ExpiresAt = c.now, c.now.Add(time.Hour)
		same(c, "entries", got, want)
	}},

	{"Append of nothing returns the head's position", func(c *check) {
		equal(c, "in an empty log", c.appendLog(), c.head().Position)
		end := c.appendLog(c.newKill("1"))
		equal(c, "in a log", c.appendLog(), end)
		equal(c, "head", c.head().Position, end)
	}},

	{"Append decides Seq and Nonce, whatever it is given", func(c *check) {
		begin := c.head().Seq
		e := c.newKill("1")
		e.Seq, e.Nonce = 99, "mine"
		c.appendLog(e)
		got := c.readLog(begin, 10)
		if len(got) != 1 || got[0].Seq != begin+1 || got[0].Nonce == "mine" {
			c.Errorf("entries %+v", got)
		}
	}},

	{"an Append is seen by its own transaction and goes on from there", func(c *check) {
		begin := c.head().Seq
		c.update(func(tx account.Tx) error {
			for i := range int64(3) {
				p, err := tx.Log.Append(c.Context(), c.newKill(fmt.Sprint(i)))
				if err != nil {
					return err
				}
				head, err := tx.Log.Head(c.Context())
				if err != nil {
					return err
				}
				if p.Seq != begin+1+i || head.Position != p {
					return fmt.Errorf("entry %d is at %v, head at %v", i, p, head)
				}
			}
			return nil
		})
	}},

	{"Read pages in order and meets every entry once", func(c *check) {
		begin := c.head().Seq
		const n = 23
		for i := range n {
			c.appendLog(c.newKill(fmt.Sprint(i)))
		}
		var got []string
		for after := begin; ; {
			page := c.readLog(after, 4)
			if len(page) > 4 {
				c.Fatalf("a page of %d, want at most 4", len(page))
			}
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				equal(c, "Seq", e.Seq, begin+int64(len(got))+1)
				got = append(got, e.ID)
			}
			after = page[len(page)-1].Seq
		}
		equal(c, "entries met", len(got), n)
		equal(c, "last of them", got[len(got)-1], fmt.Sprint(n-1))
		same(c, "past the head", c.readLog(begin+n+5, 4), nil)
	}},

	{"an Append that is rolled back leaves no gap", func(c *check) {
		p := c.appendLog(c.newKill("1"))
		err := c.Update(c.Context(), func(tx account.Tx) error {
			if _, err := tx.Log.Append(c.Context(), c.newKill("2"), c.newKill("3")); err != nil {
				return err
			}
			return errUndo
		})
		if err != errUndo {
			c.Fatal(err)
		}
		equal(c, "head", c.head().Position, p)
		equal(c, "next position", c.appendLog(c.newKill("4")).Seq, p.Seq+1)
	}},

	{"many append at once, and a follower meets every entry in order, without a gap", func(c *check) {
		c.follow(8, testenv.Count(20, 200))
	}},

	{"Renew gives the log a new name, and keeps its entries, its numbers and its floor", func(c *check) {
		gone := c.newKill("gone")
		gone.ExpiresAt = c.now
		c.appendLog(gone)
		c.appendLog(c.newKill("1"), c.newKill("2"))
		c.sweepAt(c.now, 10)
		before, entries := c.head(), c.readLog(0, 10)
		p := c.renew(before.Log)
		if p.Log == before.Log || p.Seq != before.Seq {
			c.Errorf("renewed from %v to %v", before.Position, p)
		}
		if parsed, err := revoke.ParsePosition(p.String()); parsed != p || err != nil {
			c.Errorf("position %q reads as %+v, %v", p.String(), parsed, err)
		}
		equal(c, "head", c.head(), revoke.Head{Position: p, Floor: before.Floor})
		equal(c, "entries", c.readLog(0, 10), entries)
		equal(c, "next position", c.appendLog(c.newKill("3")), revoke.Position{Log: p.Log, Seq: p.Seq + 1})
	}},

	{"Renew of a name that the log does not have changes nothing", func(c *check) {
		first := c.head()
		c.answer(revoke.ErrRenewed, func(tx account.Tx) error { _, err := tx.Log.Renew(c.Context(), "another"); return err })
		equal(c, "head", c.head(), first)
		second := c.renew(first.Log)
		c.answer(revoke.ErrRenewed, func(tx account.Tx) error { _, err := tx.Log.Renew(c.Context(), first.Log); return err })
		equal(c, "head, once it was renewed", c.head().Position, second)
	}},

	{"a Renew that is rolled back leaves the name as it was", func(c *check) {
		before := c.head()
		err := c.Update(c.Context(), func(tx account.Tx) error {
			if _, err := tx.Log.Renew(c.Context(), before.Log); err != nil {
				return err
			}
			return errUndo
		})
		if err != errUndo {
			c.Fatal(err)
		}
		equal(c, "head", c.head(), before)
	}},

	{"of many that Renew at once one does", func(c *check) {
		before := c.head()
		renewed := make([]revoke.Position, 8)
		c.succeed(together(8, func(i int) error {
			err := c.Update(c.Context(), func(tx account.Tx) (err error) {
				renewed[i], err = tx.Log.Renew(c.Context(), before.Log)
				return err
			})
			if errors.Is(err, revoke.ErrRenewed) {
				renewed[i], err = revoke.Position{}, nil
			}
			return err
		}))
		same(c, "positions returned", slices.DeleteFunc(renewed, revoke.Position.IsZero), []revoke.Position{c.head().Position})
	}},

	{"a View cannot Renew", func(c *check) {
		before := c.head()
		err := c.View(c.Context(), func(tx account.Tx) error { _, err := tx.Log.Renew(c.Context(), before.Log); return err })
		if err == nil || errors.Is(err, revoke.ErrRenewed) {
			c.Errorf("a View renewed the log: %v", err)
		}
		equal(c, "head", c.head(), before)
	}},

	{"what a caller does to its copy does not reach the store", func(c *check) {
		begin := c.head().Seq
		overlay := []string{"member"}
		e := c.newKill("usr_ann")
		e.Effect, e.Overlay = revoke.Overlay, overlay
		c.appendLog(e)
		overlay[0] = "admin"
		found := c.readLog(begin, 1)[0]
		equal(c, "after changing what was appended", found.Overlay, []string{"member"})
		found.Overlay[0] = "admin"
		equal(c, "after changing what was found", c.readLog(begin, 1)[0].Overlay, []string{"member"})
	}},
}

// follow lets n goroutines append for some rounds, some of them in vain, while
// one reads on from where it is, as every node does.
func (c *check) follow(n, rounds int) {
	begin := c.head().Seq
	var writers sync.WaitGroup
	for i := range n {
		writers.Go(func() {
			for j := range rounds {
				if err := c.appendSome(i + j); err != nil {
					c.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		writers.Wait()
		close(done)
	}()
	cursor := begin
	for last := false; ; {
		page := c.readLog(cursor, 7)
		for _, e := range page {
			if e.Seq != cursor+1 {
				<-done
				c.Fatalf("entry %d follows entry %d", e.Seq, cursor)
			}
			cursor = e.Seq
		}
		if last && len(page) == 0 {
			break
		}
		select {
		case <-done:
			last = true
		default:
		}
	}
	equal(c, "the follower's position", cursor, c.head().Seq)
}

// appendSome appends one to three entries, or rolls them back, and checks that
// they are visible once Update has returned.
func (c *check) appendSome(turn int) error {
	var p revoke.Position
	err := c.Update(c.Context(), func(tx account.Tx) (err error) {
		for i := range 1 + turn%2 {
			if p, err = tx.Log.Append(c.Context(), []revoke.Entry{c.newKill("a"), c.newKill("b")}[i:]...); err != nil {
				return err
			}
		}
		if turn%5 == 0 {
			return errUndo
		}
		return nil
	})
	if turn%5 == 0 && err == errUndo {
		return nil
	}
	if err != nil {
		return fmt.Errorf("appending: %w", err)
	}
	return c.View(c.Context(), func(tx account.Tx) error {
		head, err := tx.Log.Head(c.Context())
		if err == nil && head.Seq < p.Seq {
			err = errors.New("an entry is not visible although Update has returned")
		}
		return err
	})
}

func (c *check) head() revoke.Head {
	c.Helper()
	return get(c, func(tx account.Tx) (revoke.Head, error) { return tx.Log.Head(c.Context()) })
}

func (c *check) appendLog(entries ...revoke.Entry) revoke.Position {
	c.Helper()
	return do(c, func(tx account.Tx) (revoke.Position, error) { return tx.Log.Append(c.Context(), entries...) })
}

func (c *check) renew(old string) revoke.Position {
	c.Helper()
	return do(c, func(tx account.Tx) (revoke.Position, error) { return tx.Log.Renew(c.Context(), old) })
}

func (c *check) readLog(after int64, limit int) []revoke.Entry {
	c.Helper()
	return get(c, func(tx account.Tx) ([]revoke.Entry, error) { return tx.Log.Read(c.Context(), after, limit) })
}

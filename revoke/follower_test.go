package revoke_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

func TestConfig(t *testing.T) {
	b := newBook("log")
	for _, c := range []struct {
		name string
		in   revoke.Config
		want string
	}{
		{"the zero Config reads nothing", revoke.Config{}, "Config.Read is missing"},
		{"a negative interval", revoke.Config{Read: b.read, Every: -1}, "Config.Every is -1ns"},
		{"a bound that each interval exceeds", revoke.Config{Read: b.read, Every: 5 * time.Second}, "must exceed"},
		{"a negative bound", revoke.Config{Read: b.read, Bound: -1}, "must exceed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := revoke.Follow(t.Context(), c.in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Follow = %v, want %q", err, c.want)
			}
		})
	}
}

func TestFollowFailsIfTheLogCannotBeRead(t *testing.T) {
	b := newBook("log")
	b.err = errDown
	if _, err := revoke.Follow(t.Context(), b.config()); !errors.Is(err, errDown) {
		t.Errorf("Follow = %v, want %v", err, errDown)
	}
	if _, err := revoke.Follow(t.Context(), newBook("").config()); err == nil {
		t.Error("a log without an id was followed")
	}
}

func TestDead(t *testing.T) {
	all := revoke.IDs{Token: "t", Session: "s", Grant: "g", APIKey: "a", Subject: "u", Client: "c", Org: "o", Key: "k"}
	dead := revoke.ErrRevoked
	for _, c := range []struct {
		name  string
		entry revoke.Entry // number 3 of the log; 1 and 2 are somebody else's
		rev   revoke.Position
		ids   revoke.IDs
		want  error
	}{
		{"nothing killed", notice(revoke.Policy, ""), at(1), all, nil},
		{"token killed", kill(revoke.Token, "t"), at(2), revoke.IDs{Token: "t"}, dead},
		{"session killed", kill(revoke.Session, "s"), at(2), revoke.IDs{Session: "s"}, dead},
		{"grant killed", kill(revoke.Grant, "g"), at(2), revoke.IDs{Grant: "g"}, dead},
		{"API key killed", kill(revoke.APIKey, "a"), at(2), revoke.IDs{APIKey: "a"}, dead},
		{"subject killed", kill(revoke.Subject, "u"), at(2), revoke.IDs{Subject: "u"}, dead},
		{"client killed", kill(revoke.Client, "c"), at(2), revoke.IDs{Client: "c"}, dead},
		{"organization killed", kill(revoke.Org, "o"), at(2), revoke.IDs{Org: "o"}, dead},
		{"subject killed in the organization", within("o", kill(revoke.Subject, "u")), at(2), all, dead},
		{"subject killed in another organization", within("o2", kill(revoke.Subject, "u")), at(2), all, nil},
		{"another subject killed in the organization", within("o", kill(revoke.Subject, "u2")), at(2), all, nil},
		{"subject killed in an organization, and acts in none", within("o", kill(revoke.Subject, "u")), at(2), revoke.IDs{Subject: "u"}, nil},
		{"subject killed in the organization before", within("o", kill(revoke.Subject, "u")), at(3), all, nil},
		{"subject and organization of the same id", within("u", kill(revoke.Subject, "u")), at(2), revoke.IDs{Subject: "u", Org: "u"}, dead},
		{"subject and organization the other way round", within("u", kill(revoke.Subject, "o")), at(2), all, nil},
		{"one id of many killed", kill(revoke.Org, "o"), at(2), all, dead},
		{"another token killed", kill(revoke.Token, "t2"), at(2), all, nil},
		{"the same id of another kind killed", kill(revoke.Session, "t"), at(2), all, nil},
		{"an empty id killed nobody", kill(revoke.Org, ""), at(2), revoke.IDs{Subject: "u"}, nil},
		{"killed long after", kill(revoke.Subject, "u"), at(0), all, dead},
		{"killed before", kill(revoke.Subject, "u"), at(3), all, nil},
		{"everything killed", kill(revoke.Global, ""), at(2), revoke.IDs{}, dead},
		{"everything killed before", kill(revoke.Global, ""), at(3), all, nil},
		{"key killed", kill(revoke.Key, "k"), at(2), all, dead},
		{"key killed, and the thief knows the future", kill(revoke.Key, "k"), at(1000), all, dead},
		{"another key killed", kill(revoke.Key, "k2"), at(1000), all, nil},
		{"an overlay ends nothing", overlay("u"), at(2), all, nil},
		{"a notice ends nothing", notice(revoke.Key, "k"), at(2), all, nil},
		{"a kind of the future ends nothing known", kill("door", "t"), at(2), all, nil},
		{"a position past the cursor", notice(revoke.Policy, ""), at(4), all, nil},
		{"no position", notice(revoke.Policy, ""), revoke.Position{}, all, dead},
		{"another log", notice(revoke.Policy, ""), revoke.Position{Log: "gol", Seq: 3}, all, dead},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook("log")
			b.add(nil, kill(revoke.Token, "x"), kill(revoke.Subject, "y"), c.entry)
			check := func(how string, f *revoke.Follower) {
				t.Helper()
				if err := f.Dead(c.rev, c.ids); err != c.want {
					t.Errorf("%s: Dead(%v) = %v, want %v", how, c.rev, err, c.want)
				}
			}
			check("loaded", follow(t, b.config()))

			b = newBook("log")
			f := follow(t, b.config())
			told := subscribe(t, revoke.Subscription{Connect: (&wire{feed: feed(t, b, f)}).connect})
			p := b.add(nil, kill(revoke.Token, "x"), kill(revoke.Subject, "y"), c.entry)
			catchUp(t, f, p)
			check("polled", f)
			catchUp(t, told, p)
			check("told", told)
			check("told from the beginning", subscribe(t, revoke.Subscription{Connect: (&wire{feed: feed(t, b, f)}).connect}))
		})
	}
}

func TestChanged(t *testing.T) {
	u := revoke.IDs{Subject: "u", Key: "k", Session: "s"}
	for _, c := range []struct {
		name    string
		entries []revoke.Entry
		ids     revoke.IDs
		want    bool
	}{
		{"nothing happened", nil, u, false},
		{"a kill of it", []revoke.Entry{kill(revoke.Session, "s")}, u, true},
		{"a kill of another", []revoke.Entry{kill(revoke.Session, "s2")}, u, false},
		{"a kill of the subject in the organization", []revoke.Entry{within("o", kill(revoke.Subject, "u"))}, revoke.IDs{Subject: "u", Org: "o"}, true},
		{"a kill of the subject in another organization", []revoke.Entry{within("o2", kill(revoke.Subject, "u"))}, revoke.IDs{Subject: "u", Org: "o"}, false},
		{"a notice of the organization", []revoke.Entry{notice(revoke.Org, "o")}, revoke.IDs{Subject: "u", Org: "o"}, true},
		{"an overlay of the subject", []revoke.Entry{overlay("u")}, u, true},
		{"an overlay of another subject", []revoke.Entry{overlay("u2")}, u, false},
		{"a kill of the key", []revoke.Entry{kill(revoke.Key, "k")}, u, true},
		{"a kill of another key", []revoke.Entry{kill(revoke.Key, "k2")}, u, false},
		{"a notice of the key", []revoke.Entry{notice(revoke.Key, "k")}, u, true},
		{"a global kill", []revoke.Entry{kill(revoke.Global, "")}, revoke.IDs{}, true},
		{"a policy", []revoke.Entry{notice(revoke.Policy, "v2")}, revoke.IDs{}, true},
		{"an effect of the future", []revoke.Entry{{Effect: "freeze", Kind: revoke.Subject, ID: "u"}}, u, true},
		{"a kind of the future", []revoke.Entry{kill("door", "d")}, u, true},
		{"much that does not matter, then what does", append(slices.Repeat([]revoke.Entry{kill(revoke.Token, "x")}, 2500), overlay("u")), u, true},
		{"much that does not matter", slices.Repeat([]revoke.Entry{kill(revoke.Token, "x"), overlay("y")}, 1250), u, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook("log")
			b.add(nil, kill(revoke.Session, "s"), overlay("u"), kill(revoke.Key, "k"), notice(revoke.Policy, "")) // before the mark
			node := follow(t, b.config())
			told := subscribe(t, revoke.Subscription{Connect: (&wire{feed: feed(t, b, node)}).connect})
			followers := []*revoke.Follower{node, told}
			var marks []revoke.Mark
			for _, f := range followers {
				mark, err := f.Mark()
				if err != nil || f.Changed(mark, c.ids) {
					t.Fatalf("Changed before anything happened (%v)", err)
				}
				marks = append(marks, mark)
			}
			p := b.add(nil, c.entries...)
			for i, f := range followers {
				how := []string{"polled", "told"}[i]
				catchUp(t, f, p)
				if got := f.Changed(marks[i], c.ids); got != c.want {
					t.Errorf("%s: Changed = %t, want %t", how, got, c.want)
				}
				if !f.Changed(0, c.ids) {
					t.Errorf("%s: nothing Changed since the zero Mark", how)
				}
				now, _ := f.Mark()
				if f.Changed(now, c.ids) || (now == marks[i]) != (len(c.entries) == 0) {
					t.Errorf("%s: Mark is %v after %v", how, now, marks[i])
				}
			}
		})
	}
}

func TestPollingReachesEveryNodeWithinTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		f := follow(t, b.config())
		p := b.add(nil, kill(revoke.Subject, "u"))
		if err := f.Dead(at(0), revoke.IDs{Subject: "u"}); err != nil {
			t.Errorf("Dead before the poll = %v", err)
		}
		time.Sleep(time.Second + 1)
		synctest.Wait()
		if err := f.Dead(at(0), revoke.IDs{Subject: "u"}); err != revoke.ErrRevoked {
			t.Errorf("Dead after the poll = %v", err)
		}
		if f.Cursor() != p {
			t.Errorf("Cursor = %v, want %v", f.Cursor(), p)
		}

		p = b.add(nil, kill(revoke.Subject, "w"))
		f.Ring()
		synctest.Wait()
		if f.Cursor() != p {
			t.Errorf("Cursor after Ring = %v, want %v", f.Cursor(), p)
		}
	})
}

func TestStaleness(t *testing.T) {
	ids := revoke.IDs{Subject: "u"}
	for _, c := range []struct {
		name       string
		fail, mend func(*book)
	}{
		{"reading fails", func(b *book) { b.err = errDown }, func(b *book) { b.err = nil }},
		{"reading hangs", func(b *book) { b.slow = time.Hour }, func(b *book) { b.slow = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook("log")
				f := follow(t, b.config())
				cache := revoke.NewCache[string, int](f, 8)
				mark, _ := f.Mark()
				cache.Put("u", 1, mark, ids, time.Now().Add(time.Hour))
				check := func(when string, want error) {
					t.Helper()
					_, err := f.Mark()
					_, ok, get := cache.Get("u", time.Now())
					if dead := f.Dead(at(0), ids); err != want || dead != want || get != want || ok != (want == nil) {
						t.Errorf("%s: Mark: %v, Dead: %v, Get: %t, %v; want %v", when, err, dead, ok, get, want)
					}
				}
				b.set(c.fail)
				time.Sleep(5 * time.Second)
				check("at the bound", nil)
				time.Sleep(time.Nanosecond)
				check("beyond the bound", revoke.ErrStale)
				time.Sleep(time.Minute)
				check("a minute later", revoke.ErrStale)
				b.set(c.mend)
				time.Sleep(6 * time.Second) // a poll that hangs is given up after the bound
				check("mended", nil)
			})
		})
	}
}

func TestAPollCountsFromItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		f := follow(t, b.config())
		b.set(func(b *book) { b.slow = 3 * time.Second })
		time.Sleep(4*time.Second + 1) // the poll that began at 1 s ends at 4 s
		synctest.Wait()
		b.set(func(b *book) { b.err = errDown })
		time.Sleep(2*time.Second - 1)
		if _, err := f.Mark(); err != nil {
			t.Errorf("Mark 5 s after the poll began = %v", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := f.Mark(); err != revoke.ErrStale {
			t.Errorf("Mark over 5 s after the poll began = %v", err)
		}
	})
}

func TestCloseGoesStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		f := follow(t, b.config())
		f.Close()
		f.Close()
		f.Ring()
		if err := f.CatchUp(t.Context(), b.add(nil, kill(revoke.Token, "t"))); err == nil {
			t.Error("CatchUp of a closed follower succeeded")
		}
		time.Sleep(6 * time.Second)
		if _, err := f.Mark(); err != revoke.ErrStale {
			t.Errorf("Mark = %v", err)
		}
	})
}

func TestCatchUp(t *testing.T) {
	second := func(b *book) { time.Sleep(time.Second) }
	for _, c := range []struct {
		name   string
		before func(*book)
		after  func(*book) // runs beside CatchUp
		p      revoke.Position
		limit  time.Duration // of ctx; 0 = none
		took   time.Duration
		want   error
	}{
		{"all is well", nil, nil, at(1), 0, 0, nil},
		{"what was committed before the call", nil, nil, revoke.Position{}, 0, 0, nil},
		{"polls fail for a while", func(b *book) { b.err = errDown }, func(b *book) { time.Sleep(2500 * time.Millisecond); b.set(func(b *book) { b.err = nil }) }, at(1), 0, 3 * time.Second, nil},
		{"polls fail beyond the bound", func(b *book) { b.err = errDown }, nil, at(1), 0, 5 * time.Second, revoke.ErrStale},
		{"polls fail and the caller gives up", func(b *book) { b.err = errDown }, nil, at(1), 2 * time.Second, 2 * time.Second, context.DeadlineExceeded},
		{"polls hang", func(b *book) { b.slow = time.Hour }, nil, at(1), 0, 5 * time.Second, revoke.ErrStale},
		{"polls are slow", func(b *book) { b.slow = time.Second }, second, at(1), 0, time.Second, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook("log")
				f := follow(t, b.config())
				b.add(nil, kill(revoke.Subject, "u"))
				if c.before != nil {
					b.set(c.before)
				}
				if c.after != nil {
					go c.after(b)
				}
				ctx, cancel := context.WithCancel(t.Context())
				if c.limit > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), c.limit)
				}
				defer cancel()
				start := time.Now()
				err := f.CatchUp(ctx, c.p)
				if !errors.Is(err, c.want) || time.Since(start).Round(time.Millisecond) != c.took {
					t.Errorf("CatchUp = %v after %v, want %v after %v", err, time.Since(start), c.want, c.took)
				}
				if err == nil && f.Dead(at(0), revoke.IDs{Subject: "u"}) != revoke.ErrRevoked {
					t.Error("CatchUp returned too early")
				}
			})
		})
	}
}

func TestCatchUpRefusesWhatIsNotInTheLog(t *testing.T) {
	b := newBook("log")
	f := follow(t, b.config())
	for _, p := range []revoke.Position{at(1), {Log: "gol", Seq: 0}} {
		if err := f.CatchUp(t.Context(), p); err == nil {
			t.Errorf("CatchUp(%v) succeeded", p)
		}
	}
}

func TestCatchUpDoesNotCountAPollBegunBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		f := follow(t, b.config())
		b.set(func(b *book) { b.slow = time.Second })
		f.Ring()
		synctest.Wait() // a poll has its snapshot and is under way
		p := b.add(nil, kill(revoke.Subject, "u"))
		start := time.Now()
		catchUp(t, f, p)
		if took := time.Since(start); took != 2*time.Second || f.Cursor() != p {
			t.Errorf("caught up with %v after %v", f.Cursor(), took)
		}
	})
}

func TestCatchUpSharesPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		f := follow(t, b.config())
		b.set(func(b *book) { b.slow, b.reads = 100*time.Millisecond, 0 })
		done := make(chan struct{})
		for range 500 {
			go func() {
				if err := f.CatchUp(t.Context(), b.add(nil, kill(revoke.Token, "t"))); err != nil {
					t.Error(err)
				}
				done <- struct{}{}
			}()
		}
		for range 500 {
			<-done
		}
		if b.reads > 3 {
			t.Errorf("500 callers took %d polls", b.reads)
		}
	})
}

// watched records what Watch and Reset are told.
type watched struct {
	seqs   []int64
	resets int
	err    error
}

func (w *watched) config(b *book) revoke.Config {
	c := b.config()
	c.Watch = func(_ context.Context, e revoke.Entry) error {
		if w.err != nil && e.Effect == revoke.Notice {
			return w.err
		}
		w.seqs = append(w.seqs, e.Seq)
		return nil
	}
	c.Reset = func(context.Context) error {
		w.resets++
		return w.err
	}
	return c
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := newBook("log"), new(watched)
		b.add(nil, kill(revoke.Token, "old"))
		f := follow(t, w.config(b))
		catchUp(t, f, b.add(nil, kill(revoke.Token, "t"), notice(revoke.Policy, "")))
		if !slices.Equal(w.seqs, []int64{2, 3}) {
			t.Errorf("watched %v", w.seqs)
		}

		w.err = errDown
		b.add(nil, kill(revoke.Token, "u"), notice(revoke.Policy, ""), kill(revoke.Token, "v"))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !slices.Equal(w.seqs, []int64{2, 3, 4}) || f.Cursor() != at(4) {
			t.Errorf("watched %v up to %v", w.seqs, f.Cursor())
		}
		if err := f.CatchUp(t.Context(), at(4)); err != nil {
			t.Errorf("CatchUp with what went before = %v", err)
		}
		if err := f.CatchUp(t.Context(), at(5)); !errors.Is(err, revoke.ErrStale) || !errors.Is(err, errDown) {
			t.Errorf("CatchUp with what Watch fails on = %v", err)
		}

		w.err = nil
		catchUp(t, f, at(6))
		if !slices.Equal(w.seqs, []int64{2, 3, 4, 5, 6}) || w.resets != 0 {
			t.Errorf("watched %v, %d resets", w.seqs, w.resets)
		}
		if err := f.Dead(at(0), revoke.IDs{Token: "v"}); err != revoke.ErrRevoked {
			t.Errorf("Dead = %v", err)
		}
	})
}

func TestReset(t *testing.T) {
	for _, c := range []struct {
		name     string
		accident func(*book)
		want     revoke.Position
		reset    bool
		was      error // Dead of a token of the first log
	}{
		{"nothing", func(*book) {}, at(3), false, revoke.ErrRevoked},
		{"a restored database has a new log id", func(b *book) { b.restore("gol", 3) }, revoke.Position{Log: "gol", Seq: 3}, true, revoke.ErrRevoked},
		{"a new log id and a longer log", func(b *book) { b.restore("gol", 2); b.add(nil, kill(revoke.Token, "x"), kill(revoke.Token, "y")) }, revoke.Position{Log: "gol", Seq: 4}, true, revoke.ErrRevoked},
		{"the head went back", func(b *book) { b.restore("log", 2) }, again(2), true, revoke.ErrRevoked},
		{"the head went back and to the same place", func(b *book) { b.restore("log", 2); b.add(nil, kill(revoke.Token, "x")) }, again(3), true, revoke.ErrRevoked},
		{"the head went back and past the cursor", func(b *book) { b.restore("log", 2); b.add(nil, kill(revoke.Token, "x"), overlay("y")) }, again(4), true, revoke.ErrRevoked},
		{"an entry vanished", func(b *book) { b.set(func(b *book) { b.entries = b.entries[:2] }) }, again(3), true, revoke.ErrRevoked},
		{"the entry at the cursor was pruned", func(b *book) { b.prune(3) }, at(3), false, revoke.ErrRevoked},
		{"all was pruned, and the log went on", func(b *book) { b.prune(1, 2, 3); b.add(nil, kill(revoke.Token, "x")) }, at(4), false, revoke.ErrRevoked},
		{"an entry was pruned unread", func(b *book) { b.add(nil, overlay("u"), kill(revoke.Token, "x")); b.prune(4) }, at(5), true, revoke.ErrRevoked},
		{"the last entry was pruned unread", func(b *book) { b.add(nil, overlay("u")); b.prune(4) }, at(4), true, revoke.ErrRevoked},
		{"an entry of the first page of many was pruned unread", func(b *book) { b.add(nil, slices.Repeat([]revoke.Entry{overlay("u")}, 2500)...); b.prune(500) }, at(2503), true, revoke.ErrRevoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, w := newBook("log"), new(watched)
				b.add(nil, kill(revoke.Token, "a"), kill(revoke.Token, "b"))
				f := follow(t, w.config(b))
				catchUp(t, f, b.add(nil, kill(revoke.Subject, "u")))
				cache := revoke.NewCache[string, string](f, 8)
				mark, _ := f.Mark()
				cache.Put("w", "of the first log", mark, revoke.IDs{Subject: "w"}, time.Now().Add(time.Hour))

				c.accident(b)
				f.Ring()
				synctest.Wait()
				if f.Cursor() != c.want || w.resets != map[bool]int{true: 1}[c.reset] {
					t.Errorf("Cursor = %v after %d resets", f.Cursor(), w.resets)
				}
				if _, ok, err := cache.Get("w", time.Now()); ok == c.reset || err != nil {
					t.Errorf("Get = %t, %v", ok, err)
				}
				if err := f.Dead(at(2), revoke.IDs{Subject: "u"}); err != c.was {
					t.Errorf("Dead = %v, want %v", err, c.was)
				}
				time.Sleep(time.Minute)
				if _, err := f.Mark(); err != nil || w.resets > 1 {
					t.Errorf("a minute later: %v, %d resets", err, w.resets)
				}
			})
		})
	}
}

// again is a position in the log that was renamed because it went back.
func again(seq int64) revoke.Position { return revoke.Position{Log: "log'", Seq: seq} }

// Positions of a database that was put back mean two things. Nothing is answered
// from the moment that this is noticed until the log has another name.
func TestALogThatWentBackIsRenamedFirst(t *testing.T) {
	errNo := errors.New("no")
	for _, c := range []struct {
		name  string
		renew func(b *book, renew func() error) error // nil = Config.Renew is nil
		mend  func(*book)
		want  revoke.Position
	}{
		{"at once", func(b *book, renew func() error) error { return renew() }, nil, again(2)},
		{"another node did", func(b *book, renew func() error) error {
			b.set(func(b *book) { b.head.Log = "other" })
			return renew()
		}, nil, revoke.Position{Log: "other", Seq: 2}},
		{"it fails for a while", func(b *book, renew func() error) error {
			if b.renewals++; b.renewals < 100 {
				return errNo
			}
			return renew()
		}, func(b *book) { b.renewals = 200 }, again(2)},
		{"it did nothing", func(b *book, _ func() error) error { return nil }, func(b *book) { b.head.Log = "log'" }, again(2)},
		{"nobody here may", nil, func(b *book) { b.head.Log = "log'" }, again(2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, w := newBook("log"), new(watched)
				b.add(nil, kill(revoke.Subject, "u"), kill(revoke.Token, "x"), kill(revoke.Token, "y"))
				config := w.config(b)
				config.Renew = nil
				var f *revoke.Follower
				if c.renew != nil {
					config.Renew = func(ctx context.Context, log string, cause error) error {
						if log != "log" || cause == nil {
							t.Errorf("Renew(%q, %v)", log, cause)
						}
						if err := f.Dead(at(3), revoke.IDs{Subject: "w"}); err != revoke.ErrStale {
							t.Errorf("Dead while it is renamed = %v", err)
						}
						return c.renew(b, func() error { return b.renew(ctx, log, cause) })
					}
				}
				f = follow(t, config)
				if err := f.Dead(at(3), revoke.IDs{Subject: "w"}); err != nil {
					t.Fatal(err)
				}
				b.restore("log", 2)
				f.Ring()
				synctest.Wait()
				if c.mend != nil {
					for range 20 {
						if err := f.Dead(at(3), revoke.IDs{Subject: "w"}); err != revoke.ErrStale || w.resets > 0 {
							t.Fatalf("Dead before it was renamed = %v, %d resets", err, w.resets)
						}
						time.Sleep(time.Second)
						synctest.Wait()
					}
					b.set(c.mend)
					time.Sleep(time.Second)
					synctest.Wait()
				}
				if _, err := f.Mark(); err != nil || f.Cursor() != c.want || w.resets != 1 {
					t.Errorf("Cursor = %v after %d resets, %v", f.Cursor(), w.resets, err)
				}
				for _, rev := range []revoke.Position{at(0), at(2), at(3)} {
					if err := f.Dead(rev, revoke.IDs{Subject: "w"}); err != revoke.ErrRevoked {
						t.Errorf("Dead(%v) = %v", rev, err)
					}
				}
				if err := f.Dead(c.want, revoke.IDs{Subject: "w"}); err != nil {
					t.Errorf("Dead of what began afterwards = %v", err)
				}
			})
		})
	}
}

func TestWhatWasInForceStaysSoUntilResetSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := newBook("log"), new(watched)
		b.add(nil, kill(revoke.Subject, "u"))
		f := follow(t, w.config(b))
		w.err = errDown
		b.restore("gol", 1)
		time.Sleep(4 * time.Second)
		if err := f.Dead(at(0), revoke.IDs{Subject: "u"}); err != revoke.ErrRevoked {
			t.Errorf("Dead during the reset = %v", err)
		}
		if err := f.Dead(at(0), revoke.IDs{Subject: "w"}); err != nil {
			t.Errorf("Dead during the reset = %v", err)
		}
		time.Sleep(1*time.Second + 1)
		if err := f.Dead(at(0), revoke.IDs{Subject: "w"}); err != revoke.ErrStale {
			t.Errorf("Dead beyond the bound = %v", err)
		}
		synctest.Wait()
		w.err = nil
		catchUp(t, f, revoke.Position{Log: "gol", Seq: 1})
		if err := f.Dead(at(0), revoke.IDs{Subject: "w"}); err != revoke.ErrRevoked {
			t.Errorf("Dead of the old log = %v", err)
		}
	})
}

func TestFloor(t *testing.T) {
	b := newBook("log")
	b.add(nil, kill(revoke.Token, "a"), kill(revoke.Token, "b"), kill(revoke.Token, "c"), kill(revoke.Token, "d"))
	b.prune(1, 3)
	f := follow(t, b.config())
	for _, c := range []struct {
		name string
		rev  int64
		ids  revoke.IDs
		want error
	}{
		{"before the floor", 2, revoke.IDs{}, revoke.ErrRevoked},
		{"at the floor", 3, revoke.IDs{}, nil},
		{"killed after the floor", 3, revoke.IDs{Token: "d"}, revoke.ErrRevoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := f.Dead(at(c.rev), c.ids); err != c.want {
				t.Errorf("Dead = %v, want %v", err, c.want)
			}
		})
	}
	b.prune(4)
	catchUp(t, f, revoke.Position{})
	if err := f.Dead(at(3), revoke.IDs{}); err != revoke.ErrRevoked {
		t.Errorf("Dead before the new floor = %v", err)
	}
}

func TestALogOfManyPagesIsReadWhole(t *testing.T) {
	for _, n := range []int{999, 1000, 1001, 1999, 2000, 10_001} {
		b, w := newBook("log"), new(watched)
		entries := make([]revoke.Entry, n)
		for i := range entries {
			entries[i] = kill(revoke.Token, string(rune(i)))
		}
		b.add(nil, entries...)
		f := follow(t, w.config(b))
		catchUp(t, f, b.add(nil, entries...))
		if len(w.seqs) != n || f.Cursor() != at(int64(2*n)) || w.resets != 0 {
			t.Errorf("%d entries: watched %d, cursor %v", n, len(w.seqs), f.Cursor())
		}
		for i := range n {
			if err := f.Dead(at(int64(n)), revoke.IDs{Token: string(rune(i))}); err != revoke.ErrRevoked {
				t.Fatalf("%d entries: Dead of %d = %v", n, i, err)
			}
		}
	}
}

func TestTheHeadWentBackAfterAllWasPruned(t *testing.T) {
	b, w := newBook("log"), new(watched)
	b.add(nil, kill(revoke.Token, "a"), kill(revoke.Token, "b"))
	b.prune(1, 2)
	f := follow(t, w.config(b)) // knows no entry, so no nonce
	catchUp(t, f, revoke.Position{})
	if w.resets != 0 || f.Cursor() != at(2) {
		t.Errorf("Cursor = %v after %d resets", f.Cursor(), w.resets)
	}
	b.restore("log", 1)
	catchUp(t, f, revoke.Position{})
	if w.resets != 1 || f.Cursor() != again(1) {
		t.Errorf("Cursor = %v after %d resets", f.Cursor(), w.resets)
	}
}

func TestExpiredEntriesAreForgotten(t *testing.T) {
	const many = 2000 // some in every corner of the memory
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		f := follow(t, b.config())
		before, _ := f.Mark()
		b.add(nil, kill(revoke.Key, "key"))
		for i := range many {
			b.add(nil, kill(revoke.Token, fmt.Sprint("short", i)))
		}
		last := b.head.Position // of those that expire
		for i := range many {
			long, eternal := kill(revoke.Session, fmt.Sprint("long", i)), kill(revoke.Session, fmt.Sprint("eternal", i))
			long.ExpiresAt = time.Now().Add(30 * 24 * time.Hour)
			eternal.ExpiresAt = time.Time{}
			b.add(nil, long, eternal)
		}
		catchUp(t, f, revoke.Position{})
		between, _ := f.Mark()
		count := func(kind string, rev revoke.Position) (n int) {
			for i := range many {
				id := fmt.Sprint(kind, i)
				if f.Dead(rev, revoke.IDs{Session: id, Token: id}) != nil {
					n++
				}
			}
			return n
		}

		time.Sleep(time.Hour + 50*time.Second)
		synctest.Wait()
		if n := count("short", at(0)); n != many {
			t.Errorf("%d of %d entries left at their expiry, which needs grace", n, many)
		}
		if f.Changed(before, revoke.IDs{Subject: "u"}) || f.Dead(at(0), revoke.IDs{Subject: "u"}) != nil {
			t.Error("forgotten at the expiry, which needs grace")
		}
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if n := count("other", last); n != 0 {
			t.Errorf("%d refused that began after all that was forgotten", n)
		}
		if n := count("short", at(0)); n != many {
			t.Errorf("%d of %d killed ones refused once that is forgotten", n, many)
		}
		if l, e := count("long", last), count("eternal", last); l != many || e != many {
			t.Errorf("%d and %d of %d entries left that have not expired", l, e, many)
		}
		if f.Dead(at(0), revoke.IDs{Key: "key"}) != revoke.ErrRevoked {
			t.Error("a killed key came back to life")
		}
		if !f.Changed(before, revoke.IDs{Subject: "u"}) {
			t.Error("what happened since the mark is forgotten, and yet nothing Changed")
		}
		if f.Changed(between, revoke.IDs{Subject: "u"}) {
			t.Error("Changed, but all that was forgotten came before the mark")
		}
	})
}

// The clock of this node is an hour ahead of the one that wrote the entries, so
// that they have expired here before what they end.
func TestAClockThatIsWrongRefusesRatherThanForgets(t *testing.T) {
	for _, entry := range []revoke.Entry{kill(revoke.Token, "t"), kill(revoke.Session, "s"), within("o", kill(revoke.Subject, "u")), overlay("u"), notice(revoke.Session, "s")} {
		t.Run(fmt.Sprint(entry.Effect, " ", entry.Kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook("log")
				f := follow(t, b.config())
				entry.ExpiresAt = time.Now().Add(-30 * time.Minute) // half an hour from now, by the writer
				b.add(nil, notice(revoke.Policy, ""), entry)
				ids := revoke.IDs{Token: "t", Session: "s", Subject: "u", Org: "o"}
				revoked := entry.Effect == revoke.Kill
				for range 20 * 60 {
					catchUp(t, f, revoke.Position{})
					if err := f.Dead(at(1), ids); err != revoke.ErrRevoked && (revoked || err != nil) {
						t.Fatalf("Dead of what was killed = %v", err)
					}
					if err := f.Dead(at(2), ids); err != nil {
						t.Fatalf("Dead of what began afterwards = %v", err)
					}
					time.Sleep(time.Second)
				}
				// By now the entry is forgotten, and with it who was meant.
				if err := f.Dead(at(1), revoke.IDs{Subject: "w"}); err != revoke.ErrRevoked {
					t.Errorf("Dead of what was before that = %v", err)
				}
			})
		})
	}
}

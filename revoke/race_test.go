package revoke_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A people is a table of versions beside a log: a row is changed, and the log
// written, in one transaction.
type people struct {
	*book
	rows []int // under book.mu
}

func (p *people) ids(i int) revoke.IDs {
	return revoke.IDs{Subject: fmt.Sprint("u", i), Session: fmt.Sprint("s", i), Org: "o"}
}

func (p *people) row(i int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rows[i]
}

// change raises the version of row i and returns it with its position.
func (p *people) change(i int, e revoke.Entry) (version int, at revoke.Position) {
	at = p.add(func() { p.rows[i]++; version = p.rows[i] }, e)
	return version, at
}

// touch returns one of the entries that say that row i changed.
func (p *people) touch(r *rand.Rand, i int) revoke.Entry {
	ids := p.ids(i)
	few := []revoke.Entry{kill(revoke.Subject, ids.Subject), kill(revoke.Session, ids.Session), overlay(ids.Subject)}
	all := []revoke.Entry{kill(revoke.Org, "o"), notice(revoke.Policy, ""), kill(revoke.Global, "")}
	e := few[r.IntN(len(few))]
	if r.IntN(8) == 0 {
		e = all[r.IntN(len(all))]
	}
	e.ExpiresAt = time.Now().Add(time.Minute)
	return e
}

// After CatchUp has returned, no reader anywhere sees the state before: whoever
// begins to read then finds at least the version that was acknowledged.
func TestNobodySeesTheOldStateAfterCatchUp(t *testing.T) {
	const rows = 20
	p := &people{newBook("log"), make([]int, rows)}
	f := follow(t, p.config())
	cache := revoke.NewCache[int, int](f, 16) // too small on purpose
	var acked, killed [rows]atomic.Int64      // version; position of the last kill of the subject

	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 6 {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(rand.Uint64(), 0))
			for {
				select {
				case <-stop:
					return
				default:
				}
				i := r.IntN(rows)
				version, dead := acked[i].Load(), killed[i].Load()
				if v, err := p.cached(f, cache, i); err != nil || int64(v) < version {
					t.Errorf("row %d is at %d, and %d was read (%v)", i, version, v, err)
					return
				}
				if dead > 0 && f.Dead(at(dead-1), p.ids(i)) != revoke.ErrRevoked {
					t.Errorf("subject %d, killed at %d, lives", i, dead)
					return
				}
				if _, ok, _ := cache.Get(i, time.Now()); ok && r.IntN(100) == 0 {
					cache.Drop(i)
				}
			}
		})
	}
	for w := range 4 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range testenv.Count(500, 20_000) {
				i := r.IntN(rows/4)*4 + w // each row has one writer
				e := p.touch(r, i)
				version, pos := p.change(i, e)
				if err := f.CatchUp(t.Context(), pos); err != nil {
					t.Error(err)
					return
				}
				acked[i].Store(int64(version))
				if e.Effect == revoke.Kill && e.Kind == revoke.Subject {
					killed[i].Store(pos.Seq)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

// cached is how a cache is used.
func (p *people) cached(f *revoke.Follower, c *revoke.Cache[int, int], i int) (int, error) {
	v, ok, err := c.Get(i, time.Now())
	if ok || err != nil {
		return v, err
	}
	mark, err := f.Mark()
	if err != nil {
		return 0, err
	}
	v = p.row(i)
	c.Put(i, v, mark, p.ids(i), time.Now().Add(time.Minute))
	return v, nil
}

// A fill is a look-up cut into its steps, so that anything may happen in between.
type fill struct {
	row, step, value int
	mark             revoke.Mark
}

// Fills race changes, time passes, entries are swept from memory, the database is
// restored: by seed, one step at a time. Whatever Get returns is no older than
// the last change that was acknowledged.
func TestFillsRacingChanges(t *testing.T) {
	hits, seeds := 0, testenv.Count(100, 20_000)
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) { hits += interleave(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if hits < 100*seeds {
		t.Errorf("%d hits in %d runs: too few to show anything", hits, seeds)
	}
}

// interleave returns how often Get found something.
func interleave(t *testing.T, seed uint64) (hits int) {
	const rows = 12
	r := rand.New(rand.NewPCG(seed, 2))
	p := &people{newBook("log"), make([]int, rows)}
	f, err := revoke.Follow(t.Context(), p.config())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cache := revoke.NewCache[int, int](f, 8)
	acked := make([]int, rows)
	var fills []*fill
	for step := range 300 {
		i := r.IntN(rows)
		switch n := r.IntN(100); {
		case n < 35:
			fills = append(fills, &fill{row: i})
		case n < 85 && len(fills) > 0:
			k := r.IntN(len(fills))
			if fills[k].next(p, f, cache) {
				fills = append(fills[:k], fills[k+1:]...)
			}
		case n < 90:
			version, pos := p.change(i, p.touch(r, i))
			catchUp(t, f, pos)
			acked[i] = version
		case n < 92: // a change that has not been acknowledged
			p.change(i, p.touch(r, i))
		case n < 94:
			f.Ring()
			synctest.Wait()
		case n < 97:
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
			synctest.Wait()
		case n == 97:
			time.Sleep(5 * time.Minute) // all in memory is swept
			synctest.Wait()
		case n == 98:
			catchUp(t, f, revoke.Position{}) // what was lost had been seen; else nothing was lost
			p.accident(r, step)
			catchUp(t, f, revoke.Position{})
			acked = p.all()
		}
		for i, want := range acked {
			v, ok, err := cache.Get(i, time.Now())
			if ok && v < want || err != nil {
				t.Fatalf("step %d: row %d is at %d, Get = %d, %v", step, i, want, v, err)
			}
			if ok {
				hits++
			}
		}
	}
	return hits
}

// next takes the next step and reports whether it was the last.
func (l *fill) next(p *people, f *revoke.Follower, c *revoke.Cache[int, int]) bool {
	switch l.step++; l.step {
	case 1:
		l.mark, _ = f.Mark()
	case 2:
		l.value = p.row(l.row)
	case 3:
		c.Put(l.row, l.value, l.mark, p.ids(l.row), time.Now().Add(3*time.Hour))
	}
	return l.step == 3
}

// accident changes every row without a word in the log, as a restored database does.
func (p *people) accident(r *rand.Rand, step int) {
	p.mu.Lock()
	id, seq := p.head.Log, p.head.Seq
	for i := range p.rows {
		p.rows[i]++ // what was there before is wrong, whatever its number
	}
	p.mu.Unlock()
	if seq == 0 || r.IntN(2) == 0 {
		p.restore(fmt.Sprint("log", step), seq)
		return
	}
	p.restore(id, seq-1)
	for range r.IntN(3) {
		p.add(nil, kill(revoke.Token, "x"))
	}
}

func (p *people) all() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int(nil), p.rows...)
}

// Every entry is told, once and in order, however polls, pages and bells fall.
func TestNothingIsLostOrToldTwice(t *testing.T) {
	b := newBook("log")
	var seqs []int64
	c := b.config()
	c.Every = time.Millisecond
	c.Bound = time.Hour // eight writers may well be faster than one reader; order is the question here
	c.Watch = func(_ context.Context, e revoke.Entry) error {
		seqs = append(seqs, e.Seq)
		if e.Seq%1000 == 0 { // the long run writes millions, and nobody asks for them again
			b.set(func(b *book) { b.entries = b.entries[max(e.Seq-1000-b.entries[0].Seq, 0):] })
		}
		return nil
	}
	f, err := revoke.Follow(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 3))
			for range testenv.Count(300, 20_000) {
				pos := b.add(nil, make([]revoke.Entry, 1+r.IntN(20)*r.IntN(20))...)
				switch r.IntN(3) {
				case 0:
					f.Ring()
				case 1:
					if err := f.CatchUp(t.Context(), pos); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	catchUp(t, f, revoke.Position{})
	f.Close()
	for i, s := range seqs {
		if s != int64(i+1) {
			t.Fatalf("told %d in place %d", s, i)
		}
	}
	if int64(len(seqs)) != b.head.Seq {
		t.Errorf("told %d of %d", len(seqs), b.head.Seq)
	}
}

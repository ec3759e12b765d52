package revoke_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/sallyport-auth/sallyport/revoke"
)

// Goals: docs/performance.md. Every benchmark has beside it what it is to be
// compared with in the same run.

var (
	ids  = revoke.IDs{Token: "tok_01HZX3KQ9V", Session: "ses_01HZX3KQ9V", Subject: "usr_01HZX3KQ9V", Client: "web", Org: "org_01HZX3KQ9V", Key: "2026-11"}
	sink atomic.Uint64
)

// BenchmarkQuiet is the check that a cached entry costs while the feed is quiet.
func BenchmarkQuiet(b *testing.B) {
	log := newBook("log")
	f := follow(b, log.config())
	b.Run("atomic load", func(b *testing.B) {
		var n uint64
		for b.Loop() {
			n += sink.Load()
		}
		sink.Store(n)
	})
	b.Run("Changed", func(b *testing.B) {
		mark, _ := f.Mark()
		for b.Loop() {
			if f.Changed(mark, ids) {
				b.Fatal("changed")
			}
		}
	})
	b.Run("Mark", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.Mark(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Dead", func(b *testing.B) {
		for b.Loop() {
			if f.Dead(at(0), ids) != nil {
				b.Fatal("dead")
			}
		}
	})
}

const million = 1_000_000

// An idMaker makes ids without end, at no cost in time or memory, so that what is
// measured is the set, and the set is not in the processor's caches.
type idMaker struct {
	n   uint64
	buf [22]byte
}

// next returns an id that is valid until the next one.
func (m *idMaker) next() string {
	m.n++
	binary.LittleEndian.PutUint64(m.buf[:], m.n)
	return unsafe.String(&m.buf[0], len(m.buf))
}

// BenchmarkDead checks tokens that a million kills do not concern: each with ids
// of its own, and issued before the kills unless said otherwise.
func BenchmarkDead(b *testing.B) {
	var log millions
	before := heap()
	f := follow(b, revoke.Config{Read: log.read, Log: quiet})
	size := float64(heap()-before) / million
	dead := func(rev int64, ids func(id string) revoke.IDs) func(*testing.B) {
		return func(b *testing.B) {
			var m idMaker
			for b.Loop() {
				if err := f.Dead(at(rev), ids(m.next())); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(size, "B/entry")
		}
	}
	one := func(id string) revoke.IDs { return revoke.IDs{Token: id} }
	six := func(id string) revoke.IDs {
		return revoke.IDs{Token: id, Session: id, Subject: id, Org: id, Client: "web", Key: "2026-11"}
	}
	b.Run("entries=1e6/ids=1", dead(0, one))
	b.Run("entries=1e6/ids=6", dead(0, six))
	b.Run("entries=1e6/ids=6/issued after them", dead(million, six))
	runtime.KeepAlive(f)

	plain := make(map[string]int64)
	for i := range int64(million) {
		plain[fmt.Sprint("tok_", i)] = i
	}
	b.Run("map=1e6/ids=1", func(b *testing.B) {
		var m idMaker
		for b.Loop() {
			if plain[m.next()] != 0 {
				b.Fatal("found")
			}
		}
	})
	b.Run("time.Now", func(b *testing.B) {
		for b.Loop() {
			sink.Store(uint64(time.Now().Nanosecond()))
		}
	})
}

// BenchmarkGet is a hit in a cache of a hundred thousand, revocation and freshness
// checked, beside the bare look-up in a map.
func BenchmarkGet(b *testing.B) {
	const n = 100_000
	log := newBook("log")
	f := follow(b, log.config())
	cache := revoke.NewCache[string, *int](f, 3*n)
	plain := make(map[string]*int, n)
	keys := make([]string, n)
	mark, _ := f.Mark()
	now := time.Now()
	for i := range keys {
		keys[i] = fmt.Sprintf("%032d", i)
		plain[keys[i]] = &i
		cache.Put(keys[i], &i, mark, revoke.IDs{Subject: keys[i], Session: keys[i]}, now.Add(time.Hour))
	}
	for _, c := range []struct {
		name string
		keys int
	}{{"one key", 1}, {"1e5 keys", n}} {
		b.Run(c.name+"/map", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if plain[keys[i%c.keys]] == nil {
					b.Fatal("missed")
				}
			}
		})
		b.Run(c.name+"/quiet feed", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i&0xFFFFF == 0 {
					now = time.Now()
				}
				if _, ok, _ := cache.Get(keys[i%c.keys], now); !ok && c.keys == 1 {
					b.Fatal("missed")
				}
			}
		})
	}
	b.Run("1e5 keys/first Get after a kill of another", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if i%n == 0 {
				b.StopTimer()
				catchUp(b, f, log.add(nil, kill(revoke.Token, fmt.Sprint(i))))
				now = time.Now()
				b.StartTimer()
			}
			cache.Get(keys[i%n], now)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			now := time.Now()
			for i := 0; pb.Next(); i++ {
				if i&0xFFFFF == 0 {
					now = time.Now()
				}
				cache.Get(keys[i%n], now)
			}
		})
	})
}

// BenchmarkCatchUp is a revocation in memory, from commit to being in force.
func BenchmarkCatchUp(b *testing.B) {
	log := newBook("log")
	f := follow(b, log.config())
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			catchUp(b, f, log.add(nil, kill(revoke.Token, "t")))
		}
	})
	b.Run("64 callers", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := f.CatchUp(b.Context(), log.add(nil, kill(revoke.Token, "t"))); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// millions is a log of a million kills that takes no memory.
type millions struct{}

func (millions) read(_ context.Context, f func(revoke.Log) error) error { return f(millions{}) }

func (millions) Head(context.Context) (revoke.Head, error) {
	return revoke.Head{Position: at(million)}, nil
}

func (millions) Append(context.Context, ...revoke.Entry) (revoke.Position, error) {
	return revoke.Position{}, errDown
}

func (millions) Renew(context.Context, string) (revoke.Position, error) {
	return revoke.Position{}, errDown
}

func (millions) Read(_ context.Context, after int64, limit int) ([]revoke.Entry, error) {
	var out []revoke.Entry
	for seq := after + 1; seq <= million && len(out) < limit; seq++ {
		e := kill(revoke.Token, fmt.Sprint("tok_", seq))
		e.Seq = seq
		out = append(out, e)
	}
	return out, nil
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

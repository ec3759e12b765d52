package revoke

import (
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"
)

// ways is the size of a row. Four lost 1 % of the keys at 30 % fill.
const ways = 8

// A Cache holds what was read from a store for as long as the log says nothing
// to the contrary. It never grows past its size: a row that is full loses the
// item that was checked longest ago. It is safe for concurrent use and takes no
// lock. Keys stay in memory as they are and are not compared in constant time,
// so a key must be no secret: use a hash of it.
type Cache[K comparable, V any] struct {
	follower *Follower
	seed     maphash.Seed
	mask     uint64
	rows     [][ways]atomic.Pointer[item[K, V]]
}

// An item is immutable but for its mark. What a hit reads comes first, to lie in
// one cache line.
type item[K comparable, V any] struct {
	mark  atomic.Uint64 // the Mark up to which nothing had changed
	until time.Duration // on the follower's clock
	key   K
	value V
	names []uint64 // of what it hangs on: mostly two or three of the nine that there may be
}

// NewCache returns a cache with room for at least that many entries, and for 8 if
// there are fewer.
func NewCache[K comparable, V any](f *Follower, entries int) *Cache[K, V] {
	n := 1
	for n*ways < entries {
		n *= 2
	}
	return &Cache[K, V]{
		follower: f, seed: maphash.MakeSeed(),
		mask: uint64(n - 1), rows: make([][ways]atomic.Pointer[item[K, V]], n),
	}
}

// Get returns the value of key if there is one, its time has not come and nothing
// in the log since it was read touches its ids. Beyond the bound it returns
// [ErrStale]. now is the present, as [time.Now] returns it; a hit allocates nothing.
func (c *Cache[K, V]) Get(key K, now time.Time) (V, bool, error) {
	return c.at(now.Sub(c.follower.start), key)
}

// Lookup is [Cache.Get] at this moment. It reads one clock, the monotonic one, where
// [time.Now] reads two.
func (c *Cache[K, V]) Lookup(key K) (V, bool, error) {
	return c.at(time.Since(c.follower.start), key)
}

// at is Get by the follower's clock.
func (c *Cache[K, V]) at(now time.Duration, key K) (V, bool, error) {
	var zero V
	v := c.follower.view.Load()
	if v.fresh < now {
		return zero, false, ErrStale
	}
	hash := maphash.Comparable(c.seed, key)
	row := &c.rows[hash&c.mask]
	for i := range uint64(ways) {
		at := way(row, hash, i)
		it := at.Load()
		if it == nil || it.key != key {
			continue
		}
		if now < it.until && it.current(v) {
			return it.value, true, nil
		}
		at.CompareAndSwap(it, nil) // go on: two that put at once may have left two
	}
	return zero, false, nil
}

// current reports whether nothing touched it up to v, and remembers that.
func (it *item[K, V]) current(v *view) bool {
	mark := Mark(it.mark.Load())
	if mark == v.mark {
		return true
	}
	var n names
	copy(n[:], it.names)
	if v.changed(mark, &n) {
		return false
	}
	// v was there before the check, so nothing that the check did not see is
	// skipped. A mark that is ahead of v, set by a later Get, stays.
	if mark < v.mark {
		it.mark.CompareAndSwap(uint64(mark), uint64(v.mark))
	}
	return true
}

// Find returns what the cache holds of key, as [Cache.Lookup] does, and otherwise
// what read finds, which it remembers until then, as [Cache.Put] does. The mark is
// taken before read begins, so that a change beside it is not missed. Errors of
// read are returned as they are and not remembered. A nil Cache always reads.
func (c *Cache[K, V]) Find(key K, read func() (v V, ids IDs, until time.Time, err error)) (V, error) {
	if c == nil {
		v, _, _, err := read()
		return v, err
	}
	v, ok, err := c.Lookup(key)
	if ok || err != nil {
		return v, err
	}
	mark, err := c.follower.Mark()
	if err != nil {
		return v, err
	}
	v, ids, until, err := read()
	if err == nil {
		c.Put(key, v, mark, ids, until)
	}
	return v, err
}

// Put remembers v, which hangs on ids, until then; the zero time is past. mark
// must have been taken before v was read from the store: if anything touched ids
// since, v may be outdated, and is not served. What v hangs on but ids does not
// name goes unnoticed.
//
// The time left until then is measured once, here: setting the system's clock does
// not prolong it afterwards, and a system that sleeps does not count its sleep.
func (c *Cache[K, V]) Put(key K, v V, mark Mark, ids IDs, until time.Time) {
	now := c.follower.view.Load()
	it := &item[K, V]{key: key, value: v, until: c.moment(until), names: now.hash.names(&ids).present()}
	it.mark.Store(uint64(mark))
	if it.current(now) {
		c.place(it).Store(it)
	}
}

// moment returns t on the follower's clock.
func (c *Cache[K, V]) moment(t time.Time) time.Duration {
	const ages = math.MaxInt64 / 2 // so that the sum does not overflow
	now := time.Now()
	return now.Sub(c.follower.start) + min(t.Sub(now), ages)
}

// place returns where to put it: over an item of the same key, else where nothing
// is, else over the one checked longest ago.
func (c *Cache[K, V]) place(it *item[K, V]) *atomic.Pointer[item[K, V]] {
	hash := maphash.Comparable(c.seed, it.key)
	row := &c.rows[hash&c.mask]
	best := way(row, hash, 0)
	oldest := ^uint64(0)
	for i := range uint64(ways) {
		at := way(row, hash, i)
		there := at.Load()
		var mark uint64 // 0, before every mark, where nothing is
		if there != nil {
			if there.key == it.key {
				return at
			}
			mark = there.mark.Load()
		}
		if mark < oldest {
			best, oldest = at, mark
		}
	}
	return best
}

// Drop forgets key, to free its place. It is no revocation: a fill under way may
// put the value back, which only the log prevents.
func (c *Cache[K, V]) Drop(key K) {
	hash := maphash.Comparable(c.seed, key)
	row := &c.rows[hash&c.mask]
	for i := range row {
		if it := row[i].Load(); it != nil && it.key == key {
			row[i].CompareAndSwap(it, nil)
		}
	}
}

// way returns the i-th place of a row for a hash. Each hash begins at a place of
// its own, which is mostly where its item is.
func way[K comparable, V any](row *[ways]atomic.Pointer[item[K, V]], hash, i uint64) *atomic.Pointer[item[K, V]] {
	return &row[(hash>>61+i)%ways]
}

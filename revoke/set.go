package revoke

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	shards  = 256
	minimum = 8 // slots of the smallest table
	never   = math.MaxUint32

	// grace is how long after its expiry an entry is kept in memory, because the
	// clock of the node that wrote it is not ours.
	grace = time.Minute
)

// A set maps a hash to the highest sequence number recorded for it. One goroutine
// writes; any number read, without a lock and without waiting. It is cut into
// small tables, so that growing or sweeping one is a short step. Nothing is
// evicted: what leaves has expired.
type set struct {
	tables [shards]atomic.Pointer[table] // by the hash's top bits; nil = empty

	// forgotten is the highest sequence number that was dropped. It is raised before
	// the drop, so a reader that looks here last never misses both.
	forgotten atomic.Int64

	turn int // table to be swept next
}

// A table is an open-addressing hash table, at most three quarters full. Slots
// are filled but never freed: a table that is to lose entries is replaced.
type table struct {
	mask  uint64
	maybe []atomic.Uint64 // eight bits per slot; each hash sets three of one word: a small answer to most look-ups
	slots []slot          // behind mask and maybe, which lie in one cache line and are mostly all that is read
	until []uint32        // when a slot may be dropped, in Unix seconds; read by the writer only
	used  int
}

// A slot is 16 bytes, four to a cache line. A hash of 0 marks it free.
type slot struct {
	hash atomic.Uint64
	seq  atomic.Int64
}

// seq returns the sequence number recorded for hash, 0 if there is none.
func (s *set) seq(hash uint64) int64 {
	t := s.tables[hash>>56].Load()
	if t == nil || !t.mayHave(hash) {
		return 0
	}
	for i := hash; ; i++ {
		at := &t.slots[i&t.mask]
		switch at.hash.Load() {
		case hash:
			return at.seq.Load()
		case 0:
			return 0
		}
	}
}

// mayHave reports whether hash may be there; false is certain.
func (t *table) mayHave(hash uint64) bool {
	at, bits := t.bits(hash)
	return at.Load()&bits == bits
}

// bits returns the word of hash, and which of its bits are set for it. With three
// of them about one look-up in a hundred goes on to a slot for nothing; with one it
// was one in fifteen, and the slots of a million entries lie far from the processor.
func (t *table) bits(hash uint64) (at *atomic.Uint64, bits uint64) {
	i := hash >> 20 // not what chooses the table, nor quite what chooses the slot
	return &t.maybe[i>>18&(t.mask>>3)], 1<<(i&63) | 1<<(i>>6&63) | 1<<(i>>12&63)
}

// raise records seq for hash, until then. It lowers neither. A hash is never 0.
func (s *set) raise(hash uint64, seq int64, until uint32) {
	at := &s.tables[hash>>56]
	t := at.Load()
	if t == nil || 4*(t.used+1) > 3*len(t.slots) {
		t = t.copy(1, 0)
		at.Store(t)
	}
	t.raise(hash, seq, until)
}

func (t *table) raise(hash uint64, seq int64, until uint32) {
	i := hash & t.mask
	for h := t.slots[i].hash.Load(); h != 0 && h != hash; h = t.slots[i].hash.Load() {
		i = (i + 1) & t.mask
	}
	at := &t.slots[i]
	at.seq.Store(max(at.seq.Load(), seq))
	t.until[i] = max(t.until[i], until)
	if at.hash.Load() == 0 {
		at.hash.Store(hash) // after seq: whoever finds the hash finds its number
		word, bits := t.bits(hash)
		word.Or(bits)
		t.used++
	}
}

// copy returns a table with what t holds beyond now and room for extra more.
func (t *table) copy(extra int, now uint32) *table {
	n := extra
	if t != nil {
		n += t.after(now)
	}
	size := minimum
	for 4*n > 3*size {
		size *= 2
	}
	c := &table{mask: uint64(size - 1), slots: make([]slot, size), maybe: make([]atomic.Uint64, size/8), until: make([]uint32, size)}
	if t == nil {
		return c
	}
	for i, until := range t.until {
		if until > now {
			c.raise(t.slots[i].hash.Load(), t.slots[i].seq.Load(), until)
		}
	}
	return c
}

// after counts the slots to be kept beyond now.
func (t *table) after(now uint32) (n int) {
	for _, until := range t.until {
		if until > now {
			n++
		}
	}
	return n
}

// sweep drops what has expired from the next n tables.
func (s *set) sweep(now time.Time, n int) {
	for range min(n, shards) {
		s.sweepTable(&s.tables[s.turn], uint32(now.Unix()))
		s.turn = (s.turn + 1) % shards
	}
}

func (s *set) sweepTable(at *atomic.Pointer[table], now uint32) {
	t := at.Load()
	if t == nil || t.after(now) == t.used {
		return
	}
	highest := int64(0)
	for i, until := range t.until {
		if until <= now {
			highest = max(highest, t.slots[i].seq.Load())
		}
	}
	s.forget(highest)
	if t = t.copy(0, now); t.used == 0 {
		t = nil
	}
	at.Store(t)
}

// forget records that what has this number, or what had, is about to be dropped.
func (s *set) forget(seq int64) { s.forgotten.Store(max(s.forgotten.Load(), seq)) }

// until returns when an entry that expires then may be dropped. The zero time
// never comes.
func until(expires time.Time) uint32 {
	switch at := expires.Add(grace).Unix() + 1; {
	case expires.IsZero() || at >= never:
		return never
	default:
		return uint32(max(at, 1))
	}
}

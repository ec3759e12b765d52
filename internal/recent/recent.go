// Package recent remembers roughly what was done a moment ago, in fixed memory:
// enough to spare a write, never to decide anything.
package recent

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

const slots = 1 << 10

// A Set remembers keys for a minute. It may forget a key sooner, when another
// takes its slot. The zero Set is empty. It is safe for concurrent use, must not
// be copied, and takes 8 KiB.
type Set struct {
	slot [slots]atomic.Uint64 // 32 bits of the key, then the second; 0 = empty
}

// Add adds a key and reports whether it was not there: of callers at once with
// one key, a single one gets true. Keys are hashes, so that their bits are random
// and nobody can make two that collide.
func (s *Set) Add(key [32]byte, now time.Time) bool {
	second := uint32(now.Unix())
	mine := uint64(binary.LittleEndian.Uint32(key[:]))<<32 | uint64(second)
	slot := &s.slot[binary.LittleEndian.Uint64(key[8:])%slots]
	for {
		there := slot.Load()
		if there != 0 && there>>32 == mine>>32 && second-uint32(there) < uint32(time.Minute/time.Second) {
			return false
		}
		if slot.CompareAndSwap(there, mine) {
			return true
		}
	}
}

package secret

import "sync"

// A Sequence makes identifiers that ascend, also within one millisecond: what is sorted by them is in the order in which they were
// made by this process. The zero Sequence is ready. It is safe for concurrent use.
type Sequence struct {
	mu   sync.Mutex
	last [16]byte
}

// Next returns an identifier like NewID's that sorts after every one before.
func (s *Sequence) Next(prefix string) string {
	id := newID()
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(id[:]) <= string(s.last[:]) {
		id = successor(s.last)
	}
	s.last = id
	return IDFromBytes(prefix, id)
}

// successor is b plus one.
func successor(b [16]byte) [16]byte {
	for i := len(b) - 1; i >= 0; i-- {
		b[i]++
		if b[i] != 0 {
			break
		}
	}
	return b
}

package revoke

import "sync/atomic"

// A Stamp is a Mark for other nodes on the same log: it says how much of the log
// was in force when something was read, in a way that every node can hold against
// the log that it has read itself. It is no secret.
type Stamp struct {
	Position
	Nonce string // of the entry there: after a restore the same number may mean another
}

// Stamp returns what other nodes need to know of m, and false if this node does
// not know it: nothing is in the log yet, what is there was pruned before this node
// started, or m lies too far back.
func (f *Follower) Stamp(m Mark) (Stamp, bool) {
	v := f.view.Load()
	nonce, ok := v.places.nonce(m.seq())
	if !ok || m.epoch() != v.mark.epoch() {
		return Stamp{}, false
	}
	return Stamp{Position{v.log, m.seq()}, nonce}, true
}

// Since returns the mark of a stamp that any node made, whenever it did: what has
// happened since is then for [Follower.Changed] to say. It returns false if this
// node cannot tell, and whatever bears the stamp must be read from the store: the
// stamp is of another log, lies past the cursor or too far back, or something else
// stands in its place by now.
func (f *Follower) Since(s Stamp) (Mark, bool) {
	v := f.view.Load()
	if s.Log != v.log || s.Seq > v.mark.seq() || s.Seq < v.floor {
		return 0, false
	}
	nonce, ok := v.places.nonce(s.Seq)
	return newMark(v.mark.epoch(), s.Seq), ok && nonce == s.Nonce
}

// stampable is how many of the latest entries can be stamped.
const stampable = 4096

// places are the latest entries that a node has passed, in a ring. Whoever finds a
// place has passed all that came after it as well, up to the cursor. One goroutine
// writes; any number read. A nil places is empty.
type places [stampable]atomic.Pointer[place]

type place struct {
	seq   int64
	nonce string
}

func (p *places) add(e *Entry) { p[e.Seq%stampable].Store(&place{e.Seq, e.Nonce}) }

// nonce returns the nonce of the entry that has that number, if it is known.
func (p *places) nonce(seq int64) (string, bool) {
	if p == nil || seq <= 0 {
		return "", false
	}
	at := p[seq%stampable].Load()
	if at == nil || at.seq != seq || at.nonce == "" {
		return "", false
	}
	return at.nonce, true
}

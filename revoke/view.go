package revoke

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"time"
)

// IDs are the ids that a credential hangs on; empty fields do not count.
type IDs struct{ Token, Session, Grant, APIKey, Subject, Client, Org, Key string }

// kinds has the kind of each field of IDs, in order.
var kinds = [...]Kind{Token, Session, Grant, APIKey, Subject, Client, Org, Key}

// Where in kinds these are.
const (
	subjectKind = 4
	orgKind     = 6
	keyKind     = len(kinds) - 1
)

// A Mark is how much of the log a node had read at a moment. Marks are compared
// with ==; what differs may or may not have changed: ask [Follower.Changed]. The
// zero Mark is before everything.
type Mark uint64

// A Mark has the epoch, which a reset moves on, in its upper 16 bits and the
// cursor below.
const (
	markBits = 48
	maxSeq   = 1<<markBits - 1
)

func newMark(epoch uint16, seq int64) Mark { return Mark(epoch)<<markBits | Mark(seq) }

func (m Mark) epoch() uint16 { return uint16(m >> markBits) }
func (m Mark) seq() int64    { return int64(m & maxSeq) }

// A hasher turns an id into the 64-bit number under which a [set] knows it. It is
// seeded, so that nobody can choose ids that collide; an accidental collision
// refuses one credential in 10¹² and lets none through.
type hasher struct {
	seed  maphash.Seed
	kinds [len(kinds)]uint64 // keep equal ids of different kinds apart
	touch uint64             // keeps overlays and notices apart from kills
	blind *blinder           // entries name ids as a feed does; nil = as they are
}

func newHasher(blind *blinder) *hasher {
	h := &hasher{seed: maphash.MakeSeed(), blind: blind}
	for i, k := range kinds {
		h.kinds[i] = maphash.String(h.seed, "kind "+string(k))
	}
	h.touch = maphash.String(h.seed, "touch")
	return h
}

// kill returns the name of an id.
func (h *hasher) kill(kind int, id string) uint64 {
	if h.blind != nil {
		b := h.blind.id(kinds[kind], id)
		return b.name()
	}
	return max(maphash.String(h.seed, id)^h.kinds[kind], 1)
}

// entry returns the name of what an entry says is its id.
func (h *hasher) entry(kind int, id string) uint64 {
	if h.blind != nil {
		b, _ := parseBlinded(id) // was parsed when it came
		return b.name()
	}
	return h.kill(kind, id)
}

// member returns the name of a subject in an organization, made of their names.
func (h *hasher) member(subject, org uint64) uint64 {
	return max(subject^bits.RotateLeft64(org, 32), 1)
}

// touched turns the name of a kill into that of an overlay or notice.
func touched(name, touch uint64) uint64 { return max(name^touch, 1) }

// names are hashed IDs, 0 for an empty one, and last the name of the subject in
// the organization, 0 unless there are both.
type names [len(kinds) + 1]uint64

func (h *hasher) names(ids *IDs) (n names) {
	for i, id := range [len(kinds)]*string{&ids.Token, &ids.Session, &ids.Grant, &ids.APIKey, &ids.Subject, &ids.Client, &ids.Org, &ids.Key} {
		if *id != "" {
			n[i] = h.kill(i, *id)
		}
	}
	if n[subjectKind] != 0 && n[orgKind] != 0 {
		n[len(kinds)] = h.member(n[subjectKind], n[orgKind])
	}
	return n
}

// present returns those that are not 0.
func (n names) present() []uint64 {
	count := 0
	for _, name := range n {
		if name != 0 {
			count++
		}
	}
	there := make([]uint64, 0, count)
	for _, name := range n {
		if name != 0 {
			there = append(there, name)
		}
	}
	return there
}

// A view is what a node knows at one moment. It never changes once published,
// except that the set may already hold entries past the cursor: those can only
// refuse sooner.
type view struct {
	mark  Mark
	begun time.Duration // of the last reading that reached the head, on the follower's monotonic clock
	fresh time.Duration // the view may be served until then
	log   string
	nonce string // of the entry at the cursor; "" = not known
	floor int64
	set   *set
	hash  *hasher
	roles *overlays // of entries that came over a feed; nil: roles are read from the store

	places *places // that stamps can be held against; as set, it may be ahead of the cursor

	// Highest sequence numbers, which spare most look-ups.
	killed  int64 // of a kill in the set
	touched int64 // of an overlay or notice in the set
	global  int64 // of a global kill
	all     int64 // of anything that touches everything
	key     bool  // a key was killed
}

func (v *view) position() Position { return Position{v.log, v.mark.seq()} }

// reached reports whether the cursor has passed p.
func (v *view) reached(p Position) bool { return v.log == p.Log && v.mark.seq() >= p.Seq }

// apply puts e in force, without moving the cursor. Doing it again does no harm.
func (v *view) apply(e *Entry) {
	kind := slices.Index(kinds[:], e.Kind)
	switch {
	case e.Effect == Kill && kind == keyKind:
		// Whoever has the key writes any expiry he likes, so this is kept.
		v.set.raise(v.hash.entry(kind, e.ID), e.Seq, never)
		v.killed, v.key = max(v.killed, e.Seq), true
	case e.Effect == Kill && kind >= 0:
		name := v.hash.entry(kind, e.ID)
		if kind == subjectKind && e.Org != "" {
			name = v.hash.member(name, v.hash.entry(orgKind, e.Org))
		}
		v.set.raise(name, e.Seq, until(e.ExpiresAt))
		v.killed = max(v.killed, e.Seq)
	case e.Effect == Kill && e.Kind == Global:
		v.global = max(v.global, e.Seq)
		v.all = max(v.all, e.Seq)
	case kind >= 0:
		if v.roles != nil && e.Effect == Overlay && kind == subjectKind {
			v.roles.put(e)
		}
		v.set.raise(touched(v.hash.entry(kind, e.ID), v.hash.touch), e.Seq, until(e.ExpiresAt))
		v.touched = max(v.touched, e.Seq)
	default: // a policy, or what only a newer version of this program understands
		v.all = max(v.all, e.Seq)
	}
}

// pass moves the cursor to e.
func (v *view) pass(e *Entry) {
	v.mark, v.nonce = newMark(v.mark.epoch(), e.Seq), e.Nonce
	if v.places == nil {
		v.places = new(places)
	}
	v.places.add(e)
}

// settle moves the cursor to the head that was read before the last page: what
// is missing in between was pruned.
func (v *view) settle(h Head, begun, fresh time.Duration) {
	if v.mark.seq() < h.Seq {
		v.mark, v.nonce = newMark(v.mark.epoch(), h.Seq), ""
	}
	v.begun, v.fresh = begun, fresh
}

// dead reports whether a credential of position rev is dead, whatever the clock.
func (v *view) dead(rev Position, ids *IDs) bool {
	switch {
	case rev.IsZero(), rev.Log != v.log, rev.Seq < v.floor, rev.Seq < v.global:
		return true
	case v.key && ids.Key != "" && v.set.seq(v.hash.kill(keyKind, ids.Key)) > 0:
		return true
	case rev.Seq >= v.killed:
		return rev.Seq < v.set.forgotten.Load()
	}
	n := v.hash.names(ids) // all before the first look-up, so that the memory accesses overlap
	for _, name := range n {
		if name != 0 && v.set.seq(name) > rev.Seq {
			return true
		}
	}
	// Entries are forgotten by our clock, which may be far ahead of the one that they
	// were written by: a killed token must not live because of that.
	return rev.Seq < v.set.forgotten.Load() // last; see set.forgotten
}

// changed reports whether anything past since touches n.
func (v *view) changed(since Mark, n *names) bool {
	seq := since.seq()
	if since.epoch() != v.mark.epoch() || seq < v.all {
		return true
	}
	if seq < v.killed && v.any(seq, n, 0) || seq < v.touched && v.any(seq, n, v.hash.touch) {
		return true
	}
	return seq < v.set.forgotten.Load() // last; see set.forgotten
}

// any reports whether the set has one of n past seq.
func (v *view) any(seq int64, n *names, touch uint64) bool {
	for _, name := range n {
		if name != 0 && v.set.seq(touched(name, touch)) > seq {
			return true
		}
	}
	return false
}

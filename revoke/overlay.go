package revoke

import (
	"maps"
	"sync"
	"time"
)

// overlays are the roles that subjects have now, as a feed says it: for tokens
// whose roles were written down before. It is keyed by whole blinded ids: a
// collision would give one the roles of another.
type overlays struct {
	blind *blinder

	mu     sync.RWMutex
	latest map[member]overlaid
}

type member struct{ subject, org blinded } // org is zero for roles everywhere

type overlaid struct {
	seq    int64
	sealed []byte
	until  uint32
}

func newOverlays(blind *blinder) *overlays {
	return &overlays{blind: blind, latest: map[member]overlaid{}}
}

func (o *overlays) put(e *Entry) {
	var m member
	m.subject, _ = parseBlinded(e.ID) // both were parsed when they came
	if e.Org != "" {
		m.org, _ = parseBlinded(e.Org)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.latest[m].seq <= e.Seq {
		o.latest[m] = overlaid{e.Seq, e.sealed, until(e.ExpiresAt)}
	}
}

// since returns the roles that the log has given the subject in org ("" =
// everywhere) past that number, and whether it has.
func (o *overlays) since(seq int64, subject, org string) (roles []string, changed bool, err error) {
	o.mu.RLock()
	empty := len(o.latest) == 0
	o.mu.RUnlock()
	if empty {
		return nil, false, nil
	}
	m := member{subject: o.blind.id(Subject, subject)}
	if org != "" {
		m.org = o.blind.id(Org, org)
	}
	o.mu.RLock()
	found := o.latest[m]
	o.mu.RUnlock()
	if found.seq <= seq {
		return nil, false, nil
	}
	roles, err = o.blind.open(found.sealed, subject, org, found.seq)
	return roles, true, err
}

// sweep drops what has expired, and has s forget it before: by the right clock no
// token is left that it could change, and by a wrong one those that it could are
// refused.
func (o *overlays) sweep(now time.Time, s *set) {
	o.mu.Lock()
	defer o.mu.Unlock()
	highest := int64(0)
	expired := func(_ member, found overlaid) bool {
		gone := found.until <= uint32(now.Unix())
		if gone {
			highest = max(highest, found.seq)
		}
		return gone
	}
	for m, found := range o.latest {
		expired(m, found)
	}
	s.forget(highest)
	maps.DeleteFunc(o.latest, expired)
}

// Roles returns the roles that the log has given the subject, everywhere or in an
// organization, after the position rev of a token that was issued with others;
// changed is false if it has not, and the token's own count. Only a follower made by
// [Subscribe] knows: one that reads a store reads roles there. A position of another
// log, or before the floor, is [ErrRevoked], as by [Follower.Dead]: the log may have
// been replaced since that was asked, and what it said of the subject is gone. A node
// that is stale does not say so here: ask [Follower.Dead] afterwards, or keep the
// answer in a [Cache].
func (f *Follower) Roles(rev Position, subject, org string) (roles []string, changed bool, err error) {
	v := f.view.Load()
	if v.roles == nil {
		return nil, false, nil
	}
	if rev.Log != v.log || rev.Seq < v.floor {
		return nil, false, ErrRevoked
	}
	return v.roles.since(rev.Seq, subject, org)
}

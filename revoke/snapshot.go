package revoke

import (
	"context"
	"sync/atomic"
	"time"
	"weak"
)

// A snapshot is the whole log up to a link: the frames that a reader without a
// cursor needs before it. It is made once and shared by all who come within a while.
type snapshot struct {
	frames atomic.Pointer[[]*Frame] // nil once it was given up
	joint  joint
	taken  time.Duration // on the follower's clock
}

// A snapshot is used for that long, and while that little was appended after it,
// which its readers have to be told in addition.
const (
	snapshotLife = 30 * time.Second
	snapshotLag  = 50_000

	// keepSnapshots is how many are in memory at once: who takes longer than the life
	// of the others to read one begins anew.
	keepSnapshots = 4
)

func (s *snapshot) fresh(at cursor, now time.Duration) bool {
	return s.joint.at.Log == at.Log && at.Seq-s.joint.at.Seq <= snapshotLag && now-s.taken < snapshotLife &&
		s.joint.link.next.Load() != overtaken
}

// anew yields the whole log, and returns the link from which the stream goes on.
func (d *Feed) anew(ctx context.Context, j *joint, say say) (*link, error) {
	s, err := d.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if s.joint.at.Log != j.at.Log {
		return nil, errEnded // the log was replaced since hello named it
	}
	if err := say(newFrame(resetEvent, "", struct{}{})); err != nil {
		return nil, err
	}
	for i := 0; ; i++ {
		frames := s.frames.Load()
		if frames == nil {
			return nil, errBehind
		}
		if i == len(*frames) {
			return s.joint.link, say(s.joint.lastBeat())
		}
		if err := say((*frames)[i], nil); err != nil {
			return nil, err
		}
	}
}

func (d *Feed) snapshot(ctx context.Context) (*snapshot, error) {
	select {
	case d.shooting <- struct{}{}:
		defer func() { <-d.shooting }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	d.mu.Lock()
	s := d.shot
	if s != nil && !s.fresh(d.at, d.follower.Clock()) {
		s = nil
	}
	d.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := d.shoot(ctx)
	if err != nil {
		return nil, err
	}
	d.keep(s)
	return s, nil
}

// keep remembers s for whoever comes next, and gives up one that is read for too
// long.
func (d *Feed) keep(s *snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.joint.blind == d.blind { // else its streams have ended meanwhile
		d.shot = s
	}
	var reading []weak.Pointer[snapshot]
	for _, w := range d.shots {
		if w.Value() != nil {
			reading = append(reading, w)
		}
	}
	if n := len(reading) - (keepSnapshots - 1); n > 0 {
		for _, w := range reading[:n] {
			if old := w.Value(); old != nil {
				old.frames.Store(nil)
			}
		}
		reading = reading[n:]
	}
	d.shots = append(reading, weak.Make(s))
}

// shoot reads the whole log. What was pruned meanwhile is missing in it, and the
// floor says so.
func (d *Feed) shoot(ctx context.Context) (*snapshot, error) {
	s := &snapshot{joint: d.join(cursor{}), taken: d.follower.Clock()}
	var frames []*Frame
	keep := func(f *Frame, err error) error {
		if err == nil && f != nil {
			frames = append(frames, f.pack())
		}
		return err
	}
	end := s.joint.at
	v := view{log: end.Log}
	for more := true; more && v.mark.seq() < end.Seq; {
		p, err := readPage(ctx, &Config{Read: d.c.Read}, &v)
		if err != nil {
			return nil, err
		}
		more = !p.until(end.Seq) && p.more
		if err := s.joint.sayPage(&v, &p, keep); err != nil {
			return nil, err
		}
		if !more && v.mark.seq() < end.Seq { // what came last was pruned
			if err := keep(newFrame(entriesEvent, "", entries{After: v.mark.seq(), Floor: p.head.Floor, Entries: []wireEntry{}})); err != nil {
				return nil, err
			}
			s.joint.floor = p.head.Floor
		}
	}
	if v.nonce != "" && v.mark.seq() == end.Seq && end.nonce != "" && v.nonce != end.nonce {
		return nil, errEnded // the database was restored, which the follower has not heard yet
	}
	s.frames.Store(&frames)
	return s, nil
}

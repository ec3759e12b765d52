package revoke

import (
	"context"
	"time"
)

// A snapshot is the whole log up to a link: the frames that a reader without a
// cursor needs before it. It is made once and shared by all who come within a while.
type snapshot struct {
	frames []*Frame
	joint  joint
	taken  time.Duration // on the follower's clock
}

// A snapshot is used for that long, and while that little was appended after it,
// which its readers have to be told in addition.
const (
	snapshotLife = 30 * time.Second
	snapshotLag  = 50_000
)

func (s *snapshot) fresh(at cursor, now time.Duration) bool {
	return s.joint.at.Log == at.Log && at.Seq-s.joint.at.Seq <= snapshotLag && now-s.taken < snapshotLife
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
	for _, f := range s.frames {
		if err := say(f, nil); err != nil {
			return nil, err
		}
	}
	return s.joint.link, say(s.joint.lastBeat())
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
	d.mu.Lock()
	d.shot = s
	d.mu.Unlock()
	return s, nil
}

// shoot reads the whole log. What was pruned between two pages is missing in it,
// and the floor says so.
func (d *Feed) shoot(ctx context.Context) (*snapshot, error) {
	s := &snapshot{joint: d.join(cursor{}), taken: d.follower.Clock()}
	end := s.joint.at.Seq
	keep := func(f *Frame, err error) error {
		if err == nil {
			s.frames = append(s.frames, f.pack())
		}
		return err
	}
	v := view{log: s.joint.at.Log}
	for v.mark.seq() < end {
		p, err := readPage(ctx, &Config{Read: d.c.Read}, &v)
		if err != nil {
			return nil, err
		}
		done := p.until(end) || !p.more
		if err := s.joint.sayPage(&v, &p, keep); err != nil {
			return nil, err
		}
		if done {
			break
		}
	}
	return s, nil
}

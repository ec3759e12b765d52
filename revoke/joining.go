package revoke

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// errHeardEnough means that whoever reads a stream does not want more of it.
var errHeardEnough = errors.New("the reader has gone")

// A stream is what one reader hears.
type stream struct {
	*Feed
	yield  func(*Frame, error) bool
	policy *Frame // told last
}

// say yields a frame, if there is one.
type say func(*Frame, error) error

func (s *stream) say(f *Frame, err error) error {
	if err == nil && f != nil && !s.yield(f, nil) {
		return errHeardEnough
	}
	return err
}

func (s *stream) sayLink(l *link) error {
	if l.frame != nil {
		return s.say(l.frame, nil)
	}
	s.mu.Lock()
	f := s.Feed.policy
	s.mu.Unlock()
	return s.sayPolicy(f)
}

// sayPolicy never goes back to an older one, and says none twice.
func (s *stream) sayPolicy(f *Frame) error {
	if f == s.policy {
		return nil
	}
	s.policy = f
	return s.say(f, nil)
}

// begin yields what brings the reader of a cursor up to date, and returns the last
// link whose frame they have by then: from there on all streams are the same.
func (s *stream) begin(ctx context.Context, at string) (*link, error) {
	now := s.follower.Clock() // first: every reading that is asked for below begins later
	c, err := s.comesFrom(ctx, at)
	if err != nil {
		return nil, err
	}
	j := s.join(c)
	if err := s.say(newFrame(helloEvent, "", hello{feedVersion, j.at.Log, j.blind.salt[:], now.Microseconds()})); err != nil {
		return nil, err
	}
	if err := s.sayPolicy(j.policy); err != nil {
		return nil, err
	}
	err = s.resume(ctx, &j, c, s.say)
	if errors.Is(err, errReplaced) {
		return s.anew(ctx, &j, s.say)
	}
	if err != nil {
		return nil, err
	}
	return j.link, s.say(j.lastBeat())
}

// comesFrom reads a reader's cursor, and lets this node catch up with it: another
// one may have read further.
func (d *Feed) comesFrom(ctx context.Context, at string) (c cursor, err error) {
	if at != "" {
		if c, err = parseCursor(at); err != nil {
			return c, fmt.Errorf("%w: %w", ErrCursor, err)
		}
	}
	if err := d.over(); err != nil {
		return c, err
	}
	if _, err := d.follower.Mark(); err != nil {
		return c, err
	}
	// Also before another log's reader is told that this one begins anew: it may be
	// this node that has not heard yet that the log was replaced.
	if here := d.follower.Cursor(); at != "" && (c.Log != here.Log || c.Seq > here.Seq) {
		err = d.follower.CatchUp(ctx, Position{})
	}
	return c, err
}

// A joint is where a stream joins the others.
type joint struct {
	blind  *blinder
	policy *Frame
	link   *link  // the newest one, which the reader need not hear
	at     cursor // after it
	floor  int64
	beat   *beat
	missed []*link // the frames past the reader's cursor, if they are remembered
}

// join looks where the reader of c joins. A beat will follow soon.
func (d *Feed) join(c cursor) joint {
	// What is in force on this node was also told: a reader that has heard of it from
	// another must not find it missing here.
	d.follower.telling.Lock()
	defer d.follower.telling.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked, d.askedAt = true, d.follower.Clock()
	d.follower.Ring()
	j := joint{blind: d.blind, policy: d.policy, link: d.tail, at: d.at, floor: d.floor, beat: d.beat}
	for i := len(d.recent) - 1; i >= 0 && c.nonce != "" && d.recent[i].from.Seq >= c.Seq; i-- {
		if d.recent[i].from == c {
			j.missed = slices.Clone(d.recent[i:])
		}
	}
	return j
}

func (j *joint) lastBeat() (*Frame, error) {
	if j.beat == nil {
		return nil, nil
	}
	b := *j.beat
	b.Floor = max(b.Floor, j.floor)
	return newFrame(beatEvent, j.at.String(), b)
}

// resume yields what was appended between c and where the stream joins, if the log
// still has it, and still is the log that c is of.
func (d *Feed) resume(ctx context.Context, j *joint, c cursor, say say) error {
	switch {
	case c.nonce == "" || c.Log != j.at.Log || c.Seq > j.at.Seq:
		return fmt.Errorf("%w: cursor %s", errReplaced, c.Position)
	case c == j.at:
		return nil
	}
	for _, l := range j.missed {
		if err := say(l.frame, nil); err != nil {
			return err
		}
	}
	if j.missed != nil {
		return nil
	}
	v := view{log: c.Log, nonce: c.nonce, mark: newMark(0, c.Seq)}
	for first := true; first || v.mark.seq() < j.at.Seq; first = false {
		p, err := readPage(ctx, &Config{Read: d.c.Read}, &v)
		if err != nil {
			return err
		}
		p.until(j.at.Seq)
		if c.Seq <= p.head.Floor || !p.unbroken(v.mark.seq()) || len(p.entries) == 0 && v.mark.seq() < j.at.Seq {
			return fmt.Errorf("%w: cursor %s, pruned up to %d", errReplaced, c.Position, p.head.Floor)
		}
		if err := j.sayPage(&v, &p, say); err != nil {
			return err
		}
	}
	if j.at.nonce != "" && v.nonce != j.at.nonce {
		return fmt.Errorf("%w: another entry %d", errReplaced, j.at.Seq)
	}
	return nil
}

// sayPage yields a page and moves v past it.
func (j *joint) sayPage(v *view, p *page, say say) error {
	if len(p.entries) == 0 {
		return nil
	}
	f, to, err := j.blind.entries(cursor{v.position(), v.nonce}, p.head.Floor, p.entries)
	if err != nil {
		return err
	}
	v.mark, v.nonce = newMark(0, to.Seq), to.nonce
	return say(f, nil)
}

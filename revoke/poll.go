package revoke

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// sweepPace is how often one table of the set is swept: all of them in two minutes.
const sweepPace = 500 * time.Millisecond

// run polls at every tick and ring until ctx ends. It is the only writer of the
// view and its set.
func (f *Follower) run(ctx context.Context) {
	defer close(f.done)
	tick := time.NewTicker(f.c.every())
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			_, next := f.flights()
			next.end(errClosed) // nobody begins it any more
			return
		case <-f.bell:
		case <-tick.C:
			f.view.Load().set.sweep(time.Now(), max(1, int(f.c.every()/sweepPace)))
		}
		failing = f.report(ctx, failing, f.fly(ctx))
	}
}

// fly polls once for all who wait. The bell was taken before, so that who rings
// from here on gets another poll.
func (f *Follower) fly(ctx context.Context) error {
	f.mu.Lock()
	now := f.next
	f.running, f.next = now, newFlight()
	f.mu.Unlock()
	err := f.poll(ctx)
	now.end(err)
	return err
}

// report logs the first of a row of failures, and its end.
func (f *Follower) report(ctx context.Context, failing bool, err error) bool {
	switch {
	case err != nil && !failing && ctx.Err() == nil:
		f.c.log().Warn("revocation log cannot be followed; requests are refused once the bound has passed", "error", err, "bound", f.c.bound())
	case err == nil && failing:
		f.c.log().Info("revocation log is followed again", "cursor", f.Cursor().String())
	}
	return err != nil
}

// poll moves the cursor to the head, page by page, each page in force as soon as
// it was read.
func (f *Follower) poll(ctx context.Context) error {
	for {
		begun := time.Since(f.start)
		next := *f.view.Load()
		p, err := readPage(ctx, &f.c, &next)
		if err == nil && !p.unbroken(next.mark.seq()) {
			err = errReplaced
		}
		if errors.Is(err, errReplaced) {
			return f.reset(ctx, err)
		}
		if err != nil {
			return err
		}
		passed, err := f.take(ctx, &next, &p)
		current := err == nil && !p.more
		if current {
			next.settle(p.head, begun, begun+f.c.bound())
		}
		f.publish(&next, Progress{Entries: p.entries[:passed], Head: p.head, Begun: begun, Current: current})
		if err != nil || !p.more {
			return err
		}
	}
}

// take applies p to v and moves the cursor up to the first entry that Watch
// fails on. It returns how many entries the cursor has passed.
func (f *Follower) take(ctx context.Context, v *view, p *page) (passed int, err error) {
	v.floor = p.head.Floor
	for i := range p.entries {
		e := &p.entries[i]
		v.apply(e)
		if f.c.Watch != nil {
			if err := f.c.Watch(ctx, *e); err != nil {
				return i, err
			}
		}
		v.pass(e)
	}
	return len(p.entries), nil
}

// reset reads the log anew. What was in force stays so until all is read.
func (f *Follower) reset(ctx context.Context, cause error) error {
	old := f.view.Load()
	wentBack := errors.Is(cause, errWentBack)
	if wentBack {
		if err := f.renew(ctx, old, cause); err != nil {
			return err
		}
	}
	v, err := f.load(ctx, max(old.mark.epoch()+1, 1), old.hash)
	if err == nil && wentBack && v.log == old.log {
		err = cause
	}
	if err != nil {
		return err
	}
	if f.c.Reset != nil {
		if err := f.c.Reset(ctx); err != nil {
			return err
		}
	}
	f.publish(v, Progress{Head: Head{Position: v.position(), Floor: v.floor}, Begun: v.begun, Current: true, Reset: true})
	f.c.log().Warn("revocation log was read anew", "cause", cause, "was", old.position().String(), "cursor", v.position().String())
	return nil
}

// renew has a log renamed that went back, and is stale from now on: what is told
// by positions of the old name may be about others.
func (f *Follower) renew(ctx context.Context, old *view, cause error) error {
	stale := *old
	stale.fresh = -1
	f.view.Store(&stale)
	if f.c.Renew == nil {
		return cause
	}
	if err := f.c.Renew(ctx, old.log, cause); err != nil {
		return fmt.Errorf("%w; renaming the log: %w", cause, err)
	}
	return nil
}

// load reads a whole log.
func (f *Follower) load(ctx context.Context, epoch uint16, h *hasher) (*view, error) {
	v := &view{mark: newMark(epoch, 0), set: new(set), hash: h}
	for {
		begun := time.Since(f.start)
		p, err := readPage(ctx, &f.c, v)
		if err != nil {
			return nil, err
		}
		v.log, v.floor = p.head.Log, p.head.Floor
		for i := range p.entries {
			v.apply(&p.entries[i])
			v.pass(&p.entries[i])
		}
		if !p.more {
			v.settle(p.head, begun, begun+f.c.bound())
			return v, nil
		}
	}
}

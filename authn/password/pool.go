package password

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// ErrBusy is what every [BusyError] wraps: too many passwords are being hashed. The caller answers 503.
var ErrBusy = errors.New("too many passwords are being hashed")

// A BusyError says that all slots are taken and the queue is full. It is [ErrBusy] to errors.Is.
type BusyError struct {
	// RetryAfter is about how long the present queue needs to drain: whole seconds, at least one.
	RetryAfter time.Duration
}

func (e *BusyError) Error() string { return fmt.Sprintf("%v: retry after %v", ErrBusy, e.RetryAfter) }
func (e *BusyError) Unwrap() error { return ErrBusy }

// A pool bounds how many callers work at a time and how many wait. Waiting callers are served in the order they came.
// It is safe for concurrent use.
type pool struct {
	admitted chan struct{} // holds one element per caller that works or waits
	slots    chan struct{} // holds one element per caller that works
	mean     atomic.Int64  // what one piece of work takes, in nanoseconds, leaning to the recent ones
}

func newPool(slots, queue int) *pool {
	return &pool{
		admitted: make(chan struct{}, slots+queue),
		slots:    make(chan struct{}, slots),
	}
}

// do runs work in the caller's goroutine once a slot is free. The error is a [*BusyError] if the queue is full and wraps ctx.Err()
// if ctx ends before the work begins; in both cases the work has not been done. Work that has begun is finished.
func (p *pool) do(ctx context.Context, work func()) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("hashing password: %w", err)
	}
	select {
	case p.admitted <- struct{}{}:
		defer func() { <-p.admitted }()
	default:
		return &BusyError{RetryAfter: p.drain()}
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return fmt.Errorf("waiting to hash password: %w", ctx.Err())
	}
	// Both may have been ready, and nobody waits for the answer any more.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("waiting to hash password: %w", err)
	}
	start := time.Now()
	work()
	p.learn(time.Since(start))
	return nil
}

// learn moves the mean by an eighth of the difference. Two callers at once may lose one of their updates, which only makes it lean
// a little less.
func (p *pool) learn(took time.Duration) {
	old := p.mean.Load()
	if old == 0 {
		p.mean.Store(int64(took))
		return
	}
	p.mean.Store(old + (int64(took)-old)/8)
}

// drain is how long a full pool needs until it is empty, rounded up to whole seconds.
func (p *pool) drain() time.Duration {
	rounds := (cap(p.admitted) + cap(p.slots) - 1) / cap(p.slots)
	d := time.Duration(p.mean.Load()) * time.Duration(rounds)
	return max(time.Second, (d + time.Second - 1).Truncate(time.Second))
}

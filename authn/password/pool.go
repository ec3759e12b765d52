package password

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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

// A pool bounds how many callers work at a time and how many wait. Callers wait in one of two lanes, each served in the order they
// came: those who come from a device that is known, and strangers. Where both wait, a free slot goes to one and then to the other, so
// that no rush of strangers keeps a known device out, and none of known devices a stranger. It is safe for concurrent use.
type pool struct {
	slots int
	mean  atomic.Int64 // what one piece of work takes, in nanoseconds, leaning to the recent ones

	mu       sync.Mutex
	free     int // slots
	lanes    [2]lane
	turn     int            // lane that is served first
	inflight map[string]int // by device, of those in the lane of known ones
}

// The lanes.
const (
	known = iota
	strangers
)

// A lane is callers who wait. Each has a channel that is closed when the slot is theirs.
type lane struct {
	most    int
	waiting []chan struct{}
}

// perDevice is how many callers of one device are served as known at a time: a person needs one, and the rest are strangers.
const perDevice = 2

func newPool(slots, queue int) *pool {
	p := &pool{slots: slots, free: slots, inflight: map[string]int{}}
	p.lanes[known].most, p.lanes[strangers].most = max(queue, slots), queue
	return p
}

// do runs work in the caller's goroutine once a slot is free. device names the known device that the caller comes from; "" is a
// stranger. The error is a [*BusyError] if the queue is full and wraps ctx.Err() if ctx ends before the work begins; in both cases
// the work has not been done. Work that has begun is finished.
func (p *pool) do(ctx context.Context, device string, work func()) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("hashing password: %w", err)
	}
	turn, at, err := p.enter(device)
	if err != nil {
		return err
	}
	if at == strangers {
		device = ""
	}
	defer p.leave(device)
	if turn != nil {
		select {
		case <-turn:
		case <-ctx.Done():
			if p.withdraw(at, turn) {
				return fmt.Errorf("waiting to hash password: %w", ctx.Err())
			}
		}
	}
	defer p.release()
	// Both may have been ready, and nobody waits for the answer any more.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("waiting to hash password: %w", err)
	}
	start := time.Now()
	work()
	p.learn(time.Since(start))
	return nil
}

// enter takes a free slot, or a place in a lane, whose turn it returns.
func (p *pool) enter(device string) (turn chan struct{}, at int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at = strangers
	if device != "" && p.inflight[device] < perDevice {
		at = known
	}
	switch l := &p.lanes[at]; {
	case p.free > 0:
		p.free--
	case len(l.waiting) >= l.most:
		return nil, at, &BusyError{RetryAfter: p.drain()}
	default:
		turn = make(chan struct{})
		l.waiting = append(l.waiting, turn)
	}
	if at == known {
		p.inflight[device]++
	}
	return turn, at, nil
}

// leave forgets what enter counted.
func (p *pool) leave(device string) {
	if device == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inflight[device]--; p.inflight[device] == 0 {
		delete(p.inflight, device)
	}
}

// withdraw gives a place in a lane up. It reports false if the slot is the caller's by now.
func (p *pool) withdraw(at int, turn chan struct{}) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.lanes[at]
	i := slices.Index(l.waiting, turn)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return true
}

// release hands the slot on.
func (p *pool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range [2]int{p.turn, 1 - p.turn} {
		if l := &p.lanes[at]; len(l.waiting) > 0 {
			close(l.waiting[0])
			l.waiting = slices.Delete(l.waiting, 0, 1)
			p.turn = 1 - at
			return
		}
	}
	p.free++
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

// drain is how long a pool with a full lane of strangers needs until it is empty, rounded up to whole seconds.
func (p *pool) drain() time.Duration {
	rounds := (p.lanes[strangers].most + 2*p.slots - 1) / p.slots
	d := time.Duration(p.mean.Load()) * time.Duration(rounds)
	return max(time.Second, (d + time.Second - 1).Truncate(time.Second))
}

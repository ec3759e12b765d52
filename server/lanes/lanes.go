// Package lanes does what is due for many who must not wait for each other: each has a
// lane, in which one thing is done after the other. What is due, and for whom, is in the
// store; here is only which lanes this node is at work in.
package lanes

import (
	"context"
	"sync"
	"time"
)

// A Runner works in lanes. Make one with New; it is safe for concurrent use.
type Runner struct {
	c    Config
	bell chan struct{}

	mu      sync.Mutex
	serving map[string]bool
}

// A Config says what a Runner does. All fields are required.
type Config struct {
	Every time.Duration // between looks for what is due
	Most  int           // lanes at once
	// Due returns the lanes in which something is due, those first that go first.
	Due func(ctx context.Context) ([]string, error)
	// Serve works in one lane until nothing is due there, or others should get their turn.
	// Nobody else here is at work in that lane meanwhile; another node may be.
	Serve func(ctx context.Context, lane string) error
	// Failed is told what went wrong; lane is "" if Due failed.
	Failed func(ctx context.Context, lane string, err error)
}

// New returns a Runner that does nothing before Run.
func New(c Config) *Runner {
	return &Runner{c: c, bell: make(chan struct{}, 1), serving: map[string]bool{}}
}

// Ring says that something may be due.
func (r *Runner) Ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// Run serves what is due until ctx ends, and then waits for what is under way.
func (r *Runner) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	tick := time.NewTicker(r.c.Every)
	defer tick.Stop()
	for {
		if err := r.dispatch(ctx, &running); err != nil && ctx.Err() == nil {
			r.c.Failed(ctx, "", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.bell:
			if !pause(ctx) {
				return
			}
		}
	}
}

// pause lets a rush of changes be looked at together: where nobody is to be told, which is
// the usual case, each look is for nothing.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(10 * time.Millisecond):
		return true
	}
}

func (r *Runner) dispatch(ctx context.Context, running *sync.WaitGroup) error {
	due, err := r.c.Due(ctx)
	for _, lane := range due {
		if !r.begin(lane) {
			continue
		}
		running.Go(func() {
			defer r.end(lane)
			if err := r.c.Serve(ctx, lane); err != nil && ctx.Err() == nil {
				r.c.Failed(ctx, lane, err)
			}
		})
	}
	return err
}

func (r *Runner) begin(lane string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.serving[lane] || len(r.serving) >= r.c.Most {
		return false
	}
	r.serving[lane] = true
	return true
}

func (r *Runner) end(lane string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.serving, lane)
}

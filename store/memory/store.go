// Package memory is a back end that keeps everything in the process, for tests
// and tiny programs. What it holds is gone when the process ends.
package memory

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/store"
)

// A Store is an [account.Store] in memory. Make one with [New].
//
// All its state is one immutable value. An Update works on a copy, which costs
// only what it changes, and puts the copy in place to commit; it runs alone. A
// View reads the value in place when it began: it waits for nobody, nobody waits
// for it, and it sees one moment, however long it takes.
type Store struct {
	committed atomic.Pointer[state]
	writer    chan struct{} // holds one token while an Update runs

	mu      sync.Mutex // guards closed, and running against Close
	closed  bool
	running sync.WaitGroup
}

var _ account.Store = (*Store)(nil)

// New returns an empty store, with a revocation log of its own.
func New() *Store {
	s := &Store{writer: make(chan struct{}, 1)}
	s.committed.Store(newState())
	return s
}

// View runs f on what was committed when it began. A write in it fails.
func (s *Store) View(ctx context.Context, f func(account.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	defer s.running.Done()
	return f(bind(&tx{state: *s.committed.Load(), readOnly: true}))
}

// Update runs f once, alone, and commits if it returns nil. An Update within an
// Update waits for itself.
func (s *Store) Update(ctx context.Context, f func(account.Tx) error) error {
	return s.update(ctx, func(x *tx) error { return f(bind(x)) })
}

func (s *Store) update(ctx context.Context, f func(*tx) error) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	defer s.running.Done()
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting to write: %w", ctx.Err())
	}
	defer func() { <-s.writer }()

	x := &tx{state: *s.committed.Load()}
	if err := f(x); err != nil {
		return err
	}
	s.committed.Store(&x.state)
	return nil
}

// Sweep deletes expired rows, all in one Update.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = s.update(ctx, func(x *tx) error {
		n = x.sweep(now, limit)
		return nil
	})
	return n, err
}

// Ping fails only once the store is closed, or ctx has ended.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	s.running.Done()
	return nil
}

// Close waits for what is under way. What begins later fails.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// enter counts a transaction as under way, unless it must not begin.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.running.Add(1)
	return nil
}

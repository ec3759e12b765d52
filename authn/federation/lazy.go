package federation

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/internal/outbound"
)

// How long what was found at a provider is good for.
const (
	freshFor = time.Hour       // it is not asked for again
	staleFor = 24 * time.Hour  // it is used on while the provider is down
	pauseFor = 2 * time.Second // nobody is kept waiting again for one that just failed
)

// A lazy value is fetched when it is first asked for, once for all who ask meanwhile,
// and kept. It is safe for concurrent use.
type lazy[T any] struct {
	fetch func(context.Context) (T, error)

	mu      sync.Mutex
	value   T
	at      time.Time // of value; zero = there is none
	err     error     // of the last try
	triedAt time.Time
	running chan struct{} // closed when the try under way is over; nil = there is none
}

// get returns the value, or why there is none. It waits no longer than ctx.
func (l *lazy[T]) get(ctx context.Context) (T, error) {
	l.mu.Lock()
	if l.at.IsZero() || time.Since(l.at) >= freshFor {
		if err := l.refresh(ctx); err != nil {
			l.mu.Unlock()
			return *new(T), err
		}
	}
	defer l.mu.Unlock()
	if l.at.IsZero() || time.Since(l.at) >= staleFor {
		return *new(T), l.err
	}
	return l.value, nil
}

// refresh waits for a try, unless the last one has only just failed. It is called and
// returns with the lock held, and releases it while it waits.
func (l *lazy[T]) refresh(ctx context.Context) error {
	if l.running == nil {
		if l.err != nil && time.Since(l.triedAt) < pauseFor {
			return nil
		}
		l.running = make(chan struct{})
		go l.try(context.WithoutCancel(ctx)) // who asked first may leave; the others wait on
	}
	done := l.running
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *lazy[T]) try(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, outbound.Timeout)
	defer cancel()
	v, err := l.fetch(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err, l.triedAt = err, time.Now()
	if err == nil {
		l.value, l.at = v, l.triedAt
	}
	close(l.running)
	l.running = nil
}

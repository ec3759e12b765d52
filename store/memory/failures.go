package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/limit"
)

type failures struct{ *tx }

// Lock has nothing to lock: an Update runs alone.
func (x failures) Lock(_ context.Context, key []byte) (limit.Failures, error) {
	if err := x.write(); err != nil {
		return limit.Failures{}, fmt.Errorf("locking failures: %w", err)
	}
	f, ok := x.state.failures.get(string(key))
	if !ok {
		return limit.Failures{}, nil
	}
	return f.Failures, nil
}

func (x failures) Set(_ context.Context, key []byte, f limit.Failures, until time.Time) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("setting failures: %w", err)
	}
	x.remove(string(key))
	if f == (limit.Failures{}) {
		return nil
	}
	f.FirstAt, f.LockedUntil = ms(f.FirstAt), ms(f.LockedUntil)
	x.state.failures.put(string(key), &failure{f, ms(until)})
	x.failureBy.add(ms(until), string(key))
	return nil
}

// remove forgets the key.
func (x failures) remove(key string) {
	if f, ok := x.state.failures.get(key); ok {
		x.state.failures.remove(key)
		x.failureBy.drop(f.until, key)
	}
}

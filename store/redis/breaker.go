package redis

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// How long to wait before asking again a server that is away.
const (
	againFirst = 50 * time.Millisecond
	againMost  = time.Second
)

// A breaker knows whether the server is away. While it is, one goroutine asks it
// again and again, and nobody else does.
type breaker struct {
	lost atomic.Bool
	ping func(context.Context) error
	logs *slog.Logger

	mu      sync.Mutex // serialises the beginning of goroutines with their end
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

func (b *breaker) start(ctx context.Context, ping func(context.Context) error, log *slog.Logger) {
	b.ping, b.logs = ping, log
	b.ctx, b.end = context.WithCancel(context.WithoutCancel(ctx))
}

func (b *breaker) away() bool { return b.lost.Load() }

// lose begins an absence because of err, unless there is one already.
func (b *breaker) lose(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil || b.lost.Swap(true) {
		return
	}
	b.logs.Warn("Redis does not answer; each node goes on alone", "err", err)
	b.running.Go(b.await)
}

// await returns when the server answers again.
func (b *breaker) await() {
	begun := time.Now()
	for pause := againFirst; ; pause = min(2*pause, againMost) {
		select {
		case <-b.ctx.Done():
			return
		case <-time.After(pause):
		}
		ctx, cancel := context.WithTimeout(b.ctx, writeTimeout)
		err := b.ping(ctx)
		cancel()
		if err == nil {
			b.logs.Info("Redis answers again", "after", time.Since(begun).Round(time.Millisecond))
			b.lost.Store(false)
			return
		}
	}
}

// stop ends the waiting, and whatever begins later begins nothing.
func (b *breaker) stop() {
	b.mu.Lock()
	b.lost.Store(true)
	b.end()
	b.mu.Unlock()
	b.running.Wait()
}

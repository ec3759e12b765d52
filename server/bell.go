package server

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Bell tells the other nodes on a store that the revocation log has grown, so
// that they read it now and not at their next poll. It carries nothing else: a
// ring that is lost costs a second, one too many costs a poll. A store that is one
// is rung and heard without being asked to; postgres.DB is. It must be safe for
// concurrent use.
type Bell interface {
	// Ring wakes every other node that listens.
	Ring(ctx context.Context) error
	// Listen calls heard once it listens, because what was rung before went unheard,
	// and then whenever another node rings. It returns when ctx ends or when it hears
	// nothing any more, with the reason, and calls heard no more then.
	Listen(ctx context.Context, heard func()) error
}

// hang puts a ringer on every bell, and lets the store ring them.
func (c *Config) hang() (ringers []*ringer) {
	if b, ok := c.Store.(Bell); ok {
		ringers = append(ringers, newRinger(b, c.log()))
	}
	if c.Shared != nil { // also beside the store's: either of them is enough
		ringers = append(ringers, newRinger(c.Shared, c.log()))
	}
	if len(ringers) > 0 {
		c.Store = ringing{c.Store, ringers}
	}
	return ringers
}

// ringTimeout bounds one ring: a bell that hangs keeps nobody waiting but Close.
const ringTimeout = 2 * time.Second

// A ringer rings a bell for all who changed something, without holding them up:
// whatever comes while one ring is under way becomes one more.
type ringer struct {
	bell Bell
	log  *slog.Logger
	due  chan struct{} // holds one
}

func newRinger(b Bell, log *slog.Logger) *ringer {
	return &ringer{bell: b, log: log, due: make(chan struct{}, 1)}
}

func (r *ringer) ring() {
	select {
	case r.due <- struct{}{}:
	default: // the ring that is due serves both
	}
}

// run rings until ctx ends, and then once more if a ring is due: a command ends as
// soon as it has changed something.
func (r *ringer) run(ctx context.Context) {
	failing := false
	for {
		select {
		case <-r.due:
			failing = r.send(failing)
		case <-ctx.Done():
			select {
			case <-r.due:
				r.send(failing)
			default:
			}
			return
		}
	}
}

// send rings, and logs the first of a row of failures.
func (r *ringer) send(failing bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), ringTimeout)
	defer cancel()
	err := r.bell.Ring(ctx)
	if err != nil && !failing {
		r.log.Warn("the bell cannot be rung; other nodes notice changes at their next poll", "err", err)
	}
	return err != nil
}

// How long to wait before listening again.
const (
	listenAgain     = 100 * time.Millisecond
	listenAgainMost = 5 * time.Second
)

// listen lets a bell wake the follower, until ctx ends.
func listen(ctx context.Context, b Bell, f *revoke.Follower, log *slog.Logger) {
	pause, deaf := listenAgain, false
	for {
		var heard atomic.Bool
		err := b.Listen(ctx, func() {
			if !heard.Swap(true) && deaf {
				log.Info("the bell is heard again")
			}
			f.Ring()
		})
		if ctx.Err() != nil {
			return
		}
		if heard.Load() {
			pause, deaf = listenAgain, false
		}
		if !deaf {
			log.Warn("the bell is not heard; changes of other nodes are noticed at the next poll", "err", err)
		}
		deaf = true
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, listenAgainMost)
	}
}

// ringing is a store that rings after each transaction that appended to the log,
// whoever ran it. A ring within the transaction would be heard before there is
// anything to read, or cost the revoking transaction its speed.
type ringing struct {
	account.Store
	ringers []*ringer
}

// Update implements [account.Store]. It also rings after an error, which may have
// come from a commit that was made.
func (s ringing) Update(ctx context.Context, f func(account.Tx) error) error {
	appended := false
	err := s.Store.Update(ctx, func(tx account.Tx) error {
		appended = false // f may run more than once
		tx.Log = noting{tx.Log, &appended}
		return f(tx)
	})
	if appended {
		for _, r := range s.ringers {
			r.ring()
		}
	}
	return err
}

// noting notes that something was appended.
type noting struct {
	revoke.Log
	appended *bool
}

func (n noting) Append(ctx context.Context, entries ...revoke.Entry) (revoke.Position, error) {
	*n.appended = *n.appended || len(entries) > 0
	return n.Log.Append(ctx, entries...)
}

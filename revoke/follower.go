package revoke

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// ErrRevoked means that the log ended the credential (401).
var ErrRevoked = errors.New("revoked")

var errClosed = errors.New("follower of the revocation log is closed")

// A Config says how to follow a log. Read is required.
type Config struct {
	// Read runs f in a read-only transaction on the primary: a replica that lags
	// would let the dead live on. It may run f more than once.
	Read func(ctx context.Context, f func(Log) error) error

	// Watch is called for every entry that was appended after Follow read the log,
	// in order, before the cursor passes it, and outside Read. It may see an entry
	// again. An error stops the cursor, which is tried again at the next poll: the
	// node goes stale rather than wrong. Nil = nobody.
	Watch func(ctx context.Context, e Entry) error

	// Reset is called instead of Watch when entries cannot be told one by one,
	// because the log id changed, the head went back (a restored database) or
	// entries were pruned before they were read. Everything derived from the
	// database must be read anew; an error is treated like Watch's. What was in
	// force before remains so meanwhile. Nil = nothing.
	Reset func(ctx context.Context) error

	// Renew is called before Reset if the log went back under its own name: the
	// database under it was put back to an earlier state, and its numbers are given
	// out again. From the moment that this is noticed nothing is answered, until Renew
	// returns nil and the log has been read anew under another name. It must have the
	// log renamed ([Log.Renew]), unless that has another name than log by then. cause
	// says what was noticed. Nil: nothing is answered until somebody else renames it.
	Renew func(ctx context.Context, log string, cause error) error

	Every time.Duration // between polls; 0 = 1 s
	Bound time.Duration // age of the last successful poll beyond which nothing is answered; 0 = 5 s
	Log   *slog.Logger  // nil = slog.Default()
}

func (c *Config) every() time.Duration {
	if c.Every == 0 {
		return time.Second
	}
	return c.Every
}

func (c *Config) bound() time.Duration {
	if c.Bound == 0 {
		return 5 * time.Second
	}
	return c.Bound
}

func (c *Config) log() *slog.Logger {
	if c.Log == nil {
		return slog.Default()
	}
	return c.Log
}

func (c *Config) check() error {
	var errs []error
	if c.Read == nil {
		errs = append(errs, errors.New("revoke: Config.Read is missing"))
	}
	if c.Every < 0 {
		errs = append(errs, fmt.Errorf("revoke: Config.Every is %v", c.Every))
	}
	if c.bound() <= c.every() {
		errs = append(errs, fmt.Errorf("revoke: Config.Bound, %v, must exceed Config.Every, %v", c.bound(), c.every()))
	}
	return errors.Join(errs...)
}

// A Follower reads a log as it grows and answers from memory: of the store, by
// [Follow], or of another installation's feed, by [Subscribe]. It is safe for
// concurrent use.
//
// It answers only as long as it is fresh: a reading that reached the head began less
// than the bound ago, on the monotonic clock. Beyond it says [ErrStale] to everything.
type Follower struct {
	c     Config
	start time.Time // zero of the monotonic clock
	view  atomic.Pointer[view]

	bell  chan struct{}
	close func()
	done  chan struct{}

	mu            sync.Mutex
	running, next *flight // the poll begun last and the one to begin next

	feed *reader // nil: it polls a store

	telling   sync.Mutex // held while a view is published and told
	observers []func(Progress)
}

// Progress is what came into force with one reading of the log.
type Progress struct {
	Entries []Entry       // in order
	Head    Head          // as it was read before Entries
	Begun   time.Duration // when the reading began, on the clock of [Follower.Clock]
	Current bool          // the reading reached Head
	Reset   bool          // the log was read anew: entries were not told one by one
}

// Observe has f called after every reading, once what it found is in force here. f
// runs on the goroutine that reads the log and must not block. It returns the
// position from which f is told; nothing in between is missed.
func (f *Follower) Observe(told func(Progress)) Position {
	f.telling.Lock()
	defer f.telling.Unlock()
	f.observers = append(f.observers, told)
	return f.Cursor()
}

// publish puts v in force and tells what it brings.
func (f *Follower) publish(v *view, p Progress) {
	f.telling.Lock()
	defer f.telling.Unlock()
	f.view.Store(v)
	for _, told := range f.observers {
		told(p)
	}
}

// Err returns why a feed cannot be read at present, nil if it can, and always nil for
// a follower that polls a store.
func (f *Follower) Err() error {
	if f.feed == nil {
		return nil
	}
	return f.feed.failure()
}

// Clock is the time since the follower began, on the monotonic clock.
func (f *Follower) Clock() time.Duration { return time.Since(f.start) }

// Age is how long ago the last reading of the log began that reached its head: what
// was in the log before is in force here.
func (f *Follower) Age() time.Duration { return f.Clock() - f.view.Load().begun }

// A flight is one poll, for all who wait for it.
type flight struct {
	done chan struct{}
	err  error // valid once done is closed
}

func newFlight() *flight { return &flight{done: make(chan struct{})} }

func (f *flight) end(err error) {
	f.err = err
	close(f.done)
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Follow reads the whole log and then polls it in the background until Close;
// ctx limits the first reading only. What Watch keeps up to date must be read
// after Follow has returned, or entries in between would be missed.
func Follow(ctx context.Context, c Config) (*Follower, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	f := newFollower(c)
	v, err := f.load(ctx, 1, newHasher(nil))
	if err != nil {
		return nil, fmt.Errorf("reading the revocation log: %w", err)
	}
	f.view.Store(v)
	ctx, f.close = context.WithCancel(context.WithoutCancel(ctx))
	go f.run(ctx)
	return f, nil
}

func newFollower(c Config) *Follower {
	f := &Follower{
		c: c, start: time.Now(),
		bell: make(chan struct{}, 1), done: make(chan struct{}),
		running: newFlight(), next: newFlight(),
	}
	f.running.end(nil)
	return f
}

// Close ends the polling and waits for a poll under way. A closed follower goes
// stale like one that hears nothing. Close may be called again.
func (f *Follower) Close() {
	f.close()
	<-f.done
}

// Ring asks for a poll that begins now or, if one is under way, right after it.
// It does not wait.
func (f *Follower) Ring() {
	select {
	case f.bell <- struct{}{}:
	default: // somebody else's ring has not been heard yet; one poll serves both
	}
}

// Cursor returns the position up to which the log is in force here.
func (f *Follower) Cursor() Position { return f.view.Load().position() }

// CatchUp returns once the cursor has passed p, a committed position: from then
// on nothing here is answered from before it. The zero Position stands for
// whatever was committed before the call. Callers share polls.
//
// A failed poll is tried again at the usual pace until ctx ends or the node is
// stale, within the bound: what p ended is refused then too, because everything
// is. CatchUp returns [ErrStale] and the cause. Any other error but ctx's means
// that p is not in the log, or that the follower is closed. A follower of a feed
// waits until it is told, and for p alone. CatchUp must not be called by Watch or
// Reset.
func (f *Follower) CatchUp(ctx context.Context, p Position) error {
	if f.view.Load().reached(p) {
		return nil
	}
	if f.feed != nil {
		return f.feed.catchUp(ctx, p)
	}
	// A poll that began after this moment and succeeds ends the waiting. Without
	// one, the node is stale when this ctx ends.
	ctx, cancel := context.WithTimeoutCause(ctx, f.c.bound()+1, ErrStale)
	defer cancel()
	running, next := f.flights()
	f.Ring()
	// A poll that began before the commit may have missed it, so its outcome says
	// nothing. If it did reach p, there is nothing more to wait for.
	if err := running.wait(ctx); err != nil {
		return err
	}
	return f.await(ctx, p, next)
}

// await waits for the first poll that succeeds, beginning with next.
func (f *Follower) await(ctx context.Context, p Position, next *flight) error {
	var failure error
	for !f.view.Load().reached(p) {
		if err := next.wait(ctx); err != nil {
			return because(err, failure)
		}
		if next.err == nil {
			return f.arrived(p)
		}
		if errors.Is(next.err, errClosed) {
			return next.err
		}
		failure = next.err
		if _, err := f.Mark(); err != nil {
			return because(err, failure)
		}
		_, next = f.flights()
	}
	return nil
}

func because(err, cause error) error {
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

func (f *Follower) flights() (running, next *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running, f.next
}

// arrived reports whether a poll that succeeded and began late enough reached p.
func (f *Follower) arrived(p Position) error {
	v := f.view.Load()
	if p.IsZero() || v.reached(p) {
		return nil
	}
	return fmt.Errorf("position %s is not in the revocation log, which ends at %s", p, v.position())
}

// Dead returns nil if nothing in the log ends a credential of that position and
// those ids, [ErrRevoked] if something does, and [ErrStale] if this node cannot
// tell. A position that is zero, of another log, before the floor or before what this
// node has forgotten is refused; one past the cursor is not. A killed key refuses whatever the position, since
// whoever has the key writes the position himself.
//
// Dead is for credentials that are verified without a look-up and live shorter
// than entries do. What was looked up is kept in a [Cache].
func (f *Follower) Dead(rev Position, ids IDs) error {
	v := f.view.Load()
	if v.fresh < time.Since(f.start) {
		return ErrStale
	}
	if v.dead(rev, &ids) {
		return ErrRevoked
	}
	return nil
}

// Mark returns how much of the log is in force now, or [ErrStale]. To remember
// what a store says, take the mark before reading the store.
func (f *Follower) Mark() (Mark, error) {
	v := f.view.Load()
	if v.fresh < time.Since(f.start) {
		return 0, ErrStale
	}
	return v.mark, nil
}

// Changed reports whether anything since then may have changed what is known of
// ids: a kill, an overlay or a notice of one of them, a global kill, a policy
// notice, a reset, or entries so old that they are forgotten. It does not ask
// whether the node is stale.
func (f *Follower) Changed(since Mark, ids IDs) bool {
	v := f.view.Load()
	if v.mark == since {
		return false
	}
	n := v.hash.names(&ids)
	return v.changed(since, &n)
}

package revoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// A reader reads a feed, connecting again and again. It is the only writer of its
// follower's view.
type reader struct {
	Subscription
	f      *Follower
	cursor string // where the view in force is; "" = begin with the whole log

	mu    sync.Mutex
	moved chan struct{} // closed at everything that a waiter may wait for
	err   error         // why the last connection ended; nil once another one is good
}

// run connects until ctx ends.
func (r *reader) run(ctx context.Context) {
	defer close(r.f.done)
	for failures := 0; ; failures++ {
		before := r.f.view.Load().begun
		err := r.connection(ctx)
		if ctx.Err() != nil {
			r.fail(errClosed)
			return
		}
		if r.f.view.Load().begun > before {
			failures = 0
		}
		if errors.Is(err, errLate) {
			continue // nothing failed
		}
		r.fail(err)
		select {
		case <-ctx.Done():
		case <-time.After(pause(failures, err)):
		}
	}
}

// pause is how long to wait before the next attempt: at first hardly, then longer,
// and not in step with others that lost the same node.
func pause(failures int, err error) time.Duration {
	const shortest, longest = 20 * time.Millisecond, time.Second
	d := min(shortest<<min(failures, 10), longest)
	if errors.Is(err, ErrNotEntitled) {
		d = longest
	}
	return d/2 + rand.N(d)
}

// fail remembers why the connection ended, and logs the first of a row of failures:
// and that the feed may not be read, whatever went before, because it takes somebody
// to mend that.
func (r *reader) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case errors.Is(err, errClosed):
	case errors.Is(err, ErrNotEntitled) && !errors.Is(r.err, ErrNotEntitled):
		r.f.c.log().Error("the revocation feed may not be read any more; requests are refused once the bound has passed", "cause", err, "bound", r.bound())
	case r.err == nil:
		r.f.c.log().Warn("the revocation feed was lost; requests are refused once the bound has passed", "cause", err, "bound", r.bound())
	}
	r.err = err
	r.wake()
}

// good notes that the connection brought something.
func (r *reader) good() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		r.f.c.log().Info("the revocation feed is followed again", "cursor", r.f.Cursor().String())
	}
	r.err = nil
	r.wake()
}

func (r *reader) wake() {
	close(r.moved)
	r.moved = make(chan struct{})
}

// await returns once done says so, asked after everything that happens.
func (r *reader) await(ctx context.Context, done func(v *view, failure error) (bool, error)) error {
	for {
		r.mu.Lock()
		moved, failure := r.moved, r.err
		r.mu.Unlock()
		if ok, err := done(r.f.view.Load(), failure); ok || err != nil {
			return err
		}
		if errors.Is(failure, errClosed) {
			return failure
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return because(context.Cause(ctx), failure)
		}
	}
}

func (r *reader) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *reader) catchUp(ctx context.Context, p Position) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.bound()+1, ErrStale)
	defer cancel()
	return r.await(ctx, func(v *view, _ error) (bool, error) { return v.reached(p), nil })
}

var errSilent = errors.New("the feed says nothing")

// connection reads one stream to its end, which is always an error.
func (r *reader) connection(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// One that says nothing is as good as none, also if it is still there.
	patience := r.bound() * 3 / 5
	silence := time.AfterFunc(patience, func() { cancel(errSilent) })
	defer silence.Stop()
	err := r.stream(ctx, heard(func() { silence.Reset(patience) }))
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// heard is told whenever something comes.
type heard func()

// hearing tells of every byte.
type hearing struct {
	io.Reader
	heard
}

func (h hearing) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.heard()
	}
	return n, err
}

func (r *reader) stream(ctx context.Context, heard heard) error {
	asked := r.f.Clock()
	body, err := r.Connect(ctx, r.cursor)
	if errors.Is(err, ErrCursor) {
		r.cursor = "" // begin anew next time
	}
	if err != nil {
		return err
	}
	defer body.Close()
	stop := context.AfterFunc(ctx, func() { body.Close() }) // whatever kind of reader it is
	defer stop()
	in := newEvents(hearing{body, heard})
	c, err := r.greet(in, asked)
	for err == nil {
		var ev event
		if ev, err = in.next(); err == nil {
			err = c.take(ctx, &ev)
		}
	}
	if errors.Is(err, errBroken) {
		r.cursor = "" // what is in force here cannot be continued
	}
	if err == io.EOF {
		return errEnded
	}
	return fmt.Errorf("revocation feed: %w", err)
}

// A conversation is one connection, after it was greeted.
type conversation struct {
	*reader
	log   string
	blind *blinder
	zero  time.Duration // the moment on our clock that is 0 on the node's, at the earliest
	late  time.Duration // how much later that may be: so long nobody knows what the answer waited for
	met   time.Duration // when it was greeted, on our clock
	anew  *view         // is being read since a reset; nil: the view in force goes on
}

// greet reads the first event.
func (r *reader) greet(in *events, asked time.Duration) (*conversation, error) {
	ev, err := in.next()
	if err != nil {
		return nil, err
	}
	var h hello
	if err := decode(&ev, helloEvent, &h); err != nil {
		return nil, err
	}
	if h.Version != feedVersion || h.Log == "" || len(h.Salt) != saltSize || h.At < 0 || h.At > maxMicros {
		return nil, fmt.Errorf("a greeting that cannot be understood, of version %d", h.Version)
	}
	c := &conversation{reader: r, log: h.Log, blind: &blinder{[saltSize]byte(h.Salt)}}
	// The node read its clock after we had asked: what it says of a moment, it says of
	// one at least as late here. Clocks of day take no part.
	c.zero = asked - time.Duration(h.At)*time.Microsecond
	c.met = r.f.Clock()
	c.late = c.met - asked
	return c, nil
}

// errLate ends a connection because of which all that it tells is taken for older than
// it is.
var errLate = errors.New("the greeting came late")

// tooLate reports whether another connection may know the node's clock better. One
// whose greeting came late, from a node that was frozen or hardly reached, takes
// everything for that much older as long as it lasts: half a bound of news at most.
func (c *conversation) tooLate() bool {
	bound := c.bound()
	return c.late > bound/5 && c.f.Clock()-c.met >= bound/2-c.late
}

// maxMicros is a century; more overflows somewhere.
const maxMicros = 100 * 366 * 24 * 3600 * 1e6

// decode reads the data of an event of that name.
func decode(ev *event, name string, into any) error {
	if ev.name != name {
		return fmt.Errorf("event %.20q where %s must be", ev.name, name)
	}
	if err := json.Unmarshal(ev.data, into); err != nil {
		return fmt.Errorf("event %s: %w", name, err)
	}
	return nil
}

// errBroken means that a feed contradicts itself, or what is known of it.
var errBroken = errors.New("the feed does not continue what it said before")

func (c *conversation) take(ctx context.Context, ev *event) error {
	switch ev.name {
	case policyEvent:
		c.takePolicy(ctx, ev.data)
	case resetEvent:
		c.begin()
	case entriesEvent:
		return c.takeEntries(ev)
	case beatEvent:
		return c.takeBeat(ev)
	}
	return nil
}

// takePolicy does not end the connection: what was revoked matters more than what
// is permitted, and the policy in force is one that was good.
func (c *conversation) takePolicy(ctx context.Context, text []byte) {
	if c.Policy == nil {
		return
	}
	if err := c.Policy(ctx, text); err != nil {
		c.f.c.log().Error("the policy that the feed brought is not good; the one before stays in force", "cause", err)
	}
}

// begin begins a view of the whole log. What is in force stays so until it is read.
func (c *conversation) begin() {
	old := c.f.view.Load()
	c.anew = &view{
		mark: newMark(max(old.mark.epoch()+1, 1), 0), log: c.log, set: new(set),
		hash: newHasher(c.blind), roles: newOverlays(c.blind), fresh: -1,
	}
}

// next is the view that what comes is applied to.
func (c *conversation) next() (*view, error) {
	if c.anew != nil {
		return c.anew, nil
	}
	v := *c.f.view.Load()
	if v.log != c.log || v.hash.blind == nil || v.hash.blind.salt != c.blind.salt {
		return nil, fmt.Errorf("%w: it is of another log", errBroken)
	}
	return &v, nil
}

func (c *conversation) takeEntries(ev *event) error {
	var in entries
	if err := decode(ev, entriesEvent, &in); err != nil {
		return err
	}
	v, err := c.next()
	if err != nil {
		return err
	}
	es := make([]Entry, len(in.Entries))
	at := v.mark.seq()
	floor := max(v.floor, in.Floor)
	if in.After != at && !pruned(at, in.After, floor) {
		return fmt.Errorf("%w: entries after %d where %d was read", errBroken, in.After, at)
	}
	for i := range in.Entries {
		if es[i], err = in.Entries[i].entry(); err != nil {
			return err
		}
		if seq := es[i].Seq; seq > maxSeq || seq != at+1 && !pruned(at, seq-1, floor) {
			return fmt.Errorf("%w: entry %d after %d", errBroken, seq, at)
		}
		at = es[i].Seq
	}
	v.floor = floor
	for i := range es {
		v.apply(&es[i])
		v.pass(&es[i])
	}
	if c.anew == nil {
		c.publish(v, ev, Progress{Entries: es, Head: Head{v.position(), v.floor}, Begun: v.begun})
	}
	return nil
}

// pruned reports whether everything past one number up to another may be missing.
func pruned(after, upTo, floor int64) bool { return after < upTo && upTo <= floor }

func (c *conversation) takeBeat(ev *event) error {
	var b beat
	if err := decode(ev, beatEvent, &b); err != nil {
		return err
	}
	v, err := c.next()
	if err != nil {
		return err
	}
	v.floor = max(v.floor, b.Floor)
	if at := v.mark.seq(); b.Seq > maxSeq || b.Seq != at && !pruned(at, b.Seq, v.floor) {
		return fmt.Errorf("%w: it is at %d, and %d was read", errBroken, b.Seq, at)
	}
	if b.At < 0 || b.At > maxMicros {
		return fmt.Errorf("event %s: at %d", beatEvent, b.At)
	}
	// Nobody can know what is not yet: a node that says so does not keep us fresh.
	begun := min(c.zero+time.Duration(b.At)*time.Microsecond, c.f.Clock())
	if c.anew == nil {
		begun = max(begun, v.begun) // what is known does not age because another node tells it
	}
	v.settle(Head{Position{c.log, b.Seq}, v.floor}, begun, c.until(begun))
	reset := c.anew != nil
	c.anew = nil
	c.publish(v, ev, Progress{Head: Head{v.position(), v.floor}, Begun: begun, Current: true, Reset: reset})
	v.set.sweep(time.Now(), 2)
	v.roles.sweep(time.Now(), v.set)
	c.good()
	if c.tooLate() {
		return errLate
	}
	return nil
}

func (c *conversation) until(begun time.Duration) time.Duration {
	if c.InsecureServeStale {
		return math.MaxInt64
	}
	return begun + c.bound()
}

func (c *conversation) publish(v *view, ev *event, p Progress) {
	c.cursor = ev.id
	c.f.publish(v, p)
}

package revoke

import (
	"bytes"
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

	replaced bool // the last connection was ended because its greeting came late

	mu    sync.Mutex
	moved chan struct{} // closed at everything that a waiter may wait for
	err   error         // why the last connection ended; nil once another one is good

	logged   string // the last cause
	loggedAt time.Duration
}

// run connects until ctx ends.
func (r *reader) run(ctx context.Context) {
	defer close(r.f.done)
	for failures := 0; ; failures++ {
		before, at := r.f.view.Load().begun, r.f.Clock()
		err := r.connection(ctx)
		if ctx.Err() != nil {
			r.fail(errClosed)
			return
		}
		if r.f.view.Load().begun > before && r.f.Clock()-at > longestPause {
			failures = 0 // a feed that says hello and goodbye is no good one
		}
		if errors.Is(err, errGreetedLate) {
			continue // nothing failed
		}
		r.fail(err)
		select {
		case <-ctx.Done():
			r.fail(errClosed)
			return
		case <-time.After(pause(failures, err)):
		}
	}
}

const shortestPause, longestPause = 20 * time.Millisecond, time.Second

// pause is how long to wait before the next attempt: at first hardly, then longer,
// and not in step with others that lost the same node.
func pause(failures int, err error) time.Duration {
	d := min(shortestPause<<min(failures, 10), longestPause)
	if errors.Is(err, ErrNotEntitled) {
		d = longestPause
	}
	return d/2 + rand.N(d)
}

// fail remembers why the connection ended. It logs the first of a row of failures;
// another cause after a while, since the first one is often only that a node went;
// that a feed contradicts itself, which it never should; and that it may not be read,
// because it takes somebody to mend that.
func (r *reader) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, text := r.f.Clock(), err.Error()
	news := text != r.logged && (now-r.loggedAt > r.bound()/2 || errors.Is(err, errBroken))
	switch {
	case errors.Is(err, errClosed):
	case errors.Is(err, ErrNotEntitled) && !errors.Is(r.err, ErrNotEntitled):
		r.logged, r.loggedAt = text, now
		r.f.c.log().Error("the revocation feed may not be read any more; requests are refused once the bound has passed", "cause", err, "bound", r.bound())
	case r.err == nil || news:
		r.logged, r.loggedAt = text, now
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

// A connection that brings nothing is as good as none, also if it is still there.
var (
	errSilent  = errors.New("the feed says nothing")
	errNothing = errors.New("the feed comes to no end of an event")
	errEndless = errors.New("the feed never says that this was all")
	errLate    = errors.New("the feed has not said within the bound that this was all")
)

const (
	// eventPatience is how long the next event may take that we know, byte by byte.
	eventPatience = 30 * time.Second
	// beatPatience is how long a log may be that is read anew.
	beatPatience = 10 * time.Minute
)

// A patience ends a connection that has nothing to say, and notes when one keeps
// nobody fresh: that one may still be of use.
type patience struct {
	silence, event, beat *time.Timer
	limit                time.Duration
}

func (r *reader) patience(end context.CancelCauseFunc) *patience {
	p := &patience{limit: r.bound()}
	p.silence = time.AfterFunc(p.quiet(), func() { end(errSilent) })
	p.event = time.AfterFunc(eventPatience, func() { end(errNothing) })
	p.beat = time.AfterFunc(p.limit, func() { r.fail(errLate) })
	return p
}

// quiet is how long a feed may be quiet, so that another one is found within the bound.
func (p *patience) quiet() time.Duration { return p.limit * 3 / 5 }

func (p *patience) hears() { p.silence.Reset(p.quiet()) }

// rest lets as much time pass as it takes.
func (p *patience) rest() {
	p.silence.Stop()
	p.event.Stop()
}

func (p *patience) stop() {
	p.rest()
	p.beat.Stop()
}

// connection reads one stream to its end, which is always an error.
func (r *reader) connection(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := r.patience(cancel)
	defer p.stop()
	err := r.stream(ctx, p)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// hearing notices every byte.
type hearing struct {
	io.Reader
	*patience
}

func (h hearing) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.hears()
	}
	return n, err
}

func (r *reader) stream(ctx context.Context, p *patience) error {
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
	in := newEvents(hearing{body, p})
	c, err := r.greet(in, asked, p)
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
	*patience
	log   string
	blind *blinder
	asked int64         // on the node's clock, in microseconds: after we asked, and before it answered
	zero  time.Duration // the moment on our clock that is 0 on the node's, at the earliest
	late  time.Duration // how much later that may be: so long nobody knows what the answer waited for
	met   time.Duration // when it was greeted, on our clock
	since time.Duration // when all was said last, on our clock
	anew  *view         // is being read since a reset; nil: the view in force goes on
}

// greet reads the first event.
func (r *reader) greet(in *events, asked time.Duration, p *patience) (*conversation, error) {
	ev, err := in.next()
	if err != nil {
		return nil, err
	}
	var h hello
	if err := decode(&ev, helloEvent, &h); err != nil {
		return nil, err
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	c := &conversation{reader: r, patience: p, log: h.Log, blind: &blinder{[saltSize]byte(h.Salt)}, asked: h.At, since: r.f.Clock()}
	// The node read its clock after we had asked: what it says of a moment, it says of
	// one at least as late here. Clocks of day take no part.
	c.zero = asked - time.Duration(h.At)*time.Microsecond
	c.met = r.f.Clock()
	c.late = c.met - asked
	return c, nil
}

func (h *hello) check() error {
	switch {
	case h.Version != feedVersion:
		return fmt.Errorf("event %s: version %d, of which only %d is known", helloEvent, h.Version, feedVersion)
	case (Position{Log: h.Log}).IsZero():
		return fmt.Errorf("event %s: no log", helloEvent)
	case len(h.Salt) != saltSize:
		return fmt.Errorf("event %s: a salt of %d bytes, not %d", helloEvent, len(h.Salt), saltSize)
	case h.At < 0 || h.At > maxMicros:
		return fmt.Errorf("event %s: at %d", helloEvent, h.At)
	}
	return nil
}

// errGreetedLate ends a connection because of which all that it tells is taken for older
// than it is.
var errGreetedLate = errors.New("the greeting came late")

// tooLate reports whether another connection may know the node's clock better. One
// whose greeting came late, from a node that was frozen or hardly reached, takes
// everything for that much older as long as it lasts: half a bound of news at most.
// Where one such came of another, a third will be no better.
func (c *conversation) tooLate() bool {
	bound := c.bound()
	if c.late <= bound/5 {
		c.replaced = false
	}
	return !c.replaced && c.late > bound/5 && c.f.Clock()-c.met >= bound/2-c.late
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
		if c.f.Clock()-c.since > beatPatience {
			return errEndless
		}
		if err := c.takeEntries(ev); err != nil {
			return err
		}
	case beatEvent:
		if err := c.takeBeat(ev); err != nil {
			return err
		}
		c.since = c.f.Clock()
	default:
		return nil
	}
	c.event.Reset(eventPatience)
	return nil
}

// takePolicy does not end the connection: what was revoked matters more than what
// is permitted, and the policy in force is one that was good.
func (c *conversation) takePolicy(ctx context.Context, text []byte) {
	if c.Policy == nil {
		return
	}
	c.rest() // it is we who take that time
	defer c.hears()
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

// maxEntries bounds what one event makes of 32 MiB: a node tells a page at a time.
const maxEntries = 10 * pageSize

func (c *conversation) takeEntries(ev *event) error {
	if bytes.Count(ev.data, []byte("{")) > maxEntries+1 {
		return fmt.Errorf("event %s: more than %d entries", entriesEvent, maxEntries)
	}
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
	if in.After != at && !c.mayLack(at, in.After, floor) {
		return fmt.Errorf("%w: entries after %d where %d was read", errBroken, in.After, at)
	}
	for i := range in.Entries {
		if es[i], err = in.Entries[i].entry(); err != nil {
			return err
		}
		if seq := es[i].Seq; seq > maxSeq || seq != at+1 && !c.mayLack(at, seq-1, floor) {
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

// mayLack reports whether everything past one number up to another may be missing,
// because it was pruned. What is in force lacks nothing: an overlay that was pruned
// unheard would otherwise be missed by who remembers what was before it.
func (c *conversation) mayLack(after, upTo, floor int64) bool {
	return c.anew != nil && after < upTo && upTo <= floor
}

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
	if at := v.mark.seq(); b.Seq > maxSeq || b.Seq != at && !c.mayLack(at, b.Seq, v.floor) {
		return fmt.Errorf("%w: it is at %d, and %d was read", errBroken, b.Seq, at)
	}
	if v.floor > b.Seq {
		return fmt.Errorf("%w: it is at %d, and pruned up to %d", errBroken, b.Seq, v.floor)
	}
	if b.At < 0 || b.At > maxMicros {
		return fmt.Errorf("event %s: at %d", beatEvent, b.At)
	}
	if c.anew != nil && b.At < c.asked {
		// What is in force may be newer: another node said it, and this one has not
		// looked at the log since. Whom it ended must not come to life again.
		return nil
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
	if v.fresh > c.f.Clock() {
		c.beat.Reset(c.bound())
		c.good()
	}
	if c.tooLate() {
		c.replaced = true
		return errGreetedLate
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake()
}

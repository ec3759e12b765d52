package revoke

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// A FeedConfig says what a feed tells. Read and Key are required.
type FeedConfig struct {
	Read func(ctx context.Context, f func(Log) error) error // as in Config
	Key  []byte                                             // secret of the installation, from which the salt of each log follows
	// Policy returns the roles and rules in force on this node, as JSON without line
	// breaks. It is asked again when the log says that they have changed. Nil = none.
	Policy func() ([]byte, error)
	Log    *slog.Logger // nil = slog.Default()
}

// A Feed tells other services what a [Follower] has read, as a stream of events for
// each. What is told is written and compressed once, however many listen, and nobody
// waits for a slow one. It is safe for concurrent use.
type Feed struct {
	c        FeedConfig
	follower *Follower

	mu      sync.Mutex
	blind   *blinder
	tail    *link  // the newest frame
	at      cursor // after it
	floor   int64
	beat    *beat                    // says that everything up to at was told; nil while that is not known
	beaten  time.Duration            // when a beat was told last
	asked   bool                     // somebody waits for a beat
	askedAt time.Duration            // of a reading that begins no earlier
	oldest  *link                    // that is kept
	recent  []*link                  // those with entries among the ones kept, oldest first
	kept    int                      // bytes in what is kept
	policy  *Frame                   // in force now
	untold  bool                     // policy is an older one, because the newest could not be had
	shot    *snapshot                // made lately
	shots   []weak.Pointer[snapshot] // of those that somebody may still read, oldest first
	closed  error
	streams int

	shooting chan struct{} // holds one token while a snapshot is made: others wait and share it
}

// A link is a frame in the order in which frames are told.
type link struct {
	frame    *Frame // nil: the policy in force, whichever that is by then
	from, to cursor // of a frame with entries

	ready chan struct{}        // closed once next is known
	next  atomic.Pointer[link] // nil then means that the streams end here
}

func newLink(f *Frame) *link { return &link{frame: f, ready: make(chan struct{})} }

// overtaken follows a link that is not kept any more.
var overtaken = newLink(nil)

const (
	beatEvery = time.Second

	// keepBytes is how much of what was told is kept, for all streams together. One
	// that falls further behind ends, and is told the rest from the store: as long
	// as its reader held on to a link, all that came after would stay in memory.
	keepBytes = 8 << 20
	linkBytes = 512 // of a link and its frame, about, beside the text
)

func (l *link) size() int {
	if l.frame == nil {
		return linkBytes
	}
	return len(l.frame.text) + linkBytes
}

// NewFeed tells what f reads from now on, and what came before from the store.
func NewFeed(f *Follower, c FeedConfig) (*Feed, error) {
	if c.Read == nil || len(c.Key) < 16 {
		return nil, errors.New("revoke: FeedConfig needs Read and a Key of 16 bytes or more")
	}
	if f.feed != nil {
		return nil, errors.New("revoke: a follower of a feed does not know what it could tell")
	}
	d := &Feed{c: c, follower: f, shooting: make(chan struct{}, 1)}
	f.telling.Lock() // nothing is read between where it starts and what it is told
	defer f.telling.Unlock()
	d.start()
	if err := d.tellPolicy(); err != nil {
		return nil, err
	}
	f.observers = append(f.observers, d.told)
	return d, nil
}

func (d *Feed) log() *slog.Logger { return cmp.Or(d.c.Log, slog.Default()) }

// start begins anew where the follower is.
func (d *Feed) start() {
	v := d.follower.view.Load()
	d.at, d.floor, d.beat = cursor{v.position(), v.nonce}, v.floor, nil
	mac := hmac.New(sha256.New, d.c.Key)
	mac.Write([]byte("salt of the feed of log " + d.at.Log))
	d.blind = &blinder{salt: [saltSize]byte(mac.Sum(nil))}
	d.tail, d.recent, d.shot = newLink(nil), nil, nil
	d.oldest, d.kept = d.tail, d.tail.size()
}

// told takes what the follower has read.
func (d *Feed) told(p Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed != nil {
		return
	}
	if p.Reset {
		d.restart()
	}
	if err := d.tell(p); err != nil {
		// Whoever listens must not believe that this was everything.
		d.log().Error("telling the revocation feed failed; its streams begin anew", "cause", err)
		d.restart()
	}
}

// restart lets every stream come to its end: readers come back with their cursors.
func (d *Feed) restart() {
	for d.oldest != d.tail {
		d.forget()
	}
	close(d.tail.ready)
	d.start()
}

func (d *Feed) tell(p Progress) error {
	d.floor = max(d.floor, p.Head.Floor)
	// The policy comes before the entry that says so, as it does on this node.
	if d.untold || p.Reset || slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.Kind == Policy }) {
		err := d.tellPolicy()
		if err != nil && !d.untold { // the old one stays in force there
			d.log().Error("the policy cannot be told to other services; it is tried again at each reading of the log", "cause", err)
		}
		d.untold = err != nil
	}
	if err := d.tellEntries(p.Entries); err != nil {
		return err
	}
	if p.Current {
		return d.tellBeat(p)
	}
	return nil
}

func (d *Feed) tellEntries(es []Entry) error {
	if len(es) == 0 {
		return nil
	}
	f, to, err := d.blind.entries(d.at, d.floor, es)
	if err != nil {
		return err
	}
	l := newLink(f)
	l.from, l.to = d.at, to
	d.recent = append(d.recent, l)
	d.append(l)
	d.at, d.beat = to, nil
	return nil
}

// entries writes es, which follow from, as one frame.
func (b *blinder) entries(from cursor, floor int64, es []Entry) (*Frame, cursor, error) {
	out := entries{After: from.Seq, Floor: floor, Entries: make([]wireEntry, len(es))}
	for i := range es {
		w, err := b.wire(&es[i])
		if err != nil {
			return nil, from, err
		}
		out.Entries[i] = w
	}
	last := es[len(es)-1]
	to := cursor{Position{from.Log, last.Seq}, last.Nonce}
	f, err := newFrame(entriesEvent, to.String(), out)
	return f, to, err
}

func (d *Feed) tellPolicy() error {
	if d.c.Policy == nil {
		return nil
	}
	text, err := d.c.Policy()
	if err != nil {
		return err
	}
	f, err := newFrame(policyEvent, "", text)
	if err == nil {
		d.policy = f
		d.append(newLink(nil))
	}
	return err
}

// tellBeat says that everything was said. A beat goes out each second, and at once
// after news and for who has just come.
func (d *Feed) tellBeat(p Progress) error {
	news := d.beat == nil
	if d.at.Seq < p.Head.Seq { // the entries up to there were pruned before they were read
		d.at = cursor{Position: p.Head.Position}
	}
	d.beat = &beat{At: p.Begun.Microseconds(), Seq: d.at.Seq, Floor: d.floor}
	if d.shot != nil && !d.shot.fresh(d.at, p.Begun) {
		d.shot = nil
	}
	if !news && !d.asked && p.Begun-d.beaten < beatEvery/2 {
		return nil
	}
	f, err := newFrame(beatEvent, d.at.String(), d.beat)
	if err != nil {
		return err
	}
	d.asked, d.beaten = d.asked && p.Begun < d.askedAt, p.Begun
	d.append(newLink(f))
	return nil
}

func (d *Feed) append(l *link) {
	d.tail.next.Store(l)
	close(d.tail.ready)
	d.tail = l
	for d.kept += l.size(); d.kept > keepBytes && d.oldest != d.tail; {
		d.forget()
	}
}

// forget lets go of the oldest link, and cuts it off from what follows.
func (d *Feed) forget() {
	l := d.oldest
	d.oldest = l.next.Swap(overtaken)
	d.kept -= l.size()
	if len(d.recent) > 0 && d.recent[0] == l {
		d.recent = d.recent[1:]
	}
}

// These end a stream: its reader comes back with its cursor.
var (
	errEnded  = errors.New("the feed begins anew")
	errBehind = errors.New("the reader is too far behind")
)

// ErrFeedClosed ends streams because the node stops.
var ErrFeedClosed = errors.New("the feed is closed")

// Close ends all streams. It may be called again.
func (d *Feed) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed == nil {
		d.closed = ErrFeedClosed
		close(d.tail.ready)
	}
}

func (d *Feed) over() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// Streams returns how many are being read.
func (d *Feed) Streams() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.streams
}

// ErrCursor means that a cursor is none of ours.
var ErrCursor = errors.New("malformed cursor")

// Frames yields the events of a stream that continues at a cursor, "" = from the
// beginning. It waits for what is still to come, until ctx ends. A cursor of another
// log, or of one that was pruned past it, begins anew with the whole log. The last
// value is an error: [ErrCursor], [ErrStale], [ErrFeedClosed], or one that a reader
// overcomes by coming back with the cursor that it has by then. A stream that is
// megabytes behind ends, and holds up nobody and nothing but the frame it is at.
func (d *Feed) Frames(ctx context.Context, at string) iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		d.count(1)
		defer d.count(-1)
		s := &stream{Feed: d, yield: yield}
		l, err := s.begin(ctx, at)
		for err == nil {
			if l, err = d.after(ctx, l); err == nil {
				err = s.sayLink(l)
			}
		}
		if !errors.Is(err, errHeardEnough) {
			yield(nil, err)
		}
	}
}

func (d *Feed) count(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.streams += n
}

// after waits for what follows l.
func (d *Feed) after(ctx context.Context, l *link) (*link, error) {
	select {
	case <-l.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	switch next := l.next.Load(); next {
	case overtaken:
		return nil, errBehind
	case nil:
	default:
		return next, nil
	}
	return nil, cmp.Or(d.over(), errEnded)
}

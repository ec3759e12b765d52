package authz

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport"
)

const (
	decisionQueue   = 4096                   // entries that may wait
	decisionBatch   = 256                    // entries in one write at most
	decisionDelay   = 100 * time.Millisecond // that an entry waits for others at most
	decisionTimeout = 10 * time.Second       // of one write
	decisionTries   = 5                      // of one batch, a second apart

	refusalsPerSecond = 20 // kept in the long run: 1.7 million rows a day
	refusalPause      = time.Second / refusalsPerSecond
	refusalBurst      = decisionQueue * refusalPause // how far they may run ahead of that
)

// A DecisionLog writes decisions beside the requests that they were made for: in
// batches, up to 256 entries or 100 ms after the first of them. It is for those
// who can bear to lose entries when there are too many or a store does not keep up,
// and cannot bear to wait for it. What must not be lost belongs into the audit log. It is safe for
// concurrent use.
type DecisionLog struct {
	write func(context.Context, []DecisionEntry) error
	log   *slog.Logger

	queue   chan DecisionEntry
	closing chan struct{}
	drained chan struct{} // closed when everything is written
	done    sync.WaitGroup

	mu     sync.RWMutex // held for reading while an entry is on its way into the queue
	closed bool

	start time.Time
	spent atomic.Int64 // until when, after start, refusals have used up what they may take

	dropped atomic.Int64
	worry   chan struct{} // holds a token while a drop is not reported
}

// NewDecisionLog starts a log that writes with write, usually by
// [DecisionStore.Append] in a transaction of its own. A write that fails is tried
// again a few times. A nil logger is [slog.Default]. End it with Close.
func NewDecisionLog(write func(context.Context, []DecisionEntry) error, log *slog.Logger) *DecisionLog {
	l := &DecisionLog{
		write: write, log: cmp.Or(log, slog.Default()),
		queue: make(chan DecisionEntry, decisionQueue), closing: make(chan struct{}), drained: make(chan struct{}),
		start: time.Now(), worry: make(chan struct{}, 1),
	}
	l.done.Go(l.run)
	l.done.Go(l.report)
	return l
}

// Record takes an entry and returns at once. If the queue is full, or the log is
// closed, the entry is dropped, which is counted and logged. A nil log takes
// nothing. What e refers to must not change any more.
func (l *DecisionLog) Record(e DecisionEntry) {
	if l == nil {
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.closed {
		select {
		case l.queue <- e:
			return
		default:
		}
	}
	l.drop(1)
}

// RecordDecision takes the entry of a decision that was made now, and returns at
// once: see [NewDecisionEntry] and [DecisionLog.Record]. Anybody who has an account
// can be refused as fast as the network lets him, and would fill the disk: of
// refusals the log takes 4,096 at once and 20 a second, and drops what is beyond,
// before it costs anything. Permissions are not counted.
//
// Everything about the resource is read before RecordDecision returns.
func (l *DecisionLog) RecordDecision(q sallyport.Query, d sallyport.Decision, version int64) {
	switch {
	case l == nil:
	case len(l.queue) == cap(l.queue), !d.Allow && !l.takesRefusal():
		l.drop(1)
	default:
		l.Record(NewDecisionEntry(q, d, version))
	}
}

// takesRefusal spends what one refusal may take, if it is there.
func (l *DecisionLog) takesRefusal() bool {
	now := time.Since(l.start)
	for {
		spent := l.spent.Load()
		next := max(time.Duration(spent), now) + refusalPause
		if next > now+refusalBurst {
			return false
		}
		if l.spent.CompareAndSwap(spent, int64(next)) {
			return true
		}
	}
}

// Dropped returns how many entries were lost since the start.
func (l *DecisionLog) Dropped() int64 { return l.dropped.Load() }

// Close writes what was recorded before, with one try for each batch, and returns
// when that is done. It may be called again.
func (l *DecisionLog) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
	l.mu.Unlock()
	l.done.Wait()
}

func (l *DecisionLog) drop(n int) {
	l.dropped.Add(int64(n))
	select {
	case l.worry <- struct{}{}:
	default:
	}
}

// run writes batches until the log is closed and the queue is empty. After Close
// nothing gets into the queue.
func (l *DecisionLog) run() {
	defer close(l.drained)
	for {
		select {
		case e := <-l.queue:
			l.flush(l.collect(e))
		case <-l.closing:
			for len(l.queue) > 0 {
				l.flush(l.collect(<-l.queue))
			}
			return
		}
	}
}

// collect returns a batch that begins with first: what is in the queue, and what
// comes before the delay is over.
func (l *DecisionLog) collect(first DecisionEntry) []DecisionEntry {
	batch := append(make([]DecisionEntry, 0, decisionBatch), first)
	over := time.NewTimer(decisionDelay)
	defer over.Stop()
	for len(batch) < decisionBatch {
		select {
		case e := <-l.queue:
			batch = append(batch, e)
			continue
		default:
		}
		select {
		case e := <-l.queue:
			batch = append(batch, e)
		case <-over.C:
			return batch
		case <-l.closing:
			if len(l.queue) == 0 {
				return batch
			}
		}
	}
	return batch
}

// flush writes a batch. It is tried again because a database that restarts is away
// for some seconds, which the queue may outlast.
func (l *DecisionLog) flush(batch []DecisionEntry) {
	for i := range batch {
		batch[i].clean()
	}
	for try := 1; ; try++ {
		err := l.try(batch)
		if err == nil {
			return
		}
		l.log.Error("decisions cannot be logged", "entries", len(batch), "try", try, "error", err)
		if try == decisionTries || !l.pause(time.Second) {
			l.drop(len(batch))
			return
		}
	}
}

func (l *DecisionLog) try(batch []DecisionEntry) error {
	ctx, cancel := context.WithTimeout(context.Background(), decisionTimeout)
	defer cancel()
	return l.write(ctx, batch)
}

// pause reports false as soon as the log is closed.
func (l *DecisionLog) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-l.closing:
		return false
	}
}

// report logs once a second how many entries were dropped meanwhile, if any, and
// at the end.
func (l *DecisionLog) report() {
	var before int64
	for open := true; open; {
		select {
		case <-l.worry:
			l.pause(time.Second)
		case <-l.drained:
			open = false
		}
		now := l.dropped.Load()
		if now > before {
			l.log.Warn("decisions were not logged: there are too many, or the store does not keep up", "entries", now-before, "total", now)
		}
		before = now
	}
}

// clean replaces what no store can keep: a request may name any action and any
// object, and what was asked in vain is worth more than its exact bytes.
func (e *DecisionEntry) clean() {
	for _, s := range []*string{&e.ID, &e.Rule, &e.Source, &e.Reason, &e.Action, &e.Resource.Type, &e.Resource.ID} {
		*s = storable(*s)
	}
	if s := storable(e.Subject()); s != e.Subject() {
		p := *e.Principal
		p.Subject, e.Principal = s, &p
	}
	e.Attrs, e.Context.Attrs = cleanNames(e.Attrs), cleanNames(e.Context.Attrs)
}

func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// cleanNames returns a copy if any name must be changed.
func cleanNames(values map[string]sallyport.Value) map[string]sallyport.Value {
	cleaned, copied := values, false
	for name, v := range values {
		s := strings.ToValidUTF8(name, "\uFFFD")
		if s == name {
			continue
		}
		if !copied {
			cleaned, copied = maps.Clone(values), true
		}
		delete(cleaned, name)
		cleaned[s] = v
	}
	return cleaned
}

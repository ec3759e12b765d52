package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport/store"
	sqlite3 "modernc.org/sqlite"
)

// How much one transaction takes in: whoever came first waits for all others,
// and for the disk.
const (
	maxBatch = 128
	maxWait  = 10 * time.Millisecond
)

// A writer is the one connection that writes. Callers take turns, in the order in
// which they come. The first opens a transaction; whoever is waiting when a turn
// ends continues in the same one, within a savepoint of their own; the last one
// commits, and then all of them return. So while one transaction is written to
// the disk the next one gathers.
type writer struct {
	mu      sync.Mutex
	queue   []*waiter
	busy    bool // somebody has the turn
	closed  bool
	due     chan struct{} // has one when the log is to be copied into the database
	commits atomic.Int64  // so far

	// What follows belongs to who has the turn.
	file       *file
	conn       *conn
	batch      *batch
	company    bool          // the last transaction had several callers
	since      time.Time     // when it was last looked how busy it is
	worked     time.Duration // in transactions since then
	committing bool
	lost       bool  // the database has undone the whole transaction
	cause      error // of that
}

type waiter struct{ turn chan struct{} }

// A batch is one transaction of several callers.
type batch struct {
	begun  time.Time
	size   int
	change bool          // somebody succeeded
	err    error         // why nothing of it is kept; set before done is closed
	done   chan struct{} // closed when it is on the disk, or failed
}

var errLost = errors.New("the database has undone the transaction")

func newWriter(ctx context.Context, f *file) (*writer, error) {
	w := &writer{file: f, conn: f.conn, due: make(chan struct{}, 1)}
	if err := w.stmt(`PRAGMA busy_timeout = 0`); err != nil { // begin asks again
		return nil, err
	}
	err := f.conn.sql.Raw(func(c any) error {
		h, ok := c.(sqlite3.HookRegisterer)
		if !ok {
			return errors.New("the SQLite driver has no hooks")
		}
		// A statement may undo the whole transaction (a full disk does), and a careless
		// one may end it. Neither may go unnoticed: what came next would commit by itself.
		h.RegisterRollbackHook(func() { w.lost = true })
		h.RegisterCommitHook(func() int32 {
			if w.committing {
				return 0
			}
			return 1 // a rollback
		})
		return nil
	})
	return w, err
}

// do runs f when its turn comes, and returns when what f did is on the disk.
func (w *writer) do(ctx context.Context, f func(*turn) error) error {
	if err := w.wait(ctx); err != nil {
		return err
	}
	b, err := w.run(ctx, f)
	if b == nil {
		return err
	}
	// Even an error waits: what f saw may have been written in the same transaction.
	<-b.done
	if b.err != nil {
		return b.err
	}
	return err
}

// wait returns when the caller has the turn.
func (w *writer) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return store.ErrClosed
	}
	return w.queueUp(ctx)
}

// queueUp is called with mu held, and releases it.
func (w *writer) queueUp(ctx context.Context) error {
	if !w.busy {
		w.busy = true
		w.mu.Unlock()
		return nil
	}
	me := &waiter{make(chan struct{})}
	w.queue = append(w.queue, me)
	w.mu.Unlock()
	select {
	case <-me.turn:
		return nil
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, me)
	if i < 0 {
		return nil // the turn came in the same moment; run passes it on
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return ctx.Err()
}

// run has the turn and passes it on, even if f panics. It returns the batch to
// wait for, nil if there is none.
func (w *writer) run(ctx context.Context, f func(*turn) error) (*batch, error) {
	defer w.pass()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if w.batch == nil {
		if err := w.begin(ctx); err != nil {
			return nil, err
		}
	}
	b := w.batch
	b.size++
	return b, w.attempt(b, f)
}

// How several processes share a file. SQLite has no queue for them: who waits looks now
// and then whether it is free, and between two transactions of a busy process there is a
// gap of microseconds, in which nobody looks. So a process that writes most of the time
// rests now and then, for longer than the others take to look.
const (
	work     = 200 * time.Millisecond
	rest     = 5 * time.Millisecond
	interval = time.Millisecond
	patience = 30 * time.Second // with a process that does not rest
)

// begin waits while another process writes.
func (w *writer) begin(ctx context.Context) error {
	w.lost, w.cause = false, nil
	start := time.Now()
	err := w.stmt(`BEGIN IMMEDIATE`)
	for busy(err) && ctx.Err() == nil && time.Since(start) < patience {
		time.Sleep(interval)
		err = w.stmt(`BEGIN IMMEDIATE`)
	}
	switch {
	case busy(err) && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return sentence(w.file.path, err)
	}
	w.batch = &batch{begun: time.Now(), done: make(chan struct{})}
	return nil
}

func (w *writer) stmt(text string) error {
	_, err := w.conn.Exec(context.Background(), text)
	return err
}

// attempt runs f within a savepoint, and undoes what f did unless it returns nil.
func (w *writer) attempt(b *batch, f func(*turn) error) (err error) {
	if err := w.stmt(`SAVEPOINT sallyport_turn`); err != nil {
		b.fail(err)
		return err
	}
	t := &turn{w: w}
	keep := false
	defer func() {
		t.end()
		if e := w.settle(keep); e != nil {
			b.fail(e)
		}
		b.change = b.change || keep
	}()
	err = f(t)
	keep = err == nil
	return err
}

// settle ends the savepoint. If that fails the transaction is lost.
func (w *writer) settle(keep bool) error {
	if !keep && !w.lost {
		if err := w.stmt(`ROLLBACK TO sallyport_turn`); err != nil {
			return err
		}
	}
	switch {
	case w.lost && w.cause != nil:
		return fmt.Errorf("%w: %w", errLost, w.cause)
	case w.lost:
		return errLost
	}
	return w.stmt(`RELEASE sallyport_turn`)
}

func (b *batch) fail(err error) {
	if b.err == nil {
		b.err = fmt.Errorf("nothing was written: %w", err)
	}
}

// open reports whether one more caller may join.
func (b *batch) open() bool {
	return b.err == nil && b.size < maxBatch && time.Since(b.begun) < maxWait
}

// pass ends a turn: the next caller joins the transaction, or it is finished and
// the next caller begins another.
func (w *writer) pass() {
	if w.batch != nil {
		if w.batch.open() && (w.give() || w.linger() && w.give()) {
			return
		}
		begun := w.batch.begun
		w.finish()
		w.restIfBusy(time.Since(begun))
	}
	w.giveOrRest()
}

// restIfBusy lets other processes write, after a transaction that took so long.
func (w *writer) restIfBusy(took time.Duration) {
	w.worked += took
	all := time.Since(w.since)
	if all < work {
		return
	}
	if w.worked > all*3/4 {
		time.Sleep(rest)
	}
	w.since, w.worked = time.Now(), 0
}

// linger lets those run who have just returned from the last transaction, if it
// had several: they may come again at once, and would wait for the disk twice.
func (w *writer) linger() bool {
	if w.company {
		runtime.Gosched()
	}
	return w.company
}

// give gives the turn to who has waited longest and reports whether anybody has.
func (w *writer) give() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.giveLocked()
}

func (w *writer) giveOrRest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = w.giveLocked()
}

func (w *writer) giveLocked() bool {
	if len(w.queue) == 0 {
		return false
	}
	next := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	close(next.turn)
	return true
}

// finish ends the transaction and lets all who took part return.
func (w *writer) finish() {
	b := w.batch
	w.batch, w.company = nil, b.size > 1
	defer close(b.done)
	if b.err == nil && b.change {
		w.committing = true
		err := w.stmt(`COMMIT`)
		w.committing = false
		if err == nil {
			w.count()
			return
		}
		b.fail(err)
	}
	if !w.lost {
		w.stmt(`ROLLBACK`) // if this fails too, so does the next BEGIN, which says so
	}
}

// count counts a transaction that was committed.
func (w *writer) count() {
	if w.commits.Add(1)%commitsBetween != 0 {
		return
	}
	select {
	case w.due <- struct{}{}:
	default:
	}
}

// between runs f in a turn, while there is no transaction, unless the writer is closed or
// ctx is done before its turn comes.
func (w *writer) between(ctx context.Context, f func()) {
	if w.wait(ctx) != nil {
		return
	}
	defer w.pass()
	if w.batch != nil {
		w.finish()
	}
	f()
}

// Close waits for the turns under way and closes the file.
func (w *writer) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	if err := w.queueUp(context.Background()); err != nil {
		return err
	}
	if w.batch != nil {
		w.finish()
	}
	return w.file.Close() // and keeps the turn for ever
}

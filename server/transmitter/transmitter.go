// Package transmitter tells other parties what happened, by the Shared Signals
// Framework 1.0: they configure streams over HTTP, and get security event tokens by
// push (RFC 8935) or poll (RFC 8936). What an event is, and what a stream may be
// like, package ssf knows.
//
// A stream is told of each event at least once, in order, each time by the same jti.
// All that is kept of its deliveries is how far it has come, in the store: a node may
// die at any moment, and another goes on.
package transmitter

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/lanes"
	"github.com/sallyport-auth/sallyport/ssf"
)

// Permission is what a receiver needs: to have streams, and for as long as they go
// on. It shows the ids, roles and credentials of everybody as they change.
const Permission = "ssf:manage"

// A Transmitter keeps streams and delivers their tokens. Make one with New; it is
// safe for concurrent use.
type Transmitter struct {
	c     Config
	node  string // what leases of this node begin with
	lanes *lanes.Runner

	mu      sync.Mutex
	closed  bool
	moved   chan struct{}   // closed when something may have happened
	waiting map[string]bool // streams for which somebody waits here
}

// A Config says what a Transmitter needs. Fields up to Entitled are required.
type Config struct {
	Store  account.Store
	Sealer *secret.Sealer
	Issuer string
	// Sign signs a payload as a token of that type.
	Sign func(typ string, payload []byte) (string, error)
	// Entitled reports whether the subject may have streams at this moment.
	Entitled func(ctx context.Context, owner string) (bool, error)

	// Local is an installation on loopback: there, tokens may be pushed by plain http to
	// loopback.
	Local bool
	// Transport of pushes; nil = to the public internet only.
	Transport http.RoundTripper

	Every time.Duration // between looks for what is due; zero = 1 s
	Lease time.Duration // after which another node may go on with a stream; zero = 15 s
	Log   *slog.Logger  // nil = slog.Default()
}

func (c *Config) every() time.Duration { return cmp.Or(c.Every, time.Second) }
func (c *Config) lease() time.Duration { return cmp.Or(c.Lease, 15*time.Second) }
func (c *Config) log() *slog.Logger    { return cmp.Or(c.Log, slog.Default()) }

// New returns a Transmitter that delivers nothing before Run.
func New(c Config) *Transmitter {
	if c.Transport == nil {
		guarded := outbound.Transport(true)
		guarded.MaxIdleConns = maxPushing
		c.Transport = guarded
	}
	t := &Transmitter{c: c, node: secret.NewID("nod"), moved: make(chan struct{}), waiting: map[string]bool{}}
	t.lanes = lanes.New(lanes.Config{Every: c.every(), Most: maxPushing, Due: t.due, Serve: t.push, Failed: t.failed})
	return t
}

// Tell is for [revoke.Follower.Observe]: what the log brings may be to be told.
func (t *Transmitter) Tell(p revoke.Progress) {
	if len(p.Entries) > 0 || p.Reset {
		t.ring()
	}
}

// ring wakes whoever waits for something to happen.
func (t *Transmitter) ring() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		close(t.moved)
		t.moved = make(chan struct{})
	}
	t.lanes.Ring()
}

// Close ends the polls that wait. They are answered with what there is.
func (t *Transmitter) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		close(t.moved)
	}
}

const maxWaiting = 256

// wait enters somebody who waits for the stream, and returns what is closed when
// something may have happened. Of a stream one waits, and of all not too many.
func (t *Transmitter) wait(stream string) (moved <-chan struct{}, leave func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.waiting[stream] || len(t.waiting) >= maxWaiting {
		return nil, nil, false
	}
	t.waiting[stream] = true
	return t.moved, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.waiting, stream)
	}, true
}

// present is the time in the precision of the stores.
func present() time.Time { return time.Now().Truncate(time.Millisecond).UTC() }

// change lets f edit a stream of the owner ("" = anybody's) within a transaction,
// perhaps more than once, and returns it as it is then.
func (t *Transmitter) change(ctx context.Context, id, owner string, f func(account.Tx, *ssf.Stream) error) (st ssf.Stream, err error) {
	err = t.c.Store.Update(ctx, func(tx account.Tx) error {
		if st, err = tx.Streams.Lock(ctx, id); err != nil {
			return err
		}
		if owner != "" && st.Owner != owner {
			return ssf.ErrNotFound
		}
		if err := f(tx, &st); err != nil {
			return err
		}
		return tx.Streams.Update(ctx, st)
	})
	return st, err
}

// fromNow moves the stream to the head of the log: whatever commits later is for it,
// whatever committed before is not. To be sure, this holds the counter row: somebody
// who found no stream to keep a signal for has committed by then.
func fromNow(ctx context.Context, tx account.Tx, st *ssf.Stream, now time.Time) error {
	p, err := tx.Log.Append(ctx, revoke.Entry{
		Effect: revoke.Notice, Kind: revoke.Subject, ID: st.Owner, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	})
	st.Cursor, st.Acked = p.Seq, nil
	return err
}

// disable stops a stream on our own account, and lets the receiver know (SSF 1.0
// §8.1.2), as soon as it can be reached.
func (t *Transmitter) disable(ctx context.Context, id, reason string, still func(account.Tx, *ssf.Stream) (bool, error)) error {
	errNot := errors.New("not any more")
	_, err := t.change(ctx, id, "", func(tx account.Tx, st *ssf.Stream) error {
		if yes, err := still(tx, st); err != nil || !yes {
			return cmp.Or(err, errNot)
		}
		now := present()
		st.Status, st.Reason, st.Acked, st.UpdatedAt = ssf.Disabled, reason, nil, now
		st.Notices = []ssf.Notice{{JTI: secret.NewID("set"), At: now, Event: ssf.StreamUpdated, Status: st.Status, Reason: reason}}
		e := account.Origin{}.Entry("ssf.disable", st.ID, now)
		e.Detail = map[string]string{"owner": st.Owner, "reason": reason}
		return tx.Audit.Append(ctx, e)
	})
	if errors.Is(err, errNot) || errors.Is(err, ssf.ErrNotFound) {
		return nil
	}
	if err == nil {
		t.c.log().WarnContext(ctx, "an event stream was disabled", "stream", id, "reason", reason)
		t.ring()
	}
	return err
}

const tooOld = "Events were not taken for 7 days, and are not kept any longer."

// Maintain disables streams that have not taken a signal for as long as signals are
// kept. Until then none that they wait for is swept.
func (t *Transmitter) Maintain(ctx context.Context) error {
	before := present().Add(-ssf.Retention)
	var behind []string
	err := t.c.Store.View(ctx, func(tx account.Tx) (err error) {
		behind, err = tx.Streams.Behind(ctx, before, 100)
		return err
	})
	for _, id := range behind {
		err = errors.Join(err, t.disable(ctx, id, tooOld, func(tx account.Tx, st *ssf.Stream) (bool, error) {
			first, err := tx.Signals.Read(ctx, st.Cursor, 1)
			return st.Status != ssf.Disabled && len(first) > 0 && !first[0].At.After(before), err
		}))
	}
	return err
}

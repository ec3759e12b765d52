package transmitter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/ssf"
)

const (
	maxPushing  = 64               // streams at once, from one node
	turn        = 10 * time.Second // of a stream, before others that wait get theirs
	longestWait = 5 * time.Minute  // after a failure, before the next attempt
)

// Run pushes what is due until ctx ends. A receiver that is slow, or does not answer,
// keeps nobody waiting but itself.
func (t *Transmitter) Run(ctx context.Context) { t.lanes.Run(ctx) }

// due returns the streams that something is to be pushed of.
func (t *Transmitter) due(ctx context.Context) (due []string, err error) {
	err = t.c.Store.View(ctx, func(tx account.Tx) (err error) {
		due, err = tx.Streams.Due(ctx, present(), 2*maxPushing)
		return err
	})
	return due, err
}

func (t *Transmitter) failed(ctx context.Context, id string, err error) {
	switch {
	case id == "":
		t.c.log().ErrorContext(ctx, "looking for event streams that are due failed", "err", err)
	case !errors.Is(err, errNotOurs):
		t.c.log().ErrorContext(ctx, "pushing an event stream failed", "stream", id, "err", err)
	}
}

// errNotOurs means that another node pushes the stream, or that it is gone.
var errNotOurs = errors.New("the stream is not ours to push")

// push pushes tokens of one stream, one after the other, until there is none, one
// fails or the turn is over.
func (t *Transmitter) push(ctx context.Context, id string) error {
	lease := t.node + "." + secret.NewID("ls")
	st, err := t.claim(ctx, id, lease)
	if err != nil {
		return err
	}
	st, err = t.entitled(ctx, st, lease)
	over := time.Now().Add(turn)
	more := err == nil
	for more && ctx.Err() == nil && time.Now().Before(over) {
		st, more, err = t.next(ctx, st, lease)
	}
	// The lease is given back whatever happened, so that nobody has to wait for its end.
	free, cancel := context.WithTimeout(context.WithoutCancel(ctx), outbound.Timeout)
	defer cancel()
	_, freed := t.hold(free, id, lease, func(_ account.Tx, st *ssf.Stream) error {
		st.Lease, st.LeaseUntil = "", time.Time{}
		if now := present(); st.RetryAt.Before(now) { // others have waited longer now
			st.RetryAt = now
		}
		if err != nil { // our own trouble: no reason to try again at once
			st.RetryAt = present().Add(10 * time.Second)
		}
		return nil
	})
	if more && err == nil {
		t.ring()
	}
	return errors.Join(err, freed)
}

// entitled disables the stream of a receiver who may not have any. That it is
// disabled is all that such a receiver is told.
func (t *Transmitter) entitled(ctx context.Context, st ssf.Stream, lease string) (ssf.Stream, error) {
	if st.Status != ssf.Enabled {
		return st, nil
	}
	yes, err := t.c.Entitled(ctx, st.Owner)
	if err != nil || yes {
		return st, err
	}
	err = t.disable(ctx, st.ID, "The receiver may not receive events any more.", func(_ account.Tx, st *ssf.Stream) (bool, error) {
		return st.Status == ssf.Enabled, nil
	})
	if err != nil {
		return st, err
	}
	return t.hold(ctx, st.ID, lease, func(account.Tx, *ssf.Stream) error { return nil })
}

// claim takes the lease of a stream that is due and that nobody has.
func (t *Transmitter) claim(ctx context.Context, id, lease string) (ssf.Stream, error) {
	st, err := t.change(ctx, id, "", func(_ account.Tx, st *ssf.Stream) error {
		now := present()
		if st.LeaseUntil.After(now) || st.RetryAt.After(now) || st.Method != ssf.Push {
			return errNotOurs
		}
		st.Lease, st.LeaseUntil = lease, now.Add(t.c.lease())
		return nil
	})
	return st, gone(err)
}

// hold is change for who has the lease, and prolongs it.
func (t *Transmitter) hold(ctx context.Context, id, lease string, f func(account.Tx, *ssf.Stream) error) (ssf.Stream, error) {
	st, err := t.change(ctx, id, "", func(tx account.Tx, st *ssf.Stream) error {
		if st.Lease != lease {
			return errNotOurs
		}
		st.LeaseUntil = present().Add(t.c.lease())
		return f(tx, st)
	})
	return st, gone(err)
}

func gone(err error) error {
	if errors.Is(err, ssf.ErrNotFound) {
		return errNotOurs
	}
	return err
}

// next pushes one token of the stream and notes what became of it. more reports
// whether it is worth going on.
func (t *Transmitter) next(ctx context.Context, st ssf.Stream, lease string) (_ ssf.Stream, more bool, err error) {
	signals, err := t.following(ctx, &st)
	if err != nil {
		return st, false, err
	}
	set, found := t.first(&st, signals)
	if !found {
		if len(signals) == 0 {
			return st, false, nil
		}
		st, err = t.hold(ctx, st.ID, lease, func(_ account.Tx, st *ssf.Stream) error { st.Settle(signals, nil); return nil })
		return st, err == nil && st.Status == ssf.Enabled, err
	}
	out, err := t.send(ctx, &st, set)
	if err != nil {
		return st, false, err
	}
	st, err = t.hold(ctx, st.ID, lease, func(_ account.Tx, st *ssf.Stream) error {
		out.note(st, signals, set.ID)
		return nil
	})
	return st, err == nil && out.settled && st.Method == ssf.Push, err
}

// following returns the signals after the cursor that may be told now.
func (t *Transmitter) following(ctx context.Context, st *ssf.Stream) (signals []ssf.Signal, err error) {
	if st.Status != ssf.Enabled {
		return nil, nil
	}
	err = t.c.Store.View(ctx, func(tx account.Tx) (err error) {
		signals, err = tx.Signals.Read(ctx, st.Cursor, ssf.Window)
		return err
	})
	return signals, err
}

// first returns the token that is to be told next, if there is one.
func (t *Transmitter) first(st *ssf.Stream, signals []ssf.Signal) (ssf.Set, bool) {
	if len(st.Notices) > 0 {
		return st.NoticeSet(t.c.Issuer, &st.Notices[0]), true
	}
	if out := st.Outstanding(signals); len(out) > 0 {
		return st.Set(t.c.Issuer, &out[0]), true
	}
	return ssf.Set{}, false
}

// An outcome is what became of a push.
type outcome struct {
	settled bool   // acknowledged or refused
	problem string // why not acknowledged
}

// note writes the outcome down. A refused token is not told again; after a failure
// there is a pause, longer each time.
func (o outcome) note(st *ssf.Stream, signals []ssf.Signal, jti string) {
	now := present()
	if o.problem != "" {
		st.Problem = o.problem
	}
	if o.settled {
		st.Settle(signals, map[string]bool{jti: true})
		st.Failures, st.RetryAt = 0, time.Time{}
		if o.problem != "" {
			st.Refused++
		}
		return
	}
	st.Failures++
	st.RetryAt = now.Add(min(time.Second<<min(st.Failures-1, 20), longestWait))
	for len(st.Notices) > 0 && st.Notices[0].At.Before(now.Add(-ssf.Retention)) {
		st.Notices = st.Notices[1:]
	}
}

const purpose = "ssf-authorization"

// send pushes one token (RFC 8935 §2). An error is our own trouble; what the receiver
// does, or that it cannot be reached, is an outcome.
func (t *Transmitter) send(ctx context.Context, st *ssf.Stream, set ssf.Set) (outcome, error) {
	token, err := set.Sign(t.c.Sign)
	if err != nil {
		return outcome{}, fmt.Errorf("signing a token: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, st.Endpoint, strings.NewReader(token))
	if err != nil {
		return outcome{problem: "the endpoint is no address"}, nil
	}
	r.Header.Set("Content-Type", "application/secevent+jwt")
	r.Header.Set("Accept", "application/json")
	if len(st.Authorization) > 0 {
		plain, err := t.c.Sealer.Open(purpose, st.ID, st.Authorization)
		if err != nil {
			return outcome{}, fmt.Errorf("opening the authorization: %w", err)
		}
		r.Header.Set("Authorization", string(plain))
	}
	resp, err := outbound.Client(&http.Client{Transport: t.c.Transport}).Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return outcome{}, ctx.Err()
		}
		return outcome{problem: ssf.Shorten(outbound.Cause(err))}, nil
	}
	defer resp.Body.Close()
	return answered(resp), nil
}

// answered reads the answer (RFC 8935 §2.2 to §2.4). Only 202 acknowledges: anything
// else may come from whatever stands before the receiver.
func answered(resp *http.Response) outcome {
	if resp.StatusCode == http.StatusAccepted {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can serve again
		return outcome{settled: true}
	}
	var body bytes.Buffer
	_, _ = body.ReadFrom(io.LimitReader(resp.Body, outbound.MaxBody))
	refusal, ok := ssf.ParseRefusal(body.Bytes())
	if resp.StatusCode != http.StatusBadRequest || !ok {
		return outcome{problem: fmt.Sprintf("answered %d", resp.StatusCode)}
	}
	return outcome{settled: refusal.OfToken(), problem: refusal.String()}
}

package outbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

const (
	batch       = 8                // messages that one node sends at once
	longestWait = 15 * time.Minute // between two attempts
	grace       = 2 * time.Second  // for what is being sent when the node stops
)

// A Sender sends the messages of one channel. It is safe to run one on every node.
type Sender struct {
	Channel Channel
	// Update runs f in a transaction; see account.Store.
	Update func(ctx context.Context, f func(Store, audit.Log) error) error
	Sealer *secret.Sealer
	// Deliver hands a letter to whoever carries it. A [RefusedError] ends the message;
	// any other error is a reason to try again. Neither may name the recipient: it is
	// logged.
	Deliver func(ctx context.Context, m Message, l Letter) error

	Every   time.Duration // between looks for what is due; zero = 1 s
	Timeout time.Duration // of an attempt; zero = 20 s
	Log     *slog.Logger  // nil = slog.Default()
}

func (s *Sender) every() time.Duration   { return cmp.Or(s.Every, time.Second) }
func (s *Sender) timeout() time.Duration { return cmp.Or(s.Timeout, 20*time.Second) }
func (s *Sender) log() *slog.Logger      { return cmp.Or(s.Log, slog.Default()) }

// lease is how long a message is the sender's: longer than an attempt can take, with
// what it takes to note its end and what clocks of nodes differ by.
func (s *Sender) lease() time.Duration { return s.timeout() + 10*time.Second }

// A RefusedError means that a message will never be accepted.
type RefusedError struct{ Problem string }

func (e *RefusedError) Error() string { return e.Problem }

// ErrExpired is why a message was not sent that nobody could send in time.
var ErrExpired = &RefusedError{"it expired before it could be sent"}

// Run sends what is due until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	tick := time.NewTicker(s.every())
	defer tick.Stop()
	for {
		n, err := s.Send(ctx)
		if err != nil && ctx.Err() == nil {
			s.log().ErrorContext(ctx, "sending messages failed", "channel", s.Channel, "err", err)
		}
		if n == batch && err == nil && ctx.Err() == nil { // there may be more
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Send sends some of what is due, and returns how many messages it looked at once
// all of them are sent, or not.
func (s *Sender) Send(ctx context.Context) (int, error) {
	var claimed []Message
	err := s.Update(ctx, func(st Store, _ audit.Log) (err error) {
		now := present()
		claimed, err = st.Claim(ctx, s.Channel, now, now.Add(s.lease()), batch)
		return err
	})
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(claimed))
	var sending sync.WaitGroup
	for i, m := range claimed {
		sending.Go(func() { errs[i] = s.send(ctx, m) })
	}
	sending.Wait()
	return len(claimed), errors.Join(errs...)
}

// send makes one attempt and notes what became of it.
func (s *Sender) send(ctx context.Context, m Message) error {
	l, err := m.Open(s.Sealer)
	switch {
	case err != nil: // sealed with a key that is gone
		err = &RefusedError{err.Error()}
	case !m.ExpiresAt.After(time.Now()):
		err = ErrExpired
	default:
		err = s.attempt(ctx, m, l)
	}
	stopped := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	refused, ends := errors.AsType[*RefusedError](err)
	switch {
	case err == nil:
		return s.end(ctx, m, l, "")
	case ends:
		s.log().WarnContext(ctx, "a message will not be sent", "message", m.ID, "kind", m.Kind, "attempt", m.Attempt, "problem", refused.Problem)
		return s.end(ctx, m, l, refused.Problem)
	case stopped: // no fault of the message: whoever comes next tries at once
		return s.retry(ctx, m, 0, "the node was stopped")
	}
	s.log().WarnContext(ctx, "a message could not be sent and will be tried again", "message", m.ID, "kind", m.Kind, "attempt", m.Attempt, "problem", err)
	return s.retry(ctx, m, backOff(m.Attempt), err.Error())
}

// attempt lets an attempt finish that was under way when the node stops, but not
// for long.
func (s *Sender) attempt(ctx context.Context, m Message, l Letter) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout())
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	return s.Deliver(bounded, m, l)
}

// backOff is how long to wait after so many attempts: 5 s, and twice as long each
// time. A mail server that greylists wants a few minutes.
func backOff(attempts int) time.Duration {
	return min(5*time.Second<<min(max(attempts-1, 0), 16), longestWait)
}

func (s *Sender) end(ctx context.Context, m Message, l Letter, problem string) error {
	return s.Update(ctx, func(st Store, log audit.Log) error {
		now := present()
		ours, err := st.Done(ctx, m.ID, m.Attempt, now, problem)
		if err != nil || !ours || problem == "" {
			return err
		}
		return log.Append(ctx, audit.Entry{
			At: now, Actor: "system", Action: "message.fail", Target: l.User, Outcome: audit.Failure,
			Detail: map[string]string{"message": m.ID, "kind": string(m.Kind), "channel": string(m.Channel), "problem": problem},
		})
	})
}

func (s *Sender) retry(ctx context.Context, m Message, after time.Duration, problem string) error {
	return s.Update(ctx, func(st Store, _ audit.Log) error {
		_, err := st.Retry(ctx, m.ID, m.Attempt, present().Add(after), problem)
		return err
	})
}

// present is the time in the precision of the stores.
func present() time.Time { return time.Now().Truncate(time.Millisecond) }

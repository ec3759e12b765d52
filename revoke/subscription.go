package revoke

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// A Subscription says how to follow the log of another installation. Connect is
// required.
type Subscription struct {
	// Connect opens the stream of events at a cursor, "" = from the beginning. It
	// returns as soon as the answer has begun; ctx ends the stream. An
	// [ErrNotEntitled] means that asking again is of little use.
	Connect func(ctx context.Context, cursor string) (io.ReadCloser, error)

	// Policy puts the roles and rules in force that the installation has now. On an
	// error the old ones stay, and the log says so. Nil = they are of no interest.
	Policy func(ctx context.Context, text []byte) error

	Bound time.Duration // age of what the feed said last beyond which nothing is answered; 0 = 5 s
	// InsecureServeStale goes on answering beyond the bound, from what is known: whom
	// the log has ended meanwhile lives until it is heard again.
	InsecureServeStale bool
	Log                *slog.Logger // nil = slog.Default()
}

// ErrNotEntitled means that the feed may not be read with the credential that was
// shown.
var ErrNotEntitled = errors.New("not entitled to read the revocation feed")

func (s *Subscription) bound() time.Duration { return cmp.Or(s.Bound, 5*time.Second) }

// Subscribe follows the feed of another installation until Close. It returns once all
// of the log, and the policy, is in force here; until then it goes on trying, but for
// an [ErrNotEntitled]. ctx limits that only.
func Subscribe(ctx context.Context, s Subscription) (*Follower, error) {
	if s.Connect == nil || s.Bound < 0 {
		return nil, errors.New("revoke: Subscription needs Connect, and a Bound that is not negative")
	}
	r := &reader{Subscription: s, f: newFollower(Config{Bound: s.Bound, Log: s.Log}), moved: make(chan struct{})}
	r.f.view.Store(&view{hash: newHasher(nil), set: new(set), fresh: -1})
	r.f.feed = r
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.f.close = stop
	go r.run(background)
	err := r.await(ctx, func(v *view, failure error) (bool, error) {
		if errors.Is(failure, ErrNotEntitled) {
			return false, failure
		}
		return v.mark != 0, nil
	})
	if err != nil {
		r.f.Close()
		return nil, fmt.Errorf("reading the revocation feed: %w", err)
	}
	return r.f, nil
}

package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/ssf"
)

type signals struct{ *tx }

func (x signals) Append(_ context.Context, all ...ssf.Signal) error {
	for i := range all {
		if err := x.write(all[i].Text()...); err != nil {
			return fmt.Errorf("keeping a signal: %w", err)
		}
	}
	if x.state.streams.root == nil {
		return nil
	}
	for _, s := range all {
		if x.state.signals.has(number(s.Seq)) {
			return fmt.Errorf("keeping a signal: %w", errExists)
		}
		s.At, s.Roles = ms(s.At), slices.Clone(s.Roles)
		x.state.signals.put(number(s.Seq), &s)
		x.signalOrder.add(s.At, number(s.Seq))
	}
	return nil
}

func (x signals) Read(_ context.Context, after int64, limit int) (all []ssf.Signal, err error) {
	for _, s := range x.state.signals.from(number(after + 1)) {
		if len(all) >= limit {
			break
		}
		c := *s
		c.Roles = slices.Clone(s.Roles)
		all = append(all, c)
	}
	return all, nil
}

// done returns up to limit keys of signals from before then that no stream waits for.
func (x signals) done(before time.Time, limit int) (keys []string) {
	end := number(before.UnixMilli())
	for member := range x.signalOrder.from("") {
		if len(keys) >= limit || member[:len(end)] > end {
			break
		}
		if key := member[len(end):]; !x.awaited(key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (x signals) awaited(key string) bool {
	for _, st := range x.state.streams.from("") {
		if st.Status != ssf.Disabled && number(st.Cursor) < key {
			return true
		}
	}
	return false
}

func (x signals) remove(key string) {
	s, ok := x.state.signals.get(key)
	if !ok {
		return
	}
	x.state.signals.remove(key)
	x.signalOrder.drop(s.At, key)
}

type streams struct{ *tx }

// kept returns a copy as a database would give it back.
func kept(s ssf.Stream) *ssf.Stream {
	s = cloneStream(&s)
	for i := range s.Notices {
		s.Notices[i].At = ms(s.Notices[i].At)
	}
	for _, t := range []*time.Time{&s.VerifiedAt, &s.RetryAt, &s.LeaseUntil, &s.CreatedAt, &s.UpdatedAt} {
		if !t.IsZero() {
			*t = ms(*t)
		}
	}
	return &s
}

func cloneStream(s *ssf.Stream) ssf.Stream {
	c := *s
	c.Authorization, c.Requested = slices.Clone(s.Authorization), slices.Clone(s.Requested)
	c.Acked, c.Notices = slices.Clone(s.Acked), slices.Clone(s.Notices)
	return c
}

func (x streams) writable(s *ssf.Stream) error {
	texts := append([]string{s.ID, s.Owner, string(s.Method), string(s.Status), s.Lease, s.Endpoint, s.Description, s.Reason, s.Problem}, s.Requested...)
	for _, n := range s.Notices {
		texts = append(texts, n.JTI, n.Event, n.State, string(n.Status), n.Reason)
	}
	return x.write(texts...)
}

func (x streams) Create(_ context.Context, s ssf.Stream) error {
	err := x.writable(&s)
	if err == nil && x.state.streams.has(s.ID) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating stream: %w", err)
	}
	x.state.streams.put(s.ID, kept(s))
	return nil
}

func (x streams) ByID(_ context.Context, id string) (ssf.Stream, error) {
	s, ok := x.state.streams.get(id)
	if !ok {
		return ssf.Stream{}, ssf.ErrNotFound
	}
	return cloneStream(s), nil
}

func (x streams) Lock(ctx context.Context, id string) (ssf.Stream, error) {
	if err := x.write(); err != nil {
		return ssf.Stream{}, fmt.Errorf("locking stream: %w", err)
	}
	return x.ByID(ctx, id)
}

func (x streams) Of(_ context.Context, owner string) (all []ssf.Stream, err error) {
	for _, s := range x.state.streams.from("") {
		if s.Owner == owner {
			all = append(all, cloneStream(s))
		}
	}
	return all, nil
}

func (x streams) Update(_ context.Context, s ssf.Stream) error {
	if err := x.writable(&s); err != nil {
		return fmt.Errorf("changing stream: %w", err)
	}
	old, ok := x.state.streams.get(s.ID)
	if !ok {
		return ssf.ErrNotFound
	}
	s.Owner, s.CreatedAt = old.Owner, old.CreatedAt
	x.state.streams.put(s.ID, kept(s))
	return nil
}

func (x streams) Delete(_ context.Context, id string) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("deleting stream: %w", err)
	}
	there := x.state.streams.has(id)
	x.state.streams.remove(id)
	return there, nil
}

func (x streams) DeleteOf(ctx context.Context, owner string) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("deleting streams: %w", err)
	}
	all, _ := x.Of(ctx, owner)
	for _, s := range all {
		x.state.streams.remove(s.ID)
	}
	return nil
}

func (x streams) Due(_ context.Context, now time.Time, limit int) (ids []string, err error) {
	var due []*ssf.Stream
	for _, s := range x.state.streams.from("") {
		news := len(s.Notices) > 0 || s.Status == ssf.Enabled && x.after(s.Cursor) != nil
		if s.Method == ssf.Push && !s.RetryAt.After(now) && !s.LeaseUntil.After(now) && news {
			due = append(due, s)
		}
	}
	slices.SortStableFunc(due, func(a, b *ssf.Stream) int {
		return cmp.Or(a.RetryAt.Compare(b.RetryAt), cmp.Compare(a.ID, b.ID))
	})
	for _, s := range due[:min(limit, len(due))] {
		ids = append(ids, s.ID)
	}
	return ids, nil
}

// after returns the first signal past a number, nil if there is none.
func (x streams) after(seq int64) *ssf.Signal {
	for _, s := range x.state.signals.from(number(seq + 1)) {
		return s
	}
	return nil
}

func (x streams) Behind(_ context.Context, before time.Time, limit int) (ids []string, err error) {
	for _, s := range x.state.streams.from("") {
		if len(ids) >= limit {
			break
		}
		if s.Status == ssf.Disabled {
			continue
		}
		for _, g := range x.state.signals.from(number(s.Cursor + 1)) {
			if !g.At.After(before) {
				ids = append(ids, s.ID)
				break
			}
		}
	}
	return ids, nil
}

package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
)

type outboxMessages struct{ *tx }

func (x outboxMessages) Add(_ context.Context, m outbox.Message) error {
	err := x.write(m.ID, string(m.Channel), string(m.Kind), m.Problem)
	if err == nil && x.state.messages.has(m.ID) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("adding message: %w", err)
	}
	m = cloneMessage(&m)
	for _, t := range []*time.Time{&m.DueAt, &m.CreatedAt, &m.ExpiresAt, &m.DoneAt} {
		if !t.IsZero() {
			*t = ms(*t)
		}
	}
	x.state.messages.put(m.ID, &m)
	x.messageExpiry.add(m.ExpiresAt, m.ID)
	return nil
}

func cloneMessage(m *outbox.Message) outbox.Message {
	c := *m
	c.Sealed = slices.Clone(m.Sealed)
	return c
}

func (x outboxMessages) Claim(_ context.Context, c outbox.Channel, now, then time.Time, limit int) (all []outbox.Message, err error) {
	if err := x.write(); err != nil {
		return nil, fmt.Errorf("claiming messages: %w", err)
	}
	var due []*outbox.Message
	for _, m := range x.state.messages.from("") {
		if m.DoneAt.IsZero() && m.Channel == c && !m.DueAt.After(now) {
			due = append(due, m)
		}
	}
	slices.SortStableFunc(due, func(a, b *outbox.Message) int { return a.DueAt.Compare(b.DueAt) })
	for _, m := range due[:min(limit, len(due))] {
		claimed := *m
		claimed.Attempt, claimed.DueAt = m.Attempt+1, ms(then)
		x.state.messages.put(m.ID, &claimed)
		all = append(all, cloneMessage(&claimed))
	}
	slices.SortFunc(all, func(a, b outbox.Message) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

func (x outboxMessages) Done(_ context.Context, id string, attempt int, now time.Time, problem string) (bool, error) {
	return x.note(id, attempt, problem, func(m *outbox.Message) { m.DoneAt, m.Sealed = ms(now), nil })
}

func (x outboxMessages) Retry(_ context.Context, id string, attempt int, at time.Time, problem string) (bool, error) {
	return x.note(id, attempt, problem, func(m *outbox.Message) { m.DueAt = ms(at) })
}

// note puts a changed copy in place, for who made the last attempt.
func (x outboxMessages) note(id string, attempt int, problem string, f func(*outbox.Message)) (bool, error) {
	if err := x.write(problem); err != nil {
		return false, fmt.Errorf("noting what became of a message: %w", err)
	}
	m, ok := x.state.messages.get(id)
	if !ok || m.Attempt != attempt || !m.DoneAt.IsZero() {
		return false, nil
	}
	c := *m
	c.Problem = problem
	f(&c)
	x.state.messages.put(id, &c)
	return true, nil
}

func (x outboxMessages) Lanes(_ context.Context, prefix outbox.Channel, now time.Time) (all []outbox.Channel, err error) {
	for _, m := range x.state.messages.from("") {
		if m.DoneAt.IsZero() && !m.DueAt.After(now) && strings.HasPrefix(string(m.Channel), string(prefix)) && !slices.Contains(all, m.Channel) {
			all = append(all, m.Channel)
		}
	}
	slices.Sort(all)
	return all, nil
}

func (x outboxMessages) Waiting(_ context.Context, limit int) (all []outbox.Message, err error) {
	for _, m := range x.state.messages.from("") {
		if m.DoneAt.IsZero() {
			all = append(all, cloneMessage(m))
		}
	}
	slices.Reverse(all)
	return all[:min(limit, len(all))], nil
}

func (x outboxMessages) remove(id string) {
	m, ok := x.state.messages.get(id)
	if !ok {
		return
	}
	x.state.messages.remove(id)
	x.messageExpiry.drop(m.ExpiresAt, id)
}

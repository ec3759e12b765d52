package sqldb

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
)

type outboxMessages struct{ *db }

const messageColumns = `id, channel, kind, sealed, attempts, due_at, created_at, expires_at, done_at, problem`

func scanMessage(r scanner) (m outbox.Message, err error) {
	var attempt, due, created, expires, done int64
	err = r.Scan(&m.ID, &m.Channel, &m.Kind, &m.Sealed, &attempt, &due, &created, &expires, &done, &m.Problem)
	if len(m.Sealed) == 0 {
		m.Sealed = nil
	}
	m.Attempt, m.DueAt, m.CreatedAt, m.ExpiresAt, m.DoneAt = int(attempt), at(due), at(created), at(expires), at(done)
	return m, err
}

func (s outboxMessages) Add(ctx context.Context, m outbox.Message) error {
	_, err := s.exec(ctx, `INSERT INTO sallyport_outbox (`+messageColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		m.ID, string(m.Channel), string(m.Kind), bytes(m.Sealed), int64(m.Attempt), ms(m.DueAt), ms(m.CreatedAt), ms(m.ExpiresAt), ms(m.DoneAt), m.Problem)
	return err
}

// Claim asks for due_at again: of two who claim at once the second waits for the
// first, and then looks at the row as it is.
func (s outboxMessages) Claim(ctx context.Context, c outbox.Channel, now, then time.Time, limit int) ([]outbox.Message, error) {
	all, err := list(ctx, s.db, scanMessage, `UPDATE sallyport_outbox SET attempts = attempts + 1, due_at = $3 WHERE due_at <= $2 AND done_at = 0 AND id IN
		(SELECT id FROM sallyport_outbox WHERE channel = $1 AND due_at <= $2 AND done_at = 0 ORDER BY due_at, id LIMIT $4)
		RETURNING `+messageColumns, string(c), ms(now), ms(then), int64(limit))
	slices.SortFunc(all, func(a, b outbox.Message) int { return strings.Compare(a.ID, b.ID) })
	return all, err
}

func (s outboxMessages) Done(ctx context.Context, id string, attempt int, now time.Time, problem string) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_outbox SET done_at = $3, problem = $4, sealed = $5 WHERE id = $1 AND attempts = $2 AND done_at = 0`,
		id, int64(attempt), ms(now), problem, []byte{})
	return n > 0, err
}

func (s outboxMessages) Retry(ctx context.Context, id string, attempt int, at time.Time, problem string) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_outbox SET due_at = $3, problem = $4 WHERE id = $1 AND attempts = $2 AND done_at = 0`,
		id, int64(attempt), ms(at), problem)
	return n > 0, err
}

// Lanes reads one row of each channel that has any, by the index: what is behind it costs
// nothing.
func (s outboxMessages) Lanes(ctx context.Context, prefix outbox.Channel, now time.Time) (all []outbox.Channel, err error) {
	after, end := string(prefix), string(prefix)+"\x7f" // beyond any printable character
	for {
		var channel string
		var due int64
		there, err := s.one(ctx, `SELECT channel, due_at FROM sallyport_outbox WHERE channel > $1 AND channel < $2 AND done_at = 0
			ORDER BY channel, due_at LIMIT 1`, []any{after, end}, &channel, &due)
		if err != nil || !there {
			return all, err
		}
		if due <= ms(now) {
			all = append(all, outbox.Channel(channel))
		}
		after = channel
	}
}

func (s outboxMessages) Waiting(ctx context.Context, limit int) ([]outbox.Message, error) {
	return list(ctx, s.db, scanMessage, `SELECT `+messageColumns+` FROM sallyport_outbox WHERE done_at = 0 ORDER BY id DESC LIMIT $1`, int64(limit))
}

package sqldb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/ssf"
	"github.com/sallyport-auth/sallyport/store"
)

type signals struct{ *db }

// Append asks for streams by a statement of its own, because it sees what was
// committed before this transaction got hold of the counter row.
func (s signals) Append(ctx context.Context, all ...ssf.Signal) error {
	args := make([]any, 0, 4*len(all))
	for i := range all {
		for _, t := range all[i].Text() {
			if !storable(t) { // encoding/json would replace it silently
				return fmt.Errorf("%w: %.40q", store.ErrText, t)
			}
		}
		event, err := json.Marshal(&all[i])
		if err != nil {
			return err
		}
		args = append(args, all[i].Seq, all[i].ID, ms(all[i].At), string(event))
	}
	if len(all) == 0 {
		return nil
	}
	var any string
	found, err := s.one(ctx, `SELECT id FROM sallyport_streams LIMIT 1`, nil, &any)
	if err != nil || !found {
		return err
	}
	for chunk := range slices.Chunk(args, 4*maxChunk) {
		stmt := `INSERT INTO sallyport_signals (seq, id, at, event) VALUES ` + tuples(len(chunk)/4, 4)
		if _, err := s.exec(ctx, stmt, chunk...); err != nil {
			return err
		}
	}
	return nil
}

func (s signals) Read(ctx context.Context, after int64, limit int) ([]ssf.Signal, error) {
	if limit <= 0 {
		return nil, nil
	}
	return list(ctx, s.db, scanSignal, `SELECT seq, id, at, event FROM sallyport_signals WHERE seq > $1 ORDER BY seq LIMIT $2`, after, int64(limit))
}

func scanSignal(r scanner) (s ssf.Signal, err error) {
	var when int64
	var event string
	if err := r.Scan(&s.Seq, &s.ID, &when, &event); err != nil {
		return s, err
	}
	s.At = at(when)
	return s, decode("event", event, &s)
}

type streams struct{ *db }

// rest is what a stream is not found by.
type rest struct {
	Endpoint    string       `json:"endpoint,omitempty"`
	Requested   []string     `json:"requested"`
	Description string       `json:"description,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	Acked       []int64      `json:"acked,omitempty"`
	Notices     []ssf.Notice `json:"notices,omitempty"`
	VerifiedAt  int64        `json:"verified_at,omitempty"`
	Failures    int          `json:"failures,omitempty"`
	Refused     int64        `json:"refused,omitempty"`
	Problem     string       `json:"problem,omitempty"`
}

// encodeRest also refuses what could not be read again as it was.
func encodeRest(s *ssf.Stream) (string, error) {
	texts := append([]string{s.Endpoint, s.Description, s.Reason, s.Problem}, s.Requested...)
	notices := slices.Clone(s.Notices)
	for i, n := range notices {
		texts = append(texts, n.JTI, n.Event, n.State, string(n.Status), n.Reason)
		notices[i].At = at(ms(n.At))
	}
	for _, t := range texts {
		if !storable(t) {
			return "", fmt.Errorf("%w: %.40q", store.ErrText, t)
		}
	}
	b, err := json.Marshal(rest{
		s.Endpoint, s.Requested, s.Description, s.Reason, s.Acked, notices, ms(s.VerifiedAt), s.Failures, s.Refused, s.Problem,
	})
	return string(b), err
}

const streamColumns = `id, owner, method, status, cursor_seq, retry_at, lease, lease_until, authorization_sealed, rest, created_at, updated_at`

func scanStream(r scanner) (s ssf.Stream, err error) {
	var more string
	var retry, lease, created, updated int64
	err = r.Scan(&s.ID, &s.Owner, &s.Method, &s.Status, &s.Cursor, &retry, &s.Lease, &lease, &s.Authorization, &more, &created, &updated)
	if err != nil {
		return s, err
	}
	if len(s.Authorization) == 0 {
		s.Authorization = nil
	}
	s.RetryAt, s.LeaseUntil, s.CreatedAt, s.UpdatedAt = at(retry), at(lease), at(created), at(updated)
	var rest rest
	if err := decode("rest", more, &rest); err != nil {
		return s, err
	}
	s.Endpoint, s.Requested, s.Description, s.Reason = rest.Endpoint, rest.Requested, rest.Description, rest.Reason
	s.Acked, s.Notices, s.VerifiedAt = rest.Acked, rest.Notices, at(rest.VerifiedAt)
	s.Failures, s.Refused, s.Problem = rest.Failures, rest.Refused, rest.Problem
	return s, nil
}

func (s streams) Create(ctx context.Context, st ssf.Stream) error {
	more, err := encodeRest(&st)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_streams (`+streamColumns+`, urgent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		st.ID, st.Owner, string(st.Method), string(st.Status), st.Cursor, ms(st.RetryAt), st.Lease, ms(st.LeaseUntil),
		bytes(st.Authorization), more, ms(st.CreatedAt), ms(st.UpdatedAt), flag(len(st.Notices) > 0))
	return err
}

func (s streams) ByID(ctx context.Context, id string) (ssf.Stream, error) {
	return get(ctx, s.db, ssf.ErrNotFound, scanStream, `SELECT `+streamColumns+` FROM sallyport_streams WHERE id = $1`, id)
}

func (s streams) Lock(ctx context.Context, id string) (ssf.Stream, error) {
	return get(ctx, s.db, ssf.ErrNotFound, scanStream, `UPDATE sallyport_streams SET id = id WHERE id = $1 RETURNING `+streamColumns, id)
}

func (s streams) Of(ctx context.Context, owner string) ([]ssf.Stream, error) {
	return list(ctx, s.db, scanStream, `SELECT `+streamColumns+` FROM sallyport_streams WHERE owner = $1 ORDER BY id`, owner)
}

func (s streams) Update(ctx context.Context, st ssf.Stream) error {
	more, err := encodeRest(&st)
	if err != nil {
		return err
	}
	n, err := s.exec(ctx, `UPDATE sallyport_streams SET method = $2, status = $3, cursor_seq = $4, urgent = $5, retry_at = $6,
		lease = $7, lease_until = $8, authorization_sealed = $9, rest = $10, updated_at = $11 WHERE id = $1`,
		st.ID, string(st.Method), string(st.Status), st.Cursor, flag(len(st.Notices) > 0), ms(st.RetryAt),
		st.Lease, ms(st.LeaseUntil), bytes(st.Authorization), more, ms(st.UpdatedAt))
	if err == nil && n == 0 {
		err = ssf.ErrNotFound
	}
	return err
}

func (s streams) Delete(ctx context.Context, id string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_streams WHERE id = $1`, id)
	return n > 0, err
}

func (s streams) DeleteOf(ctx context.Context, owner string) error {
	_, err := s.exec(ctx, `DELETE FROM sallyport_streams WHERE owner = $1`, owner)
	return err
}

func (s streams) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return list(ctx, s.db, text, `SELECT s.id FROM sallyport_streams s
		WHERE s.method = $1 AND s.retry_at <= $2 AND s.lease_until <= $2 AND (s.urgent = 1 OR s.status = $3 AND
			EXISTS (SELECT 1 FROM sallyport_signals g WHERE g.seq > s.cursor_seq))
		ORDER BY s.retry_at, s.id LIMIT $4`, string(ssf.Push), ms(now), string(ssf.Enabled), int64(limit))
}

func (s streams) Behind(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return list(ctx, s.db, text, `SELECT s.id FROM sallyport_streams s
		WHERE s.status <> $1 AND EXISTS (SELECT 1 FROM sallyport_signals g WHERE g.at <= $2 AND g.seq > s.cursor_seq)
		ORDER BY s.id LIMIT $3`, string(ssf.Disabled), ms(before), int64(limit))
}

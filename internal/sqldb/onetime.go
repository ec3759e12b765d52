package sqldb

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/authn/onetime"
)

type oneTimeTokens struct{ *db }

const oneTimeColumns = `id, token_hash, code_mac, user_id, purpose, target, data, log_id, log_seq, created_at, expires_at`

func scanOneTime(r scanner) (t onetime.Token, err error) {
	var created, expires int64
	var data string
	err = r.Scan(&t.ID, &t.Hash, &t.CodeMAC, &t.User, &t.Purpose, &t.Target, &data, &t.Position.Log, &t.Position.Seq, &created, &expires)
	t.CreatedAt, t.ExpiresAt = at(created), at(expires)
	if data != "" {
		t.Data = []byte(data)
	}
	if len(t.CodeMAC) == 0 {
		t.CodeMAC = nil
	}
	return t, err
}

func (s oneTimeTokens) Create(ctx context.Context, t onetime.Token) error {
	_, err := s.exec(ctx, `INSERT INTO sallyport_one_time_tokens (`+oneTimeColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		t.ID, bytes(t.Hash), bytes(t.CodeMAC), t.User, string(t.Purpose), t.Target, string(t.Data), t.Position.Log, t.Position.Seq, ms(t.CreatedAt), ms(t.ExpiresAt))
	return err
}

func (s oneTimeTokens) ByHash(ctx context.Context, p onetime.Purpose, hash []byte) (onetime.Token, error) {
	return get(ctx, s.db, onetime.ErrNotFound, scanOneTime,
		`SELECT `+oneTimeColumns+` FROM sallyport_one_time_tokens WHERE token_hash = $1 AND purpose = $2`, bytes(hash), string(p))
}

func (s oneTimeTokens) Newest(ctx context.Context, user string, p onetime.Purpose) (onetime.Token, error) {
	return get(ctx, s.db, onetime.ErrNotFound, scanOneTime,
		`SELECT `+oneTimeColumns+` FROM sallyport_one_time_tokens WHERE user_id = $1 AND purpose = $2 ORDER BY id DESC LIMIT 1`, user, string(p))
}

func (s oneTimeTokens) SetData(ctx context.Context, id string, data []byte) error {
	n, err := s.exec(ctx, `UPDATE sallyport_one_time_tokens SET data = $2 WHERE id = $1`, id, string(data))
	return missing(n, err, onetime.ErrNotFound)
}

// Consume is one statement: who removes the row is who may go on.
func (s oneTimeTokens) Consume(ctx context.Context, id string, now time.Time) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_one_time_tokens WHERE id = $1 AND expires_at > $2`, id, ms(now))
	return n > 0, err
}

func (s oneTimeTokens) EndAll(ctx context.Context, user string, purposes ...onetime.Purpose) error {
	if len(purposes) == 0 {
		_, err := s.exec(ctx, `DELETE FROM sallyport_one_time_tokens WHERE user_id = $1`, user)
		return err
	}
	for _, p := range purposes {
		if _, err := s.exec(ctx, `DELETE FROM sallyport_one_time_tokens WHERE user_id = $1 AND purpose = $2`, user, string(p)); err != nil {
			return err
		}
	}
	return nil
}

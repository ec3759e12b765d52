package sqldb

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/oauth"
)

type initialTokens struct{ *db }

const initialTokenColumns = `id, name, token_hash, scopes, uses, made_by, created_at, expires_at`

func scanInitialToken(r scanner) (t oauth.InitialToken, err error) {
	var scopes string
	var uses, created, expires int64
	if err := r.Scan(&t.ID, &t.Name, &t.Hash, &scopes, &uses, &t.By, &created, &expires); err != nil {
		return t, err
	}
	t.Uses, t.CreatedAt, t.ExpiresAt = int(uses), at(created), at(expires)
	return t, decodeList("scopes", scopes, &t.Scopes)
}

func (s initialTokens) Create(ctx context.Context, t oauth.InitialToken) error {
	scopes, err := encodeList(t.Scopes)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_oauth_initial_tokens (`+initialTokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		t.ID, t.Name, bytes(t.Hash), scopes, int64(t.Uses), t.By, ms(t.CreatedAt), ms(t.ExpiresAt))
	return err
}

// Use is one statement: who changes the row has one use of it.
func (s initialTokens) Use(ctx context.Context, hash []byte, now time.Time) (oauth.InitialToken, error) {
	return get(ctx, s.db, oauth.ErrNoToken, scanInitialToken, `UPDATE sallyport_oauth_initial_tokens SET uses = uses - 1
		WHERE token_hash = $1 AND uses > 0 AND expires_at > $2 RETURNING `+initialTokenColumns, bytes(hash), ms(now))
}

func (s initialTokens) List(ctx context.Context, now time.Time, after string, limit int) ([]oauth.InitialToken, error) {
	var w where
	w.and("id > ?", after)
	w.and("expires_at > ?", ms(now))
	return list(ctx, s.db, scanInitialToken, `SELECT `+initialTokenColumns+` FROM sallyport_oauth_initial_tokens`+w.String()+` ORDER BY id`+w.limit(limit), w.args...)
}

func (s initialTokens) Delete(ctx context.Context, id string) (oauth.InitialToken, error) {
	return get(ctx, s.db, oauth.ErrNoToken, scanInitialToken,
		`DELETE FROM sallyport_oauth_initial_tokens WHERE id = $1 RETURNING `+initialTokenColumns, id)
}

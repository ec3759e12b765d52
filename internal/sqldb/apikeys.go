package sqldb

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/apikey"
)

type apiKeys struct{ *db }

const keyColumns = `k.id, k.key_hash, k.owner_id, k.org_id, k.name, k.scopes, k.last4, k.created_at, k.expires_at, k.last_used_at`

func scanKey(r scanner) (k apikey.Key, err error) {
	var scopes string
	var created, expires, used int64
	if err := r.Scan(&k.ID, &k.Hash, &k.Owner, &k.Org, &k.Name, &scopes, &k.Last4, &created, &expires, &used); err != nil {
		return k, err
	}
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt = at(created), at(expires), at(used)
	err = decodeList("scopes", scopes, &k.Scopes)
	if k.Scopes == nil {
		k.Scopes = []string{} // nil would mean "not limited" elsewhere
	}
	return k, err
}

func (s apiKeys) Create(ctx context.Context, k apikey.Key) error {
	scopes, err := encodeList(k.Scopes)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_api_keys (id, key_hash, owner_id, org_id, name, scopes, last4, created_at, expires_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		k.ID, bytes(k.Hash), k.Owner, k.Org, k.Name, scopes, k.Last4, ms(k.CreatedAt), ms(k.ExpiresAt), ms(k.LastUsedAt))
	return err
}

func (s apiKeys) ByID(ctx context.Context, id string) (apikey.Key, error) {
	return get(ctx, s.db, apikey.ErrNotFound, scanKey, `SELECT `+keyColumns+` FROM sallyport_api_keys k
		WHERE k.id = $1 AND EXISTS (SELECT 1 FROM sallyport_users u WHERE u.id = k.owner_id AND u.status = 'active')`, id)
}

func (s apiKeys) Touch(ctx context.Context, id string, used time.Time) error {
	_, err := s.exec(ctx, `UPDATE sallyport_api_keys SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2`, id, ms(used))
	return err
}

func (s apiKeys) List(ctx context.Context, owner string) ([]apikey.Key, error) {
	return list(ctx, s.db, scanKey,
		`SELECT `+keyColumns+` FROM sallyport_api_keys k WHERE k.owner_id = $1 ORDER BY k.created_at DESC, k.id DESC`, owner)
}

func (s apiKeys) Revoke(ctx context.Context, id, owner string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_api_keys WHERE id = $1 AND ($2 = '' OR owner_id = $2)`, id, owner)
	return n > 0, err
}

func (s apiKeys) RevokeAll(ctx context.Context, owner string) ([]string, error) {
	ids, err := list(ctx, s.db, text, `DELETE FROM sallyport_api_keys WHERE owner_id = $1 RETURNING id`, owner)
	slices.Sort(ids)
	return ids, err
}

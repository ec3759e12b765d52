package sqldb

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/oauth"
)

type clientGrants struct{ *db }

const clientGrantColumns = `id, user_id, client_id, session_id, org_id, data, code_hash, code_until, redeemed_at, log_id, log_seq, created_at, expires_at`

func scanClientGrant(r scanner) (g oauth.Grant, err error) {
	var data string
	var until, redeemed, created, expires int64
	if err := r.Scan(&g.ID, &g.User, &g.Client, &g.Session, &g.Org, &data, &g.CodeHash, &until, &redeemed,
		&g.Position.Log, &g.Position.Seq, &created, &expires); err != nil {
		return g, err
	}
	if len(g.CodeHash) == 0 {
		g.CodeHash = nil
	}
	g.CodeUntil, g.RedeemedAt, g.CreatedAt, g.ExpiresAt = at(until), at(redeemed), at(created), at(expires)
	return g, decode("data", data, &g.GrantData)
}

func (s clientGrants) Create(ctx context.Context, g oauth.Grant) error {
	if err := storableAll(g.Text()); err != nil {
		return err
	}
	g.AuthTime = at(ms(g.AuthTime))
	data, err := json.Marshal(g.GrantData)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_oauth_grants (`+clientGrantColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		g.ID, g.User, g.Client, g.Session, g.Org, string(data), bytes(g.CodeHash), ms(g.CodeUntil), ms(g.RedeemedAt),
		g.Position.Log, g.Position.Seq, ms(g.CreatedAt), ms(g.ExpiresAt))
	return err
}

func (s clientGrants) ByID(ctx context.Context, id string) (oauth.Grant, error) {
	return get(ctx, s.db, oauth.ErrNoGrant, scanClientGrant, `SELECT `+clientGrantColumns+` FROM sallyport_oauth_grants WHERE id = $1`, id)
}

// ByCode repeats the condition of the partial index.
func (s clientGrants) ByCode(ctx context.Context, hash []byte) (oauth.Grant, error) {
	return get(ctx, s.db, oauth.ErrNoGrant, scanClientGrant,
		`SELECT `+clientGrantColumns+` FROM sallyport_oauth_grants WHERE code_hash = $1 AND length(code_hash) > 0`, bytes(hash))
}

// Redeem is one statement: who changes the row is who may go on.
func (s clientGrants) Redeem(ctx context.Context, id string, now time.Time) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_oauth_grants SET redeemed_at = $2 WHERE id = $1 AND redeemed_at = 0`, id, ms(now))
	return n > 0, err
}

func (s clientGrants) Of(ctx context.Context, user string) ([]oauth.Grant, error) {
	return list(ctx, s.db, scanClientGrant,
		`SELECT `+clientGrantColumns+` FROM sallyport_oauth_grants WHERE user_id = $1 ORDER BY created_at DESC, id DESC`, user)
}

func (s clientGrants) End(ctx context.Context, id string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_oauth_grants WHERE id = $1`, id)
	return n > 0, err
}

func (s clientGrants) EndAll(ctx context.Context, user, client string) ([]string, error) {
	ids, err := list(ctx, s.db, text,
		`DELETE FROM sallyport_oauth_grants WHERE user_id = $1 AND ($2 = '' OR client_id = $2) RETURNING id`, user, client)
	slices.Sort(ids)
	return ids, err
}

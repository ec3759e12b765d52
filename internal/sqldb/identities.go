package sqldb

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/account"
)

type identities struct{ *db }

const identityColumns = `id, user_id, provider, issuer, subject, email, name, created_at, last_used_at`

func scanIdentity(r scanner) (i account.Identity, err error) {
	var created, used int64
	err = r.Scan(&i.ID, &i.User, &i.Provider, &i.Issuer, &i.Subject, &i.Email, &i.Name, &created, &used)
	i.CreatedAt, i.LastUsedAt = at(created), at(used)
	return i, err
}

func (s identities) Create(ctx context.Context, i account.Identity) error {
	n, err := s.exec(ctx, `INSERT INTO sallyport_identities (`+identityColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		i.ID, i.User, i.Provider, i.Issuer, i.Subject, i.Email, i.Name, ms(i.CreatedAt), ms(i.LastUsedAt))
	return missing(n, err, account.ErrConnected)
}

func (s identities) BySubject(ctx context.Context, issuer, subject string) (account.Identity, error) {
	return get(ctx, s.db, account.ErrNotConnected, scanIdentity,
		`SELECT `+identityColumns+` FROM sallyport_identities WHERE issuer = $1 AND subject = $2`, issuer, subject)
}

func (s identities) Of(ctx context.Context, user string) ([]account.Identity, error) {
	return list(ctx, s.db, scanIdentity, `SELECT `+identityColumns+` FROM sallyport_identities WHERE user_id = $1 ORDER BY id`, user)
}

func (s identities) Used(ctx context.Context, id, email, name string, now time.Time) error {
	_, err := s.exec(ctx, `UPDATE sallyport_identities SET email = $2, name = $3, last_used_at = $4 WHERE id = $1`, id, email, name, ms(now))
	return err
}

func (s identities) Remove(ctx context.Context, id string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_identities WHERE id = $1`, id)
	return n > 0, err
}

func (s identities) RemoveAll(ctx context.Context, user string) (int, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_identities WHERE user_id = $1`, user)
	return int(n), err
}

// Spend is one statement: who inserts the row is the first.
func (s identities) Spend(ctx context.Context, hash []byte, until time.Time) (bool, error) {
	n, err := s.exec(ctx, `INSERT INTO sallyport_spent_answers (state_hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, bytes(hash), ms(until))
	return n > 0, err
}

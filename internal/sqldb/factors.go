package sqldb

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/authn/otp"
)

type factors struct{ *db }

const factorColumns = `id, user_id, kind, key_sealed, last_step, confirmed_at, created_at, last_used_at`

func scanFactor(r scanner) (f otp.Factor, err error) {
	var confirmed, created, used int64
	err = r.Scan(&f.ID, &f.User, &f.Kind, &f.KeySealed, &f.LastStep, &confirmed, &created, &used)
	f.ConfirmedAt, f.CreatedAt, f.LastUsedAt = at(confirmed), at(created), at(used)
	return f, err
}

// Create meets a conflict only with another confirmed factor: ids are random.
func (s factors) Create(ctx context.Context, f otp.Factor) error {
	n, err := s.exec(ctx, `INSERT INTO sallyport_factors (`+factorColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		f.ID, f.User, string(f.Kind), bytes(f.KeySealed), f.LastStep, ms(f.ConfirmedAt), ms(f.CreatedAt), ms(f.LastUsedAt))
	return missing(n, err, otp.ErrTaken)
}

func (s factors) Of(ctx context.Context, user string) ([]otp.Factor, error) {
	return list(ctx, s.db, scanFactor, `SELECT `+factorColumns+` FROM sallyport_factors WHERE user_id = $1 ORDER BY id`, user)
}

// Use is one statement: who moves the step is who used the code.
func (s factors) Use(ctx context.Context, id string, step int64, now time.Time) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_factors SET last_step = $2, last_used_at = $3,
			confirmed_at = CASE WHEN confirmed_at = 0 THEN $3 ELSE confirmed_at END
		WHERE id = $1 AND last_step < $2 AND (confirmed_at > 0 OR NOT EXISTS (SELECT 1 FROM sallyport_factors o
			WHERE o.user_id = sallyport_factors.user_id AND o.kind = sallyport_factors.kind AND o.confirmed_at > 0))`, id, step, ms(now))
	return n > 0, err
}

func (s factors) Remove(ctx context.Context, id string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_factors WHERE id = $1`, id)
	return n > 0, err
}

func (s factors) RemoveAll(ctx context.Context, user string) (int, error) {
	confirmed := 0
	err := s.each(ctx, `DELETE FROM sallyport_factors WHERE user_id = $1 RETURNING confirmed_at`, []any{user}, func(r scanner) error {
		var at int64
		err := r.Scan(&at)
		if at > 0 {
			confirmed++
		}
		return err
	})
	return confirmed, err
}

type recoveryCodes struct{ *db }

func (s recoveryCodes) Replace(ctx context.Context, user string, macs [][]byte) error {
	if err := s.RemoveAll(ctx, user); err != nil {
		return err
	}
	for _, mac := range macs {
		_, err := s.exec(ctx, `INSERT INTO sallyport_recovery_codes (user_id, code_mac, used_at) VALUES ($1, $2, 0)`, user, bytes(mac))
		if err != nil {
			return err
		}
	}
	return nil
}

// Use is one statement: who marks the row is who used the code.
func (s recoveryCodes) Use(ctx context.Context, user string, mac []byte, now time.Time) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_recovery_codes SET used_at = $3 WHERE user_id = $1 AND code_mac = $2 AND used_at = 0`, user, bytes(mac), ms(now))
	return n > 0, err
}

func (s recoveryCodes) Left(ctx context.Context, user string) (int, error) {
	var n int64
	_, err := s.one(ctx, `SELECT COUNT(*) FROM sallyport_recovery_codes WHERE user_id = $1 AND used_at = 0`, []any{user}, &n)
	return int(n), err
}

func (s recoveryCodes) RemoveAll(ctx context.Context, user string) error {
	_, err := s.exec(ctx, `DELETE FROM sallyport_recovery_codes WHERE user_id = $1`, user)
	return err
}

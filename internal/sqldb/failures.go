package sqldb

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/limit"
)

type failures struct{ *db }

// Lock needs a row to lock. One that nobody sets has expired already, so the
// next sweep takes it away.
func (s failures) Lock(ctx context.Context, key []byte) (f limit.Failures, err error) {
	var count, first, until int64
	_, err = s.one(ctx, `INSERT INTO sallyport_login_failures (key, failures, first_at, locked_until, expires_at) VALUES ($1, 0, 0, 0, 0)
		ON CONFLICT (key) DO UPDATE SET failures = sallyport_login_failures.failures RETURNING failures, first_at, locked_until`,
		[]any{bytes(key)}, &count, &first, &until)
	return limit.Failures{Count: int(count), FirstAt: at(first), LockedUntil: at(until)}, err
}

func (s failures) Set(ctx context.Context, key []byte, f limit.Failures, until time.Time) error {
	if f.Count == 0 && f.FirstAt.IsZero() && f.LockedUntil.IsZero() {
		_, err := s.exec(ctx, `DELETE FROM sallyport_login_failures WHERE key = $1`, bytes(key))
		return err
	}
	_, err := s.exec(ctx, `INSERT INTO sallyport_login_failures (key, failures, first_at, locked_until, expires_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, first_at = excluded.first_at,
			locked_until = excluded.locked_until, expires_at = excluded.expires_at`,
		bytes(key), int64(f.Count), ms(f.FirstAt), ms(f.LockedUntil), ms(until))
	return err
}

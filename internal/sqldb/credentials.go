package sqldb

import (
	"context"
	"time"
)

type credentials struct{ *db }

const password = "password" // the kind

func (s credentials) Password(ctx context.Context, user string) (phc string, err error) {
	_, err = s.one(ctx, `SELECT secret FROM sallyport_credentials WHERE user_id = $1 AND kind = $2`, []any{user, password}, &phc)
	return phc, err
}

func (s credentials) SetPassword(ctx context.Context, user, phc string, now time.Time) error {
	_, err := s.exec(ctx, `INSERT INTO sallyport_credentials (user_id, kind, secret, updated_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, kind) DO UPDATE SET secret = excluded.secret, updated_at = excluded.updated_at, breached_at = 0`, user, password, phc, ms(now))
	return err
}

func (s credentials) ReplacePassword(ctx context.Context, user, old, phc string, now time.Time) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_credentials SET secret = $4, updated_at = $5 WHERE user_id = $1 AND kind = $2 AND secret = $3`,
		user, password, old, phc, ms(now))
	return n > 0, err
}

func (s credentials) MarkBreached(ctx context.Context, user, phc string, now time.Time) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_credentials SET breached_at = $4 WHERE user_id = $1 AND kind = $2 AND secret = $3 AND breached_at = 0`,
		user, password, phc, ms(now))
	return n > 0, err
}

func (s credentials) Breached(ctx context.Context, user string) (bool, error) {
	var at int64
	_, err := s.one(ctx, `SELECT breached_at FROM sallyport_credentials WHERE user_id = $1 AND kind = $2`, []any{user, password}, &at)
	return at > 0, err
}

type secrets struct{ *db }

func (s secrets) Get(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	found, err := s.one(ctx, `SELECT value FROM sallyport_secrets WHERE name = $1`, []any{name}, &value)
	if found {
		value = bytes(value) // empty is not absent
	}
	return value, err
}

// Create locks the row by an UPDATE that changes nothing.
func (s secrets) Create(ctx context.Context, name string, value []byte) ([]byte, error) {
	args := []any{name, bytes(value)}
	if err := checkText(args); err != nil {
		return nil, err
	}
	var inForce []byte
	_, err := s.one(ctx, `INSERT INTO sallyport_secrets (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = sallyport_secrets.value RETURNING value`, args, &inForce)
	return bytes(inForce), err
}

package sqldb

import (
	"context"

	"github.com/sallyport-auth/sallyport/account/device"
)

type devices struct{ *db }

const deviceColumns = `id, token_hash, user_id, user_agent, address, trusted_until, log_id, log_seq, created_at, last_seen_at, expires_at`

func scanDevice(r scanner) (d device.Device, err error) {
	var trusted, created, seen, expires int64
	err = r.Scan(&d.ID, &d.Hash, &d.User, &d.UserAgent, &d.Address, &trusted, &d.Trusted.Log, &d.Trusted.Seq, &created, &seen, &expires)
	d.TrustedUntil, d.CreatedAt, d.LastSeenAt, d.ExpiresAt = at(trusted), at(created), at(seen), at(expires)
	return d, err
}

func (s devices) Create(ctx context.Context, d device.Device) error {
	_, err := s.exec(ctx, `INSERT INTO sallyport_devices (`+deviceColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		d.ID, bytes(d.Hash), d.User, d.UserAgent, d.Address, ms(d.TrustedUntil), d.Trusted.Log, d.Trusted.Seq, ms(d.CreatedAt), ms(d.LastSeenAt), ms(d.ExpiresAt))
	return err
}

func (s devices) ByHash(ctx context.Context, user string, hash []byte) (device.Device, error) {
	return get(ctx, s.db, device.ErrNotFound, scanDevice,
		`SELECT `+deviceColumns+` FROM sallyport_devices WHERE user_id = $1 AND token_hash = $2`, user, bytes(hash))
}

func (s devices) Update(ctx context.Context, d device.Device) error {
	n, err := s.exec(ctx, `UPDATE sallyport_devices SET user_agent = $2, address = $3, trusted_until = $4, log_id = $5, log_seq = $6,
		last_seen_at = $7, expires_at = $8 WHERE id = $1`,
		d.ID, d.UserAgent, d.Address, ms(d.TrustedUntil), d.Trusted.Log, d.Trusted.Seq, ms(d.LastSeenAt), ms(d.ExpiresAt))
	return missing(n, err, device.ErrNotFound)
}

func (s devices) Rename(ctx context.Context, old, hash []byte) error {
	_, err := s.exec(ctx, `UPDATE sallyport_devices SET token_hash = $2 WHERE token_hash = $1`, bytes(old), bytes(hash))
	return err
}

func (s devices) List(ctx context.Context, user string) ([]device.Device, error) {
	return list(ctx, s.db, scanDevice,
		`SELECT `+deviceColumns+` FROM sallyport_devices WHERE user_id = $1 ORDER BY last_seen_at DESC, id DESC`, user)
}

func (s devices) Remove(ctx context.Context, user, id string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_devices WHERE id = $1 AND user_id = $2`, id, user)
	return n > 0, err
}

func (s devices) RemoveOthers(ctx context.Context, user, except string) error {
	_, err := s.exec(ctx, `DELETE FROM sallyport_devices WHERE user_id = $1 AND id <> $2`, user, except)
	return err
}

func (s devices) EndTrust(ctx context.Context, user string) error {
	_, err := s.exec(ctx, `UPDATE sallyport_devices SET trusted_until = 0, log_id = '', log_seq = 0 WHERE user_id = $1 AND trusted_until > 0`, user)
	return err
}

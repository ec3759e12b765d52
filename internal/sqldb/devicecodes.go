package sqldb

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/oauth"
)

type deviceCodes struct{ *db }

const deviceCodeColumns = `id, code_hash, user_mac, client_id, scope, resources, address, agent, state, grant_id, interval_ms, polled_at, created_at, expires_at`

func scanDeviceCode(r scanner) (d oauth.DeviceCode, err error) {
	var scope, resources string
	var interval, polled, created, expires int64
	if err := r.Scan(&d.ID, &d.Hash, &d.UserMAC, &d.Client, &scope, &resources, &d.Address, &d.Agent, &d.State, &d.Grant,
		&interval, &polled, &created, &expires); err != nil {
		return d, err
	}
	d.Interval, d.PolledAt, d.CreatedAt, d.ExpiresAt = time.Duration(interval)*time.Millisecond, at(polled), at(created), at(expires)
	if err := decodeList("scope", scope, &d.Scope); err != nil {
		return d, err
	}
	return d, decodeList("resources", resources, &d.Resources)
}

func (s deviceCodes) Create(ctx context.Context, d oauth.DeviceCode) error {
	scope, err := encodeList(d.Scope)
	if err != nil {
		return err
	}
	resources, err := encodeList(d.Resources)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_oauth_device_codes (`+deviceCodeColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		d.ID, bytes(d.Hash), bytes(d.UserMAC), d.Client, scope, resources, d.Address, d.Agent, string(d.State), d.Grant,
		d.Interval.Milliseconds(), ms(d.PolledAt), ms(d.CreatedAt), ms(d.ExpiresAt))
	return err
}

func (s deviceCodes) ByHash(ctx context.Context, hash []byte) (oauth.DeviceCode, error) {
	return get(ctx, s.db, oauth.ErrNoGrant, scanDeviceCode,
		`SELECT `+deviceCodeColumns+` FROM sallyport_oauth_device_codes WHERE code_hash = $1`, bytes(hash))
}

func (s deviceCodes) ByUserCode(ctx context.Context, mac []byte) (oauth.DeviceCode, error) {
	return get(ctx, s.db, oauth.ErrNoGrant, scanDeviceCode,
		`SELECT `+deviceCodeColumns+` FROM sallyport_oauth_device_codes WHERE user_mac = $1`, bytes(mac))
}

// Decide is one statement: who changes the row has answered.
func (s deviceCodes) Decide(ctx context.Context, id string, state oauth.DeviceState, grant string) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_oauth_device_codes SET state = $2, grant_id = $3 WHERE id = $1 AND state = 'pending'`,
		id, string(state), grant)
	return n > 0, err
}

func (s deviceCodes) Polled(ctx context.Context, id string, when time.Time, interval time.Duration) error {
	n, err := s.exec(ctx, `UPDATE sallyport_oauth_device_codes SET polled_at = $2, interval_ms = $3 WHERE id = $1`,
		id, ms(when), interval.Milliseconds())
	return missing(n, err, oauth.ErrNoGrant)
}

// Remove is one statement: who removes the row is who gets the tokens.
func (s deviceCodes) Remove(ctx context.Context, id string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_oauth_device_codes WHERE id = $1`, id)
	return n > 0, err
}

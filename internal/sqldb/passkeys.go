package sqldb

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/authn/passkey"
)

type passkeys struct{ *db }

const passkeyColumns = `id, user_id, user_handle, credential_id, public_key, sign_count, aaguid, transports, backup_eligible, backup_state,
	name, created_at, last_used_at`

// unseen is what backup_eligible says of a passkey that has not been used here.
const unseen = -1

func eligible(k *passkey.Passkey) int64 {
	if k.Unseen {
		return unseen
	}
	return flag(k.Synced)
}

func scanPasskey(r scanner) (k passkey.Passkey, err error) {
	var count, synced, backedUp, created, used int64
	var aaguid []byte
	var transports string
	err = r.Scan(&k.ID, &k.User, &k.Handle, &k.CredentialID, &k.PublicKey, &count, &aaguid, &transports, &synced, &backedUp,
		&k.Name, &created, &used)
	if err != nil {
		return k, err
	}
	if copy(k.AAGUID[:], aaguid) != len(k.AAGUID) {
		return k, fmt.Errorf("passkey %s: AAGUID of %d bytes", k.ID, len(aaguid))
	}
	k.SignCount, k.Synced, k.BackedUp, k.Unseen = uint32(count), synced > 0, backedUp != 0, synced == unseen
	k.CreatedAt, k.LastUsedAt = at(created), at(used)
	return k, decodeList("transports", transports, &k.Transports)
}

func (s passkeys) Create(ctx context.Context, k passkey.Passkey) error {
	transports, err := encodeList(k.Transports)
	if err != nil {
		return err
	}
	n, err := s.exec(ctx, `INSERT INTO sallyport_passkeys (`+passkeyColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (credential_id) DO NOTHING`,
		k.ID, k.User, bytes(k.Handle), bytes(k.CredentialID), bytes(k.PublicKey), int64(k.SignCount), k.AAGUID[:], transports,
		eligible(&k), flag(k.BackedUp), k.Name, ms(k.CreatedAt), ms(k.LastUsedAt))
	return missing(n, err, passkey.ErrTaken)
}

func (s passkeys) ByCredential(ctx context.Context, credentialID []byte) (passkey.Passkey, error) {
	return get(ctx, s.db, passkey.ErrNotFound, scanPasskey,
		`SELECT `+passkeyColumns+` FROM sallyport_passkeys WHERE credential_id = $1`, bytes(credentialID))
}

func (s passkeys) List(ctx context.Context, user string) ([]passkey.Passkey, error) {
	return list(ctx, s.db, scanPasskey,
		`SELECT `+passkeyColumns+` FROM sallyport_passkeys WHERE user_id = $1 ORDER BY created_at DESC, id DESC`, user)
}

func (s passkeys) Use(ctx context.Context, id string, u passkey.Use, now time.Time) error {
	n, err := s.exec(ctx, `UPDATE sallyport_passkeys SET sign_count = $2, backup_state = $3, last_used_at = $4,
		backup_eligible = CASE WHEN backup_eligible < 0 THEN $5 ELSE backup_eligible END WHERE id = $1`,
		id, int64(u.SignCount), flag(u.BackedUp), ms(now), flag(u.Synced))
	return missing(n, err, passkey.ErrNotFound)
}

func (s passkeys) Rename(ctx context.Context, id, user, name string) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_passkeys SET name = $3 WHERE id = $1 AND user_id = $2`, id, user, name)
	return n > 0, err
}

func (s passkeys) Remove(ctx context.Context, id, user string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_passkeys WHERE id = $1 AND user_id = $2`, id, user)
	return n > 0, err
}

func (s passkeys) RemoveAll(ctx context.Context, user string) error {
	_, err := s.exec(ctx, `DELETE FROM sallyport_passkeys WHERE user_id = $1`, user)
	return err
}

package sqldb

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/account/org"
)

type invitations struct{ *db }

const invitationColumns = `id, token_hash, org_id, email_norm, role, invited_by, created_at, expires_at`

func scanInvitation(r scanner) (v org.Invitation, err error) {
	var created, expires int64
	err = r.Scan(&v.ID, &v.TokenHash, &v.Org, &v.EmailNorm, &v.Role, &v.InvitedBy, &created, &expires)
	v.CreatedAt, v.ExpiresAt = at(created), at(expires)
	return v, err
}

func (s invitations) Create(ctx context.Context, v org.Invitation) error {
	_, err := s.exec(ctx, `INSERT INTO sallyport_invitations (`+invitationColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		v.ID, bytes(v.TokenHash), v.Org, v.EmailNorm, v.Role, v.InvitedBy, ms(v.CreatedAt), ms(v.ExpiresAt))
	return err
}

func (s invitations) ByHash(ctx context.Context, hash []byte) (org.Invitation, error) {
	return get(ctx, s.db, org.ErrNoInvitation, scanInvitation,
		`SELECT `+invitationColumns+` FROM sallyport_invitations WHERE token_hash = $1`, bytes(hash))
}

// Consume is one statement: who finds the row is who removes it.
func (s invitations) Consume(ctx context.Context, hash []byte, now time.Time) (org.Invitation, error) {
	return get(ctx, s.db, org.ErrNoInvitation, scanInvitation,
		`DELETE FROM sallyport_invitations WHERE token_hash = $1 AND expires_at > $2 RETURNING `+invitationColumns, bytes(hash), ms(now))
}

func (s invitations) Revoke(ctx context.Context, id, invitation string) (org.Invitation, error) {
	return get(ctx, s.db, org.ErrNoInvitation, scanInvitation,
		`DELETE FROM sallyport_invitations WHERE org_id = $1 AND id = $2 RETURNING `+invitationColumns, id, invitation)
}

func (s invitations) Withdraw(ctx context.Context, id, email, inviter string) error {
	_, err := s.exec(ctx, `DELETE FROM sallyport_invitations
		WHERE org_id = $1 AND ($2 <> '' AND email_norm = $2 OR $3 <> '' AND invited_by = $3)`, id, email, inviter)
	return err
}

func (s invitations) Pending(ctx context.Context, id string, now time.Time, after string, limit int) ([]org.Invitation, error) {
	w := where{}
	w.and("org_id = ?", id)
	w.and("id > ?", after)
	w.and("expires_at > ?", ms(now))
	return list(ctx, s.db, scanInvitation, `SELECT `+invitationColumns+` FROM sallyport_invitations`+w.String()+` ORDER BY id`+w.limit(limit), w.args...)
}

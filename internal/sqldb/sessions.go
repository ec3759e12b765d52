package sqldb

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
)

type sessions struct{ *db }

const sessionColumns = `id, token_hash, user_id, org_id, aal, amr, auth_time, log_id, log_seq,
	created_at, last_seen_at, idle_expires_at, expires_at, address, user_agent`

func scanSession(r scanner) (s session.Session, err error) {
	var amr string
	var aal, auth, created, seen, idle, expires int64
	if err := r.Scan(&s.ID, &s.TokenHash, &s.Subject, &s.Org, &aal, &amr, &auth, &s.Position.Log, &s.Position.Seq,
		&created, &seen, &idle, &expires, &s.Address, &s.UserAgent); err != nil {
		return s, err
	}
	s.AAL, s.AuthTime, s.CreatedAt, s.LastSeenAt = int(aal), at(auth), at(created), at(seen)
	s.IdleExpiresAt, s.ExpiresAt = at(idle), at(expires)
	return s, decodeList("amr", amr, &s.AMR)
}

func (s sessions) Create(ctx context.Context, v session.Session) error {
	amr, err := encodeList(v.AMR)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		v.ID, bytes(v.TokenHash), v.Subject, v.Org, int64(v.AAL), amr, ms(v.AuthTime), v.Position.Log, v.Position.Seq,
		ms(v.CreatedAt), ms(v.LastSeenAt), ms(v.IdleExpiresAt), ms(v.ExpiresAt), v.Address, v.UserAgent)
	return err
}

func (s sessions) ByTokenHash(ctx context.Context, hash []byte) (session.Session, error) {
	return get(ctx, s.db, session.ErrNotFound, scanSession, `SELECT `+sessionColumns+` FROM sallyport_sessions WHERE token_hash = $1`, bytes(hash))
}

func (s sessions) ByID(ctx context.Context, id string) (session.Session, error) {
	return get(ctx, s.db, session.ErrNotFound, scanSession, `SELECT `+sessionColumns+` FROM sallyport_sessions WHERE id = $1`, id)
}

// Touch leaves a session alone whose end had come when it was seen: what has
// expired does not come back.
func (s sessions) Touch(ctx context.Context, id string, seen, idleExpires time.Time) error {
	_, err := s.exec(ctx, `UPDATE sallyport_sessions SET
		last_seen_at    = CASE WHEN last_seen_at < $2 THEN $2 ELSE last_seen_at END,
		idle_expires_at = CASE WHEN idle_expires_at < $3 THEN $3 ELSE idle_expires_at END
		WHERE id = $1 AND (last_seen_at < $2 OR idle_expires_at < $3) AND idle_expires_at > $2 AND expires_at > $2`,
		id, ms(seen), ms(idleExpires))
	return err
}

func (s sessions) Rotate(ctx context.Context, id string, newHash []byte, p revoke.Position, authTime time.Time) error {
	n, err := s.exec(ctx, `UPDATE sallyport_sessions SET token_hash = $2, log_id = $3, log_seq = $4, auth_time = $5 WHERE id = $1`,
		id, bytes(newHash), p.Log, p.Seq, ms(authTime))
	return missing(n, err, session.ErrNotFound)
}

func (s sessions) Elevate(ctx context.Context, id string, newHash []byte, p revoke.Position, authTime time.Time, amr []string, aal int) error {
	list, err := encodeList(amr)
	if err != nil {
		return err
	}
	n, err := s.exec(ctx, `UPDATE sallyport_sessions SET token_hash = $2, log_id = $3, log_seq = $4, auth_time = $5, amr = $6, aal = $7 WHERE id = $1`,
		id, bytes(newHash), p.Log, p.Seq, ms(authTime), list, int64(aal))
	return missing(n, err, session.ErrNotFound)
}

func (s sessions) SetOrg(ctx context.Context, id, org string) error {
	n, err := s.exec(ctx, `UPDATE sallyport_sessions SET org_id = $2 WHERE id = $1`, id, org)
	return missing(n, err, session.ErrNotFound)
}

func (s sessions) Leave(ctx context.Context, subject, org string) error {
	_, err := s.exec(ctx, `UPDATE sallyport_sessions SET org_id = '' WHERE user_id = $1 AND org_id = $2`, subject, org)
	return err
}

func (s sessions) List(ctx context.Context, subject string) ([]session.Session, error) {
	return list(ctx, s.db, scanSession,
		`SELECT `+sessionColumns+` FROM sallyport_sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC`, subject)
}

func (s sessions) End(ctx context.Context, id string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_sessions WHERE id = $1`, id)
	return n > 0, err
}

func (s sessions) EndAll(ctx context.Context, subject, except string) ([]session.Session, error) {
	ended, err := list(ctx, s.db, scanSession,
		`DELETE FROM sallyport_sessions WHERE user_id = $1 AND id <> $2 RETURNING `+sessionColumns, subject, except)
	slices.SortFunc(ended, func(a, b session.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return ended, err
}

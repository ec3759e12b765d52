package sqldb

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

type families struct{ *db }

const familyColumns = `session_id, grant_id, user_id, scope, key_version, counter, log_id, log_seq, created_at, rotated_at, expires_at`

// Create gives the family no parent: -1 is the counter of no token.
func (s families) Create(ctx context.Context, f token.Family) error {
	scope, err := encodeList(f.Scope)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_refresh_families (id, client_id, proof, `+familyColumns+`, parent, ahead, revoked_at, revoke_reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, -1, 0, 0, '')`,
		f.ID, f.Client, f.Proof, f.Session, f.Grant, f.Subject, scope, int64(f.KeyVersion), f.Counter, f.Position.Log, f.Position.Seq,
		ms(f.CreatedAt), ms(f.RotatedAt), ms(f.ExpiresAt))
	return err
}

func (s families) ByID(ctx context.Context, id string) (token.Family, error) {
	return get(ctx, s.db, token.ErrNotFound, func(r scanner) (f token.Family, err error) {
		var scope string
		var version, created, rotated, expires int64
		err = r.Scan(&f.ID, &f.Client, &f.Proof, &f.Session, &f.Grant, &f.Subject, &scope, &version, &f.Counter,
			&f.Position.Log, &f.Position.Seq, &created, &rotated, &expires)
		if err != nil {
			return f, err
		}
		f.KeyVersion, f.CreatedAt, f.RotatedAt, f.ExpiresAt = uint32(version), at(created), at(rotated), at(expires)
		return f, decodeList("scope", scope, &f.Scope)
	}, `SELECT id, client_id, proof, `+familyColumns+` FROM sallyport_refresh_families WHERE id = $1 AND revoked_at = 0`, id)
}

// rotate decides between rotation, repetition and reuse. $1 family, $2 counter
// presented, $3 now, $4 the oldest rotation whose parent is repeated, $5 the
// oldest whose late parent is forgiven ($5 <= $4), $6 client, $7 proof.
//
// The newest token, or one ahead of the row, rotates. The parent of the newest
// changes nothing while it may be repeated, and later skips one successor while
// that is forgiven. Everything else is a reuse and ends the family. Every right
// side reads the row as it was.
const rotate = `UPDATE sallyport_refresh_families SET
	counter    = CASE WHEN counter <= $2 THEN $2 + 1
	                  WHEN parent = $2 AND rotated_at < $4 AND rotated_at >= $5 THEN counter + 1
	                  ELSE counter END,
	parent     = CASE WHEN counter <= $2 THEN $2 ELSE parent END,
	ahead      = CASE WHEN counter < $2 THEN $2 - counter ELSE 0 END,
	rotated_at = CASE WHEN counter <= $2 OR (parent = $2 AND rotated_at < $4 AND rotated_at >= $5) THEN $3 ELSE rotated_at END,
	revoked_at = CASE WHEN counter <= $2 OR (parent = $2 AND rotated_at >= $5) THEN 0 ELSE $3 END,
	revoke_reason = CASE WHEN counter <= $2 OR (parent = $2 AND rotated_at >= $5) THEN '' ELSE 'reuse' END
	WHERE id = $1 AND client_id = $6 AND proof = $7 AND revoked_at = 0 AND expires_at > $3 AND counter + 8 >= $2
	RETURNING ` + familyColumns + `, ahead, revoked_at`

// The 8 in rotate; this does not compile if they differ.
var _ = [1]struct{}{}[token.MaxAhead-8]

func (s families) Rotate(ctx context.Context, r token.Rotation) (token.Rotated, error) {
	if r.Counter < 0 {
		return token.Rotated{}, token.ErrNotFound
	}
	repeat := r.Now.Add(-r.Leeway)
	forgive := r.Now.Add(-max(r.Leeway, r.Forgive))
	out, err := get(ctx, s.db, token.ErrNotFound, scanRotated, rotate,
		r.Family, r.Counter, ms(r.Now), ms(repeat), ms(forgive), r.Client, r.Proof)
	if err != nil {
		return token.Rotated{}, err
	}
	out.ID, out.Client, out.Proof = r.Family, r.Client, r.Proof // as the condition says
	return out, nil
}

func scanRotated(r scanner) (f token.Rotated, err error) {
	var scope string
	var version, created, rotated, expires, revoked int64
	if err := r.Scan(&f.Session, &f.Grant, &f.Subject, &scope, &version, &f.Counter, &f.Position.Log, &f.Position.Seq,
		&created, &rotated, &expires, &f.Ahead, &revoked); err != nil {
		return f, err
	}
	f.KeyVersion, f.CreatedAt, f.RotatedAt, f.ExpiresAt = uint32(version), at(created), at(rotated), at(expires)
	f.Reused = revoked != 0
	return f, decodeList("scope", scope, &f.Scope)
}

func (s families) EndSession(ctx context.Context, session, reason string, now time.Time) error {
	_, err := s.exec(ctx, `UPDATE sallyport_refresh_families SET revoked_at = $2, revoke_reason = $3
		WHERE session_id = $1 AND session_id <> '' AND revoked_at = 0`, session, ms(now), reason)
	return err
}

func (s families) EndGrant(ctx context.Context, grant, reason string, now time.Time) error {
	_, err := s.exec(ctx, `UPDATE sallyport_refresh_families SET revoked_at = $2, revoke_reason = $3
		WHERE grant_id = $1 AND grant_id <> '' AND revoked_at = 0`, grant, ms(now), reason)
	return err
}

func (s families) EndSubject(ctx context.Context, subject, exceptSession, reason string, now time.Time) error {
	_, err := s.exec(ctx, `UPDATE sallyport_refresh_families SET revoked_at = $3, revoke_reason = $4
		WHERE user_id = $1 AND ($2 = '' OR session_id <> $2) AND revoked_at = 0`, subject, exceptSession, ms(now), reason)
	return err
}

func (s families) Advance(ctx context.Context, session string, p revoke.Position) error {
	_, err := s.exec(ctx, `UPDATE sallyport_refresh_families SET log_id = $2, log_seq = $3
		WHERE session_id = $1 AND session_id <> '' AND revoked_at = 0`, session, p.Log, p.Seq)
	return err
}

package sqldb

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/ssf"
)

// Update runs f in one transaction of a back end.
type Update func(ctx context.Context, f func(Conn) error) error

// expired selects one batch of each kind by the index on its expiry; $1 is now,
// or what was then kept long enough, $2 how many.
var expired = [...]struct {
	kind, stmt string
	kept       time.Duration
}{
	{"sessions", `DELETE FROM sallyport_sessions WHERE id IN
		(SELECT id FROM sallyport_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"refresh families", `DELETE FROM sallyport_refresh_families WHERE id IN
		(SELECT id FROM sallyport_refresh_families WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"API keys", `DELETE FROM sallyport_api_keys WHERE id IN
		(SELECT id FROM sallyport_api_keys WHERE expires_at > 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"devices", `DELETE FROM sallyport_devices WHERE id IN
		(SELECT id FROM sallyport_devices WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"certificates", `DELETE FROM sallyport_client_certificates WHERE id IN
		(SELECT id FROM sallyport_client_certificates WHERE not_after > 0 AND not_after <= $1 ORDER BY not_after LIMIT $2)`, 0},
	{"invitations", `DELETE FROM sallyport_invitations WHERE id IN
		(SELECT id FROM sallyport_invitations WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"one-time tokens", `DELETE FROM sallyport_one_time_tokens WHERE id IN
		(SELECT id FROM sallyport_one_time_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	// The row may have been set since it was selected.
	{"failures", `DELETE FROM sallyport_login_failures WHERE expires_at <= $1 AND key IN
		(SELECT key FROM sallyport_login_failures WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"grants", `DELETE FROM sallyport_grants WHERE expires_at <> 0 AND expires_at <= $1
		AND (resource_type, resource_id, subject_type, subject_id, permission) IN
		(SELECT resource_type, resource_id, subject_type, subject_id, permission FROM sallyport_grants
			WHERE expires_at <> 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"factors that wait", `DELETE FROM sallyport_factors WHERE confirmed_at = 0 AND id IN
		(SELECT id FROM sallyport_factors WHERE confirmed_at = 0 AND created_at <= $1 ORDER BY created_at LIMIT $2)`, otp.PendingLife},
	{"used answers of providers", `DELETE FROM sallyport_spent_answers WHERE state_hash IN
		(SELECT state_hash FROM sallyport_spent_answers WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"grants to clients", `DELETE FROM sallyport_oauth_grants WHERE id IN
		(SELECT id FROM sallyport_oauth_grants WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"device codes", `DELETE FROM sallyport_oauth_device_codes WHERE id IN
		(SELECT id FROM sallyport_oauth_device_codes WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"initial access tokens", `DELETE FROM sallyport_oauth_initial_tokens WHERE id IN
		(SELECT id FROM sallyport_oauth_initial_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, 0},
	{"decisions", `DELETE FROM sallyport_decisions WHERE id IN
		(SELECT id FROM sallyport_decisions WHERE at <= $1 ORDER BY at LIMIT $2)`, authz.DecisionRetention},
	{"messages", `DELETE FROM sallyport_outbox WHERE id IN
		(SELECT id FROM sallyport_outbox WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, outbox.Retention},
	{"imports", `DELETE FROM sallyport_imports WHERE id IN
		(SELECT id FROM sallyport_imports WHERE updated_at <= $1 ORDER BY updated_at LIMIT $2)`, importer.Retention},
	// What a stream waits for stays, however old: it is the stream that is disabled.
	{"signals", `DELETE FROM sallyport_signals WHERE seq IN
		(SELECT g.seq FROM sallyport_signals g WHERE g.at <= $1 AND NOT EXISTS
			(SELECT 1 FROM sallyport_streams s WHERE s.cursor_seq < g.seq AND s.status <> 'disabled') ORDER BY g.at LIMIT $2)`, ssf.Retention},
}

// Sweep deletes up to limit expired rows of each kind, each kind in a transaction
// of its own so that nobody waits long, and returns how many it deleted.
func Sweep(ctx context.Context, update Update, now time.Time, limit int) (int, error) {
	total := 0
	for _, e := range expired {
		var n int64
		err := update(ctx, func(c Conn) (err error) {
			n, err = c.Exec(ctx, e.stmt, ms(now.Add(-e.kept)), int64(limit))
			return err
		})
		if err != nil {
			return total, fmt.Errorf("sweeping %s: %w", e.kind, err)
		}
		total += int(n)
	}
	n, err := sweepLog(ctx, update, now, limit)
	if err != nil {
		return total, fmt.Errorf("sweeping the log: %w", err)
	}
	return total + n, nil
}

// sweepLog deletes entries and raises the floor in one transaction: whoever sees
// that an entry is gone sees up to where the log has gaps.
func sweepLog(ctx context.Context, update Update, now time.Time, limit int) (n int, err error) {
	err = update(ctx, func(c Conn) error {
		n = 0
		var floor int64
		d := &db{c}
		err := d.each(ctx, `DELETE FROM sallyport_revocation WHERE seq IN
			(SELECT seq FROM sallyport_revocation WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) RETURNING seq`,
			[]any{ms(now), int64(limit)}, func(r scanner) error {
				var seq int64
				err := r.Scan(&seq)
				floor = max(floor, seq)
				n++
				return err
			})
		if err != nil || n == 0 {
			return err
		}
		_, err = d.exec(ctx, `UPDATE sallyport_log_head SET floor = CASE WHEN floor < $1 THEN $1 ELSE floor END WHERE one = 1`, floor)
		return err
	})
	return n, err
}

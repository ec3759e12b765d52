package sqldb

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/oauth"
)

type introductions struct{ *db }

const introductionColumns = `session_id, client_id, user_id, created_at, expires_at`

func scanIntroduction(r scanner) (i oauth.Introduction, err error) {
	var created, expires int64
	err = r.Scan(&i.Session, &i.Client, &i.User, &created, &expires)
	i.CreatedAt, i.ExpiresAt = at(created), at(expires)
	return i, err
}

// Add takes the row of the session first: whoever ends the session has either ended it
// by then, and there is none, or waits, and finds what is added here.
func (s introductions) Add(ctx context.Context, session, client string, now time.Time) error {
	var user string
	var expires int64
	there, err := s.one(ctx, `UPDATE sallyport_sessions SET expires_at = expires_at WHERE id = $1 RETURNING user_id, expires_at`,
		[]any{session}, &user, &expires)
	if err != nil {
		return err
	}
	if !there {
		return oauth.ErrNoSession
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_oauth_introductions (`+introductionColumns+`) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		session, client, user, ms(now), expires)
	return err
}

func (s introductions) Take(ctx context.Context, session string) ([]oauth.Introduction, error) {
	all, err := list(ctx, s.db, scanIntroduction,
		`DELETE FROM sallyport_oauth_introductions WHERE session_id = $1 RETURNING `+introductionColumns, session)
	slices.SortFunc(all, func(a, b oauth.Introduction) int { return strings.Compare(a.Client, b.Client) })
	return all, err
}

// TakeExpired asks for the time again: of two who take at once the second waits for the
// first, and finds that the rows are gone.
func (s introductions) TakeExpired(ctx context.Context, now time.Time, limit int) ([]oauth.Introduction, error) {
	all, err := list(ctx, s.db, scanIntroduction, `DELETE FROM sallyport_oauth_introductions WHERE expires_at <= $1 AND (session_id, client_id) IN
		(SELECT session_id, client_id FROM sallyport_oauth_introductions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
		RETURNING `+introductionColumns, ms(now), int64(limit))
	slices.SortFunc(all, oldestIntroduction)
	return all, err
}

func oldestIntroduction(a, b oauth.Introduction) int {
	if order := a.ExpiresAt.Compare(b.ExpiresAt); order != 0 {
		return order
	}
	return strings.Compare(a.Session+"\x00"+a.Client, b.Session+"\x00"+b.Client)
}

func (s introductions) ExpireAll(ctx context.Context, now time.Time) error {
	_, err := s.exec(ctx, `UPDATE sallyport_oauth_introductions SET expires_at = $1 WHERE expires_at > $1`, ms(now))
	return err
}

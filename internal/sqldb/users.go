package sqldb

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
)

type users struct{ *db }

const userColumns = `id, username, username_norm, email, email_norm, email_verified, status, plan, killed_seq, created_at, updated_at,
	display_name, locale, phone, phone_verified, delete_at`

func scanUser(r scanner) (u account.User, err error) {
	var verified, created, updated, phoneVerified, deleted int64
	err = r.Scan(&u.ID, &u.Username, &u.UsernameNorm, &u.Email, &u.EmailNorm, &verified, &u.Status, &u.Plan, &u.KilledSeq, &created, &updated,
		&u.DisplayName, &u.Locale, &u.Phone, &phoneVerified, &deleted)
	u.EmailVerified, u.CreatedAt, u.UpdatedAt = verified != 0, at(created), at(updated)
	u.PhoneVerified, u.DeleteAt = phoneVerified != 0, at(deleted)
	return u, err
}

func (s users) Create(ctx context.Context, u account.User) error {
	n, err := s.exec(ctx, `INSERT INTO sallyport_users (`+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING`,
		u.ID, u.Username, u.UsernameNorm, u.Email, u.EmailNorm, flag(u.EmailVerified), string(u.Status), u.Plan, u.KilledSeq, ms(u.CreatedAt), ms(u.UpdatedAt),
		u.DisplayName, u.Locale, u.Phone, flag(u.PhoneVerified), ms(u.DeleteAt))
	if err == nil && n == 0 {
		err = account.ErrTaken
	}
	return err
}

func (s users) ByID(ctx context.Context, id string) (account.User, error) {
	return get(ctx, s.db, account.ErrNotFound, scanUser, `SELECT `+userColumns+` FROM sallyport_users WHERE id = $1`, id)
}

// The second condition of the next two is that of the partial index.

func (s users) ByUsername(ctx context.Context, norm string) (account.User, error) {
	return get(ctx, s.db, account.ErrNotFound, scanUser,
		`SELECT `+userColumns+` FROM sallyport_users WHERE username_norm = $1 AND username_norm <> ''`, norm)
}

func (s users) ByEmail(ctx context.Context, norm string) ([]account.User, error) {
	return list(ctx, s.db, scanUser,
		`SELECT `+userColumns+` FROM sallyport_users WHERE email_norm = $1 AND email_norm <> '' ORDER BY email_verified DESC, id`, norm)
}

func (s users) Lock(ctx context.Context, id string) (account.User, error) {
	return get(ctx, s.db, account.ErrNotFound, scanUser,
		`UPDATE sallyport_users SET killed_seq = killed_seq WHERE id = $1 RETURNING `+userColumns, id)
}

// SetStatus changes who holds a role, and so does Delete.
func (s users) SetStatus(ctx context.Context, id string, status account.Status, now time.Time) error {
	n, err := s.exec(ctx, `UPDATE sallyport_users SET status = $2, updated_at = $3 WHERE id = $1`, id, string(status), ms(now))
	if err := missing(n, err, account.ErrNotFound); err != nil {
		return err
	}
	return roles(s).lockHeld(ctx, id)
}

func (s users) SetPlan(ctx context.Context, id, plan string, now time.Time) error {
	n, err := s.exec(ctx, `UPDATE sallyport_users SET plan = $2, updated_at = $3 WHERE id = $1`, id, plan, ms(now))
	return missing(n, err, account.ErrNotFound)
}

// SetProfile changes no row if the address is another's: a statement that broke the
// index would end the transaction.
func (s users) SetProfile(ctx context.Context, u account.User) error {
	n, err := s.exec(ctx, `UPDATE sallyport_users SET email = $2, email_norm = $3, email_verified = $4, display_name = $5, locale = $6,
		phone = $7, phone_verified = $8, delete_at = $9, updated_at = $10
		WHERE id = $1 AND ($4 = 0 OR $3 = '' OR NOT EXISTS
			(SELECT 1 FROM sallyport_users o WHERE o.email_norm = $3 AND o.email_verified = 1 AND o.email_norm <> '' AND o.id <> $1))`,
		u.ID, u.Email, u.EmailNorm, flag(u.EmailVerified), u.DisplayName, u.Locale, u.Phone, flag(u.PhoneVerified), ms(u.DeleteAt), ms(u.UpdatedAt))
	if err != nil || n > 0 {
		return err
	}
	if _, err := s.ByID(ctx, u.ID); err != nil {
		return err
	}
	return account.ErrTaken
}

func (s users) Leaving(ctx context.Context, now time.Time, limit int) ([]account.User, error) {
	return list(ctx, s.db, scanUser, `SELECT `+userColumns+` FROM sallyport_users
		WHERE delete_at > 0 AND delete_at <= $1 ORDER BY delete_at LIMIT $2`, ms(now), int64(limit))
}

func (s users) SetKilledSeq(ctx context.Context, id string, seq int64) error {
	n, err := s.exec(ctx, `UPDATE sallyport_users SET killed_seq = CASE WHEN killed_seq < $2 THEN $2 ELSE killed_seq END WHERE id = $1`, id, seq)
	return missing(n, err, account.ErrNotFound)
}

func (s users) Delete(ctx context.Context, id string) error {
	n, err := s.exec(ctx, `DELETE FROM sallyport_users WHERE id = $1`, id)
	if err := missing(n, err, account.ErrNotFound); err != nil {
		return err
	}
	if err := roles(s).lockHeld(ctx, id); err != nil {
		return err
	}
	_, err = s.exec(ctx, `DELETE FROM sallyport_credentials WHERE user_id = $1`, id)
	return err
}

func missing(changed int64, err, notFound error) error {
	if err == nil && changed == 0 {
		return notFound
	}
	return err
}

func (s users) List(ctx context.Context, f account.UserFilter) ([]account.User, error) {
	var w where
	if f.After != "" {
		w.and("id > ?", f.After)
	}
	if f.Status != "" {
		w.and("status = ?", string(f.Status))
	}
	w.prefix(f.Prefix)
	return list(ctx, s.db, scanUser, `SELECT `+userColumns+` FROM sallyport_users`+w.String()+` ORDER BY id`+w.limit(f.Limit), w.args...)
}

// prefix adds what selects a prefix of id, name or address, each a range of one
// index.
func (w *where) prefix(prefix string) {
	end, bounded := after(prefix)
	if !bounded {
		return
	}
	from, to := w.arg(prefix), w.arg(end)
	var ids []string
	for _, c := range [...]struct{ column, partial string }{
		{"id", ""}, {"username_norm", " AND username_norm <> ''"}, {"email_norm", " AND email_norm <> ''"},
	} {
		ids = append(ids, `SELECT id FROM sallyport_users WHERE `+c.column+` >= `+from+` AND `+c.column+` < `+to+c.partial)
	}
	w.terms = append(w.terms, `id IN (`+strings.Join(ids, ` UNION `)+`)`)
}

func (s users) Any(ctx context.Context) (bool, error) {
	var one int64
	return s.one(ctx, `SELECT 1 FROM sallyport_users LIMIT 1`, nil, &one)
}

// A where builds a condition from the parts that a filter names, out of constant
// texts: values are always arguments.
type where struct {
	terms []string
	args  []any
}

// and adds a term in which "?" stands for the value.
func (w *where) and(term string, value any) {
	w.terms = append(w.terms, strings.Replace(term, "?", w.arg(value), 1))
}

// arg adds a value and returns its placeholder.
func (w *where) arg(value any) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(len(w.args))
}

// limit returns the clause, "" for no limit.
func (w *where) limit(n int) string {
	if n <= 0 {
		return ""
	}
	return ` LIMIT ` + w.arg(int64(n))
}

func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.terms, ` AND `)
}

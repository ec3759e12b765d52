package sqldb

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/authn/clientcert"
)

type certificates struct{ *db }

const certificateColumns = `c.id, c.user_id, c.kind, c.value, c.name, c.service, c.not_after, c.created_at, c.last_used_at`

func scanCertificate(r scanner) (m clientcert.Mapping, err error) {
	var kind string
	var service, expires, created, used int64
	err = r.Scan(&m.ID, &m.Owner, &kind, &m.Name.Value, &m.Label, &service, &expires, &created, &used)
	m.Name.Kind, m.Service = clientcert.Kind(kind), service != 0
	m.ExpiresAt, m.CreatedAt, m.LastUsedAt = at(expires), at(created), at(used)
	return m, err
}

func (s certificates) Create(ctx context.Context, m clientcert.Mapping) error {
	n, err := s.exec(ctx, `INSERT INTO sallyport_client_certificates (id, user_id, kind, value, name, service, not_after, created_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (kind, value) DO NOTHING`,
		m.ID, m.Owner, string(m.Name.Kind), m.Name.Value, m.Label, flag(m.Service), ms(m.ExpiresAt), ms(m.CreatedAt), ms(m.LastUsedAt))
	return missing(n, err, clientcert.ErrTaken)
}

func (s certificates) ByName(ctx context.Context, n clientcert.Name) (clientcert.Mapping, error) {
	return get(ctx, s.db, clientcert.ErrNotFound, scanCertificate, `SELECT `+certificateColumns+` FROM sallyport_client_certificates c
		WHERE c.kind = $1 AND c.value = $2 AND EXISTS (SELECT 1 FROM sallyport_users u WHERE u.id = c.user_id AND u.status = 'active')`,
		string(n.Kind), n.Value)
}

func (s certificates) ByID(ctx context.Context, id string) (clientcert.Mapping, error) {
	return get(ctx, s.db, clientcert.ErrNotFound, scanCertificate,
		`SELECT `+certificateColumns+` FROM sallyport_client_certificates c WHERE c.id = $1`, id)
}

func (s certificates) Touch(ctx context.Context, id string, used time.Time) error {
	_, err := s.exec(ctx, `UPDATE sallyport_client_certificates SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2`, id, ms(used))
	return err
}

func (s certificates) List(ctx context.Context, owner string) ([]clientcert.Mapping, error) {
	return list(ctx, s.db, scanCertificate, `SELECT `+certificateColumns+` FROM sallyport_client_certificates c
		WHERE c.user_id = $1 ORDER BY c.created_at DESC, c.id DESC`, owner)
}

func (s certificates) Remove(ctx context.Context, id string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_client_certificates WHERE id = $1`, id)
	return n > 0, err
}

func (s certificates) RemoveAll(ctx context.Context, owner string) error {
	_, err := s.exec(ctx, `DELETE FROM sallyport_client_certificates WHERE user_id = $1`, owner)
	return err
}

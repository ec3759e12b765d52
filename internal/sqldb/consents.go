package sqldb

import (
	"context"

	"github.com/sallyport-auth/sallyport/oauth"
)

type consents struct{ *db }

const consentColumns = `user_id, client_id, scope, resources, created_at, updated_at`

func scanConsent(r scanner) (c oauth.Consent, err error) {
	var scope, resources string
	var created, updated int64
	if err := r.Scan(&c.User, &c.Client, &scope, &resources, &created, &updated); err != nil {
		return c, err
	}
	c.CreatedAt, c.UpdatedAt = at(created), at(updated)
	if err := decodeList("scope", scope, &c.Scope); err != nil {
		return c, err
	}
	return c, decodeList("resources", resources, &c.Resources)
}

func (s consents) Get(ctx context.Context, user, client string) (oauth.Consent, error) {
	return get(ctx, s.db, oauth.ErrNoGrant, scanConsent,
		`SELECT `+consentColumns+` FROM sallyport_oauth_consents WHERE user_id = $1 AND client_id = $2`, user, client)
}

func (s consents) Put(ctx context.Context, c oauth.Consent) error {
	scope, err := encodeList(c.Scope)
	if err != nil {
		return err
	}
	resources, err := encodeList(c.Resources)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_oauth_consents (`+consentColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (user_id, client_id) DO UPDATE SET scope = $3, resources = $4, created_at = $5, updated_at = $6`,
		c.User, c.Client, scope, resources, ms(c.CreatedAt), ms(c.UpdatedAt))
	return err
}

func (s consents) Of(ctx context.Context, user string) ([]oauth.Consent, error) {
	return list(ctx, s.db, scanConsent, `SELECT `+consentColumns+` FROM sallyport_oauth_consents WHERE user_id = $1 ORDER BY client_id`, user)
}

func (s consents) Remove(ctx context.Context, user, client string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_oauth_consents WHERE user_id = $1 AND ($2 = '' OR client_id = $2)`, user, client)
	return n > 0, err
}

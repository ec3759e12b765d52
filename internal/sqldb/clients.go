package sqldb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/store"
)

type clients struct{ *db }

const clientColumns = `document, created_at, updated_at`

func scanClient(r scanner) (c oauth.Client, err error) {
	var document string
	var created, updated int64
	if err := r.Scan(&document, &created, &updated); err != nil {
		return c, err
	}
	c.CreatedAt, c.UpdatedAt = at(created), at(updated)
	return c, decode("document", document, &c)
}

func encodeClient(c oauth.Client) (string, error) {
	if err := storableAll(c.Text()); err != nil {
		return "", err
	}
	c.Secrets = slices.Clone(c.Secrets)
	for i := range c.Secrets {
		s := &c.Secrets[i]
		s.CreatedAt, s.ExpiresAt = at(ms(s.CreatedAt)), at(ms(s.ExpiresAt))
	}
	b, err := json.Marshal(c)
	return string(b), err
}

// storableAll checks what becomes JSON: encoding/json would replace some silently.
func storableAll(texts []string) error {
	for _, t := range texts {
		if !storable(t) {
			return fmt.Errorf("%w: %.40q", store.ErrText, t)
		}
	}
	return nil
}

func (s clients) Create(ctx context.Context, c oauth.Client) error {
	document, err := encodeClient(c)
	if err != nil {
		return err
	}
	n, err := s.exec(ctx, `INSERT INTO sallyport_oauth_clients (id, alg, `+clientColumns+`) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		c.ID, string(c.IDTokenAlg), document, ms(c.CreatedAt), ms(c.UpdatedAt))
	return missing(n, err, oauth.ErrTaken)
}

func (s clients) ByID(ctx context.Context, id string) (oauth.Client, error) {
	return get(ctx, s.db, oauth.ErrNotFound, scanClient, `SELECT `+clientColumns+` FROM sallyport_oauth_clients WHERE id = $1`, id)
}

// Update is one statement: who finds the time that they have read is who changes it.
func (s clients) Update(ctx context.Context, c oauth.Client, was time.Time) error {
	document, err := encodeClient(c)
	if err != nil {
		return err
	}
	n, err := s.exec(ctx, `UPDATE sallyport_oauth_clients SET alg = $2, document = $3,
		updated_at = CASE WHEN updated_at < $4 THEN $4 ELSE updated_at + 1 END WHERE id = $1 AND updated_at = $5`,
		c.ID, string(c.IDTokenAlg), document, ms(c.UpdatedAt), ms(was))
	if err != nil || n > 0 {
		return err
	}
	if _, err := s.ByID(ctx, c.ID); err != nil {
		return err
	}
	return oauth.ErrChanged
}

func (s clients) Delete(ctx context.Context, id string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_oauth_clients WHERE id = $1`, id)
	return n > 0, err
}

func (s clients) List(ctx context.Context, after string, limit int) ([]oauth.Client, error) {
	var w where
	w.and("id > ?", after)
	return list(ctx, s.db, scanClient, `SELECT `+clientColumns+` FROM sallyport_oauth_clients`+w.String()+` ORDER BY id`+w.limit(limit), w.args...)
}

func (s clients) Algs(ctx context.Context) ([]token.Alg, error) {
	return list(ctx, s.db, func(r scanner) (token.Alg, error) {
		alg, err := text(r)
		return token.Alg(alg), err
	}, `SELECT DISTINCT alg FROM sallyport_oauth_clients ORDER BY alg`)
}

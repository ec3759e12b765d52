package sqldb

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

type resources struct{ *db }

const resourceColumns = `document, created_at, updated_at`

func scanResource(r scanner) (res oauth.Resource, err error) {
	var document string
	var created, updated int64
	if err := r.Scan(&document, &created, &updated); err != nil {
		return res, err
	}
	res.CreatedAt, res.UpdatedAt = at(created), at(updated)
	return res, decode("document", document, &res)
}

func (s resources) ByURI(ctx context.Context, uri string) (oauth.Resource, error) {
	return get(ctx, s.db, oauth.ErrNoResource, scanResource, `SELECT `+resourceColumns+` FROM sallyport_oauth_resources WHERE uri = $1`, uri)
}

// Put is one statement: who finds the time that they have read is who changes it.
func (s resources) Put(ctx context.Context, r oauth.Resource, was time.Time) error {
	if err := storableAll(r.Text()); err != nil {
		return err
	}
	document, err := json.Marshal(r)
	if err != nil {
		return err
	}
	args := []any{r.URI, string(r.Alg), string(document), ms(r.UpdatedAt)}
	if was.IsZero() {
		n, err := s.exec(ctx, `INSERT INTO sallyport_oauth_resources (uri, alg, document, updated_at, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			append(args, ms(r.CreatedAt))...)
		return missing(n, err, oauth.ErrChanged)
	}
	n, err := s.exec(ctx, `UPDATE sallyport_oauth_resources SET alg = $2, document = $3,
		updated_at = CASE WHEN updated_at < $4 THEN $4 ELSE updated_at + 1 END WHERE uri = $1 AND updated_at = $5`, append(args, ms(was))...)
	return missing(n, err, oauth.ErrChanged)
}

func (s resources) Delete(ctx context.Context, uri string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_oauth_resources WHERE uri = $1`, uri)
	return n > 0, err
}

func (s resources) List(ctx context.Context, after string, limit int) ([]oauth.Resource, error) {
	var w where
	w.and("uri > ?", after)
	return list(ctx, s.db, scanResource, `SELECT `+resourceColumns+` FROM sallyport_oauth_resources`+w.String()+` ORDER BY uri`+w.limit(limit), w.args...)
}

func (s resources) Algs(ctx context.Context) ([]token.Alg, error) {
	return list(ctx, s.db, func(r scanner) (token.Alg, error) {
		alg, err := text(r)
		return token.Alg(alg), err
	}, `SELECT DISTINCT alg FROM sallyport_oauth_resources WHERE alg > $1 ORDER BY alg`, "")
}

package sqldb

import (
	"context"

	"github.com/sallyport-auth/sallyport/oauth"
)

type logos struct{ *db }

func (s logos) Put(ctx context.Context, client string, image []byte) error {
	_, err := s.exec(ctx, `INSERT INTO sallyport_oauth_logos (client_id, image) VALUES ($1, $2)
		ON CONFLICT (client_id) DO UPDATE SET image = excluded.image`, client, image)
	return err
}

func (s logos) Of(ctx context.Context, client string) ([]byte, error) {
	return get(ctx, s.db, oauth.ErrNoLogo, func(r scanner) ([]byte, error) {
		var image []byte
		err := r.Scan(&image)
		return image, err
	}, `SELECT image FROM sallyport_oauth_logos WHERE client_id = $1`, client)
}

func (s logos) Remove(ctx context.Context, client string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_oauth_logos WHERE client_id = $1`, client)
	return n > 0, err
}

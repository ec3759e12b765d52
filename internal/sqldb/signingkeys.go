package sqldb

import (
	"context"

	"github.com/sallyport-auth/sallyport/authn/token"
)

type signingKeys struct{ *db }

func scanSigningKey(r scanner) (k token.StoredKey, err error) {
	var public string
	var notBefore, retire, created int64
	err = r.Scan(&k.KID, &k.Alg, &k.Use, &k.Resource, &k.PrivateSealed, &public, &k.State, &notBefore, &retire, &created)
	if public != "" {
		k.PublicJWK = []byte(public)
	}
	if len(k.PrivateSealed) == 0 {
		k.PrivateSealed = nil
	}
	k.NotBefore, k.RetireAt, k.CreatedAt = at(notBefore), at(retire), at(created)
	return k, err
}

func (s signingKeys) Keys(ctx context.Context) ([]token.StoredKey, error) {
	return list(ctx, s.db, scanSigningKey, `SELECT kid, alg, key_use, resource, private_sealed, public_jwk, state, not_before, retire_at, created_at
		FROM sallyport_signing_keys ORDER BY kid`)
}

func (s signingKeys) PutKey(ctx context.Context, k token.StoredKey) error {
	_, err := s.exec(ctx, `INSERT INTO sallyport_signing_keys
		(kid, alg, key_use, resource, private_sealed, public_jwk, state, not_before, retire_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (kid) DO UPDATE SET alg = excluded.alg, key_use = excluded.key_use, resource = excluded.resource,
			private_sealed = excluded.private_sealed, public_jwk = excluded.public_jwk, state = excluded.state,
			not_before = excluded.not_before, retire_at = excluded.retire_at, created_at = excluded.created_at`,
		k.KID, string(k.Alg), k.Use, k.Resource, bytes(k.PrivateSealed), string(k.PublicJWK), string(k.State),
		ms(k.NotBefore), ms(k.RetireAt), ms(k.CreatedAt))
	return err
}

func (s signingKeys) DeleteKey(ctx context.Context, kid string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_signing_keys WHERE kid = $1`, kid)
	return n > 0, err
}

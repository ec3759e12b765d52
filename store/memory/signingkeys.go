package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-auth/sallyport/authn/token"
)

type signingKeys struct{ *tx }

func (x signingKeys) Keys(context.Context) (all []token.StoredKey, err error) {
	for _, k := range x.signing.from("") {
		all = append(all, cloneSigningKey(k))
	}
	return all, nil
}

func cloneSigningKey(k *token.StoredKey) token.StoredKey {
	c := *k
	c.PrivateSealed, c.PublicJWK = slices.Clone(k.PrivateSealed), slices.Clone(k.PublicJWK)
	return c
}

func (x signingKeys) PutKey(_ context.Context, k token.StoredKey) error {
	if err := x.write(k.KID, string(k.Alg), k.Use, k.Resource, string(k.PublicJWK), string(k.State)); err != nil {
		return fmt.Errorf("putting signing key: %w", err)
	}
	k = cloneSigningKey(&k)
	k.NotBefore, k.RetireAt, k.CreatedAt = ms(k.NotBefore), ms(k.RetireAt), ms(k.CreatedAt)
	x.signing.put(k.KID, &k)
	return nil
}

func (x signingKeys) DeleteKey(_ context.Context, kid string) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("deleting signing key: %w", err)
	}
	return x.signing.remove(kid), nil
}

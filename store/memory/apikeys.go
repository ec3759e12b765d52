package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
)

type apiKeys struct{ *tx }

func (x apiKeys) Create(_ context.Context, k apikey.Key) error {
	err := x.write(append([]string{k.ID, k.Owner, k.Org, k.Name, k.Last4}, k.Scopes...)...)
	if err == nil && x.keys.has(k.ID) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating API key: %w", err)
	}
	k = cloneKey(&k)
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt = ms(k.CreatedAt), ms(k.ExpiresAt), ms(k.LastUsedAt)
	x.keys.put(k.ID, &k)
	x.keysByUser.add(k.Owner, k.ID)
	x.keyExpiry.add(k.ExpiresAt, k.ID)
	return nil
}

// cloneKey returns a copy whose scopes are never nil, which would mean no limit.
func cloneKey(k *apikey.Key) apikey.Key {
	c := *k
	c.Hash, c.Scopes = slices.Clone(k.Hash), append([]string{}, k.Scopes...)
	return c
}

func (x apiKeys) ByID(_ context.Context, id string) (apikey.Key, error) {
	k, ok := x.keys.get(id)
	if !ok {
		return apikey.Key{}, apikey.ErrNotFound
	}
	if owner, ok := x.state.users.get(k.Owner); !ok || owner.Status != account.Active {
		return apikey.Key{}, apikey.ErrNotFound
	}
	return cloneKey(k), nil
}

func (x apiKeys) Touch(_ context.Context, id string, used time.Time) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("touching API key: %w", err)
	}
	k, ok := x.keys.get(id)
	if !ok {
		return nil
	}
	c := *k
	c.LastUsedAt = later(k.LastUsedAt, ms(used))
	x.keys.put(id, &c)
	return nil
}

func (x apiKeys) List(_ context.Context, owner string) (all []apikey.Key, err error) {
	for _, id := range x.keysByUser.members(owner, "") {
		k, _ := x.keys.get(id)
		all = append(all, cloneKey(k))
	}
	newestFirst(all, func(k apikey.Key) (time.Time, string) { return k.CreatedAt, k.ID })
	return all, nil
}

func (x apiKeys) Revoke(_ context.Context, id, owner string) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("revoking API key: %w", err)
	}
	k, ok := x.keys.get(id)
	if !ok || owner != "" && k.Owner != owner {
		return false, nil
	}
	x.remove(id)
	return true, nil
}

func (x apiKeys) RevokeAll(_ context.Context, owner string) ([]string, error) {
	if err := x.write(); err != nil {
		return nil, fmt.Errorf("revoking API keys: %w", err)
	}
	ids := x.keysByUser.members(owner, "")
	each(ids, x.remove)
	return ids, nil
}

// remove takes the key out of every index.
func (x apiKeys) remove(id string) {
	k, ok := x.keys.get(id)
	if !ok {
		return
	}
	x.keys.remove(id)
	x.keysByUser.drop(k.Owner, id)
	x.keyExpiry.drop(k.ExpiresAt, id)
}

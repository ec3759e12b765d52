package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/passkey"
)

type passkeys struct{ *tx }

func (x passkeys) Create(_ context.Context, k passkey.Passkey) error {
	err := x.write(append([]string{k.ID, k.User, k.Name}, k.Transports...)...)
	if err == nil && x.state.passkeys.has(k.ID) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating passkey: %w", err)
	}
	if x.passkeyByCredential.has(string(k.CredentialID)) {
		return passkey.ErrTaken
	}
	k = clonePasskey(&k)
	k.CreatedAt, k.LastUsedAt = ms(k.CreatedAt), ms(k.LastUsedAt)
	x.state.passkeys.put(k.ID, &k)
	x.passkeyByCredential.put(string(k.CredentialID), k.ID)
	x.passkeysByUser.add(k.User, k.ID)
	return nil
}

func clonePasskey(k *passkey.Passkey) passkey.Passkey {
	c := *k
	c.Handle, c.CredentialID, c.PublicKey = slices.Clone(k.Handle), slices.Clone(k.CredentialID), slices.Clone(k.PublicKey)
	c.Transports = slices.Clone(k.Transports)
	return c
}

func (x passkeys) ByCredential(_ context.Context, credentialID []byte) (passkey.Passkey, error) {
	id, ok := x.passkeyByCredential.get(string(credentialID))
	if !ok {
		return passkey.Passkey{}, passkey.ErrNotFound
	}
	k, _ := x.state.passkeys.get(id)
	return clonePasskey(k), nil
}

func (x passkeys) List(_ context.Context, user string) (all []passkey.Passkey, err error) {
	for _, id := range x.passkeysByUser.members(user, "") {
		k, _ := x.state.passkeys.get(id)
		all = append(all, clonePasskey(k))
	}
	newestFirst(all, func(k passkey.Passkey) (time.Time, string) { return k.CreatedAt, k.ID })
	return all, nil
}

func (x passkeys) Use(_ context.Context, id string, u passkey.Use, now time.Time) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("using passkey: %w", err)
	}
	k, ok := x.state.passkeys.get(id)
	if !ok {
		return passkey.ErrNotFound
	}
	c := *k
	c.SignCount, c.BackedUp, c.LastUsedAt = u.SignCount, u.BackedUp, ms(now)
	if c.Unseen {
		c.Unseen, c.Synced = false, u.Synced
	}
	x.state.passkeys.put(id, &c)
	return nil
}

func (x passkeys) Rename(_ context.Context, id, user, name string) (bool, error) {
	if err := x.write(name); err != nil {
		return false, fmt.Errorf("renaming passkey: %w", err)
	}
	k, ok := x.state.passkeys.get(id)
	if !ok || k.User != user {
		return false, nil
	}
	c := *k
	c.Name = name
	x.state.passkeys.put(id, &c)
	return true, nil
}

func (x passkeys) Remove(_ context.Context, id, user string) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("removing passkey: %w", err)
	}
	k, ok := x.state.passkeys.get(id)
	if !ok || k.User != user {
		return false, nil
	}
	x.remove(k)
	return true, nil
}

func (x passkeys) RemoveAll(_ context.Context, user string) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("removing passkeys: %w", err)
	}
	for _, id := range x.passkeysByUser.members(user, "") {
		k, _ := x.state.passkeys.get(id)
		x.remove(k)
	}
	return nil
}

// remove takes the passkey out of every index.
func (x passkeys) remove(k *passkey.Passkey) {
	x.state.passkeys.remove(k.ID)
	x.passkeyByCredential.remove(string(k.CredentialID))
	x.passkeysByUser.drop(k.User, k.ID)
}

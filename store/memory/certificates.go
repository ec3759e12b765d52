package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
)

type certificates struct{ *tx }

func nameKey(n clientcert.Name) string { return pair(string(n.Kind), n.Value) }

func (x certificates) Create(_ context.Context, m clientcert.Mapping) error {
	err := x.write(m.ID, m.Owner, string(m.Name.Kind), m.Name.Value, m.Label)
	switch {
	case err == nil && x.certificateByName.has(nameKey(m.Name)):
		return clientcert.ErrTaken
	case err == nil && x.state.certificates.has(m.ID):
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating certificate: %w", err)
	}
	m.ExpiresAt, m.CreatedAt, m.LastUsedAt = ms(m.ExpiresAt), ms(m.CreatedAt), ms(m.LastUsedAt)
	x.state.certificates.put(m.ID, &m)
	x.certificateByName.put(nameKey(m.Name), m.ID)
	x.certificatesOf.add(m.Owner, m.ID)
	x.certificateExpiry.add(m.ExpiresAt, m.ID)
	return nil
}

func (x certificates) ByName(ctx context.Context, n clientcert.Name) (clientcert.Mapping, error) {
	id, _ := x.certificateByName.get(nameKey(n))
	m, err := x.ByID(ctx, id)
	if err != nil {
		return m, err
	}
	if owner, ok := x.state.users.get(m.Owner); !ok || owner.Status != account.Active {
		return clientcert.Mapping{}, clientcert.ErrNotFound
	}
	return m, nil
}

func (x certificates) ByID(_ context.Context, id string) (clientcert.Mapping, error) {
	m, ok := x.state.certificates.get(id)
	if !ok {
		return clientcert.Mapping{}, clientcert.ErrNotFound
	}
	return *m, nil
}

func (x certificates) Touch(_ context.Context, id string, used time.Time) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("touching certificate: %w", err)
	}
	m, ok := x.state.certificates.get(id)
	if !ok {
		return nil
	}
	c := *m
	c.LastUsedAt = later(m.LastUsedAt, ms(used))
	x.state.certificates.put(id, &c)
	return nil
}

func (x certificates) List(_ context.Context, owner string) (all []clientcert.Mapping, err error) {
	for _, id := range x.certificatesOf.members(owner, "") {
		m, _ := x.state.certificates.get(id)
		all = append(all, *m)
	}
	newestFirst(all, func(m clientcert.Mapping) (time.Time, string) { return m.CreatedAt, m.ID })
	return all, nil
}

func (x certificates) Remove(_ context.Context, id string) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("removing certificate: %w", err)
	}
	there := x.state.certificates.has(id)
	x.remove(id)
	return there, nil
}

func (x certificates) RemoveAll(_ context.Context, owner string) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("removing certificates: %w", err)
	}
	each(x.certificatesOf.members(owner, ""), x.remove)
	return nil
}

// remove takes the mapping out of every index.
func (x certificates) remove(id string) {
	m, ok := x.state.certificates.get(id)
	if !ok {
		return
	}
	x.state.certificates.remove(id)
	x.certificateByName.remove(nameKey(m.Name))
	x.certificatesOf.drop(m.Owner, id)
	x.certificateExpiry.drop(m.ExpiresAt, id)
}

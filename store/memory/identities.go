package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
)

type identities struct{ *tx }

func (x identities) Create(_ context.Context, i account.Identity) error {
	err := x.write(i.ID, i.User, i.Provider, i.Issuer, i.Subject, i.Email, i.Name)
	if err != nil {
		return fmt.Errorf("creating identity: %w", err)
	}
	if x.state.identities.has(i.ID) || x.bySubject.has(pair(i.Issuer, i.Subject)) {
		return account.ErrConnected
	}
	i.CreatedAt, i.LastUsedAt = ms(i.CreatedAt), ms(i.LastUsedAt)
	x.state.identities.put(i.ID, &i)
	x.bySubject.put(pair(i.Issuer, i.Subject), i.ID)
	x.identitiesOf.add(i.User, i.ID)
	return nil
}

func (x identities) BySubject(_ context.Context, issuer, subject string) (account.Identity, error) {
	id, ok := x.bySubject.get(pair(issuer, subject))
	if !ok {
		return account.Identity{}, account.ErrNotConnected
	}
	i, _ := x.state.identities.get(id)
	return *i, nil
}

func (x identities) Of(_ context.Context, user string) (all []account.Identity, err error) {
	for _, id := range x.identitiesOf.members(user, "") {
		i, _ := x.state.identities.get(id)
		all = append(all, *i)
	}
	return all, nil
}

func (x identities) Used(_ context.Context, id, email, name string, now time.Time) error {
	if err := x.write(id, email, name); err != nil {
		return fmt.Errorf("using identity: %w", err)
	}
	if i, ok := x.state.identities.get(id); ok {
		c := *i
		c.Email, c.Name, c.LastUsedAt = email, name, ms(now)
		x.state.identities.put(id, &c)
	}
	return nil
}

func (x identities) Remove(_ context.Context, id string) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("removing identity: %w", err)
	}
	i, ok := x.state.identities.get(id)
	if ok {
		x.state.identities.remove(id)
		x.bySubject.remove(pair(i.Issuer, i.Subject))
		x.identitiesOf.drop(i.User, id)
	}
	return ok, nil
}

func (x identities) RemoveAll(ctx context.Context, user string) (int, error) {
	ids := x.identitiesOf.members(user, "")
	if err := x.write(); err != nil {
		return 0, fmt.Errorf("removing identities: %w", err)
	}
	for _, id := range ids {
		if _, err := x.Remove(ctx, id); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

func (x identities) Spend(_ context.Context, hash []byte, until time.Time) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("using an answer: %w", err)
	}
	if x.spent.has(string(hash)) {
		return false, nil
	}
	x.spent.put(string(hash), ms(until))
	x.spentExpiry.add(until, string(hash))
	return true, nil
}

// forget takes an answer out of what was used.
func (x identities) forget(hash string) {
	if until, ok := x.spent.get(hash); ok {
		x.spent.remove(hash)
		x.spentExpiry.drop(until, hash)
	}
}

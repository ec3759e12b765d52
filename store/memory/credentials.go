package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
)

type credentials struct{ *tx }

func (x credentials) Password(_ context.Context, user string) (string, error) {
	phc, _ := x.passwords.get(user)
	return phc, nil
}

func (x credentials) SetPassword(_ context.Context, user, phc string, _ time.Time) error {
	if err := x.write(user, phc); err != nil {
		return fmt.Errorf("setting password: %w", err)
	}
	if !x.state.users.has(user) {
		return fmt.Errorf("setting password: %w", account.ErrNotFound)
	}
	x.passwords.put(user, phc)
	x.breached.remove(user)
	return nil
}

func (x credentials) ReplacePassword(_ context.Context, user, old, phc string, _ time.Time) (bool, error) {
	if err := x.write(user, phc); err != nil {
		return false, fmt.Errorf("replacing password: %w", err)
	}
	if now, ok := x.passwords.get(user); !ok || now != old {
		return false, nil
	}
	x.passwords.put(user, phc)
	return true, nil
}

func (x credentials) MarkBreached(_ context.Context, user, phc string, _ time.Time) (bool, error) {
	if err := x.write(user, phc); err != nil {
		return false, fmt.Errorf("marking password: %w", err)
	}
	if now, ok := x.passwords.get(user); !ok || now != phc || x.breached.has(user) {
		return false, nil
	}
	x.breached.put(user, struct{}{})
	return true, nil
}

func (x credentials) Breached(_ context.Context, user string) (bool, error) {
	return x.breached.has(user), nil
}

package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/onetime"
)

type oneTimeTokens struct{ *tx }

func (x oneTimeTokens) Create(_ context.Context, t onetime.Token) error {
	err := x.write(t.ID, t.User, string(t.Purpose), t.Target, string(t.Data), t.Position.Log)
	if err == nil && (x.oneTime.has(t.ID) || x.byOneTimeHash.has(string(t.Hash))) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating one-time token: %w", err)
	}
	t = cloneOneTime(&t)
	t.CreatedAt, t.ExpiresAt = ms(t.CreatedAt), ms(t.ExpiresAt)
	x.oneTime.put(t.ID, &t)
	x.byOneTimeHash.put(string(t.Hash), t.ID)
	x.oneTimeByUser.add(t.User, t.ID)
	x.oneTimeExpiry.add(t.ExpiresAt, t.ID)
	return nil
}

func cloneOneTime(t *onetime.Token) onetime.Token {
	c := *t
	c.Hash, c.CodeMAC, c.Data = slices.Clone(t.Hash), slices.Clone(t.CodeMAC), slices.Clone(t.Data)
	if len(c.CodeMAC) == 0 {
		c.CodeMAC = nil
	}
	if len(c.Data) == 0 {
		c.Data = nil
	}
	return c
}

func (x oneTimeTokens) ByHash(_ context.Context, p onetime.Purpose, hash []byte) (onetime.Token, error) {
	id, _ := x.byOneTimeHash.get(string(hash))
	t, ok := x.oneTime.get(id)
	if !ok || t.Purpose != p {
		return onetime.Token{}, onetime.ErrNotFound
	}
	return cloneOneTime(t), nil
}

func (x oneTimeTokens) Newest(_ context.Context, user string, p onetime.Purpose) (onetime.Token, error) {
	for _, id := range slices.Backward(x.oneTimeByUser.members(user, "")) {
		if t, _ := x.oneTime.get(id); t.Purpose == p {
			return cloneOneTime(t), nil
		}
	}
	return onetime.Token{}, onetime.ErrNotFound
}

func (x oneTimeTokens) SetData(_ context.Context, id string, data []byte) error {
	if err := x.write(string(data)); err != nil {
		return fmt.Errorf("changing one-time token: %w", err)
	}
	t, ok := x.oneTime.get(id)
	if !ok {
		return onetime.ErrNotFound
	}
	c := *t
	c.Data = slices.Clone(data)
	x.oneTime.put(id, &c)
	return nil
}

func (x oneTimeTokens) Consume(_ context.Context, id string, now time.Time) (bool, error) {
	if err := x.write(id); err != nil {
		return false, fmt.Errorf("using one-time token: %w", err)
	}
	t, ok := x.oneTime.get(id)
	if !ok || !t.Alive(ms(now)) {
		return false, nil
	}
	x.remove(id)
	return true, nil
}

func (x oneTimeTokens) EndAll(_ context.Context, user string, purposes ...onetime.Purpose) error {
	if err := x.write(user); err != nil {
		return fmt.Errorf("ending one-time tokens: %w", err)
	}
	for _, id := range x.oneTimeByUser.members(user, "") {
		if t, _ := x.oneTime.get(id); len(purposes) == 0 || slices.Contains(purposes, t.Purpose) {
			x.remove(id)
		}
	}
	return nil
}

// remove takes the token out of every index.
func (x oneTimeTokens) remove(id string) {
	t, ok := x.oneTime.get(id)
	if !ok {
		return
	}
	x.oneTime.remove(id)
	x.byOneTimeHash.remove(string(t.Hash))
	x.oneTimeByUser.drop(t.User, id)
	x.oneTimeExpiry.drop(t.ExpiresAt, id)
}

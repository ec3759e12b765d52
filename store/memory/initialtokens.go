package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/oauth"
)

type initialTokens struct{ *tx }

func (x initialTokens) Create(_ context.Context, t oauth.InitialToken) error {
	err := x.write(append([]string{t.ID, t.Name, t.By}, t.Scopes...)...)
	if err == nil && (x.state.initialTokens.has(t.ID) || x.initialTokenByHash.has(string(t.Hash))) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating initial access token: %w", err)
	}
	t = cloneInitialToken(&t)
	t.CreatedAt, t.ExpiresAt = ms(t.CreatedAt), ms(t.ExpiresAt)
	x.state.initialTokens.put(t.ID, &t)
	x.initialTokenByHash.put(string(t.Hash), t.ID)
	x.initialTokenExpiry.add(t.ExpiresAt, t.ID)
	return nil
}

func cloneInitialToken(of *oauth.InitialToken) oauth.InitialToken {
	t := *of
	t.Hash, t.Scopes = slices.Clone(of.Hash), slices.Clone(of.Scopes)
	return t
}

func (x initialTokens) Use(_ context.Context, hash []byte, now time.Time) (oauth.InitialToken, error) {
	if err := x.write(); err != nil {
		return oauth.InitialToken{}, fmt.Errorf("using initial access token: %w", err)
	}
	id, ok := x.initialTokenByHash.get(string(hash))
	if !ok {
		return oauth.InitialToken{}, oauth.ErrNoToken
	}
	old, _ := x.state.initialTokens.get(id)
	if old.Uses <= 0 || !old.ExpiresAt.After(ms(now)) {
		return oauth.InitialToken{}, oauth.ErrNoToken
	}
	t := *old
	t.Uses--
	x.state.initialTokens.put(id, &t)
	return cloneInitialToken(&t), nil
}

func (x initialTokens) List(_ context.Context, now time.Time, after string, limit int) (all []oauth.InitialToken, err error) {
	for id, t := range x.state.initialTokens.from(after) {
		if limit > 0 && len(all) == limit {
			break
		}
		if id > after && t.ExpiresAt.After(ms(now)) {
			all = append(all, cloneInitialToken(t))
		}
	}
	return all, nil
}

func (x initialTokens) Delete(_ context.Context, id string) (oauth.InitialToken, error) {
	if err := x.write(); err != nil {
		return oauth.InitialToken{}, fmt.Errorf("deleting initial access token: %w", err)
	}
	t, ok := x.state.initialTokens.get(id)
	if !ok {
		return oauth.InitialToken{}, oauth.ErrNoToken
	}
	x.remove(id)
	return cloneInitialToken(t), nil
}

func (x initialTokens) remove(id string) {
	t, ok := x.state.initialTokens.get(id)
	if !ok {
		return
	}
	x.state.initialTokens.remove(id)
	x.initialTokenByHash.remove(string(t.Hash))
	x.initialTokenExpiry.drop(t.ExpiresAt, id)
}

package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

type clients struct{ *tx }

func (x clients) Create(_ context.Context, c oauth.Client) error {
	kept, err := x.keep(c)
	if err != nil {
		return fmt.Errorf("creating client: %w", err)
	}
	if x.state.clients.has(c.ID) {
		return oauth.ErrTaken
	}
	x.state.clients.put(c.ID, kept)
	return nil
}

// keep returns the client as a database would keep it, or why it cannot be kept.
func (x clients) keep(c oauth.Client) (*oauth.Client, error) {
	if err := x.write(c.Text()...); err != nil {
		return nil, err
	}
	c = cloneClient(&c)
	c.CreatedAt, c.UpdatedAt = ms(c.CreatedAt), ms(c.UpdatedAt)
	for i := range c.Secrets {
		s := &c.Secrets[i]
		s.CreatedAt, s.ExpiresAt = ms(s.CreatedAt), ms(s.ExpiresAt)
	}
	if len(c.JWKS) == 0 {
		c.JWKS = nil
		return &c, nil
	}
	var err error
	c.JWKS, err = json.Marshal(c.JWKS)
	return &c, err
}

func cloneClient(of *oauth.Client) oauth.Client {
	c := *of
	c.Redirects, c.LogoutRedirects = slices.Clone(of.Redirects), slices.Clone(of.LogoutRedirects)
	c.Grants, c.Scopes = slices.Clone(of.Grants), slices.Clone(of.Scopes)
	c.Resources, c.Serves = slices.Clone(of.Resources), slices.Clone(of.Serves)
	c.JWKS, c.Secrets = slices.Clone(of.JWKS), slices.Clone(of.Secrets)
	if of.Registered != nil {
		c.Registered = &oauth.Registered{By: of.Registered.By, Scopes: slices.Clone(of.Registered.Scopes), Hash: slices.Clone(of.Registered.Hash)}
	}
	for i := range c.Secrets {
		c.Secrets[i].Hash = slices.Clone(c.Secrets[i].Hash)
	}
	return c
}

func (x clients) ByID(_ context.Context, id string) (oauth.Client, error) {
	c, ok := x.state.clients.get(id)
	if !ok {
		return oauth.Client{}, oauth.ErrNotFound
	}
	return cloneClient(c), nil
}

func (x clients) Update(_ context.Context, c oauth.Client, was time.Time) error {
	kept, err := x.keep(c)
	if err != nil {
		return fmt.Errorf("changing client: %w", err)
	}
	old, ok := x.state.clients.get(c.ID)
	switch {
	case !ok:
		return oauth.ErrNotFound
	case !old.UpdatedAt.Equal(ms(was)):
		return oauth.ErrChanged
	}
	kept.CreatedAt, kept.UpdatedAt = old.CreatedAt, later(kept.UpdatedAt, old.UpdatedAt.Add(time.Millisecond))
	x.state.clients.put(c.ID, kept)
	return nil
}

func (x clients) Delete(_ context.Context, id string) (bool, error) {
	if err := x.write(id); err != nil {
		return false, fmt.Errorf("deleting client: %w", err)
	}
	return x.state.clients.remove(id), nil
}

func (x clients) List(_ context.Context, after string, limit int) (all []oauth.Client, err error) {
	for id, c := range x.state.clients.from(after) {
		if limit > 0 && len(all) == limit {
			break
		}
		if id != after {
			all = append(all, cloneClient(c))
		}
	}
	return all, nil
}

func (x clients) Algs(context.Context) (algs []token.Alg, err error) {
	for _, c := range x.state.clients.from("") {
		algs = append(algs, c.IDTokenAlg)
	}
	slices.Sort(algs)
	return slices.Compact(algs), nil
}

package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

type resources struct{ *tx }

func cloneResource(of *oauth.Resource) oauth.Resource {
	r := *of
	r.Scopes = slices.Clone(of.Scopes)
	return r
}

func (x resources) ByURI(_ context.Context, uri string) (oauth.Resource, error) {
	r, ok := x.state.resources.get(uri)
	if !ok {
		return oauth.Resource{}, oauth.ErrNoResource
	}
	return cloneResource(r), nil
}

func (x resources) Put(_ context.Context, r oauth.Resource, was time.Time) error {
	if err := x.write(r.Text()...); err != nil {
		return fmt.Errorf("defining resource: %w", err)
	}
	r = cloneResource(&r)
	r.CreatedAt, r.UpdatedAt = ms(r.CreatedAt), ms(r.UpdatedAt)
	old, there := x.state.resources.get(r.URI)
	switch {
	case there != !was.IsZero(), there && !old.UpdatedAt.Equal(ms(was)):
		return oauth.ErrChanged
	case there:
		r.CreatedAt, r.UpdatedAt = old.CreatedAt, later(r.UpdatedAt, old.UpdatedAt.Add(time.Millisecond))
	}
	x.state.resources.put(r.URI, &r)
	return nil
}

func (x resources) Delete(_ context.Context, uri string) (bool, error) {
	if err := x.write(uri); err != nil {
		return false, fmt.Errorf("deleting resource: %w", err)
	}
	return x.state.resources.remove(uri), nil
}

func (x resources) List(_ context.Context, after string, limit int) (all []oauth.Resource, err error) {
	for uri, r := range x.state.resources.from(after) {
		if limit > 0 && len(all) == limit {
			break
		}
		if uri != after {
			all = append(all, cloneResource(r))
		}
	}
	return all, nil
}

func (x resources) Algs(context.Context) (algs []token.Alg, err error) {
	for _, r := range x.state.resources.from("") {
		if r.Alg != "" {
			algs = append(algs, r.Alg)
		}
	}
	slices.Sort(algs)
	return slices.Compact(algs), nil
}

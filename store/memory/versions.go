package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-auth/sallyport/authz"
)

type versions struct{ *tx }

func (x versions) Publish(_ context.Context, v authz.Version, current int64) (authz.Version, error) {
	text := []string{v.Schema, v.Comment, v.CreatedBy}
	for _, f := range v.Files {
		text = append(text, f.Name, f.Text)
	}
	if err := x.write(text...); err != nil {
		return authz.Version{}, fmt.Errorf("publishing policy: %w", err)
	}
	if x.newest() != current {
		return authz.Version{}, authz.ErrConflict
	}
	v.Number, v.CreatedAt = current+1, ms(v.CreatedAt)
	kept := cloneVersion(&v)
	x.state.versions.put(number(v.Number), &kept)
	return cloneVersion(&v), nil
}

func cloneVersion(v *authz.Version) authz.Version {
	c := *v
	c.Files = slices.Clone(v.Files)
	return c
}

// newest returns the number of the version in force, 0 if there is none.
func (x versions) newest() int64 {
	for _, v := range x.state.versions.before("") {
		return v.Number
	}
	return 0
}

func (x versions) Current(ctx context.Context) (authz.Version, error) {
	n := x.newest()
	if n == 0 {
		return authz.Version{}, nil
	}
	return x.ByNumber(ctx, n)
}

func (x versions) ByNumber(_ context.Context, n int64) (authz.Version, error) {
	v, ok := x.state.versions.get(number(n))
	if !ok {
		return authz.Version{}, authz.ErrNoVersion
	}
	return cloneVersion(v), nil
}

func (x versions) History(_ context.Context, below int64, limit int) (all []authz.Version, err error) {
	end := ""
	if below > 0 {
		end = number(below)
	}
	for _, v := range x.state.versions.before(end) {
		if len(all) >= limit {
			break
		}
		c := *v
		c.Schema, c.Files = "", nil
		all = append(all, c)
	}
	return all, nil
}

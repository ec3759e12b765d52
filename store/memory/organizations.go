package memory

import (
	"context"
	"fmt"
	"strings"

	"github.com/sallyport-auth/sallyport/account/org"
)

type organizations struct{ *tx }

func (x organizations) Create(_ context.Context, o org.Organization) error {
	if err := x.write(o.ID, o.Slug, o.Name, o.Plan); err != nil {
		return fmt.Errorf("creating organization: %w", err)
	}
	if x.state.organizations.has(o.ID) || x.bySlug.has(o.Slug) {
		return org.ErrTaken
	}
	o.CreatedAt, o.UpdatedAt = ms(o.CreatedAt), ms(o.UpdatedAt)
	x.state.organizations.put(o.ID, &o)
	x.bySlug.put(o.Slug, o.ID)
	return nil
}

func (x organizations) ByID(_ context.Context, id string) (org.Organization, error) {
	o, ok := x.state.organizations.get(id)
	if !ok {
		return org.Organization{}, org.ErrNotFound
	}
	return *o, nil
}

func (x organizations) BySlug(ctx context.Context, slug string) (org.Organization, error) {
	id, ok := x.bySlug.get(slug)
	if !ok {
		return org.Organization{}, org.ErrNotFound
	}
	return x.ByID(ctx, id)
}

// Lock has nothing to lock: an Update runs alone.
func (x organizations) Lock(ctx context.Context, id string) (org.Organization, error) {
	if err := x.write(); err != nil {
		return org.Organization{}, fmt.Errorf("locking organization: %w", err)
	}
	return x.ByID(ctx, id)
}

func (x organizations) Update(_ context.Context, o org.Organization) error {
	if err := x.write(o.Slug, o.Name, o.Plan); err != nil {
		return fmt.Errorf("changing organization: %w", err)
	}
	old, ok := x.state.organizations.get(o.ID)
	if !ok {
		return org.ErrNotFound
	}
	if owner, taken := x.bySlug.get(o.Slug); taken && owner != o.ID {
		return org.ErrTaken
	}
	c := *old
	c.Slug, c.Name, c.Plan, c.UpdatedAt = o.Slug, o.Name, o.Plan, ms(o.UpdatedAt)
	x.bySlug.remove(old.Slug)
	x.bySlug.put(c.Slug, c.ID)
	x.state.organizations.put(c.ID, &c)
	return nil
}

func (x organizations) Delete(ctx context.Context, id string) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("deleting organization: %w", err)
	}
	o, ok := x.state.organizations.get(id)
	if !ok {
		return org.ErrNotFound
	}
	there, err := members(x).In(ctx, id, "", 0)
	if err != nil {
		return err
	}
	for _, m := range there {
		members(x).remove(id, m.User)
	}
	each(x.invitationsTo.members(id, ""), invitations(x).remove)
	x.state.organizations.remove(id)
	x.bySlug.remove(o.Slug)
	return nil
}

func (x organizations) List(_ context.Context, f org.Filter) (all []org.Organization, err error) {
	for slug, id := range x.bySlug.from(max(f.After, f.Prefix)) {
		if !strings.HasPrefix(slug, f.Prefix) && slug > f.Prefix || f.Limit > 0 && len(all) == f.Limit {
			break
		}
		if slug != f.After {
			o, _ := x.state.organizations.get(id)
			all = append(all, *o)
		}
	}
	return all, nil
}

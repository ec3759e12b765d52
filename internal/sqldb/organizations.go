package sqldb

import (
	"context"

	"github.com/sallyport-auth/sallyport/account/org"
)

type organizations struct{ *db }

const organizationColumns = `id, slug, name, plan, created_at, updated_at`

func scanOrganization(r scanner) (o org.Organization, err error) {
	var created, updated int64
	err = r.Scan(&o.ID, &o.Slug, &o.Name, &o.Plan, &created, &updated)
	o.CreatedAt, o.UpdatedAt = at(created), at(updated)
	return o, err
}

func (s organizations) Create(ctx context.Context, o org.Organization) error {
	if err := s.lockSlugs(ctx); err != nil {
		return err
	}
	n, err := s.exec(ctx, `INSERT INTO sallyport_organizations (`+organizationColumns+`) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		o.ID, o.Slug, o.Name, o.Plan, ms(o.CreatedAt), ms(o.UpdatedAt))
	return missing(n, err, org.ErrTaken)
}

// lockSlugs keeps other transactions from giving a slug away. An UPDATE cannot
// wait for another's INSERT of the same slug and then be answered: it would fail,
// and on PostgreSQL the transaction with it.
func (s organizations) lockSlugs(ctx context.Context) error {
	_, err := secrets(s).Create(ctx, "lock of slugs", nil)
	return err
}

func (s organizations) ByID(ctx context.Context, id string) (org.Organization, error) {
	return get(ctx, s.db, org.ErrNotFound, scanOrganization, `SELECT `+organizationColumns+` FROM sallyport_organizations WHERE id = $1`, id)
}

func (s organizations) BySlug(ctx context.Context, slug string) (org.Organization, error) {
	return get(ctx, s.db, org.ErrNotFound, scanOrganization, `SELECT `+organizationColumns+` FROM sallyport_organizations WHERE slug = $1`, slug)
}

func (s organizations) Lock(ctx context.Context, id string) (org.Organization, error) {
	return get(ctx, s.db, org.ErrNotFound, scanOrganization,
		`UPDATE sallyport_organizations SET plan = plan WHERE id = $1 RETURNING `+organizationColumns, id)
}

func (s organizations) Update(ctx context.Context, o org.Organization) error {
	current, err := s.Lock(ctx, o.ID)
	if err != nil {
		return err
	}
	if current.Slug != o.Slug {
		if err := s.lockSlugs(ctx); err != nil {
			return err
		}
	}
	n, err := s.exec(ctx, `UPDATE sallyport_organizations SET slug = $2, name = $3, plan = $4, updated_at = $5
		WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM sallyport_organizations other WHERE other.slug = $2 AND other.id <> $1)`,
		o.ID, o.Slug, o.Name, o.Plan, ms(o.UpdatedAt))
	return missing(n, err, org.ErrTaken)
}

// Delete leaves members and invitations to the foreign keys.
func (s organizations) Delete(ctx context.Context, id string) error {
	n, err := s.exec(ctx, `DELETE FROM sallyport_organizations WHERE id = $1`, id)
	return missing(n, err, org.ErrNotFound)
}

func (s organizations) List(ctx context.Context, f org.Filter) ([]org.Organization, error) {
	var w where
	if f.After != "" {
		w.and("slug > ?", f.After)
	}
	if end, bounded := after(f.Prefix); bounded {
		w.and("slug >= ?", f.Prefix)
		w.and("slug < ?", end)
	}
	return list(ctx, s.db, scanOrganization,
		`SELECT `+organizationColumns+` FROM sallyport_organizations`+w.String()+` ORDER BY slug`+w.limit(f.Limit), w.args...)
}

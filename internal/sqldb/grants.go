package sqldb

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

type grants struct{ *db }

const grantColumns = `resource_type, resource_id, subject_type, subject_id, permission, created_at, expires_at`

func scanGrant(r scanner) (g authz.Grant, err error) {
	var permission string
	var created, expires int64
	err = r.Scan(&g.Resource.Type, &g.Resource.ID, &g.Grantee.Kind, &g.Grantee.ID, &permission, &created, &expires)
	g.Permissions, g.CreatedAt, g.ExpiresAt = []string{permission}, at(created), at(expires)
	return g, err
}

// Put writes permissions in order, so that two of us never wait for each other.
func (s grants) Put(ctx context.Context, g authz.Grant) error {
	permissions := slices.Compact(slices.Sorted(slices.Values(g.Permissions)))
	if len(permissions) == 0 {
		return nil
	}
	args := make([]any, 0, len(permissions)*7)
	for _, p := range permissions {
		args = append(args, g.Resource.Type, g.Resource.ID, string(g.Grantee.Kind), g.Grantee.ID, p, ms(g.CreatedAt), ms(g.ExpiresAt))
	}
	_, err := s.exec(ctx, `INSERT INTO sallyport_grants (`+grantColumns+`) VALUES `+tuples(len(permissions), 7)+`
		ON CONFLICT (resource_type, resource_id, subject_type, subject_id, permission)
		DO UPDATE SET created_at = excluded.created_at, expires_at = excluded.expires_at`, args...)
	return err
}

func (s grants) Remove(ctx context.Context, g authz.Grantee, r sallyport.UID, permissions ...string) (int, error) {
	var w where
	w.resource(r)
	w.grantee(g)
	if len(permissions) > 0 {
		w.in("permission", permissions)
	}
	n, err := s.exec(ctx, `DELETE FROM sallyport_grants`+w.String(), w.args...)
	return int(n), err
}

func (s grants) RemoveAllOf(ctx context.Context, g authz.Grantee) error {
	var w where
	w.grantee(g)
	_, err := s.exec(ctx, `DELETE FROM sallyport_grants`+w.String(), w.args...)
	return err
}

func (w *where) resource(r sallyport.UID) {
	w.and("resource_type = ?", r.Type)
	w.and("resource_id = ?", r.ID)
}

func (w *where) grantee(g authz.Grantee) {
	w.and("subject_type = ?", string(g.Kind))
	w.and("subject_id = ?", g.ID)
}

// in adds that the column is one of values, of which there is at least one.
func (w *where) in(column string, values []string) {
	if len(values) == 1 {
		w.and(column+" = ?", values[0])
		return
	}
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = w.arg(v)
	}
	w.terms = append(w.terms, column+" IN ("+strings.Join(places, ", ")+")")
}

// On asks for each resource and each kind of grantee by the whole key but the
// permission, all in one statement.
func (s grants) On(ctx context.Context, resources []sallyport.UID, grantees []authz.Grantee, now time.Time) ([]authz.Grant, error) {
	q := union{now: now, kinds: byKind(grantees)}
	for i, r := range resources {
		if storable(r.Type) && storable(r.ID) && !slices.Contains(resources[:i], r) {
			q.add(func(w *where) { w.resource(r) })
		}
	}
	return q.run(ctx, s.db)
}

func (s grants) Of(ctx context.Context, grantees []authz.Grantee, resourceType string, now time.Time, limit int) ([]authz.Grant, error) {
	if limit <= 0 || !storable(resourceType) {
		return nil, nil
	}
	q := union{now: now, kinds: byKind(grantees), limit: limit}
	q.add(func(w *where) { w.and("resource_type = ?", resourceType) })
	return q.run(ctx, s.db)
}

// A kind is the grantees of one kind, by id.
type kind struct {
	name string
	ids  []string
}

// byKind sorts grantees out. Text that cannot be stored is in no row.
func byKind(grantees []authz.Grantee) (kinds []kind) {
	for _, g := range grantees {
		if !storable(g.ID) || !storable(string(g.Kind)) {
			continue
		}
		i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == string(g.Kind) })
		if i < 0 {
			i, kinds = len(kinds), append(kinds, kind{name: string(g.Kind)})
		}
		kinds[i].ids = append(kinds[i].ids, g.ID)
	}
	return kinds
}

// A union asks for live grants in several places at once, each a range of an
// index: neither database finds its way through an OR of them all.
type union struct {
	now   time.Time
	kinds []kind
	limit int // 0 = none

	where where
	arms  []string
}

// add asks for what every kind of grantee has in one place.
func (q *union) add(place func(*where)) {
	for _, k := range q.kinds {
		w := where{args: q.where.args}
		place(&w)
		w.and("subject_type = ?", k.name)
		w.in("subject_id", k.ids)
		w.live(q.now)
		q.where.args = w.args
		q.arms = append(q.arms, `SELECT `+grantColumns+` FROM sallyport_grants`+w.String())
	}
}

func (w *where) live(now time.Time) { w.and("(expires_at = 0 OR expires_at > ?)", ms(now)) }

func (q *union) run(ctx context.Context, d *db) ([]authz.Grant, error) {
	if len(q.arms) == 0 {
		return nil, nil
	}
	stmt := strings.Join(q.arms, ` UNION ALL `) + q.where.limit(q.limit)
	return list(ctx, d, scanGrant, stmt, q.where.args...)
}

func (s grants) List(ctx context.Context, f authz.GrantFilter, now time.Time) ([]authz.Grant, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	var w where
	switch {
	case f.Resource.ID != "":
		w.resource(f.Resource)
	case f.Resource.Type != "":
		w.and("resource_type = ?", f.Resource.Type)
	}
	if f.Grantee != (authz.Grantee{}) {
		w.grantee(f.Grantee)
	}
	w.past(f.After)
	w.live(now)
	return list(ctx, s.db, scanGrant, `SELECT `+grantColumns+` FROM sallyport_grants`+w.String()+
		` ORDER BY resource_type, resource_id, subject_type, subject_id, permission`+w.limit(f.Limit), w.args...)
}

// past adds that rows sort after the last grant of the page before.
func (w *where) past(g authz.Grant) {
	if g.Resource == (sallyport.UID{}) {
		return
	}
	last := ""
	if n := len(g.Permissions); n > 0 {
		last = g.Permissions[n-1]
	}
	places := make([]string, 0, 5)
	for _, s := range []string{g.Resource.Type, g.Resource.ID, string(g.Grantee.Kind), g.Grantee.ID, last} {
		places = append(places, w.arg(s))
	}
	w.terms = append(w.terms, `(resource_type, resource_id, subject_type, subject_id, permission) > (`+strings.Join(places, ", ")+`)`)
}

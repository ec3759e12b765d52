package sqldb

import (
	"context"

	"github.com/sallyport-auth/sallyport/account/org"
)

type members struct{ *db }

const memberColumns = `m.org_id, m.user_id, m.status, m.joined_at`

func (m *memberRow) scan() []any { return []any{&m.Org, &m.User, &m.Status, &m.joined} }

// A memberRow is a member whose time is not converted yet.
type memberRow struct {
	org.Member
	joined int64
}

func (m *memberRow) member() org.Member {
	m.JoinedAt = at(m.joined)
	return m.Member
}

func scanMember(r scanner) (org.Member, error) {
	var m memberRow
	err := r.Scan(m.scan()...)
	return m.member(), err
}

const membershipColumns = memberColumns + `, o.id, o.slug, o.name, o.plan, o.created_at, o.updated_at`

func scanMembership(r scanner) (ship org.Membership, err error) {
	var m memberRow
	var created, updated int64
	o := &ship.Organization
	err = r.Scan(append(m.scan(), &o.ID, &o.Slug, &o.Name, &o.Plan, &created, &updated)...)
	ship.Member, o.CreatedAt, o.UpdatedAt = m.member(), at(created), at(updated)
	return ship, err
}

func (s members) Add(ctx context.Context, m org.Member) (bool, error) {
	n, err := s.exec(ctx, `INSERT INTO sallyport_members (org_id, user_id, status, joined_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		m.Org, m.User, string(m.Status), ms(m.JoinedAt))
	return n > 0, err
}

func (s members) Remove(ctx context.Context, org, user string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_members WHERE org_id = $1 AND user_id = $2`, org, user)
	return n > 0, err
}

func (s members) RemoveUser(ctx context.Context, user string) error {
	_, err := s.exec(ctx, `DELETE FROM sallyport_members WHERE user_id = $1`, user)
	return err
}

func (s members) Membership(ctx context.Context, id, user string) (org.Membership, error) {
	return get(ctx, s.db, org.ErrNotMember, scanMembership, `SELECT `+membershipColumns+` FROM sallyport_members m
		JOIN sallyport_organizations o ON o.id = m.org_id WHERE m.org_id = $1 AND m.user_id = $2`, id, user)
}

func (s members) Of(ctx context.Context, user string) ([]org.Membership, error) {
	return list(ctx, s.db, scanMembership, `SELECT `+membershipColumns+` FROM sallyport_members m
		JOIN sallyport_organizations o ON o.id = m.org_id WHERE m.user_id = $1 ORDER BY m.org_id`, user)
}

func (s members) In(ctx context.Context, id, after string, limit int) ([]org.Member, error) {
	w := where{}
	w.and("m.org_id = ?", id)
	w.and("m.user_id > ?", after)
	return list(ctx, s.db, scanMember, `SELECT `+memberColumns+` FROM sallyport_members m`+w.String()+` ORDER BY m.user_id`+w.limit(limit), w.args...)
}

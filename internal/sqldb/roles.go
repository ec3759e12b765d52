package sqldb

import (
	"context"

	"github.com/sallyport-auth/sallyport/authz"
)

// Whoever changes who holds a role has locked the row of that role, so that
// LockHolders keeps everybody else from it.
type roles struct{ *db }

func scanRole(r scanner) (role authz.Role, err error) {
	var permissions, inherits string
	if err := r.Scan(&role.Name, &permissions, &inherits); err != nil {
		return role, err
	}
	if err := decodeList("permissions", permissions, &role.Permissions); err != nil {
		return role, err
	}
	return role, decodeList("inherits", inherits, &role.Inherits)
}

func (s roles) Roles(ctx context.Context) ([]authz.Role, error) {
	return list(ctx, s.db, scanRole, `SELECT name, permissions, inherits FROM sallyport_roles ORDER BY name`)
}

func (s roles) PutRole(ctx context.Context, r authz.Role) error {
	permissions, err := encodeList(r.Permissions)
	if err != nil {
		return err
	}
	inherits, err := encodeList(r.Inherits)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_roles (name, permissions, inherits) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions, inherits = excluded.inherits`, r.Name, permissions, inherits)
	return err
}

// DeleteRole leaves the assignments to the foreign key.
func (s roles) DeleteRole(ctx context.Context, name string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM sallyport_roles WHERE name = $1`, name)
	return n > 0, err
}

func (s roles) Assign(ctx context.Context, subject, role, org string) (bool, error) {
	there, err := s.lock(ctx, role)
	if err != nil {
		return false, err
	}
	if !there {
		return false, authz.ErrNotFound
	}
	n, err := s.exec(ctx, `INSERT INTO sallyport_role_assignments (subject, org_id, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, subject, org, role)
	return n > 0, err
}

func (s roles) Unassign(ctx context.Context, subject, role, org string) (bool, error) {
	if there, err := s.lock(ctx, role); err != nil || !there {
		return false, err
	}
	n, err := s.exec(ctx, `DELETE FROM sallyport_role_assignments WHERE subject = $1 AND org_id = $2 AND role = $3`, subject, org, role)
	return n > 0, err
}

func (s roles) UnassignAll(ctx context.Context, subject string) error {
	if err := s.lockHeld(ctx, subject); err != nil {
		return err
	}
	_, err := s.exec(ctx, `DELETE FROM sallyport_role_assignments WHERE subject = $1`, subject)
	return err
}

func (s roles) UnassignIn(ctx context.Context, subject, org string) error {
	if org == "" {
		return nil
	}
	const everybodys = `FROM sallyport_role_assignments WHERE org_id = $1 AND org_id <> ''`
	const theirs = `FROM sallyport_role_assignments WHERE org_id = $1 AND subject = $2`
	from, args := theirs, []any{org, subject}
	if subject == "" {
		from, args = everybodys, []any{org}
	}
	if err := s.lockEach(ctx, `SELECT DISTINCT role `+from+` ORDER BY role`, args...); err != nil {
		return err
	}
	_, err := s.exec(ctx, `DELETE `+from, args...)
	return err
}

// lockHeld locks the roles that the subject holds.
func (s roles) lockHeld(ctx context.Context, subject string) error {
	return s.lockEach(ctx, `SELECT DISTINCT role FROM sallyport_role_assignments WHERE subject = $1 ORDER BY role`, subject)
}

// lockEach locks the roles that a statement selects, in order, so that two of us
// never wait for each other.
func (s roles) lockEach(ctx context.Context, stmt string, args ...any) error {
	held, err := list(ctx, s.db, text, stmt, args...)
	if err != nil {
		return err
	}
	for _, role := range held {
		if _, err := s.lock(ctx, role); err != nil {
			return err
		}
	}
	return nil
}

func (s roles) Assigned(ctx context.Context, subject, org string) ([]string, error) {
	return list(ctx, s.db, text, `SELECT role FROM sallyport_role_assignments WHERE subject = $1 AND org_id = $2 ORDER BY role`, subject, org)
}

func (s roles) LockHolders(ctx context.Context, role string, limit int) ([]string, error) {
	if there, err := s.lock(ctx, role); err != nil || !there || limit <= 0 {
		return nil, err
	}
	return list(ctx, s.db, text, `SELECT a.subject FROM sallyport_role_assignments a
		WHERE a.role = $1 AND a.org_id = '' AND EXISTS (SELECT 1 FROM sallyport_users u WHERE u.id = a.subject AND u.status = 'active')
		ORDER BY a.subject LIMIT $2`, role, int64(limit))
}

// lock keeps other transactions from the role's row and reports whether there is one.
func (s roles) lock(ctx context.Context, role string) (bool, error) {
	n, err := s.exec(ctx, `UPDATE sallyport_roles SET inherits = inherits WHERE name = $1`, role)
	return n > 0, err
}

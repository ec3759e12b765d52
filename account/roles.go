package account

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Assign gives the user a role, everywhere or in an organization that they are a
// member of, in force with the next request. It changes nothing if the user has
// the role. [authz.ErrNotFound] if there is no such role, [org.ErrNotFound] if
// there is no such organization, [org.ErrNotMember], [ErrExceeds].
func (s *Service) Assign(ctx context.Context, user, role, organization string, o Origin) error {
	return s.assign(ctx, user, role, organization, "role.assign", o, func(tx Tx, _ User) (bool, error) {
		if organization != "" {
			if _, err := membership(ctx, tx, organization, user); err != nil {
				return false, err
			}
		}
		if err := covers(ctx, tx, o.Giver, organization, []string{role}); err != nil {
			return false, err
		}
		return tx.Roles.Assign(ctx, user, role, organization)
	})
}

// Unassign takes a role from the user, in force with the next request. It
// changes nothing if the user does not have it. The last administrator keeps it.
// [org.ErrNotFound] if there is no such organization, [ErrExceeds] if the user
// holds more there than o.Giver.
func (s *Service) Unassign(ctx context.Context, user, role, organization string, o Origin) error {
	return s.assign(ctx, user, role, organization, "role.unassign", o, func(tx Tx, u User) (changed bool, err error) {
		if err := coversAll(ctx, tx, o.Giver, organization, user); err != nil {
			return false, err
		}
		if role != AdminRole || organization != "" {
			return tx.Roles.Unassign(ctx, user, role, organization)
		}
		err = administered(ctx, tx, u, func() (err error) {
			changed, err = tx.Roles.Unassign(ctx, user, role, "")
			return err
		})
		return changed, err
	})
}

func (s *Service) assign(ctx context.Context, user, role, organization, action string, o Origin, f func(Tx, User) (bool, error)) error {
	if authz.CheckRoleName(role) != nil {
		return authz.ErrNotFound
	}
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := tx.Users.Lock(ctx, user)
		if err == nil && organization != "" {
			_, err = tx.Organizations.Lock(ctx, organization)
		}
		if err != nil {
			return p, err
		}
		changed, err := f(tx, u)
		if err != nil {
			return p, err
		}
		if !changed { // but perhaps another node changed it a moment ago
			return tx.Log.Append(ctx)
		}
		e := o.Entry(action, user, now)
		e.Org, e.Detail = organization, map[string]string{"role": role}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		overlay, err := s.overlay(ctx, tx, user, organization, now)
		if err != nil {
			return p, err
		}
		return appendTold(ctx, tx, o.about(user, ""), overlay)
	})
}

// overlay is the entry that puts the roles that the subject has everywhere, or in
// an organization, in force on tokens already issued. Too many roles for one entry
// end these tokens instead.
func (s *Service) overlay(ctx context.Context, tx Tx, user, organization string, now time.Time) (revoke.Entry, error) {
	roles, err := tx.Roles.Assigned(ctx, user, organization)
	if err != nil {
		return revoke.Entry{}, err
	}
	if len(roles) > revoke.MaxOverlay {
		return s.entry(revoke.Kill, revoke.Subject, user, organization, now), nil
	}
	e := s.entry(revoke.Overlay, revoke.Subject, user, organization, now)
	e.Overlay = roles
	return e, nil
}

// PutRole creates a role or replaces its definition. A definition that does not
// compile with the others, such as a cycle of inheritance, is an [InvalidError].
// unless is asked inside the transaction, with the definition in force or nil, and
// its error refuses the change; nil never refuses. [ErrExceeds] if o.Giver holds
// less than the roles that it inherits.
func (s *Service) PutRole(ctx context.Context, r authz.Role, unless func(current *authz.Role) error, o Origin) error {
	plan := func(roles []authz.Role) ([]authz.Role, error) {
		others, current := without(roles, r.Name)
		return append(others, r), ask(unless, current)
	}
	return s.redefine(ctx, "role.put", r.Name, o, plan, func(tx Tx) error {
		if err := covers(ctx, tx, o.Giver, "", r.Inherits); err != nil {
			return err
		}
		return tx.Roles.PutRole(ctx, r)
	})
}

// DeleteRole removes a role, also from everybody who has it, and with it the grants
// to it. [authz.ErrNotFound] if there is none; an [InvalidError] if another inherits it. unless is as for
// [Service.PutRole].
func (s *Service) DeleteRole(ctx context.Context, name string, unless func(current *authz.Role) error, o Origin) error {
	if name == AdminRole {
		return invalid("role", "%s cannot be deleted", AdminRole)
	}
	plan := func(roles []authz.Role) ([]authz.Role, error) {
		others, current := without(roles, name)
		if err := ask(unless, current); err != nil || current != nil {
			return others, err
		}
		return nil, authz.ErrNotFound
	}
	return s.redefine(ctx, "role.delete", name, o, plan, func(tx Tx) error {
		if _, err := tx.Roles.DeleteRole(ctx, name); err != nil {
			return err
		}
		return tx.Grants.RemoveAllOf(ctx, authz.Grantee{Kind: authz.RoleGrantee, ID: name})
	})
}

// without returns the other roles, and the one of that name or nil.
func without(roles []authz.Role, name string) (others []authz.Role, current *authz.Role) {
	for _, r := range roles {
		if r.Name == name {
			current = &r
			continue
		}
		others = append(others, r)
	}
	return others, current
}

func ask[T any](unless func(*T) error, current *T) error {
	if unless == nil {
		return nil
	}
	return unless(current)
}

// redefine changes the definitions of roles, if what plan makes of them compiles,
// and lets every node know. Nothing is written that a node could not read.
func (s *Service) redefine(ctx context.Context, action, name string, o Origin, plan func([]authz.Role) ([]authz.Role, error), write func(Tx) error) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		roles, err := lockDefinitions(ctx, tx)
		if err != nil {
			return p, err
		}
		if roles, err = plan(roles); err != nil {
			return p, err
		}
		if err := checkRoles(roles); err != nil {
			return p, err
		}
		if err := write(tx); err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry(action, name, now)); err != nil {
			return p, err
		}
		return tx.Log.Append(ctx, s.notice(revoke.Policy, name, now))
	})
}

// EnsureRoles creates the roles that do not exist yet and leaves the others
// alone: definitions in a program are where data begins, not what it is.
func (s *Service) EnsureRoles(ctx context.Context, roles []authz.Role) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		there, err := lockDefinitions(ctx, tx)
		if err != nil {
			return p, err
		}
		missing := slices.DeleteFunc(slices.Clone(roles), func(r authz.Role) bool {
			return slices.ContainsFunc(there, func(have authz.Role) bool { return have.Name == r.Name })
		})
		if len(missing) == 0 {
			return p, nil
		}
		if err := checkRoles(append(there, missing...)); err != nil {
			return p, err
		}
		for _, r := range missing {
			if err := tx.Roles.PutRole(ctx, r); err != nil {
				return p, err
			}
			if err := tx.Audit.Append(ctx, Origin{}.Entry("role.put", r.Name, now)); err != nil {
				return p, err
			}
		}
		return tx.Log.Append(ctx, s.notice(revoke.Policy, "roles", now))
	})
}

// lockDefinitions returns all definitions and keeps other transactions from
// changing any: two that are good by themselves may not compile together, and
// then no node could read them any more.
func lockDefinitions(ctx context.Context, tx Tx) ([]authz.Role, error) {
	if _, err := tx.Secrets.Create(ctx, "lock of role definitions", nil); err != nil {
		return nil, err
	}
	return tx.Roles.Roles(ctx)
}

// checkRoles reports why the definitions cannot be in force together.
func checkRoles(roles []authz.Role) error {
	for _, r := range roles {
		if r.Name == AdminRole && !slices.Contains(r.Permissions, "*") {
			return invalid("permissions", "of the role %s must hold *", AdminRole)
		}
	}
	if _, err := authz.Compile(roles); err != nil {
		return invalid("role", "cannot be in force: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// sorted returns the names in the order in which every transaction locks roles,
// each once.
func sorted(names []string) []string {
	return slices.Compact(slices.SortedFunc(slices.Values(names), cmp.Compare[string]))
}

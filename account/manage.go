package account

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Disable closes an account: its sessions, families, tokens and API keys stop
// working at once. The last administrator cannot be disabled.
func (s *Service) Disable(ctx context.Context, user string, o Origin) error {
	now := time.Now()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if _, err := tx.Users.Lock(ctx, user); err != nil {
			return p, err
		}
		if err := notLastAdmin(ctx, tx, user); err != nil {
			return p, err
		}
		if err := tx.Users.SetStatus(ctx, user, Disabled, now); err != nil {
			return p, err
		}
		return s.endUser(ctx, tx, user, "user.disable", now, o)
	})
}

// endUser ends everything that the user holds, audits it as action, and appends.
func (s *Service) endUser(ctx context.Context, tx Tx, user, action string, now time.Time, o Origin) (p revoke.Position, err error) {
	dead, err := s.kill(ctx, tx, user, action, now)
	if err != nil {
		return p, err
	}
	if err := tx.Audit.Append(ctx, o.Entry(action, user, now)); err != nil {
		return p, err
	}
	return appendKills(ctx, tx, user, dead)
}

// Enable opens an account again and forgives its failed attempts. What was
// ended stays ended; API keys work again.
func (s *Service) Enable(ctx context.Context, user string, o Origin) error {
	now := time.Now()
	return s.Store.Update(ctx, func(tx Tx) error {
		u, err := tx.Users.Lock(ctx, user)
		if err != nil {
			return err
		}
		if err := tx.Users.SetStatus(ctx, user, Active, now); err != nil {
			return err
		}
		for _, name := range []string{u.UsernameNorm, u.EmailNorm} {
			if name == "" {
				continue
			}
			if err := s.Limits.Reset(ctx, tx.Failures, name); err != nil {
				return err
			}
		}
		return tx.Audit.Append(ctx, o.Entry("user.enable", user, now))
	})
}

// Delete removes an account and everything that it holds. Its id is never used
// again. The last administrator cannot be deleted.
func (s *Service) Delete(ctx context.Context, user string, o Origin) error {
	now := time.Now()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if _, err := tx.Users.Lock(ctx, user); err != nil {
			return p, err
		}
		if err := notLastAdmin(ctx, tx, user); err != nil {
			return p, err
		}
		dead, err := s.kill(ctx, tx, user, "user deleted", now)
		if err != nil {
			return p, err
		}
		if _, err := tx.APIKeys.RevokeAll(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Roles.UnassignAll(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Users.Delete(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("user.delete", user, now)); err != nil {
			return p, err
		}
		return tx.Log.Append(ctx, dead)
	})
}

// notLastAdmin makes sure that somebody else can administer.
func notLastAdmin(ctx context.Context, tx Tx, user string) error {
	admins, err := tx.Roles.LockHolders(ctx, AdminRole, 2)
	if err != nil {
		return err
	}
	if len(admins) == 1 && admins[0] == user {
		return ErrLastAdmin
	}
	return nil
}

// PutRole creates a role or replaces its definition. A definition that does not
// compile with the others, such as a cycle of inheritance, is an [InvalidError].
// unless is asked inside the transaction, with the definition in force or nil, and
// its error refuses the change; nil never refuses.
func (s *Service) PutRole(ctx context.Context, r authz.Role, unless func(current *authz.Role) error, o Origin) error {
	if r.Name == AdminRole && !slices.Contains(r.Permissions, "*") {
		return invalid("permissions", "of the role %s must hold *", AdminRole)
	}
	return s.redefine(ctx, "role.put", r.Name, unless, o, func(tx Tx) error { return tx.Roles.PutRole(ctx, r) })
}

// DeleteRole removes a role, also from everybody who has it. [authz.ErrNotFound]
// if there is none. unless is as for [Service.PutRole].
func (s *Service) DeleteRole(ctx context.Context, name string, unless func(current *authz.Role) error, o Origin) error {
	if name == AdminRole {
		return invalid("role", "%s cannot be deleted", AdminRole)
	}
	return s.redefine(ctx, "role.delete", name, unless, o, func(tx Tx) error {
		there, err := tx.Roles.DeleteRole(ctx, name)
		if err == nil && !there {
			err = authz.ErrNotFound
		}
		return err
	})
}

// redefine changes the definitions of roles, if the result compiles, and lets
// every node know.
func (s *Service) redefine(ctx context.Context, action, name string, unless func(*authz.Role) error, o Origin, f func(Tx) error) error {
	now := time.Now()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if err := refused(ctx, tx, name, unless); err != nil {
			return p, err
		}
		if err := f(tx); err != nil {
			return p, err
		}
		roles, err := tx.Roles.Roles(ctx)
		if err != nil {
			return p, err
		}
		if _, err := authz.Compile(roles); err != nil {
			return p, invalid("role", "%v", err)
		}
		if err := tx.Audit.Append(ctx, o.Entry(action, name, now)); err != nil {
			return p, err
		}
		return tx.Log.Append(ctx, s.notice(revoke.Policy, name, now))
	})
}

func refused(ctx context.Context, tx Tx, name string, unless func(*authz.Role) error) error {
	if unless == nil {
		return nil
	}
	// The lock keeps the definition as it is until this transaction ends.
	if _, err := tx.Roles.LockHolders(ctx, name, 1); err != nil {
		return err
	}
	roles, err := tx.Roles.Roles(ctx)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(roles, func(r authz.Role) bool { return r.Name == name }); i >= 0 {
		return unless(&roles[i])
	}
	return unless(nil)
}

// notice tells every node to read something anew. It only has to outlive the
// nodes' way of reading the log.
func (s *Service) notice(kind revoke.Kind, id string, now time.Time) revoke.Entry {
	return revoke.Entry{Effect: revoke.Notice, Kind: kind, ID: id, CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour)}
}

// EnsureRoles creates the roles that do not exist yet and leaves the others
// alone: definitions in a program are where data begins, not what it is.
func (s *Service) EnsureRoles(ctx context.Context, roles []authz.Role) error {
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		present, err := tx.Roles.Roles(ctx)
		if err != nil {
			return p, err
		}
		missing := slices.DeleteFunc(slices.Clone(roles), func(r authz.Role) bool {
			return slices.ContainsFunc(present, func(have authz.Role) bool { return have.Name == r.Name })
		})
		if len(missing) == 0 {
			return p, nil
		}
		if _, err := authz.Compile(append(present, missing...)); err != nil {
			return p, invalid("roles", "%v", err)
		}
		now := time.Now()
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

// Assign gives the user a role, in force with the next request. org must be ""
// until there are organizations. It changes nothing if the user has the role.
func (s *Service) Assign(ctx context.Context, user, role, org string, o Origin) error {
	return s.assign(ctx, user, role, org, "role.assign", o, func(tx Tx) (bool, error) {
		return tx.Roles.Assign(ctx, user, role, org)
	})
}

// Unassign takes a role from the user, in force with the next request. It
// changes nothing if the user does not have it. The last administrator keeps it.
func (s *Service) Unassign(ctx context.Context, user, role, org string, o Origin) error {
	return s.assign(ctx, user, role, org, "role.unassign", o, func(tx Tx) (bool, error) {
		if role == AdminRole {
			if err := notLastAdmin(ctx, tx, user); err != nil {
				return false, err
			}
		}
		return tx.Roles.Unassign(ctx, user, role, org)
	})
}

func (s *Service) assign(ctx context.Context, user, role, org, action string, o Origin, f func(Tx) (bool, error)) error {
	if org != "" {
		return ErrNotOrg
	}
	now := time.Now()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if _, err := tx.Users.Lock(ctx, user); err != nil {
			return p, err
		}
		changed, err := f(tx)
		if err != nil || !changed {
			return p, err
		}
		e := o.Entry(action, user, now)
		e.Detail = map[string]string{"role": role}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		overlay, err := s.overlay(ctx, tx, user, org, now)
		if err != nil {
			return p, err
		}
		return tx.Log.Append(ctx, overlay)
	})
}

// overlay is the entry that puts the subject's roles in force on tokens already
// issued. Too many roles for one entry end the tokens instead.
func (s *Service) overlay(ctx context.Context, tx Tx, user, org string, now time.Time) (revoke.Entry, error) {
	roles, err := tx.Roles.Assigned(ctx, user, org)
	if err != nil {
		return revoke.Entry{}, err
	}
	e := s.killEntry(revoke.Subject, user, now)
	if len(roles) <= revoke.MaxOverlay {
		e.Effect, e.Org, e.Overlay = revoke.Overlay, org, roles
	}
	return e, nil
}

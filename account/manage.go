package account

import (
	"context"
	"slices"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Disable closes an account: its sessions, families, tokens and API keys stop
// working at once. The last administrator cannot be disabled.
func (s *Service) Disable(ctx context.Context, user string, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := tx.Users.Lock(ctx, user)
		if err != nil {
			return p, err
		}
		dead, err := s.kill(ctx, tx, user, "user disabled", now)
		if err != nil {
			return p, err
		}
		err = administered(ctx, tx, u, func() error { return tx.Users.SetStatus(ctx, user, Disabled, now) })
		if err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("user.disable", user, now)); err != nil {
			return p, err
		}
		return appendKills(ctx, tx, user, o.about(user, "user disabled"), dead)
	})
}

// Enable opens an account again and forgives its failed attempts. What was
// ended stays ended; API keys work again.
func (s *Service) Enable(ctx context.Context, user string, o Origin) error {
	now := present()
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
	return s.remove(ctx, user, func(User) bool { return true }, o)
}

// remove deletes the user if that is still due.
func (s *Service) remove(ctx context.Context, user string, due func(User) bool, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := tx.Users.Lock(ctx, user)
		if err != nil || !due(u) {
			return p, err
		}
		dead, err := s.kill(ctx, tx, user, "user deleted", now)
		if err != nil {
			return p, err
		}
		if _, err := tx.APIKeys.RevokeAll(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Certificates.RemoveAll(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Devices.RemoveOthers(ctx, user, ""); err != nil {
			return p, err
		}
		if err := tx.Passkeys.RemoveAll(ctx, user); err != nil {
			return p, err
		}
		err = administered(ctx, tx, u, func() error { return tx.Roles.UnassignAll(ctx, user) })
		if err != nil {
			return p, err
		}
		if err := tx.Members.RemoveUser(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Grants.RemoveAllOf(ctx, authz.Grantee{Kind: authz.SubjectGrantee, ID: user}); err != nil {
			return p, err
		}
		if err := removeFactors(ctx, tx, user); err != nil {
			return p, err
		}
		if _, err := tx.Identities.RemoveAll(ctx, user); err != nil {
			return p, err
		}
		if err := removeClients(ctx, tx, user); err != nil {
			return p, err
		}
		if err := tx.Streams.DeleteOf(ctx, user); err != nil {
			return p, err
		}
		if err := tx.OneTime.EndAll(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Users.Delete(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("user.delete", user, now)); err != nil {
			return p, err
		}
		return appendTold(ctx, tx, o.about(user, "user deleted"), dead)
	})
}

// removeClients ends what the user has let other programs do, and what they would let
// them do again without being asked.
func removeClients(ctx context.Context, tx Tx, user string) error {
	if _, err := tx.ClientGrants.EndAll(ctx, user, ""); err != nil {
		return err
	}
	_, err := tx.Consents.Remove(ctx, user, "")
	return err
}

// administered makes a change after which u, who is locked, may administer no
// more, and makes sure that somebody else can. It looks afterwards: by then the
// change has locked the roles that u holds, in the order that everybody keeps.
func administered(ctx context.Context, tx Tx, u User, change func() error) error {
	roles, err := tx.Roles.Assigned(ctx, u.ID, "")
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	if u.Status != Active || !slices.Contains(roles, AdminRole) {
		return nil
	}
	others, err := tx.Roles.LockHolders(ctx, AdminRole, 1)
	if err == nil && len(others) == 0 {
		err = ErrLastAdmin
	}
	return err
}

package account

import (
	"context"
	"errors"

	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/revoke"
)

// lockMember locks the user and the organization, in the order that everybody
// keeps.
func lockMember(ctx context.Context, tx Tx, organization, user string) (User, error) {
	u, err := tx.Users.Lock(ctx, user)
	if err != nil {
		return u, err
	}
	_, err = tx.Organizations.Lock(ctx, organization)
	return u, err
}

// AddMember makes the user a member. It changes nothing if they are one.
// [org.ErrNotFound] if there is no such organization.
func (s *Service) AddMember(ctx context.Context, organization, user string, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if _, err := lockMember(ctx, tx, organization, user); err != nil {
			return p, err
		}
		added, err := tx.Members.Add(ctx, org.Member{Org: organization, User: user, Status: org.Active, JoinedAt: now})
		if err != nil {
			return p, err
		}
		if !added { // but perhaps another node added them a moment ago
			return tx.Log.Append(ctx)
		}
		e := o.Entry("member.add", user, now)
		e.Org = organization
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		overlay, err := s.overlay(ctx, tx, user, organization, now)
		if err != nil {
			return p, err
		}
		return appendTold(ctx, tx, o.about(user, "joined the organization"), overlay)
	})
}

// RemoveMember ends a membership, with the roles in the organization: the user's
// sessions and API keys act in none with the next request, tokens that act in it
// die. Invitations of the user, and from the user, end too, so that nobody walks
// back in. [org.ErrNotMember] if the user is no member.
func (s *Service) RemoveMember(ctx context.Context, organization, user string, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := lockMember(ctx, tx, organization, user)
		if errors.Is(err, org.ErrNotFound) {
			err = org.ErrNotMember
		}
		if err != nil {
			return p, err
		}
		if err := coversAll(ctx, tx, o.Giver, organization, user); err != nil {
			return p, err
		}
		if err := s.leave(ctx, tx, organization, u); err != nil {
			return p, err
		}
		e := o.Entry("member.remove", user, now)
		e.Org = organization
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		return appendTold(ctx, tx, o.about(user, "left the organization"), s.entry(revoke.Kill, revoke.Subject, user, organization, now))
	})
}

// leave removes whatever the user, whose row this transaction holds, has in the
// organization.
func (s *Service) leave(ctx context.Context, tx Tx, organization string, u User) error {
	if err := tx.Sessions.Leave(ctx, u.ID, organization); err != nil {
		return err
	}
	if err := tx.Roles.UnassignIn(ctx, u.ID, organization); err != nil {
		return err
	}
	there, err := tx.Members.Remove(ctx, organization, u.ID)
	if err != nil {
		return err
	}
	if !there {
		return org.ErrNotMember
	}
	return tx.Invitations.Withdraw(ctx, organization, u.EmailNorm, u.ID)
}

// An OrganizationMember is a member with their account and the names of the roles
// that they have in the organization now.
type OrganizationMember struct {
	org.Member
	User  User
	Roles []string
}

// OrganizationMembers returns up to limit members (0 = all) with a greater user
// id than after, all as they were at one moment.
func (s *Service) OrganizationMembers(ctx context.Context, organization, after string, limit int) (all []OrganizationMember, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		there, err := tx.Members.In(ctx, organization, after, limit)
		if err != nil {
			return err
		}
		all = make([]OrganizationMember, len(there))
		for i, m := range there {
			all[i].Member = m
			if all[i].User, err = tx.Users.ByID(ctx, m.User); err != nil {
				return err
			}
			if all[i].Roles, err = tx.Roles.Assigned(ctx, m.User, organization); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// Memberships returns the organizations that the user is a member of.
func (s *Service) Memberships(ctx context.Context, user string) (all []org.Membership, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { all, err = tx.Members.Of(ctx, user); return err })
	return all, err
}

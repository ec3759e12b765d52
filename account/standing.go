package account

import (
	"context"
	"errors"

	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authz"
)

// Standing returns what the subject has now, everywhere and in an organization
// ("" = none). It implements [authz.Reader].
func (s *Service) Standing(ctx context.Context, subject, organization string) (st authz.Standing, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { st, err = standing(ctx, tx, subject, organization); return err })
	return st, err
}

// standing is read anew wherever a credential is made or looked at: no credential
// proves that its subject is a member, or has a role.
func standing(ctx context.Context, tx Tx, subject, organization string) (st authz.Standing, err error) {
	if st.Roles, err = tx.Roles.Assigned(ctx, subject, ""); err != nil {
		return st, err
	}
	if organization != "" {
		m, err := membership(ctx, tx, organization, subject)
		switch {
		case errors.Is(err, org.ErrNotMember):
		case err != nil:
			return st, err
		default:
			st.Org, st.Plan = organization, m.Organization.Plan
			if st.OrgRoles, err = tx.Roles.Assigned(ctx, subject, organization); err != nil {
				return st, err
			}
		}
	}
	if st.Plan != "" {
		return st, nil
	}
	u, err := tx.Users.ByID(ctx, subject)
	if errors.Is(err, ErrNotFound) { // a program is no user
		return st, nil
	}
	st.Plan = u.Plan
	return st, err
}

// membership returns what somebody is in an organization where they may act, or
// [org.ErrNotMember].
func membership(ctx context.Context, tx Tx, organization, user string) (org.Membership, error) {
	m, err := tx.Members.Membership(ctx, organization, user)
	if err == nil && m.Status != org.Active {
		return org.Membership{}, org.ErrNotMember
	}
	return m, err
}

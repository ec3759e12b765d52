package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account/org"
)

type invitations struct{ *tx }

func (x invitations) Create(_ context.Context, v org.Invitation) error {
	err := x.write(v.ID, v.Org, v.EmailNorm, v.Role, v.InvitedBy)
	switch {
	case err != nil:
	case !x.state.organizations.has(v.Org):
		err = errNoOrganization
	case x.state.invitations.has(v.ID), x.byInvitationHash.has(string(v.TokenHash)), x.invited(v.Org, v.EmailNorm):
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating invitation: %w", err)
	}
	v = cloneInvitation(&v)
	v.CreatedAt, v.ExpiresAt = ms(v.CreatedAt), ms(v.ExpiresAt)
	x.state.invitations.put(v.ID, &v)
	x.byInvitationHash.put(string(v.TokenHash), v.ID)
	x.invitationsTo.add(v.Org, v.ID)
	x.invitationExpiry.add(v.ExpiresAt, v.ID)
	return nil
}

func (x invitations) invited(id, email string) bool {
	return slices.ContainsFunc(x.invitationsTo.members(id, ""), func(invitation string) bool {
		v, _ := x.state.invitations.get(invitation)
		return v.EmailNorm == email
	})
}

func cloneInvitation(v *org.Invitation) org.Invitation {
	c := *v
	c.TokenHash = slices.Clone(v.TokenHash)
	return c
}

func (x invitations) ByHash(_ context.Context, hash []byte) (org.Invitation, error) {
	id, ok := x.byInvitationHash.get(string(hash))
	if !ok {
		return org.Invitation{}, org.ErrNoInvitation
	}
	v, _ := x.state.invitations.get(id)
	return cloneInvitation(v), nil
}

func (x invitations) Consume(ctx context.Context, hash []byte, now time.Time) (org.Invitation, error) {
	if err := x.write(); err != nil {
		return org.Invitation{}, fmt.Errorf("using invitation: %w", err)
	}
	v, err := x.ByHash(ctx, hash)
	if err != nil {
		return v, err
	}
	if !v.ExpiresAt.After(ms(now)) {
		return org.Invitation{}, org.ErrNoInvitation
	}
	x.remove(v.ID)
	return v, nil
}

func (x invitations) Revoke(_ context.Context, id, invitation string) (org.Invitation, error) {
	if err := x.write(id, invitation); err != nil {
		return org.Invitation{}, fmt.Errorf("revoking invitation: %w", err)
	}
	v, ok := x.state.invitations.get(invitation)
	if !ok || v.Org != id {
		return org.Invitation{}, org.ErrNoInvitation
	}
	x.remove(invitation)
	return cloneInvitation(v), nil
}

func (x invitations) Withdraw(_ context.Context, id, email, inviter string) error {
	if err := x.write(id, email, inviter); err != nil {
		return fmt.Errorf("withdrawing invitations: %w", err)
	}
	for _, invitation := range x.invitationsTo.members(id, "") {
		v, _ := x.state.invitations.get(invitation)
		if email != "" && v.EmailNorm == email || inviter != "" && v.InvitedBy == inviter {
			x.remove(invitation)
		}
	}
	return nil
}

func (x invitations) Pending(_ context.Context, id string, now time.Time, after string, limit int) (all []org.Invitation, err error) {
	for _, invitation := range x.invitationsTo.members(id, "") {
		if limit > 0 && len(all) == limit {
			break
		}
		if v, _ := x.state.invitations.get(invitation); invitation > after && v.ExpiresAt.After(ms(now)) {
			all = append(all, cloneInvitation(v))
		}
	}
	return all, nil
}

// remove takes the invitation out of every index.
func (x invitations) remove(id string) {
	v, ok := x.state.invitations.get(id)
	if !ok {
		return
	}
	x.state.invitations.remove(id)
	x.byInvitationHash.remove(string(v.TokenHash))
	x.invitationsTo.drop(v.Org, id)
	x.invitationExpiry.drop(v.ExpiresAt, id)
}

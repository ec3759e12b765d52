package account

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A NewInvitation is an invitation to be made.
type NewInvitation struct {
	Org   string
	Email string
	Role  string // to be assigned in the organization; "" = none
}

// Invite asks whoever has proved the address to join the organization, within
// seven days, and returns the secret of the link, which is kept nowhere. It takes
// the place of an earlier invitation for the address. The role must be one that
// o.Giver may give, now and when the invitation is accepted. [org.ErrNotFound],
// [authz.ErrNotFound], [ErrExceeds], or an [InvalidError].
func (s *Service) Invite(ctx context.Context, in NewInvitation, o Origin) (inv org.Invitation, plain string, err error) {
	now := present()
	email, err := foldEmail(in.Email)
	if err != nil {
		return inv, "", err
	}
	inv, plain = org.NewInvitation()
	inv.Org, inv.EmailNorm, inv.Role = in.Org, email, in.Role
	inv.CreatedAt, inv.ExpiresAt = now, now.Add(s.invitationLifetime())
	if o.Giver != nil {
		inv.InvitedBy = o.Giver.Subject
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Organizations.Lock(ctx, in.Org); err != nil {
			return err
		}
		if err := mayInvite(ctx, tx, in, o.Giver); err != nil {
			return err
		}
		if err := tx.Invitations.Withdraw(ctx, in.Org, email, ""); err != nil {
			return err
		}
		if err := tx.Invitations.Create(ctx, inv); err != nil {
			return err
		}
		return tx.Audit.Append(ctx, invited(o, "invitation.create", inv, now))
	})
	if err != nil {
		return org.Invitation{}, "", err
	}
	return inv, plain, nil
}

func mayInvite(ctx context.Context, tx Tx, in NewInvitation, giver *sallyport.Principal) error {
	if in.Role == "" {
		return nil
	}
	definitions, err := definitions(ctx, tx)
	if err != nil {
		return err
	}
	if !definitions.Has(in.Role) {
		return authz.ErrNotFound
	}
	return covers(ctx, tx, giver, in.Org, []string{in.Role})
}

// invited is an audit entry about an invitation. Addresses are not audited.
func invited(o Origin, action string, inv org.Invitation, now time.Time) audit.Entry {
	e := o.Entry(action, inv.ID, now)
	e.Org, e.Detail = inv.Org, map[string]string{"role": inv.Role}
	return e
}

// Invitations returns up to limit of the organization's invitations (0 = all)
// that can still be accepted, with a greater id than after.
func (s *Service) Invitations(ctx context.Context, organization, after string, limit int) (all []org.Invitation, err error) {
	now := present()
	err = s.Store.View(ctx, func(tx Tx) error {
		all, err = tx.Invitations.Pending(ctx, organization, now, after, limit)
		return err
	})
	return all, err
}

// RevokeInvitation makes the link of an invitation useless. [org.ErrNoInvitation]
// if the organization has none of that id.
func (s *Service) RevokeInvitation(ctx context.Context, organization, id string, o Origin) error {
	now := present()
	return s.Store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Organizations.Lock(ctx, organization); err != nil {
			return uninvited(err)
		}
		inv, err := tx.Invitations.Revoke(ctx, organization, id)
		if err != nil {
			return err
		}
		return tx.Audit.Append(ctx, invited(o, "invitation.revoke", inv, now))
	})
}

// ErrOtherAddress means that an invitation is for an address that whoever tried it
// has not proved to be theirs. It says no more, so that a link which got into the
// wrong hands does not tell whose it is.
var ErrOtherAddress = errors.New("this invitation is for an address that is not yours, or that you have not verified")

// Offered returns an invitation, and the organization that it is to, to whom it is
// for; it uses nothing up, because a mail scanner opens links too. Errors are those
// of [Service.AcceptInvitation], except that no session is needed.
func (s *Service) Offered(ctx context.Context, p *sallyport.Principal, plain string) (inv org.Invitation, to org.Organization, err error) {
	now := present()
	err = s.Store.View(ctx, func(tx Tx) error {
		u, err := tx.Users.ByID(ctx, p.Subject)
		if err != nil && !errors.Is(err, ErrNotFound) { // a program is no user, and has no address
			return err
		}
		if inv, err = tx.Invitations.ByHash(ctx, secret.Hash(plain)); err != nil {
			return err
		}
		switch {
		case !inv.ExpiresAt.After(now):
			return org.ErrNoInvitation
		case !invites(inv, u):
			return ErrOtherAddress
		}
		if err := stillCovers(ctx, tx, inv); err != nil {
			return uninvited(err)
		}
		to, err = tx.Organizations.ByID(ctx, inv.Org)
		return uninvited(err)
	})
	if err != nil {
		return org.Invitation{}, org.Organization{}, err
	}
	return inv, to, nil
}

// invites reports whether the invitation is for the user: for an address that is
// proved to be theirs.
func invites(inv org.Invitation, u User) bool {
	return u.Status == Active && u.EmailVerified && u.EmailNorm == inv.EmailNorm
}

// AcceptInvitation makes p's subject a member, with the role that the invitation
// names. Only who is signed in and has proved the invited address may: anybody
// else gets [ErrOtherAddress], and the invitation stays. Of several who try at
// once one succeeds. [org.ErrNoInvitation] if it was used, revoked or never made,
// has expired, or gives what its inviter may give no more; [ErrNoSession] for a
// credential without a session.
func (s *Service) AcceptInvitation(ctx context.Context, p *sallyport.Principal, plain string, o Origin) (m org.Membership, err error) {
	if p.Session == "" {
		return m, ErrNoSession
	}
	now := present()
	var refusal error
	err = s.change(ctx, func(tx Tx) (at revoke.Position, err error) {
		u, err := tx.Users.Lock(ctx, p.Subject)
		if err != nil {
			return at, ended(err)
		}
		inv, err := tx.Invitations.ByHash(ctx, secret.Hash(plain))
		if err != nil {
			return at, err
		}
		if refusal = nil; !invites(inv, u) {
			refusal = ErrOtherAddress
			e := invited(o, "invitation.accept", inv, now)
			e.Outcome, e.Detail = audit.Failure, map[string]string{"reason": "address"}
			return at, tx.Audit.Append(ctx, e)
		}
		if m, err = s.join(ctx, tx, inv, u, now); err != nil {
			return at, err
		}
		if err := tx.Audit.Append(ctx, invited(o, "invitation.accept", inv, now)); err != nil {
			return at, err
		}
		overlay, err := s.overlay(ctx, tx, u.ID, inv.Org, now)
		if err != nil {
			return at, err
		}
		return appendTold(ctx, tx, o.about(u.ID, "joined the organization"), overlay)
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return org.Membership{}, err
	}
	return m, nil
}

// join uses the invitation for the user, whose row this transaction holds.
func (s *Service) join(ctx context.Context, tx Tx, inv org.Invitation, u User, now time.Time) (m org.Membership, err error) {
	if _, err := tx.Organizations.Lock(ctx, inv.Org); err != nil {
		return m, uninvited(err)
	}
	// Somebody may have been faster since it was read.
	if _, err := tx.Invitations.Consume(ctx, inv.TokenHash, now); err != nil {
		return m, err
	}
	if err := stillCovers(ctx, tx, inv); err != nil {
		return m, uninvited(err)
	}
	if _, err := tx.Members.Add(ctx, org.Member{Org: inv.Org, User: u.ID, Status: org.Active, JoinedAt: now}); err != nil {
		return m, err
	}
	if inv.Role != "" {
		if _, err := tx.Roles.Assign(ctx, u.ID, inv.Role, inv.Org); err != nil {
			return m, uninvited(err)
		}
	}
	return tx.Members.Membership(ctx, inv.Org, u.ID)
}

// stillCovers makes sure that whoever invited may still give the role: who was
// demoted must not find an administrator of theirs in the mail.
func stillCovers(ctx context.Context, tx Tx, inv org.Invitation) error {
	if inv.InvitedBy == "" || inv.Role == "" {
		return nil
	}
	u, err := tx.Users.ByID(ctx, inv.InvitedBy)
	if err == nil && u.Status != Active {
		return ErrExceeds
	}
	if err != nil && !errors.Is(err, ErrNotFound) { // a program is no user
		return err
	}
	st, err := standing(ctx, tx, inv.InvitedBy, inv.Org)
	if err != nil {
		return err
	}
	inviter := &sallyport.Principal{Subject: inv.InvitedBy, Org: st.Org, Roles: st.Roles, OrgRoles: st.OrgRoles}
	return covers(ctx, tx, inviter, inv.Org, []string{inv.Role})
}

// uninvited turns what makes an invitation useless into [org.ErrNoInvitation], and
// leaves other errors alone.
func uninvited(err error) error {
	for _, reason := range []error{org.ErrNotFound, authz.ErrNotFound, ErrExceeds} {
		if errors.Is(err, reason) {
			return org.ErrNoInvitation
		}
	}
	return err
}

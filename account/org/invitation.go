package org

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

// An Invitation asks one person, known by address, to become a member. There is
// at most one for an address and organization. Times have millisecond precision.
type Invitation struct {
	ID        string // "inv_…"
	TokenHash []byte // SHA-256 of the secret in the link; nothing else of it is kept
	Org       string
	EmailNorm string // only who has proved this address may accept; folded as users' are
	Role      string // assigned in the organization; "" = none
	InvitedBy string // subject whose permissions bound the role; "" = the system
	CreatedAt time.Time
	ExpiresAt time.Time
}

// NewInvitation returns an invitation with an id, and the secret that its link
// carries: 256 random bits of which it keeps the SHA-256 only. The rest of the
// fields are for the caller to fill in.
func NewInvitation() (inv Invitation, plain string) {
	plain = secret.NewToken()
	return Invitation{ID: secret.NewID("inv"), TokenHash: secret.Hash(plain)}, plain
}

// ErrNoInvitation means that there is no such invitation: never, used, revoked or
// expired.
var ErrNoInvitation = errors.New("invitation is not valid, or no longer")

// Invitations keeps invitations within one transaction. One that has been used or
// revoked is gone; the audit log remembers it.
type Invitations interface {
	// Create keeps a new one. The organization must exist, and have no other for the
	// address.
	Create(ctx context.Context, inv Invitation) error
	// ByHash returns the invitation whose secret has that SHA-256, or
	// ErrNoInvitation. One that has expired may be returned.
	ByHash(ctx context.Context, hash []byte) (Invitation, error)
	// Consume uses an invitation that has not expired and returns it. Of those who
	// try at once exactly one succeeds; the others get ErrNoInvitation.
	Consume(ctx context.Context, hash []byte, now time.Time) (Invitation, error)
	// Revoke removes one invitation to the organization and returns it, or
	// ErrNoInvitation.
	Revoke(ctx context.Context, org, id string) (Invitation, error)
	// Withdraw removes the organization's invitations for an address, and those from
	// somebody; "" is nobody.
	Withdraw(ctx context.Context, org, email, inviter string) error
	// Pending returns up to limit invitations (0 = all) that have not expired, with a
	// greater id than after, in order of id.
	Pending(ctx context.Context, org string, now time.Time, after string, limit int) ([]Invitation, error)
}

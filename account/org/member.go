package org

import (
	"context"
	"errors"
	"time"
)

// Status says whether a member may act in the organization.
type Status string

// Active is the status of every member. Nobody acts in an organization with
// another one, such as a newer release may write.
const Active Status = "active"

// A Member is a user in an organization. Time has millisecond precision.
type Member struct {
	Org      string
	User     string
	Status   Status
	JoinedAt time.Time
}

// A Membership is a member and what they are a member of.
type Membership struct {
	Member
	Organization Organization
}

// ErrNotMember means that somebody is not a member of an organization, or that
// there is none: who is not in it does not learn which.
var ErrNotMember = errors.New("not a member of this organization")

// Members keeps who is in which organization, within one transaction. Whoever
// changes that holds the row of the user, or of the organization to delete it.
type Members interface {
	// Add makes the user a member and reports whether that is new. The organization
	// must exist.
	Add(ctx context.Context, m Member) (bool, error)
	// Remove ends a membership and reports whether there was one.
	Remove(ctx context.Context, org, user string) (bool, error)
	// RemoveUser ends all memberships of the user.
	RemoveUser(ctx context.Context, user string) error
	// Membership returns what the user is in an organization, or ErrNotMember.
	Membership(ctx context.Context, org, user string) (Membership, error)
	// Of returns the user's memberships in order of the organization's id.
	Of(ctx context.Context, user string) ([]Membership, error)
	// In returns up to limit members (0 = all) with a greater user id than after, in
	// order of it.
	In(ctx context.Context, org, after string, limit int) ([]Member, error)
}

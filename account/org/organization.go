// Package org is organizations, the people in them and the invitations to them,
// as they are kept. What is done to them is in package account, which joins it
// with roles, sessions and the revocation log.
package org

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

const idPrefix = "org"

// An Organization is a tenant: a customer, a school, a team. Times have
// millisecond precision.
type Organization struct {
	ID        string // "org_…", never used again
	Slug      string // unique, for people and addresses: see [Slug]
	Name      string // for display
	Plan      string // what it has paid for, in words of the embedding program; "" = none
	CreatedAt time.Time
	UpdatedAt time.Time
}

// NewID returns the id of a new organization.
func NewID() string { return secret.NewID(idPrefix) }

// IsID reports whether s is written like the id of an organization. No slug is.
func IsID(s string) bool { return secret.IsID(idPrefix, s) }

// A Filter selects organizations. Empty fields select all; no Limit is no limit.
type Filter struct {
	Prefix string // of the slug
	After  string // organizations with a greater slug: the cursor
	Limit  int
}

// ErrNotFound means that there is no such organization; ErrTaken that the slug is
// another's.
var (
	ErrNotFound = errors.New("no such organization")
	ErrTaken    = errors.New("slug is taken")
)

// A Store keeps organizations within one transaction.
type Store interface {
	Create(ctx context.Context, o Organization) error // ErrTaken
	ByID(ctx context.Context, id string) (Organization, error)
	BySlug(ctx context.Context, slug string) (Organization, error)
	// Lock returns the organization and keeps other transactions from the row until
	// this one ends. Whatever puts something into it locks first.
	Lock(ctx context.Context, id string) (Organization, error)
	// Update replaces slug, name and plan of the organization with that id, and sets
	// UpdatedAt. ErrNotFound, ErrTaken.
	Update(ctx context.Context, o Organization) error
	// Delete removes the organization, its members and its invitations, not what
	// other stores hold.
	Delete(ctx context.Context, id string) error
	// List returns organizations in order of slug.
	List(ctx context.Context, f Filter) ([]Organization, error)
}

package authz

import (
	"context"
	"errors"
)

// A Role is a named set of permissions, and those of the roles that it inherits.
type Role struct {
	Name        string
	Permissions []string // "post:delete", "post:*", "*"
	Inherits    []string // names of roles
}

// ErrNotFound means that there is no such role.
var ErrNotFound = errors.New("no such role")

// A Store keeps role definitions and assignments within one transaction.
type Store interface {
	// Roles returns all definitions, by name.
	Roles(ctx context.Context) ([]Role, error)
	// PutRole creates the role or replaces its definition.
	PutRole(ctx context.Context, r Role) error
	// DeleteRole removes the role and its assignments and reports whether it was there.
	DeleteRole(ctx context.Context, name string) (bool, error)
	// Assign gives the subject a role and reports whether that is new. ErrNotFound:
	// no such role.
	Assign(ctx context.Context, subject, role, org string) (bool, error)
	// Unassign takes a role away and reports whether the subject had it.
	Unassign(ctx context.Context, subject, role, org string) (bool, error)
	// UnassignAll takes all of the subject's roles away.
	UnassignAll(ctx context.Context, subject string) error
	// UnassignIn takes away the roles that the subject ("" = everybody) has in the
	// organization.
	UnassignIn(ctx context.Context, subject, org string) error
	// Assigned returns the names of the subject's roles in org ("" = none), sorted.
	Assigned(ctx context.Context, subject, org string) ([]string, error)
	// LockHolders returns up to limit active users who hold the role without
	// organization, and keeps other transactions from changing who does.
	LockHolders(ctx context.Context, role string, limit int) ([]string, error)
}

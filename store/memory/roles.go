package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
)

type roles struct{ *tx }

func (x roles) Roles(context.Context) (all []authz.Role, err error) {
	for _, r := range x.state.roles.from("") {
		all = append(all, cloneRole(r))
	}
	return all, nil
}

func cloneRole(r *authz.Role) authz.Role {
	return authz.Role{Name: r.Name, Permissions: slices.Clone(r.Permissions), Inherits: slices.Clone(r.Inherits)}
}

func (x roles) PutRole(_ context.Context, r authz.Role) error {
	if err := x.write(slices.Concat([]string{r.Name}, r.Permissions, r.Inherits)...); err != nil {
		return fmt.Errorf("putting role: %w", err)
	}
	r = cloneRole(&r)
	x.state.roles.put(r.Name, &r)
	return nil
}

func (x roles) DeleteRole(_ context.Context, name string) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("deleting role: %w", err)
	}
	for _, holder := range x.holders.members(name, "") {
		org, subject, _ := strings.Cut(holder, "\x00")
		x.unassign(subject, name, org)
	}
	return x.state.roles.remove(name), nil
}

func (x roles) Assign(_ context.Context, subject, role, org string) (bool, error) {
	if err := x.write(subject, role, org); err != nil {
		return false, fmt.Errorf("assigning role: %w", err)
	}
	if !x.state.roles.has(role) {
		return false, authz.ErrNotFound
	}
	if held, _ := x.assigned.get(subject); held.has(pair(org, role)) {
		return false, nil
	}
	x.assigned.add(subject, pair(org, role))
	x.holders.add(role, pair(org, subject))
	return true, nil
}

func (x roles) Unassign(_ context.Context, subject, role, org string) (bool, error) {
	if err := x.write(subject, role, org); err != nil {
		return false, fmt.Errorf("taking role away: %w", err)
	}
	return x.unassign(subject, role, org), nil
}

func (x roles) unassign(subject, role, org string) bool {
	x.holders.drop(role, pair(org, subject))
	return x.assigned.drop(subject, pair(org, role))
}

func (x roles) UnassignAll(_ context.Context, subject string) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("taking roles away: %w", err)
	}
	for _, held := range x.assigned.members(subject, "") {
		org, role, _ := strings.Cut(held, "\x00")
		x.unassign(subject, role, org)
	}
	return nil
}

func (x roles) UnassignIn(_ context.Context, subject, org string) error {
	if err := x.write(subject, org); err != nil {
		return fmt.Errorf("taking roles in an organization away: %w", err)
	}
	if org == "" {
		return nil
	}
	for role := range x.state.roles.from("") {
		for _, holder := range x.holders.members(role, pair(org, subject)) {
			if subject == "" || second(holder) == subject {
				x.unassign(second(holder), role, org)
			}
		}
	}
	return nil
}

func (x roles) Assigned(_ context.Context, subject, org string) ([]string, error) {
	names := x.assigned.members(subject, pair(org, ""))
	for i, held := range names {
		names[i] = second(held)
	}
	return names, nil
}

// LockHolders has nothing to lock: an Update runs alone.
func (x roles) LockHolders(_ context.Context, role string, limit int) (ids []string, err error) {
	if err := x.write(); err != nil {
		return nil, fmt.Errorf("locking holders: %w", err)
	}
	holders, _ := x.holders.get(role)
	for holder := range holders.from(pair("", "")) {
		if len(ids) >= limit || !strings.HasPrefix(holder, pair("", "")) {
			break
		}
		if u, ok := x.state.users.get(second(holder)); ok && u.Status == account.Active {
			ids = append(ids, u.ID)
		}
	}
	return ids, nil
}

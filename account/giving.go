package account

import (
	"context"
	"errors"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

// ErrExceeds means that somebody would give, or take, more than they hold
// themselves, everywhere or in the organization that it is about.
var ErrExceeds = errors.New("nobody can give or take more than they hold")

// covers makes sure that whoever gives roles in an organization ("" = everywhere),
// or takes them, holds all that they permit, also by grants to them, within the
// scope of the credential.
// What counts is what the giver holds in this transaction: everywhere, or in that
// organization if the credential acts in it. A nil giver is the system.
func covers(ctx context.Context, tx Tx, giver *sallyport.Principal, organization string, roles []string) error {
	if len(roles) == 0 || giver == nil {
		return nil
	}
	granted, err := grantedTo(ctx, tx, roles)
	if err != nil {
		return err
	}
	return holds(ctx, tx, giver, organization, func(d *authz.Definitions) []string { return append(d.Permissions(roles), granted...) })
}

// grantedTo returns what grants permit to whoever has the roles, on whatever
// object.
func grantedTo(ctx context.Context, tx Tx, roles []string) (permissions []string, err error) {
	definitions, err := tx.Roles.Roles(ctx)
	if err != nil {
		return nil, err
	}
	inherits := make(map[string][]string, len(definitions))
	for _, r := range definitions {
		inherits[r.Name] = r.Inherits
	}
	now, reached := present(), slices.Clone(roles)
	for i := 0; i < len(reached); i++ {
		grants, err := tx.Grants.List(ctx, authz.GrantFilter{Grantee: authz.Grantee{Kind: authz.RoleGrantee, ID: reached[i]}}, now)
		if err != nil {
			return nil, err
		}
		for _, g := range grants {
			for _, p := range g.Permissions {
				if !slices.Contains(permissions, p) {
					permissions = append(permissions, p)
				}
			}
		}
		for _, r := range inherits[reached[i]] {
			if !slices.Contains(reached, r) {
				reached = append(reached, r)
			}
		}
	}
	return permissions, nil
}

// coversPermissions is covers for permissions by name.
func coversPermissions(ctx context.Context, tx Tx, giver *sallyport.Principal, organization string, permissions []string) error {
	return holds(ctx, tx, giver, organization, func(*authz.Definitions) []string { return permissions })
}

// holds is covers for what want makes of the definitions.
func holds(ctx context.Context, tx Tx, giver *sallyport.Principal, organization string, want func(*authz.Definitions) []string) error {
	if giver == nil {
		return nil
	}
	held, err := inForce(ctx, tx, giver.Subject, "", giver.Roles)
	if err != nil {
		return err
	}
	if organization != "" && giver.Org == organization {
		there, err := inForce(ctx, tx, giver.Subject, organization, giver.OrgRoles)
		if err != nil {
			return err
		}
		held = append(held, there...)
	}
	definitions, err := definitions(ctx, tx)
	if err != nil {
		return err
	}
	permissions := want(definitions)
	if !definitions.Covers(held, permissions) || !authz.ScopeCovers(giver.Scopes, permissions) {
		return ErrExceeds
	}
	return nil
}

// inForce returns which of the roles that a credential has its subject still has.
func inForce(ctx context.Context, tx Tx, subject, organization string, roles []string) ([]string, error) {
	now, err := tx.Roles.Assigned(ctx, subject, organization)
	return slices.DeleteFunc(now, func(role string) bool { return !slices.Contains(roles, role) }), err
}

func definitions(ctx context.Context, tx Tx) (*authz.Definitions, error) {
	roles, err := tx.Roles.Roles(ctx)
	if err != nil {
		return nil, err
	}
	return authz.Compile(roles)
}

// coversAll makes sure that whoever takes something from a user in an
// organization ("" = everywhere) holds all that the user holds there: a helpdesk
// must not be able to shut administrators out. People may leave by themselves.
func coversAll(ctx context.Context, tx Tx, taker *sallyport.Principal, organization, user string) error {
	if taker == nil || taker.Subject == user {
		return nil
	}
	roles, err := tx.Roles.Assigned(ctx, user, organization)
	if err != nil {
		return err
	}
	return covers(ctx, tx, taker, organization, roles)
}

package account

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

const (
	maxGranted    = 64  // permissions at once
	maxResourceID = 512 // bytes of an identifier that the embedding program made
)

// Grant adds g's permissions to those that the grantee has on the resource, and
// sets for these when they expire; it is in force with the next request. Whether
// there is such an object is the caller's to know. [ErrNotFound],
// [authz.ErrNotFound] or org.ErrNotFound if there is no such grantee, an
// [InvalidError], [ErrExceeds].
func (s *Service) Grant(ctx context.Context, g authz.Grant, o Origin) error {
	g.CreatedAt = present()
	if err := checkGrant(&g); err != nil {
		return err
	}
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if err := lockGrantee(ctx, tx, g.Grantee); err != nil {
			return p, err
		}
		if err := coversPermissions(ctx, tx, o.Giver, "", g.Permissions); err != nil {
			return p, err
		}
		if err := tx.Grants.Put(ctx, g); err != nil {
			return p, err
		}
		return s.granted(ctx, tx, "grant.put", &g, o)
	})
}

// Ungrant takes permissions on the resource from the grantee, as they were given,
// or all of them with none named; in force with the next request. It changes
// nothing if the grantee does not have them. Errors are those of [Service.Grant].
func (s *Service) Ungrant(ctx context.Context, g authz.Grantee, r sallyport.UID, permissions []string, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if err := lockGrantee(ctx, tx, g); err != nil {
			return p, err
		}
		taken, err := held(ctx, tx, g, r, permissions, now)
		if err != nil {
			return p, err
		}
		if len(taken) == 0 { // but perhaps another node took them a moment ago
			return tx.Log.Append(ctx)
		}
		if err := coversPermissions(ctx, tx, o.Giver, "", taken); err != nil {
			return p, err
		}
		if _, err := tx.Grants.Remove(ctx, g, r, taken...); err != nil {
			return p, err
		}
		return s.granted(ctx, tx, "grant.remove", &authz.Grant{Grantee: g, Resource: r, Permissions: taken, CreatedAt: now}, o)
	})
}

// held returns which of the permissions the grantee has on the resource, all with
// none named.
func held(ctx context.Context, tx Tx, g authz.Grantee, r sallyport.UID, permissions []string, now time.Time) (all []string, err error) {
	grants, err := tx.Grants.On(ctx, []sallyport.UID{r}, []authz.Grantee{g}, now)
	for _, one := range grants {
		for _, p := range one.Permissions {
			if len(permissions) == 0 || slices.Contains(permissions, p) {
				all = append(all, p)
			}
		}
	}
	slices.Sort(all)
	return all, err
}

// granted audits a change of grants and lets every node know, so that whoever
// keeps what it has read reads again. CreatedAt is when.
func (s *Service) granted(ctx context.Context, tx Tx, action string, g *authz.Grant, o Origin) (revoke.Position, error) {
	e := o.Entry(action, g.Grantee.ID, g.CreatedAt)
	e.Detail = map[string]string{
		"grantee": string(g.Grantee.Kind), "resource": g.Resource.String(), "permissions": strings.Join(g.Permissions, " "),
	}
	if !g.ExpiresAt.IsZero() {
		e.Detail["expires_at"] = g.ExpiresAt.UTC().Format(time.RFC3339)
	}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return revoke.Position{}, err
	}
	kind := map[authz.GranteeKind]revoke.Kind{
		authz.SubjectGrantee: revoke.Subject, authz.RoleGrantee: revoke.Policy, authz.OrganizationGrantee: revoke.Org,
	}[g.Grantee.Kind]
	return tx.Log.Append(ctx, s.notice(kind, g.Grantee.ID, g.CreatedAt))
}

// checkGrant refuses what could be put and would mean nothing.
func checkGrant(g *authz.Grant) error {
	r := g.Resource
	switch {
	case r.Type == "" || r.ID == "" || !plainText(r.Type) || !plainText(r.ID) || len(r.Type) > maxResourceID || len(r.ID) > maxResourceID:
		return invalid("resource", "must have a type and an id, of at most %d bytes and without control characters", maxResourceID)
	case len(g.Permissions) == 0 || len(g.Permissions) > maxGranted:
		return invalid("permissions", "must be 1 to %d", maxGranted)
	case !g.Live(g.CreatedAt):
		return invalid("expires_at", "has passed")
	}
	for _, p := range g.Permissions {
		if _, err := authz.ParsePermission(p); err != nil {
			return invalid("permissions", "cannot be given: %v", err)
		}
	}
	return nil
}

// lockGrantee makes sure that there is such a grantee, and that nobody removes it,
// with its grants, before this transaction has ended.
func lockGrantee(ctx context.Context, tx Tx, g authz.Grantee) error {
	switch g.Kind {
	case authz.SubjectGrantee:
		_, err := tx.Users.Lock(ctx, g.ID)
		return err
	case authz.OrganizationGrantee:
		_, err := tx.Organizations.Lock(ctx, g.ID)
		return err
	case authz.RoleGrantee:
		roles, err := lockDefinitions(ctx, tx)
		if _, there := without(roles, g.ID); err == nil && there == nil {
			err = authz.ErrNotFound
		}
		return err
	}
	return invalid("grantee", "must be a subject, a role or an organization")
}

// Grants returns grants in force, a permission each, in the order of
// [authz.GrantStore.List]. [authz.ErrFilter] if the filter makes no sense.
func (s *Service) Grants(ctx context.Context, f authz.GrantFilter) (all []authz.Grant, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { all, err = tx.Grants.List(ctx, f, time.Now()); return err })
	return all, err
}

package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// GranteeKind says what sort of thing a grant is given to.
type GranteeKind string

// The kinds of grantee.
const (
	SubjectGrantee      GranteeKind = "subject"      // one principal
	RoleGrantee         GranteeKind = "role"         // whoever has the role
	OrganizationGrantee GranteeKind = "organization" // whoever acts in the organization
)

// A Grantee is who is given a grant.
type Grantee struct {
	Kind GranteeKind
	ID   string // subject, name of the role, or id of the organization
}

// A Grant permits the grantee something on one object. What a store returns has
// exactly one permission, because each permission expires by itself; for people,
// see [JoinGrants].
type Grant struct {
	Grantee     Grantee
	Resource    sallyport.UID
	Permissions []string  // "post:delete", "post:*", "*"
	ExpiresAt   time.Time // from then on it permits nothing; zero = never
	CreatedAt   time.Time
}

// Live reports whether the grant has not expired by now.
func (g Grant) Live(now time.Time) bool { return g.ExpiresAt.IsZero() || now.Before(g.ExpiresAt) }

// A GrantFilter selects live grants: those on a resource, those of a grantee,
// those of a grantee on a resource, or all.
type GrantFilter struct {
	Resource sallyport.UID // zero = any; with an empty ID any of that type
	Grantee  Grantee       // zero = any
	After    Grant         // grants that sort after this one, the last of the page before; zero = from the first
	Limit    int           // of permissions; zero = no limit
}

// ErrFilter means that a [GrantFilter] names half a grantee, or the identifier of
// a resource without its type.
var ErrFilter = errors.New("filter of grants is incomplete")

// Check returns an [ErrFilter] or nil.
func (f GrantFilter) Check() error {
	switch {
	case f.Resource.Type == "" && f.Resource.ID != "":
		return fmt.Errorf("%w: a resource without type", ErrFilter)
	case (f.Grantee.Kind == "") != (f.Grantee.ID == ""):
		return fmt.Errorf("%w: a grantee without kind or without id", ErrFilter)
	}
	return nil
}

// A GrantStore keeps grants within one transaction. What has expired is in no
// answer, whether or not it was swept.
type GrantStore interface {
	// Put adds the permissions to those that the grantee has on the resource. For
	// those, and no others, it sets ExpiresAt and CreatedAt anew.
	Put(ctx context.Context, g Grant) error
	// Remove takes these permissions away, as they were given ("post:read" takes
	// nothing from "post:*"), or all with none named. It returns how many there were.
	Remove(ctx context.Context, g Grantee, resource sallyport.UID, permissions ...string) (int, error)
	// RemoveAllOf takes everything from a grantee that is being deleted.
	RemoveAllOf(ctx context.Context, g Grantee) error

	// On returns what any of the grantees has been given on any of the resources: an
	// object, and what it is in. It is one look-up, whose cost does not depend on how
	// many grants there are. The order means nothing.
	On(ctx context.Context, resources []sallyport.UID, grantees []Grantee, now time.Time) ([]Grant, error)
	// Of returns up to limit of what any of the grantees has been given on resources
	// of the type. The order means nothing. To know whether that is all, ask for one
	// more than there may be.
	Of(ctx context.Context, grantees []Grantee, resourceType string, now time.Time, limit int) ([]Grant, error)
	// List returns grants in the order of resource type and id, grantee kind and id,
	// permission. [ErrFilter] is an answer.
	List(ctx context.Context, f GrantFilter, now time.Time) ([]Grant, error)
}

// JoinGrants makes one grant of neighbours that differ in nothing but the
// permission, as [GrantStore.List] returns them. It changes none of them.
func JoinGrants(grants []Grant) []Grant {
	var joined []Grant
	for _, g := range grants {
		if n := len(joined); n > 0 && joined[n-1].joins(&g) {
			joined[n-1].Permissions = append(joined[n-1].Permissions, g.Permissions...)
			continue
		}
		g.Permissions = append([]string(nil), g.Permissions...)
		joined = append(joined, g)
	}
	return joined
}

func (g *Grant) joins(h *Grant) bool {
	return g.Grantee == h.Grantee && g.Resource == h.Resource && g.ExpiresAt.Equal(h.ExpiresAt) && g.CreatedAt.Equal(h.CreatedAt)
}

package shown

import (
	"time"

	"github.com/sallyport-auth/sallyport/authz"
)

// A Grant is how a grant is shown. It is given to one of subject, role and
// organization.
type Grant struct {
	Subject      string     `json:"subject,omitempty"`
	Role         string     `json:"role,omitempty"`
	Organization string     `json:"organization,omitempty"`
	Resource     *Entity    `json:"resource"`
	Permissions  []string   `json:"permissions"`
	ExpiresAt    *time.Time `json:"expires_at"` // null: never
	CreatedAt    time.Time  `json:"created_at"`
}

// NewGrant shows g.
func NewGrant(g authz.Grant) Grant {
	out := Grant{Resource: NewEntity(g.Resource), Permissions: List(g.Permissions), ExpiresAt: Moment(g.ExpiresAt), CreatedAt: g.CreatedAt.UTC()}
	switch g.Grantee.Kind {
	case authz.SubjectGrantee:
		out.Subject = g.Grantee.ID
	case authz.RoleGrantee:
		out.Role = g.Grantee.ID
	case authz.OrganizationGrantee:
		out.Organization = g.Grantee.ID
	}
	return out
}

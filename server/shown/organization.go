package shown

import (
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
)

// An Organization is how an organization is shown to who administers it.
type Organization struct {
	ID        string    `json:"id"`
	Slug      string    `json:"slug"`
	Name      string    `json:"name"`
	Plan      string    `json:"plan,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// NewOrganization shows o.
func NewOrganization(o org.Organization) Organization {
	return Organization{o.ID, o.Slug, o.Name, o.Plan, o.CreatedAt.UTC(), o.UpdatedAt.UTC()}
}

// A Member is how a member is shown to who administers the organization: no more
// of the account than its name, because that is not the organization's.
type Member struct {
	User     string    `json:"user"`
	Username string    `json:"username,omitempty"`
	Roles    []string  `json:"roles"` // in the organization
	JoinedAt time.Time `json:"joined_at"`
}

// NewMember shows m.
func NewMember(m account.OrganizationMember) Member {
	return Member{m.Member.User, m.User.Username, List(m.Roles), m.JoinedAt.UTC()}
}

// An Invitation is how an invitation is shown to who administers the
// organization.
type Invitation struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization"`
	Email        string    `json:"email"`
	Role         string    `json:"role,omitempty"`
	InvitedBy    string    `json:"invited_by,omitempty"`
	Link         string    `json:"link,omitempty"` // once, when it is made
	CreatedAt    time.Time `json:"created_at"`
	ExpiresAt    time.Time `json:"expires_at"`
}

// NewInvitation shows inv; link is what to send when it was just made, and
// otherwise empty.
func NewInvitation(inv org.Invitation, link string) Invitation {
	return Invitation{inv.ID, inv.Org, inv.EmailNorm, inv.Role, inv.InvitedBy, link, inv.CreatedAt.UTC(), inv.ExpiresAt.UTC()}
}

// A Membership is how an organization is shown to its member.
type Membership struct {
	ID       string    `json:"id"` // of the organization
	Slug     string    `json:"slug"`
	Name     string    `json:"name"`
	Plan     string    `json:"plan,omitempty"`
	JoinedAt time.Time `json:"joined_at"`
	Current  bool      `json:"current"`
}

// NewMembership shows m to somebody who acts in the organization named current.
func NewMembership(m org.Membership, current string) Membership {
	o := m.Organization
	return Membership{o.ID, o.Slug, o.Name, o.Plan, m.JoinedAt.UTC(), o.ID == current}
}

// An Offer is how an invitation is shown to whom it is for.
type Offer struct {
	Organization struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"organization"`
	Role      string    `json:"role,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
}

// NewOffer shows inv to whom it is for.
func NewOffer(inv org.Invitation, o org.Organization) Offer {
	out := Offer{Role: inv.Role, ExpiresAt: inv.ExpiresAt.UTC()}
	out.Organization.ID, out.Organization.Name = o.ID, o.Name
	return out
}

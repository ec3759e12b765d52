package shown

import (
	"time"

	"github.com/sallyport-auth/sallyport/account"
)

// A User is how an account is shown.
type User struct {
	ID            string         `json:"id"`
	Username      string         `json:"username,omitempty"`
	Email         string         `json:"email,omitempty"`
	EmailVerified bool           `json:"email_verified"`
	Roles         []string       `json:"roles"`
	Status        account.Status `json:"status"`
	CreatedAt     time.Time      `json:"created_at"`
}

// NewUser shows u with the roles that it has now.
func NewUser(u account.User, roles []string) User {
	return User{
		ID: u.ID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified,
		Roles: List(roles), Status: u.Status, CreatedAt: u.CreatedAt.UTC(),
	}
}

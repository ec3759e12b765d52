package shown

import "github.com/sallyport-auth/sallyport/authz"

// A Role is how the definition of a role is shown.
type Role struct {
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
	Inherits    []string `json:"inherits"`
}

// NewRole shows r.
func NewRole(r authz.Role) Role { return Role{r.Name, List(r.Permissions), List(r.Inherits)} }

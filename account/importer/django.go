package importer

import (
	"encoding/json"
	"strings"
)

// django reads "manage.py dumpdata auth.user", as JSON or JSON Lines, also of a user model of one's own. With --natural-foreign, groups
// become roles. Django does not know whether an address is verified.
func django(v json.RawMessage, _ *Options) (*Record, error) {
	var o struct {
		Model  string          `json:"model"`
		ID     json.RawMessage `json:"pk"`
		Fields struct {
			Username  string            `json:"username"`
			Email     string            `json:"email"`
			Password  string            `json:"password"`
			FirstName string            `json:"first_name"`
			LastName  string            `json:"last_name"`
			Active    *bool             `json:"is_active"`
			Joined    Time              `json:"date_joined"`
			Groups    []json.RawMessage `json:"groups"`
		} `json:"fields"`
	}
	if err := json.Unmarshal(v, &o); err != nil {
		return nil, err
	}
	f := o.Fields
	if !strings.HasSuffix(strings.ToLower(o.Model), "user") {
		return nil, nil
	}
	r := &Record{
		ID: plain(o.ID), Username: f.Username, Email: f.Email, DisplayName: name("", f.FirstName, f.LastName),
		Status: status(f.Active == nil || *f.Active), CreatedAt: f.Joined,
	}
	if !unusable(f.Password) {
		r.PasswordHash = f.Password
	}
	for _, g := range f.Groups {
		var natural []string
		if json.Unmarshal(g, &natural) == nil { // otherwise a number, which means nothing here
			r.Roles = append(r.Roles, natural...)
		}
	}
	return r, nil
}

package authz

import (
	"slices"
	"strings"
)

// Roles returns the definitions as they were given, by name.
func (d *Definitions) Roles() []Role {
	if d == nil {
		return nil
	}
	list := make([]Role, 0, len(d.roles))
	for _, r := range d.roles {
		out := Role{Name: r.name}
		for _, p := range r.permissions {
			out.Permissions = append(out.Permissions, p.String())
		}
		for _, n := range r.inherits {
			out.Inherits = append(out.Inherits, d.roles[n].name)
		}
		list = append(list, out)
	}
	slices.SortFunc(list, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return list
}

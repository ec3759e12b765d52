package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/nearest"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// rolesExist refuses a role that does not, and names the nearest that does.
func (in *installation) rolesExist(ctx context.Context, names ...string) error {
	roles, err := in.Accounts.Roles(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, r := range roles {
		known[r.Name] = true
	}
	for _, name := range names {
		if !known[name] {
			return fmt.Errorf("there is no role %q%s", name, nearest.Hint(name, maps.Keys(known)))
		}
	}
	return nil
}

type roleSet struct {
	Name        string   `arg:"" help:"Name of the role."`
	Permissions []string `arg:"" optional:"" name:"permission" help:"Such as post:delete, post:* or *."`
	Inherits    []string `placeholder:"ROLE" sep:"none" help:"Role whose permissions it has as well; can be repeated."`
}

func (*roleSet) Help() string {
	return "The definition replaces the one before, for everybody who has the role, from their next request on."
}

func (c *roleSet) Run(ctx context.Context, p *program) error {
	if len(c.Permissions) == 0 && len(c.Inherits) == 0 {
		return misused("what may the role %s? Name permissions, such as post:read, or --inherits ROLE", c.Name)
	}
	r := authz.Role{Name: c.Name, Permissions: c.Permissions, Inherits: c.Inherits}
	return p.change(ctx, mayCreate, func(in *installation) (answer, error) {
		if err := in.Accounts.PutRole(ctx, r, nil, origin); err != nil {
			return answer{}, err
		}
		text := strings.Join(r.Permissions, ", ")
		if len(r.Inherits) > 0 {
			text = strings.TrimPrefix(text+", and what "+strings.Join(r.Inherits, " and ")+" may", ", and ")
		}
		return say(shown.NewRole(r), "role %s: %s", r.Name, text), nil
	})
}

type roleList struct{}

func (c *roleList) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) {
		roles, err := in.Accounts.Roles(ctx)
		if err != nil {
			return answer{}, err
		}
		out := exchange.List[shown.Role]{Items: make([]shown.Role, 0, len(roles))}
		var rows [][]string
		for _, r := range roles {
			out.Items = append(out.Items, shown.NewRole(r))
			rows = append(rows, []string{r.Name, orDash(strings.Join(r.Permissions, ", ")), orDash(strings.Join(r.Inherits, ", "))})
		}
		return table(out, "no roles", []string{"NAME", "PERMISSIONS", "INHERITS"}, rows), nil
	})
}

type roleDelete struct {
	Name string `arg:"" help:"Name of the role."`
}

func (c *roleDelete) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		if err := in.notInherited(ctx, c.Name); err != nil {
			return answer{}, err
		}
		err := in.Accounts.DeleteRole(ctx, c.Name, nil, origin)
		if errors.Is(err, authz.ErrNotFound) {
			return answer{}, in.rolesExist(ctx, c.Name)
		}
		return say(struct {
			Name string `json:"name"`
		}{c.Name}, "deleted the role %s; nobody has it any more", c.Name), err
	})
}

// notInherited says which roles would be left without what they inherit.
func (in *installation) notInherited(ctx context.Context, name string) error {
	roles, err := in.Accounts.Roles(ctx)
	if err != nil {
		return err
	}
	var heirs []string
	for _, r := range roles {
		if slices.Contains(r.Inherits, name) {
			heirs = append(heirs, r.Name)
		}
	}
	if len(heirs) > 0 {
		return fmt.Errorf("the role %s is inherited by %s: change that first", name, strings.Join(heirs, ", "))
	}
	return nil
}

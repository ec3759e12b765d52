package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// grantTo is to whom, and on what.
type grantTo struct {
	Grantee string `arg:"" help:"USER, role:NAME or org:SLUG."`
	Object  string `arg:"" help:"TYPE:ID, such as Post:42."`
}

type grantAdd struct {
	grantTo
	Permissions []string `arg:"" name:"permission" help:"Such as post:read or post:*."`
	Expires     string   `placeholder:"DURATION" help:"When it ends, such as 24h or 30d. Default: never."`
}

func (*grantAdd) Help() string {
	return "What is granted adds to what was granted before, and is in force with the next request. Whether there is such an object nobody checks."
}

func (c *grantAdd) Run(ctx context.Context, p *program) error {
	object, err := readObject(c.Object)
	if err != nil {
		return err
	}
	g := authz.Grant{Resource: object, Permissions: c.Permissions, CreatedAt: time.Now()}
	if c.Expires != "" {
		d, err := config.ParseDuration(c.Expires)
		if err != nil || d <= 0 {
			return misused(`--expires: expected a duration such as "24h", got %q`, c.Expires)
		}
		g.ExpiresAt = time.Now().Add(d)
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		var name string
		if g.Grantee, name, err = in.grantee(ctx, c.Grantee); err != nil {
			return answer{}, err
		}
		if err := in.Accounts.Grant(ctx, g, origin); err != nil {
			return answer{}, err
		}
		until := ""
		if !g.ExpiresAt.IsZero() {
			until = ", until " + moment(g.ExpiresAt)
		}
		return say(shown.NewGrant(g), "%s may %s on %s%s", name, strings.Join(g.Permissions, ", "), c.Object, until), nil
	})
}

type grantRemove struct {
	grantTo
	Permissions []string `arg:"" optional:"" name:"permission" help:"As they were given. Default: all."`
}

func (c *grantRemove) Run(ctx context.Context, p *program) error {
	object, err := readObject(c.Object)
	if err != nil {
		return err
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		grantee, name, err := in.grantee(ctx, c.Grantee)
		if err != nil {
			return answer{}, err
		}
		had, err := in.Accounts.Grants(ctx, authz.GrantFilter{Grantee: grantee, Resource: object})
		if err != nil {
			return answer{}, err
		}
		if err := c.given(had, name); err != nil {
			return answer{}, err
		}
		if err := in.Accounts.Ungrant(ctx, grantee, object, c.Permissions, origin); err != nil {
			return answer{}, err
		}
		left, err := in.Accounts.Grants(ctx, authz.GrantFilter{Grantee: grantee, Resource: object})
		if err != nil {
			return answer{}, err
		}
		return say(granted(left), "%s has %s on %s now", name, permissionsText(left), c.Object), nil
	})
}

// given returns an error for permissions that were not: taking them would leave
// everything as it is.
func (c *grantRemove) given(had []authz.Grant, name string) error {
	if len(had) == 0 {
		return fmt.Errorf("nothing was granted to %s on %s", name, c.Object)
	}
	there := map[string]bool{}
	for _, g := range had {
		there[g.Permissions[0]] = true
	}
	for _, p := range c.Permissions {
		if !there[p] {
			return fmt.Errorf("%s was not granted to %s on %s, but %s", p, name, c.Object, permissionsText(had))
		}
	}
	return nil
}

func permissionsText(grants []authz.Grant) string {
	var all []string
	for _, g := range grants {
		all = append(all, g.Permissions...)
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

type grantList struct {
	To string `placeholder:"GRANTEE" help:"Those of USER, role:NAME or org:SLUG."`
	On string `placeholder:"OBJECT" help:"Those on TYPE:ID, or on all objects of TYPE."`
}

func (c *grantList) Run(ctx context.Context, p *program) error {
	var f authz.GrantFilter
	if c.On != "" {
		f.Resource.Type, f.Resource.ID, _ = strings.Cut(c.On, ":")
		if f.Resource.Type == "" {
			return misused("--on: expected TYPE:ID or TYPE, got %q", c.On)
		}
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		if c.To != "" {
			var err error
			if f.Grantee, _, err = in.grantee(ctx, c.To); err != nil {
				return answer{}, err
			}
		}
		found, err := in.Accounts.Grants(ctx, f)
		if err != nil {
			return answer{}, err
		}
		var rows [][]string
		for _, g := range authz.JoinGrants(found) {
			rows = append(rows, []string{
				g.Resource.Type + ":" + g.Resource.ID, in.granteeText(ctx, g.Grantee), strings.Join(g.Permissions, ", "),
				momentOr(g.ExpiresAt, "never"), date(g.CreatedAt),
			})
		}
		return table(granted(found), "nothing is granted", []string{"OBJECT", "TO", "PERMISSIONS", "EXPIRES", "GRANTED"}, rows), nil
	})
}

func granted(grants []authz.Grant) exchange.List[shown.Grant] {
	out := exchange.List[shown.Grant]{Items: []shown.Grant{}}
	for _, g := range authz.JoinGrants(grants) {
		out.Items = append(out.Items, shown.NewGrant(g))
	}
	return out
}

// readObject reads TYPE:ID.
func readObject(text string) (sallyport.UID, error) {
	typ, id, ok := strings.Cut(text, ":")
	if !ok || typ == "" || id == "" {
		return sallyport.UID{}, misused("%q is not written like TYPE:ID, such as Post:42", text)
	}
	return sallyport.UID{Type: typ, ID: id}, nil
}

// grantee reads USER, role:NAME or org:SLUG, and says what it is called.
func (in *installation) grantee(ctx context.Context, text string) (authz.Grantee, string, error) {
	if name, ok := strings.CutPrefix(text, "role:"); ok {
		return authz.Grantee{Kind: authz.RoleGrantee, ID: name}, "role " + name, in.rolesExist(ctx, name)
	}
	if slug, ok := strings.CutPrefix(text, "org:"); ok {
		o, err := in.organization(ctx, slug)
		return authz.Grantee{Kind: authz.OrganizationGrantee, ID: o.ID}, "organization " + o.Slug, err
	}
	u, err := in.named(ctx, text)
	return authz.Grantee{Kind: authz.SubjectGrantee, ID: u.ID}, title(u), err
}

// granteeText is what a grantee is called: its id if it is gone.
func (in *installation) granteeText(ctx context.Context, g authz.Grantee) string {
	switch g.Kind {
	case authz.RoleGrantee:
		return "role:" + g.ID
	case authz.OrganizationGrantee:
		return "org:" + in.organizationText(ctx, g.ID)
	}
	if u, err := in.Accounts.User(ctx, g.ID); err == nil {
		return title(u)
	}
	return g.ID
}

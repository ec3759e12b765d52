package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/internal/nearest"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// whichOrg is an organization on the command line.
type whichOrg struct {
	Org string `arg:"" help:"Slug or id of the organization."`
}

// organization returns the organization of that slug or id, and names the nearest
// slug if there is none.
func (in *installation) organization(ctx context.Context, idOrSlug string) (org.Organization, error) {
	o, err := in.Accounts.Organization(ctx, idOrSlug)
	if !errors.Is(err, org.ErrNotFound) {
		return o, err
	}
	all, err := in.Accounts.Organizations(ctx, org.Filter{Limit: maxHints})
	if err != nil {
		return o, err
	}
	return o, fmt.Errorf("there is no organization %q%s", shorten(idOrSlug, 64), nearest.Hint(idOrSlug, func(yield func(string) bool) {
		for _, o := range all {
			if !yield(o.Slug) {
				return
			}
		}
	}))
}

// maxHints bounds the organizations that a mistyped slug is compared with.
const maxHints = 10_000

// organizationText is what an organization is called: its id if it is gone.
func (in *installation) organizationText(ctx context.Context, id string) string {
	if id == "" {
		return "-"
	}
	if o, err := in.Accounts.Organization(ctx, id); err == nil {
		return o.Slug
	}
	return id
}

// membership returns the member and the organization, or says that the user is
// none of its members.
func (in *installation) membership(ctx context.Context, idOrSlug, who string) (o org.Organization, m account.OrganizationMember, err error) {
	if o, err = in.organization(ctx, idOrSlug); err != nil {
		return o, m, err
	}
	if m.User, err = in.named(ctx, who); err != nil {
		return o, m, err
	}
	all, err := in.Accounts.Memberships(ctx, m.User.ID)
	if err != nil {
		return o, m, err
	}
	for _, of := range all {
		if of.Org == o.ID {
			m.Member = of.Member
			m.Roles, err = in.Accounts.Assigned(ctx, m.User.ID, o.ID)
			return o, m, err
		}
	}
	return o, m, fmt.Errorf("%s is no member of %s", title(m.User), o.Slug)
}

type orgAdd struct {
	Slug string `arg:"" help:"Short unique name: letters a to z, digits and hyphens."`
	Name string `placeholder:"NAME" help:"Name for people. Default: the slug."`
	Plan string `placeholder:"PLAN" help:"What it has paid for, for rules. Default: none."`
}

func (c *orgAdd) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mayCreate, func(in *installation) (answer, error) {
		o, err := in.Accounts.CreateOrganization(ctx, account.NewOrganization{Slug: c.Slug, Name: c.Name, Plan: c.Plan}, origin)
		return say(shown.NewOrganization(o), "added the organization %s (%s), still without members", o.Slug, o.ID), taken(err, c.Slug)
	})
}

// taken says which slug is another's.
func taken(err error, slug string) error {
	if errors.Is(err, org.ErrTaken) {
		return fmt.Errorf("another organization has the slug %q", slug)
	}
	return err
}

type orgList struct {
	paging
	Query string `placeholder:"TEXT" help:"Only those whose slug begins with it."`
}

func (c *orgList) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		found, err := in.Accounts.Organizations(ctx, org.Filter{Prefix: strings.ToLower(c.Query), After: c.Cursor, Limit: c.Limit + 1})
		if err != nil {
			return answer{}, err
		}
		all := make([]shown.Organization, 0, len(found))
		for _, o := range found {
			all = append(all, shown.NewOrganization(o))
		}
		page := exchange.NewPage(all, c.Limit, func(o shown.Organization) string { return o.Slug })
		var rows [][]string
		for _, o := range page.Items {
			rows = append(rows, []string{o.Slug, o.Name, orDash(o.Plan), date(o.CreatedAt), o.ID})
		}
		return goesOn(table(page, "no organizations", []string{"SLUG", "NAME", "PLAN", "CREATED", "ID"}, rows), page.NextCursor), nil
	})
}

type orgShow struct{ whichOrg }

func (c *orgShow) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) {
		o, err := in.organization(ctx, c.Org)
		return organizationLines(o), err
	})
}

func organizationLines(o org.Organization) answer {
	v := shown.NewOrganization(o)
	return lines(v, [][2]string{
		{"slug", v.Slug}, {"name", v.Name}, {"plan", orDash(v.Plan)},
		{"created", moment(v.CreatedAt)}, {"changed", moment(v.UpdatedAt)}, {"id", v.ID},
	})
}

type orgSet struct {
	whichOrg
	Slug *string `placeholder:"SLUG" help:"Another slug; the id stays."`
	Name *string `placeholder:"NAME" help:"Name for people; empty: the slug."`
	Plan *string `placeholder:"PLAN" help:"What it has paid for; empty: none."`
}

func (*orgSet) Help() string {
	return "What is not named stays as it is. A plan is in force with the next request of the members."
}

func (c *orgSet) Run(ctx context.Context, p *program) error {
	if c.Slug == nil && c.Name == nil && c.Plan == nil {
		return misused("what should change? Give --slug, --name or --plan")
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		o, err := in.organization(ctx, c.Org)
		if err != nil {
			return answer{}, err
		}
		o, err = in.Accounts.ChangeOrganization(ctx, o.ID, func(o *org.Organization) error {
			for _, m := range []struct{ to, from *string }{{&o.Slug, c.Slug}, {&o.Name, c.Name}, {&o.Plan, c.Plan}} {
				if m.from != nil {
					*m.to = *m.from
				}
			}
			return nil
		}, origin)
		if c.Slug != nil {
			err = taken(err, *c.Slug)
		}
		return organizationLines(o), err
	})
}

type orgDelete struct{ whichOrg }

func (*orgDelete) Help() string {
	return "Its members stay users. Tokens that act in it die; sessions and API keys act in none from now on."
}

func (c *orgDelete) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		o, err := in.organization(ctx, c.Org)
		if err != nil {
			return answer{}, err
		}
		err = in.Accounts.DeleteOrganization(ctx, o.ID, origin)
		return say(identified{o.ID}, "deleted the organization %s (%s), with its memberships, invitations, roles and grants", o.Slug, o.ID), err
	})
}

// whichMember is a user and an organization.
type whichMember struct {
	whichOrg
	who
}

type orgMemberAdd struct{ whichMember }

func (c *orgMemberAdd) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		o, err := in.organization(ctx, c.Org)
		if err != nil {
			return answer{}, err
		}
		u, err := in.named(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		if err := in.Accounts.AddMember(ctx, o.ID, u.ID, origin); err != nil {
			return answer{}, err
		}
		_, m, err := in.membership(ctx, o.ID, u.ID)
		return say(shown.NewMember(m), "%s is a member of %s, %s there", title(u), o.Slug, withRoles(m.Roles)), err
	})
}

type orgMemberRemove struct{ whichMember }

func (*orgMemberRemove) Help() string {
	return "The roles in the organization go with the membership, and nothing that the user holds acts there any more. " +
		"Invitations of the user, and from the user, end."
}

func (c *orgMemberRemove) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		o, m, err := in.membership(ctx, c.Org, c.User)
		if err != nil {
			return answer{}, err
		}
		err = in.Accounts.RemoveMember(ctx, o.ID, m.User.ID, origin)
		return say(identified{m.User.ID}, "%s is no member of %s any more", title(m.User), o.Slug), err
	})
}

type orgMemberList struct {
	whichOrg
	paging
}

func (c *orgMemberList) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		o, err := in.organization(ctx, c.Org)
		if err != nil {
			return answer{}, err
		}
		found, err := in.Accounts.OrganizationMembers(ctx, o.ID, c.Cursor, c.Limit+1)
		if err != nil {
			return answer{}, err
		}
		all := make([]shown.Member, 0, len(found))
		for _, m := range found {
			all = append(all, shown.NewMember(m))
		}
		page := exchange.NewPage(all, c.Limit, func(m shown.Member) string { return m.User })
		var rows [][]string
		for _, m := range page.Items {
			rows = append(rows, []string{orDash(m.Username), orDash(strings.Join(m.Roles, ", ")), date(m.JoinedAt), m.User})
		}
		return goesOn(table(page, o.Slug+" has no members", []string{"NAME", "ROLES THERE", "JOINED", "ID"}, rows), page.NextCursor), nil
	})
}

type orgInvite struct {
	whichOrg
	Email string `arg:"" help:"Address to invite; only who has proved that it is theirs can accept."`
	Role  string `placeholder:"ROLE" help:"Role that they get in the organization. Default: none."`
}

func (*orgInvite) Help() string {
	return "The link alone goes to standard output: send it to the address. It works once, for seven days, and takes the place of an earlier one."
}

func (c *orgInvite) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		o, err := in.organization(ctx, c.Org)
		if err != nil {
			return answer{}, err
		}
		if c.Role != "" {
			if err := in.rolesExist(ctx, c.Role); err != nil {
				return answer{}, err
			}
		}
		base, err := in.reachedAt(ctx)
		if err != nil {
			return answer{}, err
		}
		inv, plain, err := in.Accounts.Invite(ctx, account.NewInvitation{Org: o.ID, Email: c.Email, Role: c.Role}, origin)
		if err != nil {
			return answer{}, err
		}
		if !p.JSON {
			p.note("Invitation of %s to %s (%s), until %s. It is shown this once:", inv.EmailNorm, o.Slug, inv.ID, moment(inv.ExpiresAt))
		}
		link := base + in.config.Server.BasePath + "/invitations/" + plain
		return say(shown.NewInvitation(inv, link), "%s", link), nil
	})
}

type orgInvitationList struct {
	whichOrg
	paging
}

func (c *orgInvitationList) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		o, err := in.organization(ctx, c.Org)
		if err != nil {
			return answer{}, err
		}
		found, err := in.Accounts.Invitations(ctx, o.ID, c.Cursor, c.Limit+1)
		if err != nil {
			return answer{}, err
		}
		all := make([]shown.Invitation, 0, len(found))
		for _, inv := range found {
			all = append(all, shown.NewInvitation(inv, ""))
		}
		page := exchange.NewPage(all, c.Limit, func(inv shown.Invitation) string { return inv.ID })
		var rows [][]string
		for _, inv := range page.Items {
			rows = append(rows, []string{inv.Email, orDash(inv.Role), date(inv.CreatedAt), moment(inv.ExpiresAt), inv.ID})
		}
		return goesOn(table(page, o.Slug+" has invited nobody", []string{"EMAIL", "ROLE", "INVITED", "EXPIRES", "ID"}, rows), page.NextCursor), nil
	})
}

type orgInvitationRevoke struct {
	whichOrg
	ID string `arg:"" help:"Id of the invitation."`
}

func (c *orgInvitationRevoke) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		o, err := in.organization(ctx, c.Org)
		if err != nil {
			return answer{}, err
		}
		err = in.Accounts.RevokeInvitation(ctx, o.ID, c.ID, origin)
		if errors.Is(err, org.ErrNoInvitation) {
			return answer{}, fmt.Errorf("%s has no invitation with the id %q", o.Slug, shorten(c.ID, 40))
		}
		return say(identified{c.ID}, "took the invitation %s back: its link is dead", c.ID), err
	})
}

// paging is which part of a list to show.
type paging struct {
	Limit  int    `default:"50" placeholder:"N" help:"How many at most, up to 1000. Default: 50."`
	Cursor string `placeholder:"CURSOR" help:"Go on after the page that ended with it."`
}

// maxList is how much one answer may hold.
const maxList = 1000

func (p *paging) check() error {
	if p.Limit < 1 || p.Limit > maxList {
		return misused("--limit: expected a whole number from 1 to %d", maxList)
	}
	return nil
}

// goesOn says how to see the rest of a list, if there is more.
func goesOn(a answer, cursor string) answer {
	return answer{a.v, func(w io.Writer) {
		a.text(w)
		if cursor != "" {
			fmt.Fprintf(w, "\nThere are more: --cursor %s\n", cursor)
		}
	}}
}

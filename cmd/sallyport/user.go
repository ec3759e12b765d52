package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// passwordFlags are how a secret comes in: never as an argument, which every user
// of the machine can see.
type passwordFlags struct {
	Stdin bool   `name:"password-stdin" xor:"password" help:"Read the password from standard input (one line)."`
	File  string `name:"password-file" xor:"password" placeholder:"FILE" help:"Read the password from a file (one line)."`
}

// who is a user on the command line.
type who struct {
	User string `arg:"" help:"User name, e-mail address or id."`
}

type userAdd struct {
	Username string   `required:"" placeholder:"NAME" help:"Name to sign in with."`
	Email    string   `placeholder:"ADDRESS" help:"E-mail address; it counts as not proved, unless you say so."`
	Verified bool     `name:"email-verified" help:"You vouch that the address is theirs: they can sign in with it, and accept invitations to it."`
	Role     []string `placeholder:"ROLE" sep:"none" help:"Role, instead of the default ones; can be repeated."`
	passwordFlags
}

func (*userAdd) Help() string {
	return "Without a password the account cannot sign in; it can hold API keys."
}

func (c *userAdd) Run(ctx context.Context, p *program) error {
	if c.Verified && c.Email == "" {
		return misused("--email-verified: which address? Give --email")
	}
	word, err := p.password(c.passwordFlags)
	if err != nil {
		return err
	}
	return p.change(ctx, mayCreate, func(in *installation) (answer, error) {
		if err := in.rolesExist(ctx, c.Role...); err != nil {
			return answer{}, err
		}
		u, err := in.Accounts.Add(ctx, account.Registration{
			Username: c.Username, Email: c.Email, EmailVerified: c.Verified, Password: word, Roles: c.Role,
		}, origin)
		if err != nil {
			return answer{}, err
		}
		shown, err := in.shown(ctx, u)
		text := fmt.Sprintf("added %s (%s), %s", title(u), u.ID, withRoles(shown.Roles))
		if word == "" {
			text += "; no password, so no sign-in"
		}
		return say(shown, "%s", text), err
	})
}

// shown is the user with the roles of now, as the HTTP API shows it.
func (in *installation) shown(ctx context.Context, u account.User) (shown.User, error) {
	roles, err := in.Accounts.Assigned(ctx, u.ID, "")
	return shown.NewUser(u, roles), err
}

func withRoles(roles []string) string {
	switch len(roles) {
	case 0:
		return "without roles"
	case 1:
		return "with the role " + roles[0]
	}
	return "with the roles " + strings.Join(roles, ", ")
}

type userList struct {
	paging
	Status string `placeholder:"STATUS" help:"Only active or disabled ones."`
	Query  string `placeholder:"TEXT" help:"Only those whose name, address or id begins with it."`
}

func (c *userList) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	status := account.Status(c.Status)
	if status != "" && status != account.Active && status != account.Disabled {
		return misused("--status: expected active or disabled, got %q", c.Status)
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		members, err := in.Accounts.Members(ctx, account.UserFilter{
			Prefix: c.Query, Status: status, After: c.Cursor, Limit: c.Limit + 1,
		})
		if err != nil {
			return answer{}, err
		}
		page := make([]shown.User, 0, len(members))
		for _, m := range members {
			page = append(page, shown.NewUser(m.User, m.Roles))
		}
		return usersTable(exchange.NewPage(page, c.Limit, func(u shown.User) string { return u.ID })), nil
	})
}

func usersTable(page exchange.List[shown.User]) answer {
	rows := make([][]string, 0, len(page.Items))
	for _, u := range page.Items {
		rows = append(rows, []string{u.Username, orDash(u.Email), orDash(strings.Join(u.Roles, ", ")), string(u.Status), date(u.CreatedAt), u.ID})
	}
	return goesOn(table(page, "no users", []string{"NAME", "EMAIL", "ROLES", "STATUS", "CREATED", "ID"}, rows), page.NextCursor)
}

type userShow struct{ who }

func (c *userShow) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) {
		u, err := in.named(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		shown, err := in.shown(ctx, u)
		if err != nil {
			return answer{}, err
		}
		email := orDash(shown.Email)
		if shown.Email != "" && !shown.EmailVerified {
			email += " (not verified)"
		}
		return lines(shown, [][2]string{
			{"name", orDash(shown.Username)}, {"email", email}, {"status", string(shown.Status)},
			{"roles", orDash(strings.Join(shown.Roles, ", "))}, {"created", moment(shown.CreatedAt)}, {"id", shown.ID},
		}), nil
	})
}

type userDisable struct{ who }

func (c *userDisable) Run(ctx context.Context, p *program) error {
	return c.change(ctx, p, "disabled %s: signed out everywhere, tokens and API keys refused", func(in *installation, u account.User) error {
		return in.Accounts.Disable(ctx, u.ID, origin)
	})
}

type userEnable struct{ who }

func (c *userEnable) Run(ctx context.Context, p *program) error {
	return c.change(ctx, p, "enabled %s: sign-in is possible again, and API keys work", func(in *installation, u account.User) error {
		return in.Accounts.Enable(ctx, u.ID, origin)
	})
}

type userResetFactors struct{ who }

func (c *userResetFactors) Run(ctx context.Context, p *program) error {
	return c.change(ctx, p, "removed the second factors of %s: signed out everywhere, API keys go on", func(in *installation, u account.User) error {
		return in.Accounts.ResetFactors(ctx, u.ID, origin)
	})
}

type userPassword struct {
	who
	passwordFlags
}

func (c *userPassword) Run(ctx context.Context, p *program) error {
	if !c.Stdin && c.File == "" {
		return misused("where should the new password come from? Give --password-stdin or --password-file")
	}
	word, err := p.password(c.passwordFlags)
	if err != nil {
		return err
	}
	return c.change(ctx, p, "set a new password for %s: signed out everywhere, API keys go on", func(in *installation, u account.User) error {
		return in.Accounts.SetPassword(ctx, u.ID, word, origin)
	})
}

type userDelete struct{ who }

func (c *userDelete) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		u, err := in.named(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		if err := in.Accounts.Delete(ctx, u.ID, origin); err != nil {
			return answer{}, err
		}
		return say(identified{u.ID}, "deleted %s (%s) and everything that it held", title(u), u.ID), nil
	})
}

// identified is what is left to say of something that is gone.
type identified struct {
	ID string `json:"id"`
}

// whichRole is a role of a user, everywhere or in an organization.
type whichRole struct {
	who
	Role string `arg:"" help:"Name of the role."`
	Org  string `placeholder:"ORG" help:"Only in this organization (slug or id), of which they are a member. Default: everywhere."`
}

type userRoleAdd struct{ whichRole }

func (c *userRoleAdd) Run(ctx context.Context, p *program) error {
	return c.change(ctx, p, "has the role "+escape(c.Role)+" now", (*account.Service).Assign)
}

type userRoleRemove struct{ whichRole }

func (c *userRoleRemove) Run(ctx context.Context, p *program) error {
	return c.change(ctx, p, "no longer has the role "+escape(c.Role), (*account.Service).Unassign)
}

// change gives or takes the role, and shows the user as they are then: of an
// organization, the member.
func (c *whichRole) change(ctx context.Context, p *program, text string, do func(s *account.Service, ctx context.Context, user, role, organization string, o account.Origin) error) error {
	if c.Org == "" {
		return c.who.change(ctx, p, "%s "+text, func(in *installation, u account.User) error {
			if err := in.rolesExist(ctx, c.Role); err != nil {
				return err
			}
			return do(in.Accounts, ctx, u.ID, c.Role, "", origin)
		})
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		if err := in.rolesExist(ctx, c.Role); err != nil {
			return answer{}, err
		}
		o, m, err := in.membership(ctx, c.Org, c.User)
		if err != nil {
			return answer{}, err
		}
		if err := do(in.Accounts, ctx, m.User.ID, c.Role, o.ID, origin); err != nil {
			return answer{}, err
		}
		_, m, err = in.membership(ctx, o.ID, m.User.ID)
		return say(shown.NewMember(m), "%s "+text+" in %s", title(m.User), o.Slug), err
	})
}

// change does something to the user and shows the user as it is then.
func (c *who) change(ctx context.Context, p *program, text string, do func(*installation, account.User) error) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		u, err := in.named(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		if err := do(in, u); err != nil {
			return answer{}, err
		}
		if u, err = in.Accounts.User(ctx, u.ID); err != nil {
			return answer{}, err
		}
		shown, err := in.shown(ctx, u)
		return say(shown, text, title(u)), err
	})
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02") }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

type userResetLink struct{ who }

func (*userResetLink) Help() string {
	return "Hand it over in a way that nobody else reads. It works once, for 10 minutes; whoever is signed in to the account is signed out when it is used."
}

func (c *userResetLink) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		if in.config.Server.BaseURL == "" {
			return answer{}, errors.New("which address do people reach the server by? Say it in server.base_url: the link begins with it")
		}
		u, err := in.Accounts.Find(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		link, expires, err := in.Accounts.ResetLink(ctx, u.ID, origin)
		if err != nil {
			return answer{}, err
		}
		v := struct {
			Link      string    `json:"link"`
			ExpiresAt time.Time `json:"expires_at"`
		}{link, expires.UTC()}
		return say(v, "%s", link), nil
	})
}

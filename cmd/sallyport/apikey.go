package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

type apikeyAdd struct {
	User    string   `required:"" placeholder:"USER" help:"Whose key it is: it may do what they may, within its scopes."`
	Name    string   `required:"" placeholder:"NAME" help:"What it is for."`
	Scope   []string `required:"" placeholder:"SCOPE" sep:"none" help:"What it may do at most, such as post:read; can be repeated."`
	Org     string   `placeholder:"ORG" help:"Organization (slug or id) in which it acts, while the user is a member. Default: none."`
	Expires string   `placeholder:"DURATION" help:"When it ends, such as 90d. Default: never."`
}

func (*apikeyAdd) Help() string {
	return "The key alone goes to standard output, so that it can be piped to where it belongs."
}

func (c *apikeyAdd) Run(ctx context.Context, p *program) error {
	want := account.NewKey{Name: c.Name, Scopes: c.Scope}
	if c.Expires != "" {
		d, err := config.ParseDuration(c.Expires)
		if err != nil || d == 0 {
			return misused(`--expires: expected a duration such as "90d", got %q`, c.Expires)
		}
		want.ExpiresAt = time.Now().Add(d)
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		u, err := in.named(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		if u.Status != account.Active {
			return answer{}, fmt.Errorf("%s is disabled", title(u))
		}
		acting := ""
		if c.Org != "" {
			o, _, err := in.membership(ctx, c.Org, u.ID)
			if err != nil {
				return answer{}, err
			}
			want.Org, acting = o.ID, " in "+o.Slug
		}
		k, plain, err := in.Accounts.CreateKey(ctx, u.ID, want, origin)
		if err != nil {
			return answer{}, err
		}
		if !p.JSON {
			p.note("API key %q of %s%s (%s). It is shown this once:", k.Name, title(u), acting, k.ID)
		}
		return say(shown.NewAPIKey(k, plain), "%s", plain), nil
	})
}

type apikeyList struct {
	User string `required:"" placeholder:"USER" help:"User name, e-mail address or id."`
}

func (c *apikeyList) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) {
		u, err := in.named(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		keys, err := in.Accounts.Keys(ctx, u.ID)
		if err != nil {
			return answer{}, err
		}
		out := exchange.List[shown.APIKey]{Items: make([]shown.APIKey, 0, len(keys))}
		var rows [][]string
		for _, k := range keys {
			out.Items = append(out.Items, shown.NewAPIKey(k, ""))
			rows = append(rows, []string{
				k.Name, in.organizationText(ctx, k.Org), strings.Join(k.Scopes, ", "), "…" + k.Last4, date(k.CreatedAt), momentOr(k.ExpiresAt, "never"), momentOr(k.LastUsedAt, "never"), k.ID,
			})
		}
		return table(out, title(u)+" has no API keys",
			[]string{"NAME", "ACTS IN", "SCOPES", "ENDS IN", "CREATED", "EXPIRES", "LAST USED", "ID"}, rows), nil
	})
}

func momentOr(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return moment(t)
}

type apikeyRevoke struct {
	ID string `arg:"" help:"Id of the key, not the key itself."`
}

func (c *apikeyRevoke) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		err := in.Accounts.RevokeKey(ctx, c.ID, "", origin)
		if errors.Is(err, apikey.ErrNotFound) {
			return answer{}, fmt.Errorf("there is no API key with the id %q", shorten(c.ID, 40))
		}
		return say(identified{c.ID}, "ended the API key %s", c.ID), err
	})
}

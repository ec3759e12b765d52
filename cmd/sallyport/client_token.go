package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

type initialAdd struct {
	Name    string   `arg:"" help:"What it is for."`
	Scope   []string `placeholder:"SCOPE" sep:"none" help:"What the clients may ask for; can be repeated. Default: openid, profile and email."`
	Uses    int      `placeholder:"N" default:"1" help:"How many may register themselves by it. Default: 1."`
	Expires string   `placeholder:"DURATION" default:"1d" help:"When it ends, such as 1h or 30d. Default: 1d."`
}

func (*initialAdd) Help() string {
	return "The token alone goes to standard output, this once, so that it can be piped to where it belongs. Whoever has it can become a client, at /auth/oauth/register: " +
		"with some of its scopes, and never one of your own (--first-party), nor one that acts for itself."
}

func (c *initialAdd) Run(ctx context.Context, p *program) error {
	life, err := config.ParseDuration(c.Expires)
	if err != nil || life <= 0 {
		return misused(`--expires: expected a duration such as "1d", got %q`, c.Expires)
	}
	if c.Uses < 1 {
		return misused("--uses must be 1 at least")
	}
	want := account.NewInitialToken{Name: c.Name, Scopes: c.Scope, Uses: c.Uses, Life: life}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		t, plain, err := in.Accounts.AddInitialToken(ctx, want, origin)
		if e, ok := errors.AsType[*account.InvalidError](err); ok {
			return answer{}, misused("%s %s", map[string]string{"name": "the name", "scopes": "--scope", "uses": "--uses", "expires": "--expires"}[e.Member], e.Reason)
		}
		if err != nil {
			return answer{}, err
		}
		if !p.JSON {
			p.note("%s: clients that may register themselves by it: %d, until %s (%s). It is shown this once:", printable(t.Name), t.Uses, moment(t.ExpiresAt), t.ID)
		}
		return say(shown.NewInitialToken(t, plain), "%s", plain), nil
	})
}

type initialList struct{ paging }

func (c *initialList) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		all, err := in.Accounts.InitialTokens(ctx, c.Cursor, c.Limit+1)
		if err != nil {
			return answer{}, err
		}
		items := make([]shown.InitialToken, 0, len(all))
		for _, t := range all {
			items = append(items, shown.NewInitialToken(t, ""))
		}
		page := exchange.NewPage(items, c.Limit, func(t shown.InitialToken) string { return t.ID })
		rows := make([][]string, 0, len(page.Items))
		for _, t := range page.Items {
			rows = append(rows, []string{t.ID, t.Name, strings.Join(t.Scopes, " "), fmt.Sprint(t.Uses), moment(t.ExpiresAt)})
		}
		return goesOn(table(page, "no initial access tokens", []string{"ID", "NAME", "SCOPES", "USES LEFT", "EXPIRES"}, rows), page.NextCursor), nil
	})
}

type initialRevoke struct {
	ID string `arg:"" help:"Id of the token, not the token itself."`
}

func (c *initialRevoke) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		err := in.Accounts.RevokeInitialToken(ctx, c.ID, origin)
		if errors.Is(err, oauth.ErrNoToken) {
			return answer{}, fmt.Errorf("there is no initial access token with the id %q", shorten(c.ID, 40))
		}
		return say(identified{c.ID}, "ended the initial access token %s", c.ID), err
	})
}

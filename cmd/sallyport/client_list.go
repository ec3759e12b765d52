package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

type clientList struct{ paging }

func (c *clientList) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		all, err := in.Accounts.Clients(ctx, c.Cursor, c.Limit+1)
		if err != nil {
			return answer{}, err
		}
		items := make([]shown.Client, 0, len(all))
		for _, one := range all {
			v, err := in.shownClient(ctx, one)
			if err != nil {
				return answer{}, err
			}
			items = append(items, v)
		}
		page := exchange.NewPage(items, c.Limit, func(c shown.Client) string { return c.ID })
		rows := make([][]string, 0, len(page.Items))
		for _, c := range page.Items {
			rows = append(rows, []string{c.ID, c.Name, string(c.Auth), grantText(c.Grants), strings.Join(c.Scopes, " "), status(c.Disabled), date(c.CreatedAt)})
		}
		return goesOn(table(page, "no clients", []string{"ID", "NAME", "AUTHENTICATION", "GRANTS", "SCOPES", "STATUS", "CREATED"}, rows), page.NextCursor), nil
	})
}

// shownClient is the client with the roles of now, as the HTTP API shows it.
func (in *installation) shownClient(ctx context.Context, c oauth.Client) (shown.Client, error) {
	roles, err := in.Accounts.Assigned(ctx, c.ID, "")
	return shown.NewClient(c, roles, ""), err
}

func status(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "active"
}

// grantText is grant types as one types them.
func grantText(types []oauth.GrantType) string {
	var out []string
	for _, t := range types {
		for name, long := range short {
			if long == t {
				out = append(out, name)
			}
		}
	}
	return strings.Join(out, ", ")
}

// which is a client on the command line.
type which struct {
	ID string `arg:"" help:"Its client_id."`
}

// none names the client of an error that says that there is none.
func (c *which) none(err error) error {
	if errors.Is(err, oauth.ErrNotFound) {
		return fmt.Errorf("there is no client %q", shorten(c.ID, 40))
	}
	return err
}

type clientShow struct{ which }

func (c *clientShow) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) {
		found, err := in.Accounts.Client(ctx, c.ID)
		if err != nil {
			return answer{}, c.none(err)
		}
		v, err := in.shownClient(ctx, found)
		if err != nil {
			return answer{}, err
		}
		return lines(v, append([][2]string{{"name", v.Name}, {"status", status(v.Disabled)}}, in.described(ctx, v)...)), nil
	})
}

// described is a client for a person to read.
func (in *installation) described(ctx context.Context, v shown.Client) [][2]string {
	all := append(in.toTell(ctx, v.Client), [][2]string{
		{"logout", orDash(strings.Join(v.LogoutRedirects, ", "))}, {"told", orDash(v.BackchannelLogout)}, {"grants", grantText(v.Grants)}, {"resources", orDash(strings.Join(v.Resources, ", "))},
		{"roles", orDash(strings.Join(v.Roles, ", "))}, {"ID tokens", string(v.IDTokenAlg)}, {"consent", consentText(v.Trusted)},
	}...)
	if name, value := v.CertificateName.Given(); name != "" {
		all = append(all, [2]string{"certificate", name + " " + value})
	}
	if v.SectorURI != "" {
		all = append(all, [2]string{"sector", v.SectorURI})
	}
	if len(v.Serves) > 0 {
		all = append(all, [2]string{"serves", strings.Join(v.Serves, ", ")})
	}
	for _, s := range v.Secrets {
		text := "since " + moment(s.CreatedAt)
		if s.ExpiresAt != nil {
			text += ", until " + moment(*s.ExpiresAt)
		}
		all = append(all, [2]string{"secret", text})
	}
	for _, setting := range []struct {
		text string
		on   bool
	}{{"PKCE not needed", v.NoPKCE}, {"pushed requests only", v.PushOnly}, {"DPoP tokens only", v.DPoP}, {"certificate-bound tokens only", v.MTLS}, {"opaque access tokens", v.Format == oauth.Opaque}, {"people by names of its own", v.Pairwise()}, {"may impersonate", v.Impersonates}, {"signed requests only", v.SignedOnly}, {"FAPI 2.0 Security Profile", v.Profile == oauth.FAPI2}} {
		if setting.on {
			all = append(all, [2]string{"setting", setting.text})
		}
	}
	return append(all, [2]string{"created", moment(v.CreatedAt)}, [2]string{"changed", moment(v.UpdatedAt)})
}

func consentText(trusted bool) string {
	if trusted {
		return "nobody is asked"
	}
	return "asked for"
}

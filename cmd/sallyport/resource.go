package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/nearest"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// whichResource is a resource on the command line.
type whichResource struct {
	URI string `arg:"" help:"Its URI, such as https://api.example.com: the audience of its tokens. This server is one, too."`
}

// none names the resource of an error that says that there is none, and the nearest one.
func (c *whichResource) none(ctx context.Context, in *installation, err error) error {
	if !errors.Is(err, oauth.ErrNoResource) {
		return err
	}
	all, err := in.Accounts.Resources(ctx, "", 0)
	if err != nil {
		return err
	}
	var known []string
	for _, r := range all {
		known = append(known, r.URI)
	}
	return fmt.Errorf("there is no resource %q%s", shorten(c.URI, 60), nearest.Hint(c.URI, slices.Values(known)))
}

type resourceSet struct {
	whichResource
	Name  string   `placeholder:"NAME" help:"What people read. A new one needs it."`
	Alg   string   `placeholder:"ALG" help:"What its access tokens are signed with: EdDSA, ES256, RS256 or PS256. Default: as the settings have it."`
	Scope []string `placeholder:"SCOPE=WORDS" sep:"none" help:"What a token may be good for there, and what people read of it when they are asked: 'note:read=to read your notes'; can be repeated."`
}

func (*resourceSet) Help() string {
	return "What is not given stays as it is; the scopes are replaced as a whole, and with --scope '' there is none. It counts from the next token on."
}

// scopes reads the flag.
func (c *resourceSet) scopes() ([]oauth.Scope, error) {
	var all []oauth.Scope
	for _, text := range list(c.Scope, nil) {
		name, says, ok := strings.Cut(text, "=")
		if !ok {
			return nil, misused("--scope: expected SCOPE=WORDS, such as 'note:read=to read your notes', got %q", text)
		}
		all = append(all, oauth.Scope{Name: name, Says: says})
	}
	return all, nil
}

func (c *resourceSet) Run(ctx context.Context, p *program) error {
	scopes, err := c.scopes()
	if err != nil {
		return err
	}
	return p.change(ctx, mayCreate, func(in *installation) (answer, error) {
		want, err := in.Accounts.Resource(ctx, c.URI)
		isNew := errors.Is(err, oauth.ErrNoResource)
		if err != nil && !isNew {
			return answer{}, err
		}
		was := want.UpdatedAt
		if want.URI = c.URI; c.Name != "" {
			want.Name = c.Name
		}
		if c.Alg != "" {
			want.Alg = token.Alg(c.Alg)
		} else if isNew {
			want.Alg = ""
		}
		if c.Scope != nil {
			want.Scopes = scopes
		}
		unless := func(now *oauth.Resource) error {
			if isNew != (now == nil) || now != nil && !now.UpdatedAt.Equal(was) {
				return oauth.ErrChanged
			}
			return nil
		}
		made, err := in.Accounts.SetResource(ctx, want, unless, origin)
		if e, ok := errors.AsType[*account.InvalidError](err); ok {
			flag := map[string]string{"resource": "the URI", "name": "--name", "signing_alg": "--alg", "scopes": "--scope"}[e.Member]
			err = misused("%s %s", flag, e.Reason)
		}
		if err != nil {
			return answer{}, err
		}
		in.makeKeys(ctx, p, made.Alg, true)
		text := "changed"
		if isNew {
			text = "defined"
		}
		return say(shown.NewResource(made), "%s %s: %s, signed with %s", text, printable(made.URI), printable(made.Name), made.Alg), nil
	})
}

type resourceList struct{ paging }

func (c *resourceList) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		all, err := in.Accounts.Resources(ctx, c.Cursor, c.Limit+1)
		if err != nil {
			return answer{}, err
		}
		items := make([]shown.Resource, 0, len(all))
		for _, r := range all {
			items = append(items, shown.NewResource(r))
		}
		page := exchange.NewPage(items, c.Limit, func(r shown.Resource) string { return r.URI })
		rows := make([][]string, 0, len(page.Items))
		for _, r := range page.Items {
			rows = append(rows, []string{r.URI, r.Name, string(r.Alg), orDash(strings.Join(r.Named(), " "))})
		}
		return goesOn(table(page, "no resources", []string{"RESOURCE", "NAME", "ALGORITHM", "SCOPES"}, rows), page.NextCursor), nil
	})
}

type resourceShow struct{ whichResource }

func (c *resourceShow) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) {
		r, err := in.Accounts.Resource(ctx, c.URI)
		if err != nil {
			return answer{}, c.none(ctx, in, err)
		}
		rows := [][2]string{{"resource", r.URI}, {"name", r.Name}, {"algorithm", string(r.Alg)}}
		for _, s := range r.Scopes {
			rows = append(rows, [2]string{"scope", s.Name + ": " + s.Says})
		}
		return lines(shown.NewResource(r), append(rows, [2]string{"created", moment(r.CreatedAt)}, [2]string{"changed", moment(r.UpdatedAt)})), nil
	})
}

type resourceDelete struct{ whichResource }

func (c *resourceDelete) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		if err := in.Accounts.RemoveResource(ctx, c.URI, nil, origin); err != nil {
			return answer{}, c.none(ctx, in, err)
		}
		return say(struct {
			URI string `json:"resource"`
		}{c.URI}, "ended the resource %s: no further token is for it", printable(c.URI)), nil
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// rows are the keys as they are now.
func (in *installation) rows() []token.StoredKey { return in.Keyring.Keys().Load().Rows() }

// keysTable shows the keys as they are now.
func (in *installation) keysTable() answer {
	keys := in.rows()
	out := exchange.List[shown.SigningKey]{Items: make([]shown.SigningKey, 0, len(keys))}
	var rows [][]string
	for _, k := range keys {
		out.Items = append(out.Items, shown.NewSigningKey(k))
		audience := k.Resource
		if audience == "" {
			audience = "(all others)"
		}
		rows = append(rows, []string{k.KID, string(k.Alg), audience, string(k.State), date(k.NotBefore), date(k.RetireAt)})
	}
	return table(out, "no keys yet: “sallyport serve” makes the first",
		[]string{"KID", "ALG", "RESOURCE", "STATE", "SIGNS FROM", "UNTIL"}, rows)
}

type keysList struct{}

func (c *keysList) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) { return in.keysTable(), nil })
}

// changeKeys changes keys and shows them as they are then. Settings that do not
// fit the keys are refused: they are those of another installation, or not the
// ones that the server reads, and would retire the keys that it signs with.
func (p *program) changeKeys(ctx context.Context, do func(*installation) (revoke.Position, error)) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		if err := in.keysFit(ctx); err != nil {
			return answer{}, err
		}
		position, err := do(in)
		if err != nil {
			return answer{}, err
		}
		if err := in.Accounts.CatchUp(ctx, position); err != nil {
			return answer{}, err
		}
		return in.keysTable(), nil
	})
}

func (in *installation) keysFit(ctx context.Context) error {
	schedule := in.config.Schedule()
	err := in.store.View(ctx, func(tx account.Tx) (err error) { schedule.Also, err = account.Algs(ctx, tx); return err })
	if err != nil {
		return err
	}
	for _, k := range in.rows() {
		if k.State != token.Active && k.State != token.Next {
			continue
		}
		if k.Resource == "" && slices.Contains(schedule.Also, k.Alg) {
			continue // ID tokens of clients, or tokens for a resource, are signed with it
		}
		wanted := token.Resource{Alg: schedule.Alg}
		if i := slices.IndexFunc(schedule.Resources, func(r token.Resource) bool { return r.Audience == k.Resource }); i >= 0 {
			wanted = schedule.Resources[i]
		}
		if wanted.Audience != k.Resource || wanted.Alg != k.Alg {
			return fmt.Errorf("the settings here do not fit the key %s, which signs with %s%s: name the server's configuration with --config",
				k.KID, k.Alg, forResource(k.Resource))
		}
	}
	return nil
}

func forResource(audience string) string {
	if audience == "" {
		return ""
	}
	return " for " + audience
}

type keysRotate struct {
	Resource string `placeholder:"AUDIENCE" help:"Only the key of this resource. Default: the key for all that have none of their own."`
}

func (c *keysRotate) Run(ctx context.Context, p *program) error {
	return p.changeKeys(ctx, func(in *installation) (revoke.Position, error) {
		if c.Resource != "" {
			if _, known := in.config.Resources[c.Resource]; !known {
				return revoke.Position{}, fmt.Errorf("%q is not among the resources of the configuration", c.Resource)
			}
		}
		return in.Keyring.Rotate(ctx, c.Resource, origin.Entry("", "", time.Now()))
	})
}

type keysRevoke struct {
	KID string `arg:"" name:"kid" help:"Id of the key."`
}

func (c *keysRevoke) Run(ctx context.Context, p *program) error {
	return p.changeKeys(ctx, func(in *installation) (revoke.Position, error) {
		position, err := in.Keyring.Revoke(ctx, c.KID, origin.Entry("", "", time.Now()))
		if errors.Is(err, token.ErrUnknownKey) {
			err = fmt.Errorf("there is no key %q", c.KID)
		}
		return position, err
	})
}

type keysPrune struct{}

func (c *keysPrune) Run(ctx context.Context, p *program) error {
	return p.changeKeys(ctx, func(in *installation) (revoke.Position, error) { return in.Keyring.Maintain(ctx) })
}

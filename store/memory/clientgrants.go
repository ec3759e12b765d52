package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/oauth"
)

type clientGrants struct{ *tx }

func (x clientGrants) Create(_ context.Context, g oauth.Grant) error {
	err := x.write(g.Text()...)
	if err == nil && (x.state.clientGrants.has(g.ID) || x.clientGrantByCode.has(string(g.CodeHash))) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating grant to a client: %w", err)
	}
	g = cloneClientGrant(&g)
	g.AuthTime, g.CodeUntil, g.RedeemedAt = ms(g.AuthTime), ms(g.CodeUntil), ms(g.RedeemedAt)
	g.CreatedAt, g.ExpiresAt = ms(g.CreatedAt), ms(g.ExpiresAt)
	x.state.clientGrants.put(g.ID, &g)
	if g.CodeHash != nil {
		x.clientGrantByCode.put(string(g.CodeHash), g.ID)
	}
	x.clientGrantsOf.add(g.User, g.ID)
	x.clientGrantExpiry.add(g.ExpiresAt, g.ID)
	return nil
}

func cloneClientGrant(of *oauth.Grant) oauth.Grant {
	g := *of
	g.Scope, g.Resources, g.AMR = slices.Clone(of.Scope), slices.Clone(of.Resources), slices.Clone(of.AMR)
	g.Claims.UserInfo, g.Claims.IDToken, g.Claims.ACR = slices.Clone(of.Claims.UserInfo), slices.Clone(of.Claims.IDToken), slices.Clone(of.Claims.ACR)
	g.CodeHash = slices.Clone(of.CodeHash)
	if len(g.CodeHash) == 0 {
		g.CodeHash = nil
	}
	return g
}

func (x clientGrants) ByID(_ context.Context, id string) (oauth.Grant, error) {
	g, ok := x.state.clientGrants.get(id)
	if !ok {
		return oauth.Grant{}, oauth.ErrNoGrant
	}
	return cloneClientGrant(g), nil
}

func (x clientGrants) ByCode(ctx context.Context, hash []byte) (oauth.Grant, error) {
	id, ok := x.clientGrantByCode.get(string(hash))
	if !ok {
		return oauth.Grant{}, oauth.ErrNoGrant
	}
	return x.ByID(ctx, id)
}

func (x clientGrants) Redeem(_ context.Context, id string, now time.Time) (bool, error) {
	if err := x.write(id); err != nil {
		return false, fmt.Errorf("redeeming a code: %w", err)
	}
	g, ok := x.state.clientGrants.get(id)
	if !ok || !g.RedeemedAt.IsZero() {
		return false, nil
	}
	c := *g
	c.RedeemedAt = ms(now)
	x.state.clientGrants.put(id, &c)
	return true, nil
}

func (x clientGrants) Of(_ context.Context, user string) (all []oauth.Grant, err error) {
	for _, id := range x.clientGrantsOf.members(user, "") {
		g, _ := x.state.clientGrants.get(id)
		all = append(all, cloneClientGrant(g))
	}
	newestFirst(all, func(g oauth.Grant) (time.Time, string) { return g.CreatedAt, g.ID })
	return all, nil
}

func (x clientGrants) End(_ context.Context, id string) (bool, error) {
	if err := x.write(id); err != nil {
		return false, fmt.Errorf("ending grant to a client: %w", err)
	}
	there := x.state.clientGrants.has(id)
	x.remove(id)
	return there, nil
}

func (x clientGrants) EndAll(_ context.Context, user, client string) (ids []string, err error) {
	if err := x.write(); err != nil {
		return nil, fmt.Errorf("ending grants to clients: %w", err)
	}
	for _, id := range x.clientGrantsOf.members(user, "") {
		if g, _ := x.state.clientGrants.get(id); client == "" || g.Client == client {
			ids = append(ids, id)
		}
	}
	each(ids, x.remove)
	return ids, nil
}

// remove takes the grant out of every index.
func (x clientGrants) remove(id string) {
	g, ok := x.state.clientGrants.get(id)
	if !ok {
		return
	}
	x.state.clientGrants.remove(id)
	x.clientGrantByCode.remove(string(g.CodeHash))
	x.clientGrantsOf.drop(g.User, id)
	x.clientGrantExpiry.drop(g.ExpiresAt, id)
}

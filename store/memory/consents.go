package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/oauth"
)

type consents struct{ *tx }

func (x consents) Get(_ context.Context, user, client string) (oauth.Consent, error) {
	c, ok := x.state.consents.get(pair(user, client))
	if !ok {
		return oauth.Consent{}, oauth.ErrNoGrant
	}
	return cloneConsent(c), nil
}

func cloneConsent(of *oauth.Consent) oauth.Consent {
	c := *of
	c.Scope, c.Resources = slices.Clone(of.Scope), slices.Clone(of.Resources)
	return c
}

func (x consents) Put(_ context.Context, c oauth.Consent) error {
	if err := x.write(slices.Concat([]string{c.User, c.Client}, c.Scope, c.Resources)...); err != nil {
		return fmt.Errorf("keeping consent: %w", err)
	}
	c = cloneConsent(&c)
	c.CreatedAt, c.UpdatedAt = ms(c.CreatedAt), ms(c.UpdatedAt)
	x.state.consents.put(pair(c.User, c.Client), &c)
	return nil
}

func (x consents) Of(_ context.Context, user string) (all []oauth.Consent, err error) {
	prefix := pair(user, "")
	for key, c := range x.state.consents.from(prefix) {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		all = append(all, cloneConsent(c))
	}
	return all, nil
}

func (x consents) Remove(ctx context.Context, user, client string) (bool, error) {
	if err := x.write(user, client); err != nil {
		return false, fmt.Errorf("removing consent: %w", err)
	}
	if client != "" {
		return x.state.consents.remove(pair(user, client)), nil
	}
	all, err := x.Of(ctx, user)
	for _, c := range all {
		x.state.consents.remove(pair(user, c.Client))
	}
	return len(all) > 0, err
}

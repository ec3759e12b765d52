package memory

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-auth/sallyport/account/org"
)

type members struct{ *tx }

var errNoOrganization = errors.New("there is no such organization")

func (x members) Add(_ context.Context, m org.Member) (bool, error) {
	err := x.write(m.Org, m.User, string(m.Status))
	if err == nil && !x.state.organizations.has(m.Org) {
		err = errNoOrganization
	}
	if err != nil {
		return false, fmt.Errorf("adding member: %w", err)
	}
	if x.state.members.has(pair(m.Org, m.User)) {
		return false, nil
	}
	m.JoinedAt = ms(m.JoinedAt)
	x.state.members.put(pair(m.Org, m.User), &m)
	x.organizationsOf.add(m.User, m.Org)
	return true, nil
}

func (x members) Remove(_ context.Context, org, user string) (bool, error) {
	if err := x.write(org, user); err != nil {
		return false, fmt.Errorf("removing member: %w", err)
	}
	return x.remove(org, user), nil
}

func (x members) remove(org, user string) bool {
	x.organizationsOf.drop(user, org)
	return x.state.members.remove(pair(org, user))
}

func (x members) RemoveUser(_ context.Context, user string) error {
	if err := x.write(user); err != nil {
		return fmt.Errorf("removing member: %w", err)
	}
	for _, org := range x.organizationsOf.members(user, "") {
		x.remove(org, user)
	}
	return nil
}

func (x members) Membership(_ context.Context, id, user string) (org.Membership, error) {
	m, ok := x.state.members.get(pair(id, user))
	if !ok {
		return org.Membership{}, org.ErrNotMember
	}
	o, _ := x.state.organizations.get(id)
	return org.Membership{Member: *m, Organization: *o}, nil
}

func (x members) Of(ctx context.Context, user string) (all []org.Membership, err error) {
	for _, id := range x.organizationsOf.members(user, "") {
		m, err := x.Membership(ctx, id, user)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func (x members) In(_ context.Context, id, after string, limit int) (all []org.Member, err error) {
	for key, m := range x.state.members.from(pair(id, after)) {
		if !strings.HasPrefix(key, pair(id, "")) || limit > 0 && len(all) == limit {
			break
		}
		if m.User != after {
			all = append(all, *m)
		}
	}
	return all, nil
}

package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/oauth"
)

type deviceCodes struct{ *tx }

func (x deviceCodes) Create(_ context.Context, d oauth.DeviceCode) error {
	err := x.write(slices.Concat([]string{d.ID, d.Client, d.Address, d.Agent, string(d.State), d.Grant}, d.Scope, d.Resources)...)
	if err == nil && (x.state.deviceCodes.has(d.ID) || x.deviceCodeByHash.has(string(d.Hash)) || x.deviceCodeByUser.has(string(d.UserMAC))) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating device code: %w", err)
	}
	d = cloneDeviceCode(&d)
	d.Interval = d.Interval.Truncate(time.Millisecond)
	d.PolledAt, d.CreatedAt, d.ExpiresAt = ms(d.PolledAt), ms(d.CreatedAt), ms(d.ExpiresAt)
	x.state.deviceCodes.put(d.ID, &d)
	x.deviceCodeByHash.put(string(d.Hash), d.ID)
	x.deviceCodeByUser.put(string(d.UserMAC), d.ID)
	x.deviceCodeExpiry.add(d.ExpiresAt, d.ID)
	return nil
}

func cloneDeviceCode(of *oauth.DeviceCode) oauth.DeviceCode {
	d := *of
	d.Hash, d.UserMAC = slices.Clone(of.Hash), slices.Clone(of.UserMAC)
	d.Scope, d.Resources = slices.Clone(of.Scope), slices.Clone(of.Resources)
	return d
}

func (x deviceCodes) ByHash(_ context.Context, hash []byte) (oauth.DeviceCode, error) {
	return x.by(x.deviceCodeByHash, hash)
}

func (x deviceCodes) ByUserCode(_ context.Context, mac []byte) (oauth.DeviceCode, error) {
	return x.by(x.deviceCodeByUser, mac)
}

func (x deviceCodes) by(index tree[string], key []byte) (oauth.DeviceCode, error) {
	id, ok := index.get(string(key))
	if !ok {
		return oauth.DeviceCode{}, oauth.ErrNoGrant
	}
	d, _ := x.state.deviceCodes.get(id)
	return cloneDeviceCode(d), nil
}

func (x deviceCodes) Decide(_ context.Context, id string, s oauth.DeviceState, grant string) (bool, error) {
	if err := x.write(id, string(s), grant); err != nil {
		return false, fmt.Errorf("answering a device: %w", err)
	}
	d, ok := x.state.deviceCodes.get(id)
	if !ok || d.State != oauth.Pending {
		return false, nil
	}
	c := *d
	c.State, c.Grant = s, grant
	x.state.deviceCodes.put(id, &c)
	return true, nil
}

func (x deviceCodes) Polled(_ context.Context, id string, at time.Time, interval time.Duration) error {
	if err := x.write(id); err != nil {
		return fmt.Errorf("noting a device: %w", err)
	}
	d, ok := x.state.deviceCodes.get(id)
	if !ok {
		return oauth.ErrNoGrant
	}
	c := *d
	c.PolledAt, c.Interval = ms(at), interval.Truncate(time.Millisecond)
	x.state.deviceCodes.put(id, &c)
	return nil
}

func (x deviceCodes) Remove(_ context.Context, id string) (bool, error) {
	if err := x.write(id); err != nil {
		return false, fmt.Errorf("removing device code: %w", err)
	}
	there := x.state.deviceCodes.has(id)
	x.remove(id)
	return there, nil
}

// remove takes the request out of every index.
func (x deviceCodes) remove(id string) {
	d, ok := x.state.deviceCodes.get(id)
	if !ok {
		return
	}
	x.state.deviceCodes.remove(id)
	x.deviceCodeByHash.remove(string(d.Hash))
	x.deviceCodeByUser.remove(string(d.UserMAC))
	x.deviceCodeExpiry.drop(d.ExpiresAt, id)
}

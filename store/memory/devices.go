package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/revoke"
)

type devices struct{ *tx }

func (x devices) Create(_ context.Context, d device.Device) error {
	err := x.write(d.ID, d.User, d.UserAgent, d.Address, d.Trusted.Log)
	if err == nil && (x.state.devices.has(d.ID) || x.deviceByHash.has(hashKey(d.Hash, d.User))) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating device: %w", err)
	}
	d.Hash = bytes.Clone(d.Hash)
	d.TrustedUntil, d.CreatedAt, d.LastSeenAt, d.ExpiresAt = ms(d.TrustedUntil), ms(d.CreatedAt), ms(d.LastSeenAt), ms(d.ExpiresAt)
	x.put(&d)
	return nil
}

// put puts a device, and what it is found by, in place.
func (x devices) put(d *device.Device) {
	x.state.devices.put(d.ID, d)
	x.deviceByHash.put(hashKey(d.Hash, d.User), d.ID)
	x.devicesOf.add(d.User, d.ID)
	x.deviceExpiry.add(d.ExpiresAt, d.ID)
}

// hashKey begins with the hash, so that one browser's devices lie together.
func hashKey(hash []byte, user string) string { return string(hash) + user }

func (x devices) ByHash(_ context.Context, user string, hash []byte) (device.Device, error) {
	id, ok := x.deviceByHash.get(hashKey(hash, user))
	if !ok || len(hash) == 0 {
		return device.Device{}, device.ErrNotFound
	}
	d, _ := x.state.devices.get(id)
	return cloneDevice(d), nil
}

func cloneDevice(d *device.Device) device.Device {
	c := *d
	c.Hash = bytes.Clone(d.Hash)
	return c
}

func (x devices) Update(_ context.Context, d device.Device) error {
	if err := x.write(d.UserAgent, d.Address, d.Trusted.Log); err != nil {
		return fmt.Errorf("updating device: %w", err)
	}
	return x.change(d.ID, func(c *device.Device) {
		c.UserAgent, c.Address, c.Trusted = d.UserAgent, d.Address, d.Trusted
		c.TrustedUntil, c.LastSeenAt, c.ExpiresAt = ms(d.TrustedUntil), ms(d.LastSeenAt), ms(d.ExpiresAt)
	})
}

// change puts a changed copy in place.
func (x devices) change(id string, f func(*device.Device)) error {
	d, ok := x.state.devices.get(id)
	if !ok {
		return device.ErrNotFound
	}
	x.remove(id)
	c := cloneDevice(d)
	f(&c)
	x.put(&c)
	return nil
}

func (x devices) Rename(_ context.Context, old, hash []byte) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("renaming device: %w", err)
	}
	var ids []string
	for key, id := range x.deviceByHash.from(string(old)) {
		if d, _ := x.state.devices.get(id); key != hashKey(old, d.User) {
			break
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		if err := x.change(id, func(c *device.Device) { c.Hash = bytes.Clone(hash) }); err != nil {
			return err
		}
	}
	return nil
}

func (x devices) List(_ context.Context, user string) (all []device.Device, err error) {
	for _, id := range x.devicesOf.members(user, "") {
		d, _ := x.state.devices.get(id)
		all = append(all, cloneDevice(d))
	}
	newestFirst(all, func(d device.Device) (time.Time, string) { return d.LastSeenAt, d.ID })
	return all, nil
}

func (x devices) Remove(_ context.Context, user, id string) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("removing device: %w", err)
	}
	d, ok := x.state.devices.get(id)
	if !ok || d.User != user {
		return false, nil
	}
	x.remove(id)
	return true, nil
}

func (x devices) RemoveOthers(_ context.Context, user, except string) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("removing devices: %w", err)
	}
	ids := x.devicesOf.members(user, "")
	each(slices.DeleteFunc(ids, func(id string) bool { return id == except }), x.remove)
	return nil
}

func (x devices) EndTrust(_ context.Context, user string) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("ending trust: %w", err)
	}
	for _, id := range x.devicesOf.members(user, "") {
		if d, _ := x.state.devices.get(id); d.TrustedUntil.IsZero() {
			continue
		}
		err := x.change(id, func(c *device.Device) { c.TrustedUntil, c.Trusted = time.Time{}, revoke.Position{} })
		if err != nil {
			return err
		}
	}
	return nil
}

// remove takes the device out of every index.
func (x devices) remove(id string) {
	d, ok := x.state.devices.get(id)
	if !ok {
		return
	}
	x.state.devices.remove(id)
	x.deviceByHash.remove(hashKey(d.Hash, d.User))
	x.devicesOf.drop(d.User, id)
	x.deviceExpiry.drop(d.ExpiresAt, id)
}

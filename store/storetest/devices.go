package storetest

import (
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/revoke"
)

var devices = []promise{
	{"Create keeps every field, times to the millisecond", func(c *check) {
		want := device.Device{
			ID: "dev_1", User: "usr_ann", Hash: hash("1"), UserAgent: plenty("agent"), Address: plenty("address"),
			TrustedUntil: c.now.Add(time.Hour + 999999), Trusted: revoke.Position{Log: plenty("log"), Seq: 1 << 40},
			CreatedAt: c.now.Add(1), LastSeenAt: c.now.Add(time.Minute + 1), ExpiresAt: c.now.Add(2*time.Hour + 1),
		}
		c.update(func(tx account.Tx) error { return tx.Devices.Create(c.Context(), want) })
		want.TrustedUntil, want.CreatedAt = c.now.Add(time.Hour), c.now
		want.LastSeenAt, want.ExpiresAt = c.now.Add(time.Minute), c.now.Add(2*time.Hour)
		equal(c, "ByHash", c.deviceBy("usr_ann", "1"), want)
		equal(c, "List", c.devicesOf("usr_ann"), []device.Device{want})
	}},

	{"a device that nobody trusts comes back so", func(c *check) {
		want := c.device("1", "usr_ann")
		got := c.deviceBy("usr_ann", "1")
		equal(c, "device", got, want)
		if !got.TrustedUntil.IsZero() || !got.Trusted.IsZero() {
			c.Errorf("trusted until %v, at %v", got.TrustedUntil, got.Trusted)
		}
	}},

	{"one browser is several users' device, and a user's once", func(c *check) {
		ann, bob := c.device("1", "usr_ann"), c.newDevice("2", "usr_bob")
		bob.Hash = ann.Hash
		c.update(func(tx account.Tx) error { return tx.Devices.Create(c.Context(), bob) })
		equal(c, "ann's", c.deviceBy("usr_ann", "1"), ann)
		equal(c, "bob's", c.deviceBy("usr_bob", "1"), bob)
		c.noDevice("usr_eve", "1")
		c.noDevice("usr_ann", "2")
		second := c.newDevice("3", "usr_ann")
		second.Hash = ann.Hash
		c.fails("a second one of ann's in that browser", func(tx account.Tx) error { return tx.Devices.Create(c.Context(), second) })
	}},

	{"Rename gives the browser another cookie, for all its users", func(c *check) {
		ann, bob := c.device("1", "usr_ann"), c.newDevice("2", "usr_bob")
		bob.Hash = ann.Hash
		c.update(func(tx account.Tx) error { return tx.Devices.Create(c.Context(), bob) })
		other := c.device("4", "usr_ann")
		c.update(func(tx account.Tx) error { return tx.Devices.Rename(c.Context(), hash("1"), hash("new")) })
		ann.Hash, bob.Hash = hash("new"), hash("new")
		equal(c, "ann's", c.deviceBy("usr_ann", "new"), ann)
		equal(c, "bob's", c.deviceBy("usr_bob", "new"), bob)
		c.noDevice("usr_ann", "1")
		equal(c, "another browser", c.deviceBy("usr_ann", "4"), other)
		c.update(func(tx account.Tx) error { return tx.Devices.Rename(c.Context(), hash("nobody's"), hash("x")) })
	}},

	{"Update writes what may change", func(c *check) {
		want := c.device("1", "usr_ann")
		change := want
		change.User, change.Hash, change.CreatedAt = "usr_bob", hash("2"), c.now.Add(time.Hour)
		want.UserAgent, want.Address, want.Trusted = "another", "192.0.2.2", revoke.Position{Log: "log_2", Seq: 9}
		want.TrustedUntil, want.LastSeenAt, want.ExpiresAt = c.now.Add(time.Hour), c.now.Add(time.Minute), c.now.Add(2*time.Hour)
		change.UserAgent, change.Address, change.Trusted = want.UserAgent, want.Address, want.Trusted
		change.TrustedUntil, change.LastSeenAt, change.ExpiresAt = want.TrustedUntil, want.LastSeenAt, want.ExpiresAt
		c.update(func(tx account.Tx) error { return tx.Devices.Update(c.Context(), change) })
		equal(c, "device", c.deviceBy("usr_ann", "1"), want)
		change.ID = "dev_x"
		c.answer(device.ErrNotFound, func(tx account.Tx) error { return tx.Devices.Update(c.Context(), change) })
	}},

	{"List has the one that was seen last first", func(c *check) {
		for i, name := range []string{"1", "2", "3"} {
			c.device(name, "usr_ann", func(d *device.Device) { d.LastSeenAt = c.now.Add(time.Duration(i) * time.Second) })
		}
		c.device("4", "usr_anna")
		equal(c, "ann's", deviceIDs(c.devicesOf("usr_ann")), []string{"dev_3", "dev_2", "dev_1"})
		same(c, "nobody's", deviceIDs(c.devicesOf("usr_an")), nil)
	}},

	{"Remove removes one of that user's, and RemoveOthers all but one", func(c *check) {
		for _, name := range []string{"1", "2", "3"} {
			c.device(name, "usr_ann")
		}
		c.device("4", "usr_bob")
		remove := func(user, id string) bool {
			return do(c, func(tx account.Tx) (bool, error) { return tx.Devices.Remove(c.Context(), user, id) })
		}
		equal(c, "as another user", remove("usr_bob", "dev_1"), false)
		equal(c, "as the user", remove("usr_ann", "dev_1"), true)
		equal(c, "again", remove("usr_ann", "dev_1"), false)
		c.noDevice("usr_ann", "1")
		c.update(func(tx account.Tx) error { return tx.Devices.RemoveOthers(c.Context(), "usr_ann", "dev_3") })
		equal(c, "but one", deviceIDs(c.devicesOf("usr_ann")), []string{"dev_3"})
		c.update(func(tx account.Tx) error { return tx.Devices.RemoveOthers(c.Context(), "usr_ann", "") })
		same(c, "all", deviceIDs(c.devicesOf("usr_ann")), nil)
		equal(c, "another's", deviceIDs(c.devicesOf("usr_bob")), []string{"dev_4"})
		c.device("3", "usr_ann") // its hash is free again
	}},

	{"EndTrust ends the trust in all devices of the user, and forgets none", func(c *check) {
		trusted := func(d *device.Device) {
			d.TrustedUntil, d.Trusted = c.now.Add(time.Hour), revoke.Position{Log: "log_1", Seq: 3}
		}
		want := c.device("1", "usr_ann", trusted)
		c.device("2", "usr_ann")
		bob := c.device("3", "usr_bob", trusted)
		c.update(func(tx account.Tx) error { return tx.Devices.EndTrust(c.Context(), "usr_ann") })
		want.TrustedUntil, want.Trusted = time.Time{}, revoke.Position{}
		equal(c, "ann's", c.deviceBy("usr_ann", "1"), want)
		equal(c, "known", len(c.devicesOf("usr_ann")), 2)
		equal(c, "another's", c.deviceBy("usr_bob", "3"), bob)
	}},
}

// newDevice returns a device "dev_<name>" with the cookie hash(name).
func (c *check) newDevice(name, user string) device.Device {
	return device.Device{
		ID: "dev_" + name, User: user, Hash: hash(name), UserAgent: name, CreatedAt: c.now, LastSeenAt: c.now, ExpiresAt: c.now.Add(24 * time.Hour),
	}
}

// device creates newDevice(name, user), as changed.
func (c *check) device(name, user string, change ...func(*device.Device)) device.Device {
	c.Helper()
	d := c.newDevice(name, user)
	for _, f := range change {
		f(&d)
	}
	c.update(func(tx account.Tx) error { return tx.Devices.Create(c.Context(), d) })
	return d
}

func (c *check) deviceBy(user, cookie string) device.Device {
	c.Helper()
	return get(c, func(tx account.Tx) (device.Device, error) { return tx.Devices.ByHash(c.Context(), user, hash(cookie)) })
}

// noDevice checks that the cookie is not the user's.
func (c *check) noDevice(user, cookie string) {
	c.Helper()
	c.answer(device.ErrNotFound, func(tx account.Tx) error { _, err := tx.Devices.ByHash(c.Context(), user, hash(cookie)); return err })
}

func (c *check) devicesOf(user string) []device.Device {
	c.Helper()
	return get(c, func(tx account.Tx) ([]device.Device, error) { return tx.Devices.List(c.Context(), user) })
}

func deviceIDs(all []device.Device) (ids []string) {
	for _, d := range all {
		ids = append(ids, d.ID)
	}
	return ids
}

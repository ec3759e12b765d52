package storetest

import (
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/oauth"
)

var deviceCodes = []promise{
	{"a device code comes back with every field, by either code", func(c *check) {
		want := c.deviceCode("1", func(d *oauth.DeviceCode) {
			d.Client, d.Scope, d.Resources = plenty("client"), []string{"openid", odd}, []string{odd}
			d.Address, d.Agent, d.State, d.Grant = plenty("address"), plenty("agent"), oauth.Approved, plenty("grant")
			d.Interval, d.PolledAt = 7*time.Second+time.Millisecond+1, c.now.Add(time.Second+1)
			d.CreatedAt, d.ExpiresAt = c.now.Add(1), c.now.Add(time.Hour+1)
		})
		want.Interval, want.PolledAt = 7*time.Second+time.Millisecond, c.now.Add(time.Second)
		want.CreatedAt, want.ExpiresAt = c.now, c.now.Add(time.Hour)
		bare := c.deviceCode("2", func(d *oauth.DeviceCode) { d.Scope, d.Resources = nil, []string{} })
		for name, want := range map[string]oauth.DeviceCode{"1": want, "2": bare} {
			equal(c, "by the code of the device", c.deviceCodeBy(name), want)
			got := get(c, func(tx account.Tx) (oauth.DeviceCode, error) {
				return tx.DeviceCodes.ByUserCode(c.Context(), hash("user "+name))
			})
			equal(c, "by the code of the user", got, want)
		}
		for _, code := range [][]byte{nil, {}, hash("3"), hash("user 1")} {
			c.answer(oauth.ErrNoGrant, func(tx account.Tx) error { _, err := tx.DeviceCodes.ByHash(c.Context(), code); return err })
		}
		for _, code := range [][]byte{nil, {}, hash("3"), hash("1")} {
			c.answer(oauth.ErrNoGrant, func(tx account.Tx) error { _, err := tx.DeviceCodes.ByUserCode(c.Context(), code); return err })
		}
	}},

	{"an id and each of the codes are given once", func(c *check) {
		want := c.deviceCode("1")
		for what, set := range map[string]func(d *oauth.DeviceCode){
			"id":                 func(d *oauth.DeviceCode) { d.ID = want.ID },
			"code of the device": func(d *oauth.DeviceCode) { d.Hash = want.Hash },
			"code of the user":   func(d *oauth.DeviceCode) { d.UserMAC = want.UserMAC },
		} {
			again := c.newDeviceCode("2")
			set(&again)
			c.fails("same "+what, func(tx account.Tx) error { return tx.DeviceCodes.Create(c.Context(), again) })
		}
		equal(c, "the first", c.deviceCodeBy("1"), want)
	}},

	{"of those who answer at once exactly one does, and the answer stays", func(c *check) {
		want := c.deviceCode("1")
		c.exactlyOne(func(tx account.Tx) (bool, error) {
			return tx.DeviceCodes.Decide(c.Context(), want.ID, oauth.Approved, "gnt_1")
		})
		for _, id := range []string{want.ID, "dvc_2"} {
			again := do(c, func(tx account.Tx) (bool, error) {
				return tx.DeviceCodes.Decide(c.Context(), id, oauth.Denied, "gnt_2")
			})
			equal(c, "decided again", again, false)
		}
		want.State, want.Grant = oauth.Approved, "gnt_1"
		equal(c, "decided", c.deviceCodeBy("1"), want)
	}},

	{"Polled changes when and how often a device asks, and nothing else", func(c *check) {
		want, other := c.deviceCode("1"), c.deviceCode("2")
		polled := func(id string) func(account.Tx) error {
			return func(tx account.Tx) error {
				return tx.DeviceCodes.Polled(c.Context(), id, c.now.Add(time.Minute+1), 10*time.Second+1)
			}
		}
		c.update(polled(want.ID))
		want.PolledAt, want.Interval = c.now.Add(time.Minute), 10*time.Second
		equal(c, "polled", c.deviceCodeBy("1"), want)
		equal(c, "another", c.deviceCodeBy("2"), other)
		c.answer(oauth.ErrNoGrant, polled("dvc_3"))
	}},

	{"of those who remove a device code at once exactly one does, and its codes are free again", func(c *check) {
		for i := range 3 {
			d := c.deviceCode(fmt.Sprint(i))
			c.exactlyOne(func(tx account.Tx) (bool, error) { return tx.DeviceCodes.Remove(c.Context(), d.ID) })
			c.answer(oauth.ErrNoGrant, func(tx account.Tx) error { _, err := tx.DeviceCodes.ByHash(c.Context(), d.Hash); return err })
			c.answer(oauth.ErrNoGrant, func(tx account.Tx) error { _, err := tx.DeviceCodes.ByUserCode(c.Context(), d.UserMAC); return err })
			c.deviceCode(fmt.Sprint(i))
		}
	}},

	{"what a caller does to its copy of a device code does not reach the store", func(c *check) {
		mine := c.deviceCode("1")
		for range 2 {
			mine.Scope[0], mine.Resources[0], mine.Hash[0], mine.UserMAC[0] = "x", "x", 0, 0
			mine = c.deviceCodeBy("1")
			equal(c, "kept", mine, c.newDeviceCode("1"))
		}
	}},
}

// newDeviceCode returns a request "dvc_<name>" that nobody has answered, with the codes
// hash(name) and hash("user " + name).
func (c *check) newDeviceCode(name string) oauth.DeviceCode {
	return oauth.DeviceCode{
		ID: "dvc_" + name, Hash: hash(name), UserMAC: hash("user " + name), Client: "tv", Scope: []string{oauth.OpenID},
		Resources: []string{"https://api.example"}, Address: "192.0.2.1", Agent: "TV", State: oauth.Pending, Interval: oauth.DeviceInterval,
		CreatedAt: c.now, ExpiresAt: c.now.Add(oauth.DeviceLife),
	}
}

// deviceCode creates newDeviceCode(name), as changed.
func (c *check) deviceCode(name string, change ...func(*oauth.DeviceCode)) oauth.DeviceCode {
	c.Helper()
	d := c.newDeviceCode(name)
	for _, f := range change {
		f(&d)
	}
	c.update(func(tx account.Tx) error { return tx.DeviceCodes.Create(c.Context(), d) })
	return d
}

func (c *check) deviceCodeBy(name string) oauth.DeviceCode {
	c.Helper()
	return get(c, func(tx account.Tx) (oauth.DeviceCode, error) { return tx.DeviceCodes.ByHash(c.Context(), hash(name)) })
}

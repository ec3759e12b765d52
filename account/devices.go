package account

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// TrustFor returns how long a second factor is not asked for on a device whose user
// wanted that; 0 = no device is trusted.
func (s *Service) TrustFor() time.Duration { return max(0, cmp.Or(s.TrustLifetime, 30*24*time.Hour)) }

// knownDevice returns the device that o comes from, if u has signed in on it before:
// the zero Device otherwise. It asks the same of a user that there is not.
func knownDevice(ctx context.Context, tx Tx, user string, o Origin, now time.Time) (device.Device, error) {
	hash := device.Hash(o.Device)
	if hash == nil {
		return device.Device{}, nil
	}
	d, err := tx.Devices.ByHash(ctx, user, hash)
	if errors.Is(err, device.ErrNotFound) || err == nil && !now.Before(d.ExpiresAt) {
		return device.Device{}, nil
	}
	return d, err
}

// trusted reports whether u need not show a second factor on the device that o comes
// from. Whatever has ended u's credentials since has ended the trust, too.
func (s *Service) trusted(ctx context.Context, tx Tx, u User, p proof, o Origin) (bool, error) {
	if s.TrustFor() == 0 {
		return false, nil
	}
	d, err := knownDevice(ctx, tx, u.ID, o, p.At)
	return err == nil && p.At.Before(d.TrustedUntil) && u.began(d.Trusted, p.Position), err
}

// recognise notes on which device u, whose row this transaction holds, has signed in,
// and tells u of one that is new. It returns the value of the device's cookie, "" if
// the caller keeps none. e is the audit entry of the sign-in.
func (s *Service) recognise(ctx context.Context, tx Tx, u User, in SignIn, p proof, o Origin, e *audit.Entry) (cookie string, err error) {
	d, cookie, err := s.deviceOf(ctx, tx, u, in, p, o)
	if err != nil {
		return "", err
	}
	e.Detail["device"] = d.ID
	d.UserAgent, d.Address, d.LastSeenAt, d.ExpiresAt = clip(o.UserAgent), addressText(o.Address), p.At, p.At.Add(device.Lifetime)
	if in.Trust && in.Browser && p.AAL >= 2 && s.TrustFor() > 0 {
		d.TrustedUntil, d.Trusted = p.At.Add(s.TrustFor()), p.Position
		e.Detail["trusted_until"] = d.TrustedUntil.UTC().Format(time.RFC3339)
	}
	if !d.CreatedAt.IsZero() {
		return cookie, tx.Devices.Update(ctx, d)
	}
	d.CreatedAt = p.At
	if err := tx.Devices.Create(ctx, d); err != nil {
		return "", err
	}
	if err := forgetOldest(ctx, tx, u.ID); err != nil {
		return "", err
	}
	if !p.At.After(u.CreatedAt) { // who has just registered knows
		return cookie, nil
	}
	e.Detail["new_device"] = "true"
	return cookie, s.notify(ctx, tx, u, outbox.NewDevice, map[string]string{
		"device": device.Describe(d.UserAgent), "address": cmp.Or(d.Address, "?"),
	})
}

// deviceOf returns the device that o comes from, and the value of its cookie. One
// that is new has no CreatedAt. A browser that brings a cookie which is not yet u's
// gets another: who has planted the first one must not be known by it.
func (s *Service) deviceOf(ctx context.Context, tx Tx, u User, in SignIn, p proof, o Origin) (d device.Device, cookie string, err error) {
	hash := device.Hash(o.Device)
	if hash == nil && !in.Browser {
		hash = device.Likeness(clip(o.UserAgent), networkText(o.Address))
	}
	if hash != nil {
		d, err = tx.Devices.ByHash(ctx, u.ID, hash)
	}
	switch {
	case err != nil && !errors.Is(err, device.ErrNotFound):
		return d, "", err
	case err == nil && d.ID != "" && p.At.Before(d.ExpiresAt):
		if in.Browser {
			cookie = o.Device
		}
		return d, cookie, nil
	case err == nil && d.ID != "":
		if _, err := tx.Devices.Remove(ctx, u.ID, d.ID); err != nil {
			return d, "", err
		}
	}
	if in.Browser {
		cookie = secret.NewToken()
		if hash != nil {
			if err := tx.Devices.Rename(ctx, hash, secret.Hash(cookie)); err != nil {
				return d, "", err
			}
		}
		hash = secret.Hash(cookie)
	} else {
		hash = device.Likeness(clip(o.UserAgent), networkText(o.Address))
	}
	return device.Device{ID: secret.NewID("dev"), User: u.ID, Hash: hash}, cookie, nil
}

// forgetOldest keeps the number of a user's devices bounded.
func forgetOldest(ctx context.Context, tx Tx, user string) error {
	all, err := tx.Devices.List(ctx, user)
	if err != nil || len(all) <= device.Most {
		return err
	}
	for _, d := range all[device.Most:] {
		if _, err := tx.Devices.Remove(ctx, user, d.ID); err != nil {
			return err
		}
	}
	return nil
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// networkText is the network of an address: what stays the same for a while.
func networkText(a netip.Addr) string {
	bits := 24
	if a = a.Unmap(); a.Is6() {
		bits = 48
	}
	network, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return network.String()
}

// A KnownDevice is a device as its user sees it.
type KnownDevice struct {
	device.Device
	Current bool // the request comes from it
}

// Devices returns the devices that the user has signed in on, the last one first.
// Trust that has ended is not shown.
func (s *Service) Devices(ctx context.Context, user string, o Origin) (all []KnownDevice, err error) {
	now := present()
	err = s.Store.View(ctx, func(tx Tx) error {
		all = nil
		u, err := tx.Users.ByID(ctx, user)
		if err != nil {
			return err
		}
		head, err := tx.Log.Head(ctx)
		if err != nil {
			return err
		}
		here, err := knownDevice(ctx, tx, user, o, now)
		if err != nil {
			return err
		}
		devices, err := tx.Devices.List(ctx, user)
		for _, d := range devices {
			if !now.Before(d.ExpiresAt) {
				continue
			}
			if !now.Before(d.TrustedUntil) || s.TrustFor() == 0 || !u.began(d.Trusted, head.Position) {
				d.TrustedUntil = time.Time{}
			}
			all = append(all, KnownDevice{d, d.ID == here.ID})
		}
		return err
	})
	return all, err
}

// ForgetDevice makes a device of the user unknown, and with that not trusted. Its
// sessions go on. [device.ErrNotFound] if there is none.
func (s *Service) ForgetDevice(ctx context.Context, user, id string, o Origin) error {
	if !plainText(id) { // no store would take it
		return device.ErrNotFound
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		there, err := tx.Devices.Remove(ctx, user, id)
		if err != nil {
			return err
		}
		if !there {
			return device.ErrNotFound
		}
		e := o.Entry("device.forget", user, present())
		e.Detail = map[string]string{"device": id}
		return tx.Audit.Append(ctx, e)
	})
}

// forgetOtherDevices forgets all but the one that o comes from: a thief's may be
// among them.
func forgetOtherDevices(ctx context.Context, tx Tx, user string, o Origin, now time.Time) error {
	here, err := knownDevice(ctx, tx, user, o, now)
	if err != nil {
		return err
	}
	return tx.Devices.RemoveOthers(ctx, user, here.ID)
}

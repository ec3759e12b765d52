package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

const forDevice onetime.Purpose = "device"

// ErrDeviceCode means that a code that somebody typed belongs to no device that waits.
var ErrDeviceCode = errors.New("no device waits with this code")

// A DeviceRequest is what a device is told: the code that it asks with, and the one that
// it shows to its person.
type DeviceRequest struct {
	DeviceCode string
	UserCode   string // as it is shown
	ExpiresIn  time.Duration
	Interval   time.Duration
}

// BeginDevice lets a device wait for somebody to answer (RFC 8628 §3.1). [LimitError] for
// an address from which too many wait.
func (s *Service) BeginDevice(ctx context.Context, client string, scope, resources []string, o Origin) (*DeviceRequest, error) {
	now := present()
	device, code := secret.NewToken(), onetime.NewCode(func(b []byte) { rand.Read(b) })
	d := oauth.DeviceCode{
		ID: secret.NewID("dvc"), Hash: secret.Hash(device), UserMAC: s.codes().MAC(forDevice, "", code),
		Client: client, Scope: scope, Resources: resources, Agent: clip(o.UserAgent),
		State: oauth.Pending, Interval: oauth.DeviceInterval, CreatedAt: now, ExpiresAt: now.Add(oauth.DeviceLife),
	}
	if o.Address.IsValid() {
		d.Address = o.Address.String()
	}
	if err := s.keepFor(ctx, o, now, func(tx Tx) error { return tx.DeviceCodes.Create(ctx, d) }); err != nil {
		return nil, err
	}
	return &DeviceRequest{DeviceCode: device, UserCode: onetime.ShowCode(code), ExpiresIn: oauth.DeviceLife, Interval: d.Interval}, nil
}

// A WaitingDevice is one whose code somebody has typed.
type WaitingDevice struct {
	oauth.DeviceCode
	Named oauth.Client
}

// Device returns the device that waits with the code that p has typed. Wrong codes are
// counted for p: [LimitError], [ErrDeviceCode].
func (s *Service) Device(ctx context.Context, p *sallyport.Principal, typed string) (w WaitingDevice, err error) {
	now := present()
	name := "device " + p.Subject
	var wait time.Duration
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		wait, err = s.MailedCodes.Spend(ctx, tx.Failures, name, now)
		return err
	})
	if err != nil {
		return w, err
	}
	if wait > 0 {
		return w, &LimitError{Wait: wait}
	}
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		if w, err = s.waiting(ctx, tx, typed, now); err != nil {
			return err
		}
		return s.MailedCodes.Refund(ctx, tx.Failures, name)
	})
	return w, err
}

func (s *Service) waiting(ctx context.Context, tx Tx, typed string, now time.Time) (w WaitingDevice, err error) {
	code, ok := onetime.ParseCode(typed)
	if !ok {
		return w, ErrDeviceCode
	}
	w.DeviceCode, err = tx.DeviceCodes.ByUserCode(ctx, s.codes().MAC(forDevice, "", code))
	switch {
	case errors.Is(err, oauth.ErrNoGrant):
		return w, ErrDeviceCode
	case err != nil:
		return w, err
	case w.State != oauth.Pending || !now.Before(w.ExpiresAt):
		return w, ErrDeviceCode
	}
	w.Named, err = tx.Clients.ByID(ctx, w.Client)
	if errors.Is(err, oauth.ErrNotFound) || err == nil && (w.Named.Disabled || w.CreatedAt.Before(w.Named.CreatedAt)) {
		err = ErrDeviceCode
	}
	return w, err
}

// AnswerDevice lets the device in, on behalf of p, or turns it away. What it gets is p's,
// and outlives p's session: it is on another machine.
func (s *Service) AnswerDevice(ctx context.Context, p *sallyport.Principal, typed string, allow bool, o Origin) error {
	if _, err := s.Device(ctx, p, typed); err != nil { // counts
		return err
	}
	now := present()
	return s.change(ctx, func(tx Tx) (at revoke.Position, err error) {
		u, sess, err := s.ownSession(ctx, tx, p, now)
		if err != nil {
			return at, err
		}
		w, err := s.waiting(ctx, tx, typed, now)
		if err != nil {
			return at, err
		}
		state, grant := oauth.Denied, ""
		if allow {
			g := s.newGrant(u, sess, w.Client, w.Scope, w.Resources, now)
			g.Session, g.SID, g.ExpiresAt = "", "", now.Add(s.familyLifetime())
			if err := s.give(ctx, tx, g, o); err != nil {
				return at, err
			}
			if err := consent(ctx, tx, u.ID, w.Named, w.Scope, w.Resources, now); err != nil {
				return at, err
			}
			state, grant = oauth.Approved, g.ID
		} else {
			e := o.Entry("grant.refuse", u.ID, now)
			e.Detail = map[string]string{"client": w.Client, "by": "device"}
			if err := tx.Audit.Append(ctx, e); err != nil {
				return at, err
			}
		}
		first, err := tx.DeviceCodes.Decide(ctx, w.ID, state, grant)
		if err == nil && !first {
			err = ErrDeviceCode
		}
		return at, err
	})
}

// errPolled is the one answer to a device code that cannot be redeemed, or no longer.
var errPolled = badGrant("The device_code is not valid, or no longer.")

// RedeemDevice is how a device asks whether somebody has answered. Every refusal is an
// [oauth.Error], among them that nobody has yet, and that it asks too often.
func (s *Service) RedeemDevice(ctx context.Context, client oauth.Client, code string, ask Ask, o Origin) (*Granted, error) {
	rev, now, err := s.position(ctx)
	if err != nil {
		return nil, err
	}
	var m minting
	var refusal error
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		m, refusal = minting{rev: rev, now: now, ask: ask, client: client}, nil
		d, err := tx.DeviceCodes.ByHash(ctx, secret.Hash(code))
		if errors.Is(err, oauth.ErrNoGrant) || err == nil && (d.Client != client.ID || d.CreatedAt.Before(client.CreatedAt)) {
			return p, errPolled
		}
		if err != nil {
			return p, err
		}
		if refusal, err = s.poll(ctx, tx, &d, now); err != nil || refusal != nil {
			return p, err
		}
		if m.grant, err = tx.ClientGrants.ByID(ctx, d.Grant); err != nil {
			return p, noGrant(err)
		}
		if m.user, err = tx.Users.Lock(ctx, m.grant.User); err != nil {
			return p, gone(err, ErrNotFound)
		}
		if first, err := tx.DeviceCodes.Remove(ctx, d.ID); err != nil || !first {
			return p, cmp.Or(err, errPolled)
		}
		return p, s.redeemed(ctx, tx, &m, o)
	})
	switch {
	case errors.Is(err, ErrInvalidToken):
		return nil, badGrant("The person who answered has signed out, or may not sign in any more.")
	case err != nil:
		return nil, err
	case refusal != nil:
		return nil, refusal
	}
	return s.issue(&m)
}

// poll answers a device that nobody has let in (RFC 8628 §3.5), and keeps count of how
// often it asks; nil = somebody has.
func (s *Service) poll(ctx context.Context, tx Tx, d *oauth.DeviceCode, now time.Time) (refusal, err error) {
	if !now.Before(d.ExpiresAt) {
		return oauth.Refuse(oauth.ExpiredToken, "Nobody has answered in time. Begin anew."), nil
	}
	switch d.State {
	case oauth.Approved:
		return nil, nil
	case oauth.Denied:
		_, err := tx.DeviceCodes.Remove(ctx, d.ID)
		return oauth.Refuse(oauth.AccessDenied, "The person has turned the device away."), err
	}
	refusal = oauth.Refuse(oauth.AuthorizationPending, "Nobody has answered yet.")
	interval := d.Interval
	if now.Before(d.PolledAt.Add(interval)) {
		interval += oauth.DeviceInterval
		refusal = oauth.Refuse(oauth.SlowDown, "Ask once in %d seconds.", int(interval/time.Second))
	}
	return refusal, tx.DeviceCodes.Polled(ctx, d.ID, now, interval)
}

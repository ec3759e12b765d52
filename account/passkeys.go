package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// What a caller does next depends on these, beside those of package passkey.
var (
	// ErrTooManyPasskeys means that somebody has as many as one may have.
	ErrTooManyPasskeys = fmt.Errorf("an account has at most %d passkeys", maxPasskeys)
	// ErrNoPasskeys means that there is nobody to make passkeys for: no [Service.Passkeys].
	ErrNoPasskeys = errors.New("passkeys are not set up")
)

const (
	maxPasskeys    = 32
	maxPasskeyName = 64
)

// What a challenge is good for that is made for somebody. Its value is what the device signs, so that it is
// found by what comes back; the token's Target says who must bring it.
const (
	passkeyCreation onetime.Purpose = "passkey.creation" // Target: the session, or the ticket of the sign-in
	passkeyFactor   onetime.Purpose = "passkey.factor"   // Target: the ticket of the sign-in; "" = confirms a session
)

// challenge makes a challenge.
func (s *Service) challenge(ctx context.Context, tx Tx, t onetime.Token, now time.Time) (string, error) {
	value := secret.NewToken()
	t.ID, t.Hash, t.CreatedAt, t.ExpiresAt = secret.NewID("otk"), secret.Hash(value), now, now.Add(passkey.Lifetime)
	return value, tx.OneTime.Create(ctx, t)
}

// answered uses up the challenge that a device has answered. It is [passkey.ErrRefused]
// for what is used up, has expired, was made for something or somebody else, or never
// was made.
func answered(ctx context.Context, tx Tx, challenge string, want onetime.Token, now time.Time) error {
	t, err := tx.OneTime.ByHash(ctx, want.Purpose, secret.Hash(challenge))
	if errors.Is(err, onetime.ErrNotFound) || err == nil && (t.User != want.User || t.Target != want.Target) {
		return fmt.Errorf("%w: another challenge", passkey.ErrRefused)
	}
	if err != nil {
		return err
	}
	used, err := tx.OneTime.Consume(ctx, t.ID, now)
	if err == nil && !used {
		err = fmt.Errorf("%w: the challenge has expired", passkey.ErrRefused)
	}
	return err
}

// PasskeysOf returns the user's passkeys, newest first.
func (s *Service) PasskeysOf(ctx context.Context, user string) (all []passkey.Passkey, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { all, err = tx.Passkeys.List(ctx, user); return err })
	return all, err
}

// BeginPasskey returns what a browser needs to make a passkey for e. The answer must
// come by the same session, or with the same ticket. Errors: [ErrTooManyPasskeys], and
// those of an [Enroller].
func (s *Service) BeginPasskey(ctx context.Context, e Enroller) (o passkey.CreationOptions, err error) {
	if s.Passkeys == nil {
		return o, ErrNoPasskeys
	}
	now := present()
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, err := s.enroller(ctx, tx, e, new(Origin), now)
		if err != nil {
			return err
		}
		all, err := tx.Passkeys.List(ctx, u.ID)
		if err != nil {
			return err
		}
		if len(all) >= maxPasskeys {
			return ErrTooManyPasskeys
		}
		t, err := s.makerOf(ctx, tx, e, now)
		if err != nil {
			return err
		}
		value, err := s.challenge(ctx, tx, t, now)
		o = s.Passkeys.Creation(value, passkey.Person{Handle: handle(u, all), Name: u.name(), DisplayName: u.DisplayName}, all)
		return err
	})
	return o, err
}

// makerOf is the challenge to whoever makes a passkey: in that session, or with that
// ticket.
func (s *Service) makerOf(ctx context.Context, tx Tx, e Enroller, now time.Time) (onetime.Token, error) {
	if e.Ticket == "" {
		return onetime.Token{Purpose: passkeyCreation, User: e.Principal.Subject, Target: e.Principal.Session}, nil
	}
	t, err := s.ticket(ctx, tx, e.Ticket, now)
	if err != nil {
		return onetime.Token{}, err
	}
	return onetime.Token{Purpose: passkeyCreation, User: t.User, Target: t.ID}, nil
}

// handle is what devices know the user by. A device keeps one passkey per handle, so
// that all of a user's have the same, also if the first was made elsewhere.
func handle(u User, before []passkey.Passkey) []byte {
	if len(before) > 0 {
		return before[0].Handle
	}
	return []byte(u.ID)
}

// AddPasskey keeps the passkey that a browser has made for e, under a name ("" = one
// after the device). It is a factor like any other: see [Enrolled]. Errors:
// [passkey.ErrMalformed], [passkey.ErrRefused], [passkey.ErrTaken] if the person has it
// already, [ErrTooManyPasskeys], [InvalidError], and those of an [Enroller].
func (s *Service) AddPasskey(ctx context.Context, e Enroller, name string, response []byte, o Origin) (k passkey.Passkey, _ *Enrolled, err error) {
	if s.Passkeys == nil {
		return k, nil, ErrNoPasskeys
	}
	if name != "" {
		if err := checkPasskeyName(name); err != nil {
			return k, nil, err
		}
	}
	made, err := passkey.ParseRegistration(response)
	if err != nil {
		return k, nil, err
	}
	now := present()
	// Used up whatever comes of it, and before anything is verified.
	err = s.Store.Update(ctx, func(tx Tx) error {
		want, err := s.makerOf(ctx, tx, e, now)
		if err != nil {
			return err
		}
		return answered(ctx, tx, made.Challenge(), want, now)
	})
	if err != nil {
		return k, nil, err
	}
	good, err := s.Passkeys.Register(made.Challenge(), made)
	if err != nil {
		return k, nil, err
	}
	good.Name = name
	done, err := s.settingUp(ctx, e, o, func(tx Tx, u User, now time.Time, o Origin) (n newFactor, err error) {
		k = good // add may run again
		k.User, k.CreatedAt = u.ID, now
		if err := keepPasskey(ctx, tx, u, &k); err != nil {
			return n, err
		}
		n.shown = byPasskey(&k, passkey.Use{Verified: made.Verified()}, begun{now: now})
		n.about, err = s.passkeyChanged(ctx, tx, u, &k, ssf.Create, o, now)
		return n, err
	})
	return k, done, err
}

// keepPasskey writes a new passkey of u, whose row is held.
func keepPasskey(ctx context.Context, tx Tx, u User, k *passkey.Passkey) error {
	all, err := tx.Passkeys.List(ctx, u.ID)
	switch {
	case err != nil:
		return err
	case slices.ContainsFunc(all, func(own passkey.Passkey) bool { return slices.Equal(own.CredentialID, k.CredentialID) }):
		return passkey.ErrTaken
	case len(all) >= maxPasskeys:
		return ErrTooManyPasskeys
	}
	k.Handle, k.Name = handle(u, all), cmp.Or(k.Name, k.DefaultName(all))
	err = tx.Passkeys.Create(ctx, *k)
	if errors.Is(err, passkey.ErrTaken) { // somebody else's: nobody is told that they have it
		err = fmt.Errorf("%w: it is there already", passkey.ErrRefused)
	}
	return err
}

// passkeyChanged audits a passkey that came or went, and tells its owner. It returns
// what others are told.
func (s *Service) passkeyChanged(ctx context.Context, tx Tx, u User, k *passkey.Passkey, c ssf.Change, o Origin, now time.Time) (about ssf.About, err error) {
	action, told, reason := "passkey.add", outbox.FactorAdded, "passkey added"
	if c == ssf.Revoke {
		action, told, reason = "passkey.remove", outbox.FactorRemoved, "passkey removed"
	}
	e := o.Entry(action, u.ID, now)
	e.Detail = map[string]string{"passkey": k.ID, "name": k.Name}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return about, err
	}
	about = o.about(u.ID, reason)
	about.Change, about.Credential, about.Name = c, ssf.FIDO2, k.Name
	return about, s.notify(ctx, tx, u, told, map[string]string{"factor": k.Name})
}

func checkPasskeyName(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return invalid("name", "is missing")
	case n > maxPasskeyName || !plainText(name):
		return invalid("name", "must be plain text of at most %d characters", maxPasskeyName)
	}
	return nil
}

// RenamePasskey gives a passkey of p's subject another name. Errors:
// [passkey.ErrNotFound], [InvalidError], [ErrNoSession], [ErrWeakSession].
func (s *Service) RenamePasskey(ctx context.Context, p *sallyport.Principal, id, name string, o Origin) (k passkey.Passkey, err error) {
	if err := checkPasskeyName(name); err != nil {
		return k, err
	}
	now := present()
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, _, err := s.strongSession(ctx, tx, p, now)
		if err != nil {
			return err
		}
		if k, err = ownPasskey(ctx, tx, u.ID, id); err != nil {
			return err
		}
		there, err := tx.Passkeys.Rename(ctx, id, u.ID, name)
		if err == nil && !there {
			err = passkey.ErrNotFound
		}
		if err != nil {
			return err
		}
		e := o.Entry("passkey.rename", u.ID, now)
		e.Detail = map[string]string{"passkey": id, "name": name}
		k.Name = name
		return tx.Audit.Append(ctx, e)
	})
	return k, err
}

func ownPasskey(ctx context.Context, tx Tx, user, id string) (passkey.Passkey, error) {
	all, err := tx.Passkeys.List(ctx, user)
	for _, k := range all {
		if k.ID == id {
			return k, nil
		}
	}
	return passkey.Passkey{}, cmp.Or(err, passkey.ErrNotFound)
}

// RemovePasskey removes a passkey of p's subject. The session goes on under a new
// cookie. The recovery codes go with the last factor. Errors: [passkey.ErrNotFound],
// [ErrLastWayIn], [ErrFactorNeeded], [ErrNoSession], [ErrWeakSession].
func (s *Service) RemovePasskey(ctx context.Context, p *sallyport.Principal, id string, o Origin) (r Renewed, err error) {
	now := present()
	err = s.change(ctx, func(tx Tx) (pos revoke.Position, err error) {
		u, _, err := s.strongSession(ctx, tx, p, now)
		if err != nil {
			return pos, err
		}
		k, err := ownPasskey(ctx, tx, u.ID, id)
		if err != nil {
			return pos, err
		}
		if _, err := tx.Passkeys.Remove(ctx, id, u.ID); err != nil {
			return pos, err
		}
		if err := s.keepsWayIn(ctx, tx, u); err != nil {
			return pos, err
		}
		if err := s.leftWith(ctx, tx, u); err != nil {
			return pos, err
		}
		about, err := s.passkeyChanged(ctx, tx, u, &k, ssf.Revoke, o, now)
		if err != nil {
			return pos, err
		}
		if r, err = renewSession(ctx, tx, p.Session); err != nil {
			return pos, err
		}
		return appendTold(ctx, tx, about, s.notice(revoke.Session, p.Session, now))
	})
	return r, err
}

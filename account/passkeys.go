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

// What a challenge is good for. Its value is what the device signs, so that it is
// found by what comes back; the token's Target says who must bring it.
const (
	passkeyCreation onetime.Purpose = "passkey.creation" // Target: the session
	passkeySignIn   onetime.Purpose = "passkey.sign_in"  // Target: the hash of the browser's ticket
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

// BeginPasskey returns what a browser needs to make a passkey for p's subject. The
// answer must come by the same session. Errors: [ErrNoSession], [ErrTooManyPasskeys].
func (s *Service) BeginPasskey(ctx context.Context, p *sallyport.Principal) (o passkey.CreationOptions, err error) {
	if s.Passkeys == nil {
		return o, ErrNoPasskeys
	}
	now := present()
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, _, err := s.ownSession(ctx, tx, p, now)
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
		value, err := s.challenge(ctx, tx, onetime.Token{Purpose: passkeyCreation, User: u.ID, Target: p.Session}, now)
		o = s.Passkeys.Creation(value, passkey.Person{Handle: handle(u, all), Name: u.name(), DisplayName: u.DisplayName}, all)
		return err
	})
	return o, err
}

// handle is what devices know the user by. A device keeps one passkey per handle, so
// that all of a user's have the same, also if the first was made elsewhere.
func handle(u User, before []passkey.Passkey) []byte {
	if len(before) > 0 {
		return before[0].Handle
	}
	return []byte(u.ID)
}

// AddPasskey keeps the passkey that a browser has made for p's subject, under a name
// ("" = one after the device). The session goes on under a new cookie. Errors:
// [passkey.ErrMalformed], [passkey.ErrRefused], [passkey.ErrTaken] if the subject has
// it already, [ErrTooManyPasskeys], [ErrNoSession], [InvalidError].
func (s *Service) AddPasskey(ctx context.Context, p *sallyport.Principal, name string, response []byte, o Origin) (k passkey.Passkey, r Renewed, err error) {
	if s.Passkeys == nil {
		return k, r, ErrNoPasskeys
	}
	if name != "" {
		if err := checkPasskeyName(name); err != nil {
			return k, r, err
		}
	}
	made, err := passkey.ParseRegistration(response)
	if err != nil {
		return k, r, err
	}
	now := present()
	// Used up whatever comes of it, and before anything is verified.
	err = s.Store.Update(ctx, func(tx Tx) error {
		return answered(ctx, tx, made.Challenge(), onetime.Token{Purpose: passkeyCreation, User: p.Subject, Target: p.Session}, now)
	})
	if err != nil {
		return k, r, err
	}
	if k, err = s.Passkeys.Register(made.Challenge(), made); err != nil {
		return k, r, err
	}
	k.User, k.Name, k.CreatedAt = p.Subject, name, now
	err = s.change(ctx, func(tx Tx) (pos revoke.Position, err error) {
		r, pos, err = s.keepPasskey(ctx, tx, p, &k, o)
		return pos, err
	})
	return k, r, err
}

// keepPasskey writes a new passkey, and everything that goes with it.
func (s *Service) keepPasskey(ctx context.Context, tx Tx, p *sallyport.Principal, k *passkey.Passkey, o Origin) (r Renewed, pos revoke.Position, err error) {
	u, _, err := s.ownSession(ctx, tx, p, k.CreatedAt)
	if err != nil {
		return r, pos, err
	}
	all, err := tx.Passkeys.List(ctx, u.ID)
	switch {
	case err != nil:
		return r, pos, err
	case slices.ContainsFunc(all, func(own passkey.Passkey) bool { return slices.Equal(own.CredentialID, k.CredentialID) }):
		return r, pos, passkey.ErrTaken
	case len(all) >= maxPasskeys:
		return r, pos, ErrTooManyPasskeys
	}
	k.Handle, k.Name = handle(u, all), cmp.Or(k.Name, k.DefaultName(all))
	err = tx.Passkeys.Create(ctx, *k)
	if errors.Is(err, passkey.ErrTaken) { // somebody else's: nobody is told that they have it
		err = fmt.Errorf("%w: it is there already", passkey.ErrRefused)
	}
	if err != nil {
		return r, pos, err
	}
	return s.passkeyChanged(ctx, tx, p, u, k, ssf.Create, o, k.CreatedAt)
}

// passkeyChanged audits a passkey that came or went, tells its owner, and gives the
// session a new cookie.
func (s *Service) passkeyChanged(ctx context.Context, tx Tx, p *sallyport.Principal, u User, k *passkey.Passkey, c ssf.Change, o Origin, now time.Time) (r Renewed, pos revoke.Position, err error) {
	action, told, reason := "passkey.add", outbox.FactorAdded, "passkey added"
	if c == ssf.Revoke {
		action, told, reason = "passkey.remove", outbox.FactorRemoved, "passkey removed"
	}
	e := o.Entry(action, u.ID, now)
	e.Detail = map[string]string{"passkey": k.ID, "name": k.Name}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return r, pos, err
	}
	if err := s.notify(ctx, tx, u, told, map[string]string{"factor": k.Name}); err != nil {
		return r, pos, err
	}
	if r, err = renewSession(ctx, tx, p.Session); err != nil {
		return r, pos, err
	}
	about := o.about(u.ID, reason)
	about.Change, about.Credential, about.Name = c, ssf.FIDO2, k.Name
	pos, err = appendTold(ctx, tx, about, s.notice(revoke.Session, p.Session, now))
	return r, pos, err
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

// RenamePasskey gives a passkey of the user another name. Errors:
// [passkey.ErrNotFound], [InvalidError].
func (s *Service) RenamePasskey(ctx context.Context, user, id, name string, o Origin) (k passkey.Passkey, err error) {
	if err := checkPasskeyName(name); err != nil {
		return k, err
	}
	now := present()
	err = s.Store.Update(ctx, func(tx Tx) error {
		if k, err = ownPasskey(ctx, tx, user, id); err != nil {
			return err
		}
		there, err := tx.Passkeys.Rename(ctx, id, user, name)
		if err == nil && !there {
			err = passkey.ErrNotFound
		}
		if err != nil {
			return err
		}
		e := o.Entry("passkey.rename", user, now)
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
// cookie. Errors: [passkey.ErrNotFound], [ErrLastWayIn], [ErrNoSession].
func (s *Service) RemovePasskey(ctx context.Context, p *sallyport.Principal, id string, o Origin) (r Renewed, err error) {
	now := present()
	err = s.change(ctx, func(tx Tx) (pos revoke.Position, err error) {
		u, _, err := s.ownSession(ctx, tx, p, now)
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
		r, pos, err = s.passkeyChanged(ctx, tx, p, u, &k, ssf.Revoke, o, now)
		return pos, err
	})
	return r, err
}

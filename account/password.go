package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// ChangePassword replaces the password of p's subject, who proves the current
// one again. The other sessions end, with their tokens; API keys stay. The
// current session goes on under a new cookie, whose value is returned; it is
// useless to a session behind tokens. Errors: [ErrInvalidCredentials],
// [LimitError], [password.WeakError], [ErrNoSession], [ErrWeakSession].
func (s *Service) ChangePassword(ctx context.Context, p *sallyport.Principal, current, next string, o Origin) (sess session.Session, cookie string, err error) {
	if p.Session == "" {
		return sess, "", ErrNoSession
	}
	if err := s.Strong(ctx, p); err != nil { // before the password is looked at, which nobody guesses here
		return sess, "", err
	}
	u, err := s.User(ctx, p.Subject)
	if errors.Is(err, ErrNotFound) {
		return sess, "", ErrNoSession
	}
	if err != nil {
		return sess, "", err
	}
	// Looked at first: a weak new password is no failed attempt at the current one.
	if err := s.checkPassword(ctx, u, next); err != nil {
		return sess, "", err
	}
	// Counted like a sign-in: a stolen session must not become a way to guess the
	// password.
	a := &attempt{
		action: "password.change", name: u.counted(), password: current,
		find: func(ctx context.Context, tx Tx) (User, error) { return tx.Users.ByID(ctx, u.ID) },
	}
	err = s.prove(ctx, a, o, func() error {
		phc, err := s.Passwords.Hash(ctx, next)
		if err != nil {
			return fmt.Errorf("hashing: %w", err)
		}
		sess, cookie, err = s.replacePassword(ctx, p, a, phc, o)
		return err
	})
	if err != nil {
		return session.Session{}, "", err
	}
	return sess, cookie, nil
}

// counted is what the limits count guesses of the user's password by.
func (u *User) counted() string { return cmp.Or(u.UsernameNorm, u.EmailNorm, u.ID) }

// replacePassword sets the hash and ends what does not survive it.
func (s *Service) replacePassword(ctx context.Context, who *sallyport.Principal, a *attempt, phc string, o Origin) (sess session.Session, cookie string, err error) {
	current := who.Session
	cookie = secret.NewToken()
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := s.recheck(ctx, tx, a)
		if err != nil {
			return p, err
		}
		if _, _, err := s.strongSession(ctx, tx, who, a.now); err != nil {
			return p, err
		}
		goesOn, dead, err := s.survivors(ctx, tx, u.ID, current, a.now)
		if err != nil {
			return p, err
		}
		// This locks what goes on; it gets its position below, when there is one.
		// Nothing may wait behind the log's counter row.
		if err := renew(ctx, tx, goesOn, current, cookie, a.position, a.now); err != nil {
			return p, err
		}
		if err := tx.Credentials.SetPassword(ctx, u.ID, phc, a.now); err != nil {
			return p, err
		}
		if !s.KeepOtherSessions {
			if err := forgetOtherDevices(ctx, tx, u.ID, o, a.now); err != nil {
				return p, err
			}
		}
		if err := s.Limits.Forgive(ctx, tx.Failures, a.paid); err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("password.change", u.ID, a.now)); err != nil {
			return p, err
		}
		if err := s.notify(ctx, tx, u, outbox.PasswordChanged, nil); err != nil {
			return p, err
		}
		about := o.about(u.ID, "password changed")
		about.Change = ssf.Update
		if p, err = appendKills(ctx, tx, u.ID, about, dead...); err != nil {
			return p, err
		}
		if p.Log != a.position.Log { // the session ended with its log; it must not get into the next one
			return p, ErrNoSession
		}
		if err := renew(ctx, tx, goesOn, current, cookie, p, a.now); err != nil {
			return p, err
		}
		sess, err = tx.Sessions.ByID(ctx, current)
		return p, err
	})
	return sess, cookie, err
}

// survivors returns the sessions that a password change leaves alone, and the
// entries that end the others.
func (s *Service) survivors(ctx context.Context, tx Tx, user, current string, now time.Time) (goesOn []string, dead []revoke.Entry, err error) {
	// Every node may remember the cookie that the current session had.
	renewed := s.notice(revoke.Session, current, now)
	if !s.KeepOtherSessions {
		dead, err = s.endOthers(ctx, tx, user, current, "password changed", now)
		return []string{current}, append(dead, renewed), err
	}
	all, err := tx.Sessions.List(ctx, user)
	for _, sess := range all {
		goesOn = append(goesOn, sess.ID)
	}
	return goesOn, []revoke.Entry{renewed}, err
}

// renew moves the families of the sessions that go on to p, past what ended the
// others, and gives the current session its new cookie.
func renew(ctx context.Context, tx Tx, goesOn []string, current, cookie string, p revoke.Position, now time.Time) error {
	for _, id := range goesOn {
		if err := tx.Families.Advance(ctx, id, p); err != nil {
			return err
		}
	}
	err := tx.Sessions.Rotate(ctx, current, secret.Hash(cookie), p, now)
	if errors.Is(err, session.ErrNotFound) {
		return ErrNoSession
	}
	return err
}

// SetPassword replaces a user's password on an administrator's behalf and ends
// all of the user's sessions and tokens. API keys stay.
func (s *Service) SetPassword(ctx context.Context, user, next string, o Origin) error {
	u, err := s.User(ctx, user)
	if err != nil {
		return err
	}
	if err := s.checkPassword(ctx, u, next); err != nil {
		return err
	}
	phc, err := s.Passwords.Hash(ctx, next)
	if err != nil {
		return fmt.Errorf("hashing: %w", err)
	}
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := tx.Users.Lock(ctx, user)
		if err != nil {
			return p, err
		}
		dead, err := s.kill(ctx, tx, user, "password set", now)
		if err != nil {
			return p, err
		}
		about := o.about(user, "password set")
		if about.Change, err = replaces(ctx, tx, user); err != nil {
			return p, err
		}
		if err := tx.Credentials.SetPassword(ctx, user, phc, now); err != nil {
			return p, err
		}
		if err := tx.Devices.RemoveOthers(ctx, user, ""); err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("password.set", user, now)); err != nil {
			return p, err
		}
		if err := s.notify(ctx, tx, u, outbox.PasswordChanged, nil); err != nil {
			return p, err
		}
		return appendKills(ctx, tx, user, about, dead, s.notice(revoke.Subject, user, now))
	})
}

// replaces says what a new password is to the user: another one, or the first.
func replaces(ctx context.Context, tx Tx, user string) (ssf.Change, error) {
	old, err := tx.Credentials.Password(ctx, user)
	if err != nil || old != "" {
		return ssf.Update, err
	}
	return ssf.Create, nil
}

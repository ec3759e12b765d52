package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// ChangePassword replaces the password of p's subject, who proves the current
// one again. The other sessions end, with their tokens; API keys stay. The
// current session goes on under a new cookie, whose value is returned; it is
// useless to a session behind tokens. Errors: [ErrInvalidCredentials],
// [LimitError], [password.WeakError], [ErrNoSession].
func (s *Service) ChangePassword(ctx context.Context, p *sallyport.Principal, current, next string, o Origin) (sess session.Session, cookie string, err error) {
	if p.Session == "" {
		return sess, "", ErrNoSession
	}
	a, err := s.attemptOf(ctx, p.Subject, current, o)
	if err != nil {
		return sess, "", err
	}
	match, err := s.verify(ctx, a)
	if err != nil {
		return sess, "", err
	}
	if !match {
		return sess, "", s.failed(ctx, a, o)
	}
	if err := s.checkPassword(a.user, next); err != nil {
		return sess, "", err
	}
	phc, err := s.Passwords.Hash(ctx, next)
	if err != nil {
		return sess, "", fmt.Errorf("hashing: %w", err)
	}
	return s.replacePassword(ctx, p.Session, a, phc, o)
}

// attemptOf is an attempt by somebody who is signed in: a stolen session must
// not become a way to guess the password.
func (s *Service) attemptOf(ctx context.Context, subject, current string, o Origin) (*attempt, error) {
	u, err := s.User(ctx, subject)
	if errors.Is(err, ErrNotFound) {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	a := &attempt{now: time.Now(), name: u.UsernameNorm, user: u, password: current}
	err = s.Store.View(ctx, func(tx Tx) error {
		head, err := tx.Log.Head(ctx)
		if err != nil {
			return err
		}
		a.position = head.Position
		a.phc, err = tx.Credentials.Password(ctx, subject)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, s.spend(ctx, a, o)
}

func (s *Service) replacePassword(ctx context.Context, current string, a *attempt, phc string, o Origin) (sess session.Session, cookie string, err error) {
	cookie = secret.NewToken()
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := s.recheck(ctx, tx, a)
		if err != nil {
			return p, err
		}
		if err := s.Limits.Forgive(ctx, tx.Failures, a.name, o.Address); err != nil {
			return p, err
		}
		if err := tx.Credentials.SetPassword(ctx, u.ID, phc, a.now); err != nil {
			return p, err
		}
		// The session that goes on is locked now and gets its position below:
		// nothing may wait behind the log's counter row.
		if err := s.renew(ctx, tx, current, cookie, a.position, a.now); err != nil {
			return p, err
		}
		dead, err := s.passwordChanged(ctx, tx, u.ID, current, a.now)
		if err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("password.change", u.ID, a.now)); err != nil {
			return p, err
		}
		p, err = appendKills(ctx, tx, u.ID, dead...)
		if err != nil {
			return p, err
		}
		if err := s.renew(ctx, tx, current, cookie, p, a.now); err != nil {
			return p, err
		}
		sess, err = tx.Sessions.ByID(ctx, current)
		return p, err
	})
	return sess, cookie, err
}

// passwordChanged ends the other sessions. The subject's roles are appended
// beside them, which changes nothing: so that the log has a position for the
// change even when there is no other session.
func (s *Service) passwordChanged(ctx context.Context, tx Tx, user, current string, now time.Time) ([]revoke.Entry, error) {
	var dead []revoke.Entry
	if !s.KeepOtherSessions {
		var err error
		if dead, err = s.endOthers(ctx, tx, user, current, "password changed", now); err != nil {
			return nil, err
		}
	}
	if len(dead) > 0 {
		return dead, nil
	}
	overlay, err := s.overlay(ctx, tx, user, "", now)
	return []revoke.Entry{overlay}, err
}

// renew gives the session that goes on its new cookie and position, and its
// family the position.
func (s *Service) renew(ctx context.Context, tx Tx, id, cookie string, p revoke.Position, now time.Time) error {
	if err := tx.Families.Advance(ctx, id, p); err != nil {
		return err
	}
	err := tx.Sessions.Rotate(ctx, id, secret.Hash(cookie), p, now)
	if errors.Is(err, session.ErrNotFound) {
		return ErrNoSession
	}
	return err
}

// SetPassword replaces a user's password on an administrator's behalf and ends
// everything that the user holds.
func (s *Service) SetPassword(ctx context.Context, user, next string, o Origin) error {
	u, err := s.User(ctx, user)
	if err != nil {
		return err
	}
	if err := s.checkPassword(u, next); err != nil {
		return err
	}
	phc, err := s.Passwords.Hash(ctx, next)
	if err != nil {
		return fmt.Errorf("hashing: %w", err)
	}
	now := time.Now()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if _, err := tx.Users.Lock(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Credentials.SetPassword(ctx, user, phc, now); err != nil {
			return p, err
		}
		return s.endUser(ctx, tx, user, "password.set", now, o)
	})
}

package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// ForgotPassword sends a link and a code for a new password to the address of the
// user of that name, if they have proved one. Nothing else tells whether there is
// such a user: see [Service.ask].
func (s *Service) ForgotPassword(ctx context.Context, identifier string, o Origin) error {
	return s.ask(ctx, identifier, "password.forgot", mailing{
		purpose: forReset, kind: outbox.Reset, path: resetPath, lifetime: outbox.CodeLifetime,
	}, o)
}

// ResetPassword sets a new password for who brings a link or a code out of the mail.
// It signs nobody in, so that a second factor is asked for as ever, and ends all of
// the user's sessions and tokens. Errors: [ErrMailed], [LimitError],
// [password.WeakError]; the link and the code stay good after the last.
func (s *Service) ResetPassword(ctx context.Context, k Mailed, next string, o Origin) error {
	return s.redeem(ctx, k, parseIdentifier(k.Identifier).counted, "password.reset", o, func() error {
		now := present()
		var u User
		var owner string
		err := s.Store.View(ctx, func(tx Tx) (err error) {
			if owner, err = s.owner(ctx, tx, k); err != nil {
				return err
			}
			t, err := s.mailed(ctx, tx, k, owner, now, forReset)
			if err == nil {
				u, err = tx.Users.ByID(ctx, t.User)
			}
			return missed(err)
		})
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
		return s.change(ctx, func(tx Tx) (revoke.Position, error) { return s.reset(ctx, tx, k, owner, phc, now, o) })
	})
}

// reset is the transaction of [Service.ResetPassword].
func (s *Service) reset(ctx context.Context, tx Tx, k Mailed, owner, phc string, now time.Time, o Origin) (p revoke.Position, err error) {
	_, _, u, err := s.take(ctx, tx, k, owner, now, forReset)
	if err != nil {
		return p, err
	}
	o.Actor = u.ID
	dead, err := s.kill(ctx, tx, u.ID, "password reset", now)
	if err != nil {
		return p, err
	}
	about := o.about(u.ID, "password reset")
	if about.Change, err = replaces(ctx, tx, u.ID); err != nil {
		return p, err
	}
	if err := tx.Credentials.SetPassword(ctx, u.ID, phc, now); err != nil {
		return p, err
	}
	// Whatever a thief may have asked for before, with the old password.
	if err := tx.OneTime.EndAll(ctx, u.ID, forReset, forLink, forVerify, forChange, ticketPurpose); err != nil {
		return p, err
	}
	if err := s.forgive(ctx, tx, u); err != nil {
		return p, err
	}
	if err := s.notify(ctx, tx, u, outbox.WasReset, nil); err != nil {
		return p, err
	}
	if err := tx.Audit.Append(ctx, o.Entry("password.reset", u.ID, now)); err != nil {
		return p, err
	}
	return appendKills(ctx, tx, u.ID, about, dead, s.notice(revoke.Subject, u.ID, now))
}

// ResetLink returns a link by which whoever has it sets a new password of the user: for
// an administrator to hand over. It works once, until expires, in place of any before.
func (s *Service) ResetLink(ctx context.Context, user string, o Origin) (link string, expires time.Time, err error) {
	p, now, err := s.position(ctx)
	if err != nil {
		return "", expires, err
	}
	token := secret.NewToken()
	expires = now.Add(outbox.CodeLifetime)
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, err := tx.Users.Lock(ctx, user)
		if err != nil {
			return err
		}
		if u.Status != Active {
			return invalid("user", "is disabled")
		}
		if err := tx.OneTime.EndAll(ctx, u.ID, forReset); err != nil {
			return err
		}
		if err := tx.OneTime.Create(ctx, resetToken(u, token, p, now, expires)); err != nil {
			return err
		}
		return tx.Audit.Append(ctx, o.Entry("password.reset_link", u.ID, now))
	})
	if err != nil {
		return "", expires, err
	}
	return s.page(resetPath, token), expires, nil
}

// resetToken is a token without a code: it is handed over as a link.
func resetToken(u User, token string, p revoke.Position, now, expires time.Time) onetime.Token {
	return onetime.Token{
		ID: secret.NewID("otk"), Hash: secret.Hash(token), User: u.ID, Purpose: forReset, Target: u.EmailNorm, Data: []byte("{}"),
		Position: p, CreatedAt: now, ExpiresAt: expires,
	}
}

// forgive forgets failed attempts at the user's old password.
func (s *Service) forgive(ctx context.Context, tx Tx, u User) error {
	for _, name := range []string{u.UsernameNorm, u.EmailNorm} {
		if name == "" {
			continue
		}
		if err := s.Limits.Reset(ctx, tx.Failures, name); err != nil {
			return err
		}
	}
	return nil
}

// missed turns a user who is gone into a link that does not work.
func missed(err error) error {
	if errors.Is(err, ErrNotFound) {
		return ErrMailed
	}
	return err
}

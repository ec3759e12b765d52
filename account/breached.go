package account

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
)

// lookUp asks whether the password that just opened an account is known from a breach, behind the answer, which neither waits for
// it nor tells of it. If so the owner is told, once, and the password is marked; it goes on opening the account, because its owner has no
// other, and whoever stole it must not be the one who is asked for a new one.
func (s *Service) lookUp(ctx context.Context, a *attempt, o Origin) {
	if s.Breaches == nil {
		return
	}
	phc, user, password := a.phc, a.user.ID, a.password
	if a.rehashed != "" {
		phc = a.rehashed
	}
	done, ok := s.Breaches.Begin()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	go func() {
		defer done()
		defer cancel()
		known, err := s.Breaches.Known(ctx, password)
		if err == nil && known {
			err = s.markBreached(ctx, user, phc, o)
		}
		if err != nil {
			s.log().WarnContext(ctx, "password not looked up among breached ones", "err", err)
		}
	}()
}

func (s *Service) markBreached(ctx context.Context, user, phc string, o Origin) error {
	now := present()
	return s.Store.Update(ctx, func(tx Tx) error {
		u, err := tx.Users.Lock(ctx, user)
		if err != nil {
			return err
		}
		news, err := tx.Credentials.MarkBreached(ctx, user, phc, now)
		if err != nil || !news {
			return err
		}
		if err := s.notify(ctx, tx, u, outbox.Breached, nil); err != nil {
			return err
		}
		o.Actor = ""
		return tx.Audit.Append(ctx, o.Entry("password.breached", user, now))
	})
}

// PasswordBreached reports whether the user's password is known from a breach, as far as has been looked up.
func (s *Service) PasswordBreached(ctx context.Context, user string) (yes bool, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { yes, err = tx.Credentials.Breached(ctx, user); return err })
	return yes, err
}

package account

import (
	"context"

	"github.com/sallyport-auth/sallyport/account/outbox"
)

// notify writes a message to u, in this transaction: by mail to the verified address
// or, if that is how messages of the kind go out, to the verified phone. It writes
// nothing if there is none: to an address that nobody proved we tell nothing.
func (s *Service) notify(ctx context.Context, tx Tx, u User, k outbox.Kind, data map[string]string) error {
	to, proved := u.Email, u.EmailVerified
	if k.Channel() == outbox.SMS {
		to, proved = u.Phone, u.PhoneVerified
	}
	if to == "" || !proved {
		return nil
	}
	return s.write(ctx, tx, k, outbox.Letter{User: u.ID, To: to, Locale: u.Locale, Data: data})
}

// write writes a message to whomever the letter names, in this transaction.
func (s *Service) write(ctx context.Context, tx Tx, k outbox.Kind, l outbox.Letter) error {
	if s.Sealer == nil {
		return nil
	}
	m, err := outbox.New(s.Sealer, k, l, present())
	if err != nil {
		return err
	}
	return tx.Outbox.Add(ctx, m)
}

package account

import (
	"context"
	"errors"
)

// ErrLastWayIn means that nothing would be left to sign in with.
var ErrLastWayIn = errors.New("this is the last way to sign in")

// keepsWayIn makes sure that u, whose row this transaction holds, can still sign in
// after it: call it once something is removed that one can sign in with.
func (s *Service) keepsWayIn(ctx context.Context, tx Tx, u User) error {
	for _, way := range []func(context.Context, Tx, User) (bool, error){
		byOwnPassword, byOwnPasskey, byOwnIdentity, s.byLink,
	} {
		if there, err := way(ctx, tx, u); there || err != nil {
			return err
		}
	}
	return ErrLastWayIn
}

func byOwnPassword(ctx context.Context, tx Tx, u User) (bool, error) {
	phc, err := tx.Credentials.Password(ctx, u.ID)
	return phc != "", err
}

func byOwnPasskey(ctx context.Context, tx Tx, u User) (bool, error) {
	all, err := tx.Passkeys.List(ctx, u.ID)
	return len(all) > 0, err
}

func byOwnIdentity(ctx context.Context, tx Tx, u User) (bool, error) {
	all, err := tx.Identities.Of(ctx, u.ID)
	return len(all) > 0, err
}

// byLink: who reads the mail of a verified address gets in by a link.
func (s *Service) byLink(_ context.Context, _ Tx, u User) (bool, error) {
	return u.EmailVerified && s.Sealer != nil, nil
}

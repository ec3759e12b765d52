package account

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// Renewed is a session that goes on under a new cookie.
type Renewed struct {
	Session session.Session
	Cookie  string // useless to a session behind tokens
}

// renewSession gives a session a new cookie, so that one that was read before the
// change is worth nothing after it.
func renewSession(ctx context.Context, tx Tx, id string) (r Renewed, err error) {
	r.Cookie = secret.NewToken()
	if r.Session, err = tx.Sessions.ByID(ctx, id); err == nil {
		err = tx.Sessions.Rotate(ctx, id, secret.Hash(r.Cookie), r.Session.Position, r.Session.AuthTime)
	}
	if errors.Is(err, session.ErrNotFound) {
		err = ErrNoSession
	}
	return r, err
}

// ofSession locks the user of p's session, if both may still go on.
func (s *Service) ofSession(ctx context.Context, tx Tx, p *sallyport.Principal, now time.Time) (User, error) {
	if p.Session == "" {
		return User{}, ErrNoSession
	}
	u, err := tx.Users.Lock(ctx, p.Subject)
	if errors.Is(err, ErrNotFound) {
		return u, ErrNoSession
	}
	if err != nil {
		return u, err
	}
	sess, err := tx.Sessions.ByID(ctx, p.Session)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return u, ErrNoSession
	case err != nil:
		return u, err
	case u.Status != Active || sess.Subject != u.ID || !sess.Alive(now):
		return u, ErrNoSession
	}
	return u, nil
}

// name is what a device shows of the account.
func (u *User) name() string {
	if u.Email != "" {
		return u.Email
	}
	return u.Username
}

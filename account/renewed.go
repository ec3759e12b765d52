package account

import (
	"context"
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
	return r, ended(err)
}

// strengthenSession does the same, and from now on what was shown in it counts, too.
func strengthenSession(ctx context.Context, tx Tx, sess session.Session, more proof) (r Renewed, err error) {
	all := proof{AMR: sess.AMR, AAL: sess.AAL}.and(more)
	r.Cookie = secret.NewToken()
	err = tx.Sessions.Elevate(ctx, sess.ID, secret.Hash(r.Cookie), sess.Position, more.At, all.AMR, all.AAL)
	if err == nil {
		r.Session, err = tx.Sessions.ByID(ctx, sess.ID)
	}
	return r, ended(err)
}

// ownSession locks the user of p's session, if both may still go on.
func (s *Service) ownSession(ctx context.Context, tx Tx, p *sallyport.Principal, now time.Time) (u User, sess session.Session, err error) {
	if p.Session == "" {
		return u, sess, ErrNoSession
	}
	if u, err = tx.Users.Lock(ctx, p.Subject); err != nil {
		return u, sess, ended(err)
	}
	if u.Status != Active {
		return u, sess, ErrNoSession
	}
	sess, err = liveSession(ctx, tx, p, now)
	return u, sess, err
}

// liveSession returns p's session, for who holds its user's row.
func liveSession(ctx context.Context, tx Tx, p *sallyport.Principal, now time.Time) (session.Session, error) {
	sess, err := tx.Sessions.ByID(ctx, p.Session)
	if err == nil && (sess.Subject != p.Subject || !sess.Alive(now)) {
		err = ErrNoSession
	}
	return sess, ended(err)
}

// name is what a device, or an app, shows of the account.
func (u *User) name() string {
	if u.Email != "" {
		return u.Email
	}
	return u.Username
}

package account

import (
	"context"
	"errors"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
)

// SwitchOrganization lets p's session act in another organization ("" = none) of
// which the subject is a member. Cookie and refresh token stay what they are: the
// next request of the cookie acts there, and so does the next access token.
// [org.ErrNotMember]; [ErrNoSession] for a credential without a session.
func (s *Service) SwitchOrganization(ctx context.Context, p *sallyport.Principal, organization string, o Origin) error {
	if p.Session == "" {
		return ErrNoSession
	}
	now := present()
	return s.change(ctx, func(tx Tx) (at revoke.Position, err error) {
		// Who is removed beside this is removed before or after.
		if _, err := tx.Users.Lock(ctx, p.Subject); err != nil {
			return at, ended(err)
		}
		sess, err := tx.Sessions.ByID(ctx, p.Session)
		if err != nil {
			return at, ended(err)
		}
		if sess.Subject != p.Subject || !sess.Alive(now) {
			return at, ErrNoSession
		}
		if organization != "" {
			if _, err := membership(ctx, tx, organization, p.Subject); err != nil {
				return at, err
			}
		}
		if sess.Org == organization {
			return tx.Log.Append(ctx)
		}
		if err := tx.Sessions.SetOrg(ctx, p.Session, organization); err != nil {
			return at, ended(err)
		}
		e := o.Entry("session.switch", p.Subject, now)
		e.Org, e.Detail = organization, map[string]string{"session": p.Session, "from": sess.Org}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return at, err
		}
		return tx.Log.Append(ctx, s.notice(revoke.Session, p.Session, now))
	})
}

// ended turns "there is none" into [ErrNoSession] and leaves other errors alone.
func ended(err error) error {
	if errors.Is(err, session.ErrNotFound) || errors.Is(err, ErrNotFound) {
		return ErrNoSession
	}
	return err
}

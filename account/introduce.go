package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/oauth"
)

// introduce notes that the client gets an ID token in a session, whose end it will be told
// (OpenID Connect Back-Channel Logout 1.0 §2.5). Where the session has ended since, and
// what was granted outlives it, there is no end left to be told.
func introduce(ctx context.Context, tx Tx, m *minting) error {
	if m.grant.SID == "" || !slices.Contains(m.ask.Scope, oauth.OpenID) {
		return nil
	}
	err := tx.Introduced.Add(ctx, m.grant.SID, m.client.ID, m.now)
	if !errors.Is(err, oauth.ErrNoSession) {
		return err
	}
	if m.grant.Session != "" {
		return gone(err, oauth.ErrNoSession)
	}
	return nil
}

// tellClients writes to every client that knows of the sessions that they have ended, in
// the transaction that ends them.
func (s *Service) tellClients(ctx context.Context, tx Tx, ended ...session.Session) error {
	for _, sess := range ended {
		known, err := tx.Introduced.Take(ctx, sess.ID)
		if err == nil {
			err = s.tellOf(ctx, tx, known)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tellOf writes to those clients that want to know.
func (s *Service) tellOf(ctx context.Context, tx Tx, known []oauth.Introduction) error {
	for _, i := range known {
		c, err := tx.Clients.ByID(ctx, i.Client)
		if errors.Is(err, oauth.ErrNotFound) || err == nil && !c.Hears(i.CreatedAt) {
			continue
		}
		if err == nil {
			err = s.write(ctx, tx, outbox.SessionEnded, outbox.Letter{User: i.User, To: i.Client, Data: map[string]string{"session": i.Session}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TellExpired tells clients of up to limit sessions that nobody has ended, and whose time
// is over, and returns how many it looked at; 0 means that nothing is left.
func (s *Service) TellExpired(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		known, err := tx.Introduced.TakeExpired(ctx, now, limit)
		n = len(known)
		if err != nil {
			return err
		}
		return s.tellOf(ctx, tx, known)
	})
	return n, err
}

package account

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

const forHandover onetime.Purpose = "handover"

// handoverLife is how long a code may take from one host to another, by a redirect.
const handoverLife = time.Minute

// ErrHandover means that a code does not carry a session over: it was used, came too
// late, to another host or from another browser, or the session has ended.
var ErrHandover = errors.New("code carries no session over, or no longer")

// A Handover says where a session shall count, too, and for which browser.
type Handover struct {
	Host     string
	Browser  []byte // hash of what the browser holds at that host
	ReturnTo string // path there
}

// handoverData is what the store keeps with the code.
type handoverData struct {
	Session  string `json:"session"`
	Browser  []byte `json:"browser"`
	ReturnTo string `json:"return_to,omitempty"`
}

// HandOver returns a code by which p's session will count at another host, if the same
// browser brings it there within a minute. p is a session: [ErrNoSession] if it is none,
// or no longer.
func (s *Service) HandOver(ctx context.Context, p *sallyport.Principal, to Handover) (code string, err error) {
	now := present()
	code = secret.NewToken()
	err = s.change(ctx, func(tx Tx) (at revoke.Position, err error) {
		u, sess, err := s.ownSession(ctx, tx, p, now)
		if err != nil {
			return at, err
		}
		data, err := json.Marshal(handoverData{sess.ID, to.Browser, to.ReturnTo})
		if err != nil {
			return at, err
		}
		return at, tx.OneTime.Create(ctx, onetime.Token{
			ID: secret.NewID("otk"), Hash: secret.Hash(code), User: u.ID, Purpose: forHandover, Target: to.Host, Data: data,
			Position: sess.Position, CreatedAt: now, ExpiresAt: now.Add(handoverLife),
		})
	})
	return code, err
}

// TakeOver redeems a code of [Service.HandOver] and returns the session that now counts
// at the host, and where its person wanted to go there. Whatever is wrong is
// [ErrHandover], and the code is used up.
func (s *Service) TakeOver(ctx context.Context, code, host string, browser []byte, o Origin) (sess session.Session, returnTo string, err error) {
	now := present()
	var refused bool
	err = s.Store.Update(ctx, func(tx Tx) error {
		refused = true
		t, err := tx.OneTime.ByHash(ctx, forHandover, secret.Hash(code))
		if errors.Is(err, onetime.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		first, err := tx.OneTime.Consume(ctx, t.ID, now)
		if err != nil || !first {
			return err
		}
		var d handoverData
		if err := json.Unmarshal(t.Data, &d); err != nil {
			return err
		}
		if t.Target != host || !secret.Equal(d.Browser, browser) {
			return nil // and the code is used up: somebody has brought it where it does not belong
		}
		sess, err = tx.Sessions.ByID(ctx, d.Session)
		if errors.Is(err, session.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !sess.Alive(now) || sess.Subject != t.User || sess.Position.Log != t.Position.Log {
			return nil
		}
		refused, returnTo, o.Actor = false, d.ReturnTo, sess.Subject
		e := o.Entry("session.hand_over", sess.Subject, now)
		e.Org, e.Detail = sess.Org, map[string]string{"session": sess.ID, "host": host}
		return tx.Audit.Append(ctx, e)
	})
	if err == nil && refused {
		err = ErrHandover
	}
	if err != nil {
		return session.Session{}, "", err
	}
	return sess, returnTo, nil
}

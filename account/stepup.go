package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Elevated is a session after its subject has proved again who they are.
type Elevated struct {
	Session session.Session
	Cookie  string // the session's new one; useless to a session behind tokens
	// Access is an access token of the session as it is now, for who has tokens.
	Access    string
	ExpiresIn time.Duration
}

// Confirmations returns the methods by which p's subject can confirm who they are,
// in the order in which they are offered: second factors for who has one, or else
// the password. None means to sign in again.
func (s *Service) Confirmations(ctx context.Context, p *sallyport.Principal) (ms []Method, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		u, err := tx.Users.ByID(ctx, p.Subject)
		if err != nil {
			return ended(err)
		}
		ms, err = s.confirmations(ctx, tx, u)
		return err
	})
	return ms, err
}

func (s *Service) confirmations(ctx context.Context, tx Tx, u User) ([]Method, error) {
	ms, err := s.methods(ctx, tx, u)
	if err != nil || len(ms) > 0 {
		return ms, err
	}
	phc, err := tx.Credentials.Password(ctx, u.ID)
	if err != nil || phc == "" {
		return nil, err
	}
	return []Method{ByPassword}, nil
}

// StepUp confirms within p's session who its subject is (RFC 9470): the session
// says from then on that they were proved now, and by what altogether, and goes on
// under a new cookie. Errors: [ErrNoSession], [ErrInvalidCredentials] and
// [ErrWrongCode] for what is wrong, [LimitError], [InvalidError].
func (s *Service) StepUp(ctx context.Context, p *sallyport.Principal, a Answer, o Origin) (*Elevated, error) {
	if p.Session == "" {
		return nil, ErrNoSession
	}
	if a.Method == ByPassword {
		return s.stepUpByPassword(ctx, p, a.Code, o)
	}
	rev, now, err := s.position(ctx)
	if err != nil {
		return nil, err
	}
	var out *Elevated
	err = s.answer(ctx, p.Subject, "session.step_up", a.Method, now, o, func(tx Tx) (shown proof, ok bool, err error) {
		u, err := tx.Users.Lock(ctx, p.Subject)
		if err != nil {
			return shown, false, ended(err)
		}
		if err := s.offers(ctx, tx, u, a.Method); err != nil {
			return shown, false, err
		}
		return s.show(ctx, tx, u, a, nil, now)
	}, func(tx Tx, shown proof) (at revoke.Position, err error) {
		out, at, err = s.elevate(ctx, tx, p, shown, now, o)
		return at, err
	})
	return s.elevated(ctx, out, rev, now, err)
}

// stepUpByPassword counts like a sign-in: a stolen session must not become a way
// to guess the password.
func (s *Service) stepUpByPassword(ctx context.Context, p *sallyport.Principal, pw string, o Origin) (*Elevated, error) {
	u, err := s.User(ctx, p.Subject)
	if err != nil {
		return nil, ended(err)
	}
	a := &attempt{
		action: "session.step_up", name: u.counted(), password: pw,
		find: func(ctx context.Context, tx Tx) (User, error) { return tx.Users.ByID(ctx, u.ID) },
	}
	var out *Elevated
	err = s.prove(ctx, a, o, func() error {
		return s.change(ctx, func(tx Tx) (at revoke.Position, err error) {
			u, err := s.recheck(ctx, tx, a)
			if err != nil {
				return at, err
			}
			if err := s.offers(ctx, tx, u, ByPassword); err != nil {
				return at, err
			}
			if err := s.Limits.Forgive(ctx, tx.Failures, a.paid); err != nil {
				return at, err
			}
			out, at, err = s.elevate(ctx, tx, p, byPassword(a.position, a.now), a.now, o)
			return at, err
		})
	})
	return s.elevated(ctx, out, a.position, a.now, err)
}

// offers makes sure that u may confirm by that method: who has a second factor
// does not get by with a password, which a thief of the session may have, too.
func (s *Service) offers(ctx context.Context, tx Tx, u User, m Method) error {
	ms, err := s.confirmations(ctx, tx, u)
	if err == nil && !slices.Contains(ms, m) {
		err = invalid("method", "%q is none that this account can use here", m)
	}
	return err
}

// elevate writes into p's session what was shown, and tells every node to read it
// anew.
func (s *Service) elevate(ctx context.Context, tx Tx, p *sallyport.Principal, shown proof, now time.Time, o Origin) (*Elevated, revoke.Position, error) {
	var at revoke.Position
	sess, err := tx.Sessions.ByID(ctx, p.Session)
	if err != nil {
		return nil, at, ended(err)
	}
	if sess.Subject != p.Subject || !sess.Alive(now) {
		return nil, at, ErrNoSession
	}
	all := proof{AMR: sess.AMR, AAL: sess.AAL}.and(shown)
	out := &Elevated{Cookie: secret.NewToken()}
	err = tx.Sessions.Elevate(ctx, sess.ID, secret.Hash(out.Cookie), sess.Position, now, all.AMR, all.AAL)
	if err != nil {
		return nil, at, ended(err)
	}
	e := o.Entry("session.step_up", p.Subject, now)
	e.Org, e.Detail = sess.Org, map[string]string{"session": sess.ID}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return nil, at, err
	}
	if out.Session, err = tx.Sessions.ByID(ctx, sess.ID); err != nil {
		return nil, at, err
	}
	at, err = tx.Log.Append(ctx, s.notice(revoke.Session, sess.ID, now))
	return out, at, err
}

// elevated adds an access token that says what the session says now.
func (s *Service) elevated(ctx context.Context, out *Elevated, rev revoke.Position, now time.Time, err error) (*Elevated, error) {
	if err != nil {
		return nil, err
	}
	if out == nil {
		return nil, errors.New("step-up came to nothing")
	}
	c := &token.Claims{
		Issuer: s.Issuer, Audience: []string{s.Issuer}, Subject: out.Session.Subject, ClientID: FirstParty,
		ID: secret.NewID("tok"), IssuedAt: now, Expiry: s.accessExpiry(out.Session, now), Rev: rev.String(), Session: out.Session.ID,
		AuthTime: out.Session.AuthTime, AMR: out.Session.AMR, ACR: acr(out.Session.AAL),
	}
	err = s.Store.View(ctx, func(tx Tx) error {
		st, err := standing(ctx, tx, out.Session.Subject, out.Session.Org)
		claim(c, st)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.ExpiresIn = c.Expiry.Sub(now)
	out.Access, err = s.Sign(c)
	return out, err
}

package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Elevated is a session after its subject has proved again who they are.
type Elevated struct {
	Renewed
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
	now := present()
	var out *Elevated
	err := s.answer(ctx, p.Subject, "session.step_up", a.Method, now, o, func(tx Tx) (shown proof, ok bool, err error) {
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
	return s.elevated(ctx, out, p, err)
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
	return s.elevated(ctx, out, p, err)
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
	sess, err := liveSession(ctx, tx, p, now)
	if err != nil {
		return nil, at, err
	}
	shown.At = now
	out := new(Elevated)
	if out.Renewed, err = strengthenSession(ctx, tx, sess, shown); err != nil {
		return nil, at, err
	}
	e := o.Entry("session.step_up", p.Subject, now)
	e.Org, e.Detail = sess.Org, map[string]string{"session": sess.ID}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return nil, at, err
	}
	at, err = tx.Log.Append(ctx, s.notice(revoke.Session, sess.ID, now))
	return out, at, err
}

// elevated adds the access token, once everything is committed. A browser with a
// cookie has no use for one.
func (s *Service) elevated(ctx context.Context, out *Elevated, p *sallyport.Principal, err error) (*Elevated, error) {
	switch {
	case err != nil:
		return nil, err
	case out == nil:
		return nil, errors.New("step-up came to nothing")
	case p.Credential == "session":
		return out, nil
	}
	out.Access, out.ExpiresIn, err = s.sessionToken(ctx, p, s.Issuer)
	if err != nil {
		return nil, err
	}
	return out, nil
}

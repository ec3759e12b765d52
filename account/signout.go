package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
)

// SignOut ends the session behind p's credential, or with everywhere all of the
// subject's sessions, with their refresh families and access tokens, on every
// node and at once. API keys stay: they were never signed in. A credential
// without a session is [ErrNoSession].
func (s *Service) SignOut(ctx context.Context, p *sallyport.Principal, everywhere bool, o Origin) error {
	switch {
	case p.Session == "":
		return ErrNoSession
	case everywhere:
		return s.signOutEverywhere(ctx, p.Subject, o)
	}
	err := s.EndSession(ctx, p.Session, p.Subject, o)
	if !errors.Is(err, session.ErrNotFound) {
		return err
	}
	// Somebody was faster, perhaps on another node: obey that before it is answered.
	head, _, err := s.position(ctx)
	if err != nil {
		return err
	}
	return s.CatchUp(ctx, head)
}

func (s *Service) signOutEverywhere(ctx context.Context, subject string, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if _, err := tx.Users.Lock(ctx, subject); err != nil {
			return p, err
		}
		dead, err := s.kill(ctx, tx, subject, "signed out everywhere", now)
		if err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("user.sign_out_everywhere", subject, now)); err != nil {
			return p, err
		}
		return appendKills(ctx, tx, subject, o.about(subject, "signed out everywhere"), dead)
	})
}

// Sessions returns the subject's live sessions, newest first.
func (s *Service) Sessions(ctx context.Context, subject string) ([]session.Session, error) {
	var all []session.Session
	var head revoke.Head
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if head, err = tx.Log.Head(ctx); err == nil {
			all, err = tx.Sessions.List(ctx, subject)
		}
		return err
	})
	now := present()
	return slices.DeleteFunc(all, func(sess session.Session) bool { return !sess.Alive(now) || sess.Position.Log != head.Log }), err
}

// EndSession ends one session of the subject ("" = anybody's, for administrators),
// its family and its access tokens. [session.ErrNotFound] if there is none.
func (s *Service) EndSession(ctx context.Context, id, subject string, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		sess, err := tx.Sessions.ByID(ctx, id)
		if err != nil {
			return p, err
		}
		if subject != "" && sess.Subject != subject {
			return p, session.ErrNotFound
		}
		if err := tx.Families.EndSession(ctx, id, "signed out", now); err != nil {
			return p, err
		}
		there, err := tx.Sessions.End(ctx, id)
		if err != nil {
			return p, err
		}
		if !there {
			return p, session.ErrNotFound
		}
		if err := s.tellClients(ctx, tx, sess); err != nil {
			return p, err
		}
		e := o.Entry("session.end", sess.Subject, now)
		e.Detail = map[string]string{"session": id}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		return appendTold(ctx, tx, o.about(sess.Subject, ""), s.killEntry(revoke.Session, id, now))
	})
}

// EndOtherSessions ends all of the subject's sessions but one ("" = all), with
// their families and access tokens.
func (s *Service) EndOtherSessions(ctx context.Context, subject, keep string, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if _, err := tx.Users.Lock(ctx, subject); err != nil {
			return p, err
		}
		dead, err := s.endOthers(ctx, tx, subject, keep, "ended", now)
		if err != nil {
			return p, err
		}
		if len(dead) == 0 { // but perhaps another node ended them a moment ago
			return tx.Log.Append(ctx)
		}
		if err := tx.Audit.Append(ctx, o.Entry("session.end_others", subject, now)); err != nil {
			return p, err
		}
		return appendTold(ctx, tx, o.about(subject, ""), dead...)
	})
}

// endOthers ends the subject's sessions but one and returns their kills.
func (s *Service) endOthers(ctx context.Context, tx Tx, subject, keep, reason string, now time.Time) ([]revoke.Entry, error) {
	if err := tx.Families.EndSubject(ctx, subject, keep, reason, now); err != nil {
		return nil, err
	}
	ended, err := tx.Sessions.EndAll(ctx, subject, keep)
	if err == nil {
		err = s.tellClients(ctx, tx, ended...)
	}
	if err != nil {
		return nil, err
	}
	dead := make([]revoke.Entry, 0, len(ended))
	for _, sess := range ended {
		dead = append(dead, s.killEntry(revoke.Session, sess.ID, now))
	}
	return dead, nil
}

// Session implements [session.Source].
func (s *Service) Session(ctx context.Context, hash []byte) (session.Session, error) {
	return s.session(ctx, func(all session.Store) (session.Session, error) { return all.ByTokenHash(ctx, hash) })
}

// SessionByID implements [session.Sessions].
func (s *Service) SessionByID(ctx context.Context, id string) (session.Session, error) {
	return s.session(ctx, func(all session.Store) (session.Session, error) { return all.ByID(ctx, id) })
}

func (s *Service) session(ctx context.Context, find func(session.Store) (session.Session, error)) (sess session.Session, err error) {
	read := s.Follower.Cursor()
	err = s.Store.View(ctx, func(tx Tx) error {
		if sess, err = find(tx.Sessions); err != nil {
			return err
		}
		head, err := s.head(ctx, tx, read)
		if err == nil && sess.Position.Log != head.Log { // it began before a restore
			err = session.ErrNotFound
		}
		return err
	})
	return sess, err
}

// Seen implements [session.Source].
func (s *Service) Seen(ctx context.Context, sess session.Session, now time.Time) error {
	return s.Store.Update(ctx, func(tx Tx) error { return s.seen(ctx, tx, sess, now) })
}

// seen moves the idle timeout on, at most once a minute.
func (s *Service) seen(ctx context.Context, tx Tx, sess session.Session, now time.Time) error {
	if now.Sub(sess.LastSeenAt) < time.Minute {
		return nil
	}
	return tx.Sessions.Touch(ctx, sess.ID, now, now.Add(s.Timeouts.IdleOrDefault()))
}

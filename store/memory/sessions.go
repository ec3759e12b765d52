package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
)

type sessions struct{ *tx }

func (x sessions) Create(_ context.Context, s session.Session) error {
	err := x.write(append([]string{s.ID, s.Subject, s.Org, s.Position.Log, s.Address, s.UserAgent}, s.AMR...)...)
	if err == nil && (x.state.sessions.has(s.ID) || x.byTokenHash.has(string(s.TokenHash))) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating session: %w", err)
	}
	s = cloneSession(&s)
	s.AuthTime, s.CreatedAt, s.LastSeenAt = ms(s.AuthTime), ms(s.CreatedAt), ms(s.LastSeenAt)
	s.IdleExpiresAt, s.ExpiresAt = ms(s.IdleExpiresAt), ms(s.ExpiresAt)
	x.state.sessions.put(s.ID, &s)
	x.byTokenHash.put(string(s.TokenHash), s.ID)
	x.sessionsBySubject.add(s.Subject, s.ID)
	x.sessionExpiry.add(s.ExpiresAt, s.ID)
	return nil
}

func cloneSession(s *session.Session) session.Session {
	c := *s
	c.TokenHash, c.AMR = slices.Clone(s.TokenHash), slices.Clone(s.AMR)
	return c
}

func (x sessions) ByTokenHash(ctx context.Context, hash []byte) (session.Session, error) {
	id, ok := x.byTokenHash.get(string(hash))
	if !ok {
		return session.Session{}, session.ErrNotFound
	}
	return x.ByID(ctx, id)
}

func (x sessions) ByID(_ context.Context, id string) (session.Session, error) {
	s, ok := x.state.sessions.get(id)
	if !ok {
		return session.Session{}, session.ErrNotFound
	}
	return cloneSession(s), nil
}

func (x sessions) Touch(_ context.Context, id string, seen, idleExpires time.Time) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("touching session: %w", err)
	}
	s, ok := x.state.sessions.get(id)
	if !ok {
		return nil
	}
	c := *s
	c.LastSeenAt, c.IdleExpiresAt = later(s.LastSeenAt, ms(seen)), later(s.IdleExpiresAt, ms(idleExpires))
	x.state.sessions.put(id, &c)
	return nil
}

func (x sessions) Rotate(_ context.Context, id string, newHash []byte, p revoke.Position, authTime time.Time) error {
	if err := x.write(p.Log); err != nil {
		return fmt.Errorf("rotating session: %w", err)
	}
	s, ok := x.state.sessions.get(id)
	if !ok {
		return session.ErrNotFound
	}
	if owner, taken := x.byTokenHash.get(string(newHash)); taken && owner != id {
		return fmt.Errorf("rotating session: token %w", errExists)
	}
	c := *s
	c.TokenHash, c.Position, c.AuthTime = slices.Clone(newHash), p, ms(authTime)
	x.byTokenHash.remove(string(s.TokenHash))
	x.byTokenHash.put(string(newHash), id)
	x.state.sessions.put(id, &c)
	return nil
}

func (x sessions) Elevate(ctx context.Context, id string, newHash []byte, p revoke.Position, authTime time.Time, amr []string, aal int) error {
	if err := x.write(amr...); err != nil {
		return fmt.Errorf("elevating session: %w", err)
	}
	if err := x.Rotate(ctx, id, newHash, p, authTime); err != nil {
		return err
	}
	s, _ := x.state.sessions.get(id)
	c := *s
	c.AMR, c.AAL = slices.Clone(amr), aal
	x.state.sessions.put(id, &c)
	return nil
}

func (x sessions) SetOrg(_ context.Context, id, org string) error {
	if err := x.write(org); err != nil {
		return fmt.Errorf("setting organization: %w", err)
	}
	s, ok := x.state.sessions.get(id)
	if !ok {
		return session.ErrNotFound
	}
	c := *s
	c.Org = org
	x.state.sessions.put(id, &c)
	return nil
}

func (x sessions) Leave(ctx context.Context, subject, org string) error {
	for _, id := range x.sessionsBySubject.members(subject, "") {
		if s, _ := x.state.sessions.get(id); s.Org == org {
			if err := x.SetOrg(ctx, id, ""); err != nil {
				return err
			}
		}
	}
	return x.write(subject, org)
}

func (x sessions) List(_ context.Context, subject string) (all []session.Session, err error) {
	for _, id := range x.sessionsBySubject.members(subject, "") {
		s, _ := x.state.sessions.get(id)
		all = append(all, cloneSession(s))
	}
	newestFirst(all, func(s session.Session) (time.Time, string) { return s.CreatedAt, s.ID })
	return all, nil
}

func (x sessions) End(_ context.Context, id string) (bool, error) {
	if err := x.write(); err != nil {
		return false, fmt.Errorf("ending session: %w", err)
	}
	there := x.state.sessions.has(id)
	x.remove(id)
	return there, nil
}

func (x sessions) EndAll(ctx context.Context, subject, except string) (ended []session.Session, err error) {
	if err := x.write(); err != nil {
		return nil, fmt.Errorf("ending sessions: %w", err)
	}
	all, err := x.List(ctx, subject)
	for _, s := range all {
		if s.ID != except {
			ended = append(ended, s)
			x.remove(s.ID)
		}
	}
	return ended, err
}

// remove takes the session out of every index.
func (x sessions) remove(id string) {
	s, ok := x.state.sessions.get(id)
	if !ok {
		return
	}
	x.state.sessions.remove(id)
	x.byTokenHash.remove(string(s.TokenHash))
	x.sessionsBySubject.drop(s.Subject, id)
	x.sessionExpiry.drop(s.ExpiresAt, id)
}

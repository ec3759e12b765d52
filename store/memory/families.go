package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

type families struct{ *tx }

func (x families) Create(_ context.Context, f token.Family) error {
	err := x.write(append([]string{f.ID, f.Session, f.Grant, f.Subject, f.Client, f.Proof, f.Position.Log}, f.Scope...)...)
	if err == nil && x.state.families.has(f.ID) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("creating refresh family: %w", err)
	}
	f.Scope = slices.Clone(f.Scope)
	f.CreatedAt, f.RotatedAt, f.ExpiresAt = ms(f.CreatedAt), ms(f.RotatedAt), ms(f.ExpiresAt)
	x.state.families.put(f.ID, &family{f, noParent})
	if f.Session != "" {
		x.familiesBySession.add(f.Session, f.ID)
	}
	if f.Grant != "" {
		x.familiesByGrant.add(f.Grant, f.ID)
	}
	x.familiesBySubject.add(f.Subject, f.ID)
	x.familyExpiry.add(f.ExpiresAt, f.ID)
	return nil
}

func (x families) ByID(_ context.Context, id string) (token.Family, error) {
	f, ok := x.state.families.get(id)
	if !ok {
		return token.Family{}, token.ErrNotFound
	}
	out := f.Family
	out.Scope = slices.Clone(f.Scope)
	return out, nil
}

// Rotate is the statement of docs/decisions in Go.
func (x families) Rotate(_ context.Context, r token.Rotation) (token.Rotated, error) {
	if err := x.write(); err != nil {
		return token.Rotated{}, fmt.Errorf("rotating: %w", err)
	}
	now := ms(r.Now)
	f, ok := x.state.families.get(r.Family)
	if !ok || f.Client != r.Client || f.Proof != r.Proof || !f.ExpiresAt.After(now) || r.Counter-f.Counter > token.MaxAhead {
		return token.Rotated{}, token.ErrNotFound
	}
	next := *f
	done := token.Rotated{Ahead: max(0, r.Counter-f.Counter)}
	switch age := now.Sub(f.RotatedAt); {
	case r.Counter >= f.Counter: // the newest token, or one ahead of what was lost
		next.Counter, next.parent, next.RotatedAt = r.Counter+1, r.Counter, now
	case r.Counter == f.parent && age <= r.Leeway: // a repeat: the same successor
	case r.Counter == f.parent && age <= r.Forgive: // its answer was lost: skip the successor that nobody saw
		next.Counter, next.RotatedAt = f.Counter+1, now
	default: // RFC 6749 §10.4: a reused refresh token ends the family
		done.Reused = true
	}
	done.Family = next.Family
	done.Scope = slices.Clone(f.Scope)
	if done.Reused {
		x.remove(f.ID)
	} else {
		x.state.families.put(f.ID, &next)
	}
	return done, nil
}

func (x families) EndSession(_ context.Context, session, reason string, _ time.Time) error {
	if err := x.write(session, reason); err != nil {
		return fmt.Errorf("ending a session's refresh families: %w", err)
	}
	each(x.familiesBySession.members(session, ""), x.remove)
	return nil
}

func (x families) EndGrant(_ context.Context, grant, reason string, _ time.Time) error {
	if err := x.write(grant, reason); err != nil {
		return fmt.Errorf("ending a grant's refresh families: %w", err)
	}
	each(x.familiesByGrant.members(grant, ""), x.remove)
	return nil
}

func (x families) EndSubject(_ context.Context, subject, exceptSession, reason string, _ time.Time) error {
	if err := x.write(subject, exceptSession, reason); err != nil {
		return fmt.Errorf("ending a subject's refresh families: %w", err)
	}
	for _, id := range x.familiesBySubject.members(subject, "") {
		if f, _ := x.state.families.get(id); exceptSession == "" || f.Session != exceptSession {
			x.remove(id)
		}
	}
	return nil
}

func (x families) Advance(_ context.Context, session string, p revoke.Position) error {
	if err := x.write(session, p.Log); err != nil {
		return fmt.Errorf("advancing refresh families: %w", err)
	}
	for _, id := range x.familiesBySession.members(session, "") {
		f, _ := x.state.families.get(id)
		c := *f
		c.Position = p
		x.state.families.put(id, &c)
	}
	return nil
}

// remove takes the family out of every index.
func (x families) remove(id string) {
	f, ok := x.state.families.get(id)
	if !ok {
		return
	}
	x.state.families.remove(id)
	x.familiesBySession.drop(f.Session, id)
	x.familiesByGrant.drop(f.Grant, id)
	x.familiesBySubject.drop(f.Subject, id)
	x.familyExpiry.drop(f.ExpiresAt, id)
}

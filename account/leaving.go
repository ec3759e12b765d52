package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/revoke"
)

// LeavingPeriod is how long an account that its owner deletes waits for a change of
// mind: to sign in keeps it.
const LeavingPeriod = 14 * 24 * time.Hour

// Leave plans the deletion of the account of who's subject and returns when it will be. All
// sessions and API keys end at once, as if it were gone; whoever signs in before that
// time keeps the account, without those keys. [ErrLastAdmin] if nobody else
// administers; [ErrNoSession], [ErrWeakSession].
func (s *Service) Leave(ctx context.Context, who *sallyport.Principal, o Origin) (at time.Time, err error) {
	now, user := present(), who.Subject
	at = now.Add(LeavingPeriod)
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, _, err := s.strongSession(ctx, tx, who, now)
		if err != nil {
			return p, err
		}
		if err := replaceable(ctx, tx, user); err != nil {
			return p, err
		}
		dead, err := s.kill(ctx, tx, user, "user leaves", now)
		if err != nil {
			return p, err
		}
		if _, err := tx.APIKeys.RevokeAll(ctx, user); err != nil {
			return p, err
		}
		u.DeleteAt, u.UpdatedAt = at, now
		if err := tx.Users.SetProfile(ctx, u); err != nil {
			return p, err
		}
		told := map[string]string{"date": at.UTC().Format(time.RFC3339), "link": s.Pages + "/"}
		if err := s.notify(ctx, tx, u, outbox.DeletionPlanned, told); err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("user.leave", user, now)); err != nil {
			return p, err
		}
		return appendKills(ctx, tx, user, o.about(user, "user leaves"), dead)
	})
	return at, err
}

// replaceable returns ErrLastAdmin if the user is the only administrator.
func replaceable(ctx context.Context, tx Tx, user string) error {
	roles, err := tx.Roles.Assigned(ctx, user, "")
	if err != nil || !slices.Contains(roles, AdminRole) {
		return err
	}
	holders, err := tx.Roles.LockHolders(ctx, AdminRole, 2)
	if err == nil && len(holders) < 2 {
		err = ErrLastAdmin
	}
	return err
}

// stay takes back the planned deletion of u, whose row is held: u has signed in.
func (s *Service) stay(ctx context.Context, tx Tx, u *User, o Origin, now time.Time) error {
	if u.DeleteAt.IsZero() {
		return nil
	}
	u.DeleteAt, u.UpdatedAt = time.Time{}, now
	if err := tx.Users.SetProfile(ctx, *u); err != nil {
		return err
	}
	return tx.Audit.Append(ctx, o.Entry("user.stay", u.ID, now))
}

// DeleteLeaving deletes up to limit accounts whose owners have left and did not come
// back in time, and returns how many it looked at; 0 means that nobody is left. The
// last administrator stays.
func (s *Service) DeleteLeaving(ctx context.Context, now time.Time, limit int) (n int, err error) {
	var leaving []User
	err = s.Store.View(ctx, func(tx Tx) (err error) { leaving, err = tx.Users.Leaving(ctx, now, limit); return err })
	if err != nil {
		return 0, err
	}
	gone := func(u User) bool { return !u.DeleteAt.IsZero() && !u.DeleteAt.After(now) }
	for _, u := range leaving {
		err := s.remove(ctx, u.ID, gone, Origin{Actor: "system"})
		if errors.Is(err, ErrLastAdmin) {
			err = s.Store.Update(ctx, func(tx Tx) error {
				u, err := tx.Users.Lock(ctx, u.ID)
				if err != nil {
					return err
				}
				return s.stay(ctx, tx, &u, Origin{Actor: "system"}, present())
			})
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return n, err
		}
		n++
	}
	return n, nil
}

package memory

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
)

type users struct{ *tx }

func (x users) Create(_ context.Context, u account.User) error {
	if err := x.write(u.ID, u.Username, u.UsernameNorm, u.Email, u.EmailNorm, string(u.Status), u.Plan, u.DisplayName, u.Locale, u.Phone); err != nil {
		return fmt.Errorf("creating user: %w", err)
	}
	if x.state.users.has(u.ID) {
		return fmt.Errorf("creating user: id %w", errExists)
	}
	if u.UsernameNorm != "" && x.byUsername.has(u.UsernameNorm) || u.EmailVerified && x.verified(u.EmailNorm) {
		return account.ErrTaken
	}
	u.CreatedAt, u.UpdatedAt, u.DeleteAt = ms(u.CreatedAt), ms(u.UpdatedAt), ms(u.DeleteAt)
	x.state.users.put(u.ID, &u)
	if !u.DeleteAt.IsZero() {
		x.leaving.add(u.DeleteAt, u.ID)
	}
	if u.UsernameNorm != "" {
		x.byUsername.put(u.UsernameNorm, u.ID)
	}
	if u.EmailNorm != "" {
		x.byEmail.add(u.EmailNorm, emailMember(&u))
	}
	return nil
}

// emailMember sorts the verified owner of an address before all others.
func emailMember(u *account.User) string {
	if u.EmailVerified {
		return "0" + u.ID
	}
	return "1" + u.ID
}

func (x users) verified(norm string) bool {
	owners, _ := x.byEmail.get(norm)
	for first := range owners.from("") {
		return first[0] == '0'
	}
	return false
}

func (x users) ByID(_ context.Context, id string) (account.User, error) {
	u, ok := x.state.users.get(id)
	if !ok {
		return account.User{}, account.ErrNotFound
	}
	return *u, nil
}

func (x users) ByUsername(ctx context.Context, norm string) (account.User, error) {
	id, ok := x.byUsername.get(norm)
	if !ok {
		return account.User{}, account.ErrNotFound
	}
	return x.ByID(ctx, id)
}

func (x users) ByEmail(_ context.Context, norm string) (all []account.User, err error) {
	for _, member := range x.byEmail.members(norm, "") {
		u, _ := x.state.users.get(member[1:])
		all = append(all, *u)
	}
	return all, nil
}

// Lock has nothing to lock: an Update runs alone.
func (x users) Lock(ctx context.Context, id string) (account.User, error) {
	if err := x.write(); err != nil {
		return account.User{}, fmt.Errorf("locking user: %w", err)
	}
	return x.ByID(ctx, id)
}

func (x users) SetStatus(_ context.Context, id string, s account.Status, now time.Time) error {
	if err := x.write(string(s)); err != nil {
		return fmt.Errorf("setting status: %w", err)
	}
	return x.change(id, func(u *account.User) { u.Status, u.UpdatedAt = s, ms(now) })
}

func (x users) SetPlan(_ context.Context, id, plan string, now time.Time) error {
	if err := x.write(plan); err != nil {
		return fmt.Errorf("setting plan: %w", err)
	}
	return x.change(id, func(u *account.User) { u.Plan, u.UpdatedAt = plan, ms(now) })
}

func (x users) SetProfile(_ context.Context, p account.User) error {
	if err := x.write(p.Email, p.EmailNorm, p.DisplayName, p.Locale, p.Phone); err != nil {
		return fmt.Errorf("setting profile: %w", err)
	}
	old, ok := x.state.users.get(p.ID)
	if !ok {
		return account.ErrNotFound
	}
	if p.EmailVerified && p.EmailNorm != "" && x.verified(p.EmailNorm) && !(old.EmailVerified && old.EmailNorm == p.EmailNorm) {
		return account.ErrTaken
	}
	if old.EmailNorm != "" {
		x.byEmail.drop(old.EmailNorm, emailMember(old))
	}
	if !old.DeleteAt.IsZero() {
		x.leaving.drop(old.DeleteAt, p.ID)
	}
	err := x.change(p.ID, func(u *account.User) {
		u.Email, u.EmailNorm, u.EmailVerified = p.Email, p.EmailNorm, p.EmailVerified
		u.DisplayName, u.Locale, u.Phone, u.PhoneVerified = p.DisplayName, p.Locale, p.Phone, p.PhoneVerified
		u.DeleteAt, u.UpdatedAt = ms(p.DeleteAt), ms(p.UpdatedAt)
	})
	u, _ := x.state.users.get(p.ID)
	if u.EmailNorm != "" {
		x.byEmail.add(u.EmailNorm, emailMember(u))
	}
	if !u.DeleteAt.IsZero() {
		x.leaving.add(u.DeleteAt, u.ID)
	}
	return err
}

func (x users) Leaving(_ context.Context, now time.Time, limit int) (all []account.User, err error) {
	for _, id := range x.leaving.expired(now, limit) {
		u, _ := x.state.users.get(id)
		all = append(all, *u)
	}
	return all, nil
}

func (x users) SetKilledSeq(_ context.Context, id string, seq int64) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("setting position: %w", err)
	}
	return x.change(id, func(u *account.User) { u.KilledSeq = max(u.KilledSeq, seq) })
}

// change puts a changed copy of the user in place.
func (x users) change(id string, f func(*account.User)) error {
	u, ok := x.state.users.get(id)
	if !ok {
		return account.ErrNotFound
	}
	c := *u
	f(&c)
	x.state.users.put(id, &c)
	return nil
}

func (x users) Delete(_ context.Context, id string) error {
	if err := x.write(); err != nil {
		return fmt.Errorf("deleting user: %w", err)
	}
	u, ok := x.state.users.get(id)
	if !ok {
		return account.ErrNotFound
	}
	x.state.users.remove(id)
	x.byUsername.remove(u.UsernameNorm)
	x.byEmail.drop(u.EmailNorm, emailMember(u))
	if !u.DeleteAt.IsZero() {
		x.leaving.drop(u.DeleteAt, id)
	}
	x.passwords.remove(id)
	x.breached.remove(id)
	return nil
}

func (x users) List(_ context.Context, f account.UserFilter) (all []account.User, err error) {
	for id, u := range x.state.users.from(f.After) {
		if f.Limit > 0 && len(all) == f.Limit {
			break
		}
		if id != f.After && matches(u, &f) {
			all = append(all, *u)
		}
	}
	return all, nil
}

func matches(u *account.User, f *account.UserFilter) bool {
	return (f.Status == "" || u.Status == f.Status) &&
		(strings.HasPrefix(u.ID, f.Prefix) || strings.HasPrefix(u.UsernameNorm, f.Prefix) || strings.HasPrefix(u.EmailNorm, f.Prefix))
}

func (x users) Any(context.Context) (bool, error) { return x.state.users.root != nil, nil }

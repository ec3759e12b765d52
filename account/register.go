package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// A Registration is a new account. A user name is needed; an address is optional
// and not proved by naming it.
type Registration struct {
	Username string
	Email    string
	Locale   string // of messages; "" = nobody knows
	// EmailVerified is for an administrator who vouches for the address: see
	// [Service.Add]. To register by oneself proves nothing.
	EmailVerified bool
	Password      string // "" = none: the account cannot sign in by password
	Roles         []string
}

// Register creates an account with the default roles and signs it in, in the way
// that as says. Errors: [InvalidError], [password.WeakError], [ErrTaken],
// [NeedsFactorError].
func (s *Service) Register(ctx context.Context, in Registration, as SignIn, o Origin) (*SignedIn, error) {
	if in.Password == "" {
		return nil, invalid("password", "is missing")
	}
	rev, now, err := s.position(ctx)
	if err != nil {
		return nil, err
	}
	in.Roles, in.EmailVerified = s.DefaultRoles, false
	d, err := s.prepare(ctx, in, now)
	if err != nil {
		return nil, err
	}
	o.Actor = d.user.ID
	var c outcome
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		if err := d.create(ctx, tx, "user.register", o); err != nil {
			return err
		}
		if err := s.verifyNew(ctx, tx, d.user, rev, now); err != nil {
			return err
		}
		c, err = s.conclude(ctx, tx, d.user, as, byPassword(rev, now), o)
		return err
	})
	return s.finish(c, err)
}

// Add creates an account on an administrator's behalf. With no roles named it
// gets the default ones. [ErrExceeds] if o.Giver holds less than the roles named.
func (s *Service) Add(ctx context.Context, in Registration, o Origin) (User, error) {
	given := in.Roles
	if in.Roles == nil {
		in.Roles = s.DefaultRoles
	}
	d, err := s.prepare(ctx, in, present())
	if err != nil {
		return User{}, err
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		if err := covers(ctx, tx, o.Giver, "", given); err != nil {
			return err
		}
		return d.create(ctx, tx, "user.add", o)
	})
	if err != nil {
		return User{}, err
	}
	return d.user, nil
}

// SetUp creates the first administrator and signs them in, as [Service.Register]
// does. It is [ErrSetUp] if there is one already.
func (s *Service) SetUp(ctx context.Context, in Registration, as SignIn, o Origin) (*SignedIn, error) {
	if in.Password == "" {
		return nil, invalid("password", "is missing")
	}
	rev, now, err := s.position(ctx)
	if err != nil {
		return nil, err
	}
	in.Roles = []string{AdminRole}
	d, err := s.prepare(ctx, in, now)
	if err != nil {
		return nil, err
	}
	o.Actor = d.user.ID
	var c outcome
	err = s.Store.Update(ctx, func(tx Tx) error {
		admins, err := tx.Roles.LockHolders(ctx, AdminRole, 1)
		if err != nil {
			return err
		}
		if len(admins) > 0 {
			return ErrSetUp
		}
		if err := d.create(ctx, tx, "user.set_up", o); err != nil {
			return err
		}
		c, err = s.conclude(ctx, tx, d.user, as, byPassword(rev, now), o)
		return err
	})
	return s.finish(c, err)
}

// HasAdmin reports whether there is an active administrator.
func (s *Service) HasAdmin(ctx context.Context) (yes bool, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		admins, err := tx.Roles.LockHolders(ctx, AdminRole, 1)
		yes = len(admins) > 0
		return err
	})
	return yes, err
}

// draft is an account that was checked and hashed, outside any transaction.
type draft struct {
	user  User
	phc   string
	roles []string
}

func (s *Service) prepare(ctx context.Context, in Registration, now time.Time) (*draft, error) {
	name, err := foldUsername(in.Username)
	if err != nil {
		return nil, err
	}
	u := User{
		ID: secret.NewID(userPrefix), Username: in.Username, UsernameNorm: name, Locale: in.Locale,
		Status: Active, CreatedAt: now, UpdatedAt: now,
	}
	if in.Email != "" {
		if u.EmailNorm, err = foldEmail(in.Email); err != nil {
			return nil, err
		}
		u.Email, u.EmailVerified = in.Email, in.EmailVerified
	}
	d := &draft{user: u, roles: sorted(in.Roles)}
	if in.Password == "" {
		return d, nil
	}
	if err := s.checkPassword(ctx, u, in.Password); err != nil {
		return nil, err
	}
	if d.phc, err = s.Passwords.Hash(ctx, in.Password); err != nil {
		return nil, fmt.Errorf("hashing: %w", err)
	}
	return d, nil
}

// checkPassword holds a new password against the policy, with the words that it
// must not be made of, and then against what is known from breaches. It may ask
// another service, so it is not for within a transaction.
func (s *Service) checkPassword(ctx context.Context, u User, pw string) error {
	local, _, _ := strings.Cut(u.EmailNorm, "@")
	if err := s.Policy.Check(pw, u.Username, u.UsernameNorm, local, s.ServiceName, FirstParty); err != nil {
		return err
	}
	known, err := s.Breaches.Known(ctx, pw)
	switch {
	case known:
		return &password.WeakError{Reason: password.Breached}
	case err != nil && s.Breaches.Closed:
		return err
	case err != nil:
		s.log().WarnContext(ctx, "new password not looked up among breached ones", "err", err)
	}
	return nil
}

func (d *draft) create(ctx context.Context, tx Tx, action string, o Origin) error {
	if err := tx.Users.Create(ctx, d.user); err != nil {
		return err
	}
	if d.phc != "" {
		if err := tx.Credentials.SetPassword(ctx, d.user.ID, d.phc, d.user.CreatedAt); err != nil {
			return err
		}
	}
	for _, role := range d.roles {
		if err := authz.CheckRoleName(role); err != nil {
			return invalid("roles", "%v", err)
		}
		_, err := tx.Roles.Assign(ctx, d.user.ID, role, "")
		if errors.Is(err, authz.ErrNotFound) {
			return invalid("roles", "name %q, and there is no such role", role)
		}
		if err != nil {
			return err
		}
	}
	e := o.Entry(action, d.user.ID, d.user.CreatedAt)
	if len(d.roles) > 0 {
		e.Detail = map[string]string{"roles": strings.Join(d.roles, " ")}
	}
	return tx.Audit.Append(ctx, e)
}

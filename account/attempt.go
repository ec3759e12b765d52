package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/revoke"
)

// An attempt is one try at a password.
type attempt struct {
	action   string // what the password is asked for, as audited
	name     string // what the limits count by, whether it exists or not
	password string
	typed    string // the name that the old system may be asked about; "" = it is not
	find     func(context.Context, Tx) (User, error)

	device string      // known one that it comes from; "" = a stranger's
	paid   limit.Guess // that was paid for

	now      time.Time
	position revoke.Position
	user     User   // zero if there is none
	phc      string // hash to compare with; "" if there is none
	rehashed string // newer hash of the same password; "" if none is needed
}

// prove runs f once the password of the attempt is found right. f changes
// nothing unless [Service.recheck] says that everything still is as it was.
func (s *Service) prove(ctx context.Context, a *attempt, o Origin, f func() error) error {
	if err := s.read(ctx, a, o); err != nil {
		return err
	}
	if err := s.spend(ctx, a, o); err != nil {
		return err
	}
	for {
		match, err := s.verify(ctx, a)
		if err != nil {
			return errors.Join(err, s.refund(ctx, a))
		}
		if match {
			err = f()
		} else {
			err = s.elseAsk(ctx, a, o)
		}
		switch {
		case errors.Is(err, ErrInvalidCredentials):
			return s.failed(ctx, a, o)
		case !errors.Is(err, errRehashed):
			return err
		}
		if err := s.read(ctx, a, o); err != nil {
			return err
		}
	}
}

// errRehashed means that there is another hash by now: a sign-in beside this one
// replaced it with a newer one of the same password, or somebody came over from the old
// system. There is no more to it than to look at that one.
var errRehashed = errors.New("password was rehashed meanwhile")

// elseAsk is what becomes of an attempt whose password is not that of an account here.
func (s *Service) elseAsk(ctx context.Context, a *attempt, o Origin) error {
	came, err := s.comesOver(ctx, a, o)
	switch {
	case err != nil:
		return err
	case came:
		return errRehashed
	}
	return ErrInvalidCredentials
}

// read reads the position, and then the user and whether o comes from a device of
// theirs.
func (s *Service) read(ctx context.Context, a *attempt, o Origin) error {
	a.now, a.user, a.phc = present(), User{}, ""
	read := s.Follower.Cursor()
	err := s.Store.View(ctx, func(tx Tx) error {
		head, err := s.head(ctx, tx, read)
		if err != nil {
			return err
		}
		a.position = head.Position
		a.user, err = a.find(ctx, tx)
		if errors.Is(err, ErrNotFound) {
			a.user, err = User{}, nil
		}
		if err != nil {
			return err
		}
		d, err := knownDevice(ctx, tx, a.user.ID, o, a.now)
		if err != nil {
			return err
		}
		a.device = d.ID
		a.phc, err = tx.Credentials.Password(ctx, a.user.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading account: %w", err)
	}
	return nil
}

// find finds the user by name, or by an address that the user has proved.
func (id identifier) find(ctx context.Context, tx Tx) (User, error) {
	switch {
	case id.username != "":
		return tx.Users.ByUsername(ctx, id.username)
	case id.email == "":
		return User{}, ErrNotFound
	}
	users, err := tx.Users.ByEmail(ctx, id.email)
	if err != nil {
		return User{}, err
	}
	if len(users) == 0 || !users[0].EmailVerified {
		return User{}, ErrNotFound
	}
	return users[0], nil
}

// spend pays for one look at the password.
func (s *Service) spend(ctx context.Context, a *attempt, o Origin) error {
	var wait time.Duration
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		a.paid = limit.Guess{Name: a.name, Addr: o.Address, Device: a.device}
		wait, err = s.Limits.Spend(ctx, tx.Failures, &a.paid, a.now)
		if err != nil || wait == 0 {
			return err
		}
		e := o.Entry(a.action, a.user.ID, a.now)
		e.Outcome, e.Detail = audit.Failure, map[string]string{"method": "pwd", "reason": "limit"}
		return tx.Audit.Append(ctx, e)
	})
	if err != nil {
		return fmt.Errorf("counting attempt: %w", err)
	}
	if wait > 0 {
		return &LimitError{Wait: wait}
	}
	return nil
}

// refund takes the payment back for a password that was not looked at, because
// too many others are: a rush of sign-ins must not lock anybody out. The caller
// may have gone by now.
func (s *Service) refund(ctx context.Context, a *attempt) error {
	ctx = context.WithoutCancel(ctx)
	return s.Store.Update(ctx, func(tx Tx) error { return s.Limits.Refund(ctx, tx.Failures, a.paid) })
}

// verify does the work of a hash whoever it is, and only then looks at who it is.
func (s *Service) verify(ctx context.Context, a *attempt) (bool, error) {
	a.rehashed = ""
	result, err := s.Passwords.VerifyFrom(ctx, a.paid.Device, a.phc, a.password)
	if errors.Is(err, password.ErrUnknownFormat) {
		s.log().ErrorContext(ctx, "stored password hash is unreadable", "user", a.user.ID)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !result.Match || a.user.Status != Active {
		return false, nil
	}
	if result.Rehash {
		a.rehashed, err = s.Passwords.Hash(ctx, a.password)
		if err != nil { // it can wait for the next sign-in
			s.log().WarnContext(ctx, "password not rehashed", "user", a.user.ID, "err", err)
		}
	}
	return true, nil
}

// failed records a failure and returns the one answer to all of them.
func (s *Service) failed(ctx context.Context, a *attempt, o Origin) error {
	e := o.Entry(a.action, a.user.ID, a.now)
	e.Outcome, e.Detail = audit.Failure, map[string]string{"method": "pwd"}
	if err := s.Store.Update(ctx, func(tx Tx) error { return tx.Audit.Append(ctx, e) }); err != nil {
		return fmt.Errorf("auditing: %w", err)
	}
	return ErrInvalidCredentials
}

// recheck locks the user and makes sure that what was verified is still so: a
// sign-in that began before a reset must not finish after it.
func (s *Service) recheck(ctx context.Context, tx Tx, a *attempt) (User, error) {
	u, err := tx.Users.Lock(ctx, a.user.ID)
	if errors.Is(err, ErrNotFound) {
		return u, ErrInvalidCredentials
	}
	if err != nil {
		return u, err
	}
	phc, err := tx.Credentials.Password(ctx, u.ID)
	if err != nil {
		return u, err
	}
	head, err := tx.Log.Head(ctx)
	switch {
	case err != nil:
		return u, err
	case !u.began(a.position, head.Position):
		return u, ErrInvalidCredentials
	case phc != a.phc:
		return u, errRehashed
	}
	return u, nil
}

package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A SignIn is what a person offers at the door.
type SignIn struct {
	Identifier string // user name, or verified address
	Password   string
	// WithTokens asks for an access and a refresh token. Otherwise the session's
	// cookie is the only credential.
	WithTokens bool
}

// SignedIn is what a person gets.
type SignedIn struct {
	User    User
	Roles   []string
	Session session.Session
	Cookie  string  // value of the session cookie; empty with tokens
	Tokens  *Tokens // nil without
}

// SignIn checks a password and starts a session. Every failure is
// [ErrInvalidCredentials] after equal work, except [LimitError], which names that
// do not exist get as well.
//
// The order is what makes it safe: the position is read first, the attempt is
// spent before the hash, the hash runs outside any transaction, and creation
// locks the user and looks again at everything that was verified.
func (s *Service) SignIn(ctx context.Context, in SignIn, o Origin) (out *SignedIn, err error) {
	id := parseIdentifier(in.Identifier)
	a := &attempt{action: "user.sign_in", name: id.counted, password: in.Password, find: id.find}
	err = s.prove(ctx, a, o, func() error {
		out, err = s.admit(ctx, a, in.WithTokens, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// An attempt is one try at a password.
type attempt struct {
	action   string // what the password is asked for, as audited
	name     string // what the limits count by, whether it exists or not
	password string
	find     func(context.Context, Tx) (User, error)

	now      time.Time
	position revoke.Position
	user     User   // zero if there is none
	phc      string // hash to compare with; "" if there is none
	rehashed string // newer hash of the same password; "" if none is needed
}

// prove runs f once the password of the attempt is found right. f changes
// nothing unless [Service.recheck] says that everything still is as it was.
func (s *Service) prove(ctx context.Context, a *attempt, o Origin, f func() error) error {
	if err := s.read(ctx, a); err != nil {
		return err
	}
	if err := s.spend(ctx, a, o); err != nil {
		return err
	}
	for {
		match, err := s.verify(ctx, a)
		if err != nil {
			return err
		}
		if !match {
			return s.failed(ctx, a, o)
		}
		switch err := f(); {
		case errors.Is(err, ErrInvalidCredentials):
			return s.failed(ctx, a, o)
		case !errors.Is(err, errRehashed):
			return err
		}
		if err := s.read(ctx, a); err != nil {
			return err
		}
	}
}

// errRehashed means that a sign-in beside this one replaced the hash with a newer
// one of the same password: there is no more to it than to look at that one.
var errRehashed = errors.New("password was rehashed meanwhile")

// read reads the position, and then the user.
func (s *Service) read(ctx context.Context, a *attempt) error {
	a.now, a.user, a.phc = present(), User{}, ""
	err := s.Store.View(ctx, func(tx Tx) error {
		head, err := tx.Log.Head(ctx)
		if err != nil {
			return err
		}
		a.position = head.Position
		a.user, err = a.find(ctx, tx)
		if errors.Is(err, ErrNotFound) {
			a.user = User{}
			return nil
		}
		if err == nil {
			a.phc, err = tx.Credentials.Password(ctx, a.user.ID)
		}
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
		wait, err = s.Limits.Spend(ctx, tx.Failures, a.name, o.Address, a.now)
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

// verify does the work of a hash whoever it is, and only then looks at who it is.
func (s *Service) verify(ctx context.Context, a *attempt) (bool, error) {
	a.rehashed = ""
	result, err := s.Passwords.Verify(ctx, a.phc, a.password)
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

// admit starts the session, if everything still is as it was verified.
func (s *Service) admit(ctx context.Context, a *attempt, withTokens bool, o Origin) (*SignedIn, error) {
	var out *SignedIn
	var family *token.Family
	err := s.Store.Update(ctx, func(tx Tx) error {
		u, err := s.recheck(ctx, tx, a)
		if err != nil {
			return err
		}
		if a.rehashed != "" {
			// Compared and set, or it could undo a password change.
			if _, err := tx.Credentials.ReplacePassword(ctx, u.ID, a.phc, a.rehashed, a.now); err != nil {
				return err
			}
		}
		out, family, err = s.start(ctx, tx, u, a.position, a.now, withTokens, o)
		if err != nil {
			return err
		}
		return s.Limits.Forgive(ctx, tx.Failures, a.name, o.Address)
	})
	if err != nil {
		return nil, err
	}
	return s.mint(out, family, a.position, a.now)
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

// start creates the session, and the family of its refresh tokens if there are
// to be tokens, for a user whose row this transaction holds.
func (s *Service) start(ctx context.Context, tx Tx, u User, p revoke.Position, now time.Time, withTokens bool, o Origin) (*SignedIn, *token.Family, error) {
	sess, cookie := s.Timeouts.New(u.ID, now)
	sess.AMR, sess.AAL, sess.AuthTime, sess.Position = []string{"pwd"}, 1, now, p
	sess.UserAgent = clip(o.UserAgent)
	if o.Address.IsValid() {
		sess.Address = o.Address.String()
	}
	var family *token.Family
	if withTokens {
		// Of a session behind tokens nobody gets the cookie.
		cookie, family = "", s.newFamily(sess)
		if err := tx.Families.Create(ctx, *family); err != nil {
			return nil, nil, err
		}
	}
	if err := tx.Sessions.Create(ctx, sess); err != nil {
		return nil, nil, err
	}
	roles, err := tx.Roles.Assigned(ctx, u.ID, "")
	if err != nil {
		return nil, nil, err
	}
	o.Actor = u.ID
	e := o.Entry("user.sign_in", u.ID, now)
	e.Detail = map[string]string{"method": "pwd", "session": sess.ID}
	return &SignedIn{User: u, Roles: roles, Session: sess, Cookie: cookie}, family, tx.Audit.Append(ctx, e)
}

// mint adds the tokens of a family, if there is one, once everything is committed.
func (s *Service) mint(out *SignedIn, family *token.Family, rev revoke.Position, now time.Time) (*SignedIn, error) {
	if family == nil {
		return out, nil
	}
	var err error
	if out.Tokens, err = s.tokens(*family, out.Session, out.Roles, rev, now); err != nil {
		return nil, err
	}
	return out, nil
}

// clip bounds what a client says of itself.
func clip(userAgent string) string {
	const most = 256
	clean := []rune(stripControls(userAgent))
	return string(clean[:min(len(clean), most)])
}

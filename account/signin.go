package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A SignIn is what a person offers at the door.
type SignIn struct {
	Identifier string // user name, or verified address
	Password   string
	Org        string // slug or id of the organization to act in; "" = none
	// WithTokens asks for an access and a refresh token. Otherwise the session's
	// cookie is the only credential.
	WithTokens bool

	// Browser says that the caller keeps cookies: it is given one by which its device
	// is known.
	Browser bool
	// Trust asks not to be asked for a second factor on this device for a while.
	Trust bool

	// For the caller: they come back with SignedIn, also by way of a ticket.
	Mode, ReturnTo string
}

// SignedIn is what a person gets.
type SignedIn struct {
	User     User
	Roles    []string // everywhere
	OrgRoles []string // in the session's organization
	Session  session.Session
	Cookie   string  // value of the session cookie; empty with tokens
	Tokens   *Tokens // nil without
	Device   string  // value of the device's cookie; "" = none

	Mode, ReturnTo string // as they were given to the sign-in
}

// SignIn checks a password and starts a session. Every failure is
// [ErrInvalidCredentials] after equal work, except [LimitError], which names that
// do not exist get as well, [ErrOldSystem], and after a right password
// [org.ErrNotMember] and [NeedsFactorError].
//
// The order is what makes it safe: the position is read first, the attempt is
// spent before the hash, the hash runs outside any transaction, and creation
// locks the user and looks again at everything that was verified.
func (s *Service) SignIn(ctx context.Context, in SignIn, o Origin) (out *SignedIn, err error) {
	id := parseIdentifier(in.Identifier)
	a := &attempt{action: "user.sign_in", name: id.counted, password: in.Password, typed: in.Identifier, find: id.find}
	err = s.prove(ctx, a, o, func() error {
		out, err = s.admit(ctx, a, in, o)
		return err
	})
	if errors.Is(err, org.ErrNotMember) {
		err = errors.Join(err, s.elsewhere(ctx, a, o))
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// elsewhere records a sign-in to an organization that the user is no member of.
// The password was right: that is no guess at it.
func (s *Service) elsewhere(ctx context.Context, a *attempt, o Origin) error {
	e := o.Entry(a.action, a.user.ID, a.now)
	e.Outcome, e.Detail = audit.Failure, map[string]string{"method": "pwd", "reason": "organization"}
	ctx = context.WithoutCancel(ctx)
	return s.Store.Update(ctx, func(tx Tx) error {
		if err := s.Limits.Refund(ctx, tx.Failures, a.paid); err != nil {
			return err
		}
		return tx.Audit.Append(ctx, e)
	})
}

// admit starts the session, if everything still is as it was verified.
func (s *Service) admit(ctx context.Context, a *attempt, in SignIn, o Origin) (*SignedIn, error) {
	var c outcome
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
		if c, err = s.conclude(ctx, tx, u, in, byPassword(a.position, a.now), o); err != nil {
			return err
		}
		return s.Limits.Forgive(ctx, tx.Failures, a.paid)
	})
	if err == nil {
		s.lookUp(ctx, a, o)
	}
	return s.finish(c, err)
}

// start creates the session, and the family of its refresh tokens if there are
// to be tokens, for a user whose row this transaction holds.
func (s *Service) start(ctx context.Context, tx Tx, u User, in SignIn, p proof, o Origin) (*SignedIn, *token.Family, error) {
	st, err := standingIn(ctx, tx, u.ID, in.Org)
	if err != nil {
		return nil, nil, err
	}
	o.Actor = u.ID
	if err := s.stay(ctx, tx, &u, o, p.At); err != nil {
		return nil, nil, err
	}
	sess, cookie := s.Timeouts.New(u.ID, p.At)
	sess.Org = st.Org
	sess.AMR, sess.AAL, sess.AuthTime, sess.Position = p.AMR, p.AAL, p.At, p.Position
	sess.UserAgent = clip(o.UserAgent)
	if o.Address.IsValid() {
		sess.Address = o.Address.String()
	}
	var family *token.Family
	if in.WithTokens {
		// Of a session behind tokens nobody gets the cookie.
		cookie, family = "", s.newFamily(sess)
		if err := tx.Families.Create(ctx, *family); err != nil {
			return nil, nil, err
		}
	}
	if err := tx.Sessions.Create(ctx, sess); err != nil {
		return nil, nil, err
	}
	e := o.Entry("user.sign_in", u.ID, p.At)
	e.Org, e.Detail = sess.Org, map[string]string{"method": p.Way, "amr": strings.Join(p.AMR, " "), "session": sess.ID}
	out := &SignedIn{
		User: u, Roles: st.Roles, OrgRoles: st.OrgRoles, Session: sess, Cookie: cookie, Mode: in.Mode, ReturnTo: in.ReturnTo,
	}
	if out.Device, err = s.recognise(ctx, tx, u, in, p, o, &e); err != nil {
		return nil, nil, err
	}
	return out, family, tx.Audit.Append(ctx, e)
}

// standingIn returns what a user has now, everywhere and in the organization of
// that slug or id ("" = none), or [org.ErrNotMember] if they are no member or there
// is none. Only who has proved who they are may ask: it would tell others.
func standingIn(ctx context.Context, tx Tx, user, idOrSlug string) (st authz.Standing, err error) {
	var o org.Organization
	if idOrSlug != "" {
		o, err = organization(ctx, tx, idOrSlug)
	}
	if errors.Is(err, org.ErrNotFound) {
		err = org.ErrNotMember
	}
	if err != nil {
		return st, err
	}
	st, err = standing(ctx, tx, user, o.ID)
	if err == nil && st.Org != o.ID {
		err = org.ErrNotMember
	}
	return st, err
}

// mint adds the tokens of a family, if there is one, once everything is committed.
func (s *Service) mint(out *SignedIn, family *token.Family, rev revoke.Position, now time.Time) (*SignedIn, error) {
	if family == nil {
		return out, nil
	}
	var err error
	st := authz.Standing{Org: out.Session.Org, Roles: out.Roles, OrgRoles: out.OrgRoles}
	if out.Tokens, err = s.tokens(*family, out.Session, st, rev, now); err != nil {
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

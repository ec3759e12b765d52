// Package account is people and their credentials: how they register, sign in
// and out, change a password, are disabled or deleted, and what that does to
// their sessions, tokens and keys. Every change happens in one transaction with
// its audit entry and its revocation entry, and is in force on this node before
// the call returns.
package account

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// AdminRole is the role that holds every permission. It cannot be deleted, and
// its last holder cannot lose it.
const AdminRole = "admin"

const userPrefix = "usr"

// A Service does what is done to accounts. Fill its fields before first use and
// leave them alone afterwards; it is then safe for concurrent use.
type Service struct {
	Store     Store
	Follower  *revoke.Follower
	Passwords *password.Hasher
	Policy    password.Policy
	Breaches  *password.Breaches // nil = nobody is asked about breached passwords
	Limits    *limit.SignIn
	Codes     *limit.Tries // of wrong second factors

	MailedCodes *limit.Tries // of wrong codes out of messages, by name
	Asked       *limit.Tries // of messages that somebody asked for, by name
	AskedFrom   *limit.Tries // the same by client
	Kept        *limit.Tries // of requests that anybody may leave, by client

	OldSystem OldSystem // where people come from; nil = nobody is asked

	Refreshes *token.RefreshTokens
	// Sign writes an access token, with the key that its audience asks for.
	Sign     func(c *token.Claims) (string, error)
	Schedule token.Schedule // of the keys that Sign has: which audiences have some of their own
	Issuer   string         // claim iss, and the audience of first-party tokens

	Pseudonyms *oauth.Pseudonyms // by which clients with pairwise subjects know people
	Sectors    oauth.Sectors     // whose clients may share them

	Passkeys *passkey.Party // whose passkeys they are; nil = there are none

	// Sealer seals messages; nil = none are written. Pages is where links in them
	// lead, such as "https://example.com/auth".
	Sealer *secret.Sealer
	Pages  string

	Timeouts       session.Timeouts
	AccessLifetime time.Duration // of access tokens; zero = 15 minutes
	FamilyLifetime time.Duration // of refresh families; zero = 30 days
	Leeway         time.Duration // for repeated refreshes; zero = 30 s

	InvitationLifetime time.Duration // of the link; zero = 7 days
	TrustLifetime      time.Duration // of trust in a device; zero = 30 days, negative = none is trusted

	ServiceName       string     // no password may be made of it
	DefaultRoles      []string   // of a new member
	EmailIsName       bool       // people register with an address alone, which they prove first
	KeepOtherSessions bool       // a password change does not end the other sessions
	FactorKinds       []otp.Kind // what people can set up beside passkeys; nil = whatever there is
	RequireFactor     bool       // everybody needs a second factor
	RequireFactorOf   []string   // roles: who holds one needs a second factor
	Log               *slog.Logger
}

func (s *Service) accessLifetime() time.Duration { return cmp.Or(s.AccessLifetime, 15*time.Minute) }
func (s *Service) familyLifetime() time.Duration { return cmp.Or(s.FamilyLifetime, 30*24*time.Hour) }
func (s *Service) leeway() time.Duration         { return cmp.Or(s.Leeway, 30*time.Second) }

func (s *Service) invitationLifetime() time.Duration {
	return cmp.Or(s.InvitationLifetime, 7*24*time.Hour)
}

// FirstParty is the client_id of the tokens that sign-in itself hands out.
const FirstParty = "sallyport"

// An Origin says on whose behalf and from where something is done: what the
// audit log records. The zero Origin is the system itself.
type Origin struct {
	Actor     string // subject; "" = "system"
	Address   netip.Addr
	UserAgent string
	Device    string // value of the device's cookie; "" = none
	Trace     string // trace id of the request

	// Giver is who gives roles, or takes them: nobody can give more than they hold.
	// Nil is not limited: the system itself, and who has its command line.
	Giver *sallyport.Principal
}

// Entry begins an audit entry of a success.
func (o Origin) Entry(action, target string, now time.Time) audit.Entry {
	e := audit.Entry{
		At: now, Actor: cmp.Or(o.Actor, "system"), Action: action, Target: target,
		Trace: o.Trace, Outcome: audit.Success,
	}
	if o.Address.IsValid() {
		e.Address = o.Address.String()
	}
	return e
}

// present is the time in the precision of the stores, so that what is returned
// is what will be read.
func present() time.Time { return time.Now().Truncate(time.Millisecond) }

// change runs f in one transaction and returns once this node's cursor has
// passed what f appended: before a change is answered it is in force.
func (s *Service) change(ctx context.Context, f func(Tx) (revoke.Position, error)) error {
	var reached revoke.Position
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		reached, err = f(tx)
		return err
	})
	if err != nil {
		return err
	}
	return s.CatchUp(ctx, reached)
}

// CatchUp returns once this node obeys the log up to p. The change is committed
// by then, so the caller's impatience does not cut it short.
func (s *Service) CatchUp(ctx context.Context, p revoke.Position) error {
	if p.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.Follower.CatchUp(ctx, p); err != nil {
		return fmt.Errorf("following the log to %v: %w", p, err)
	}
	return nil
}

// position is where a credential begins: read before anything is verified, and
// now is read before it, so that what is minted never outlives its entries.
func (s *Service) position(ctx context.Context) (p revoke.Position, now time.Time, err error) {
	now = present()
	read := s.Follower.Cursor()
	err = s.Store.View(ctx, func(tx Tx) error {
		head, err := s.head(ctx, tx, read)
		p = head.Position
		return err
	})
	return p, now, err
}

// began reports whether what began at p may still be finished for u: it may not
// if something ended the user's credentials meanwhile, or on another log.
func (u *User) began(p, head revoke.Position) bool {
	return u.Status == Active && p.Log == head.Log && u.KilledSeq <= p.Seq
}

// kill ends everything that the subject holds at this moment: tokens everywhere,
// sessions and families in the store.
func (s *Service) kill(ctx context.Context, tx Tx, user, reason string, now time.Time) (revoke.Entry, error) {
	if err := tx.Families.EndSubject(ctx, user, "", reason, now); err != nil {
		return revoke.Entry{}, err
	}
	ended, err := tx.Sessions.EndAll(ctx, user, "")
	if err == nil {
		err = s.tellClients(ctx, tx, ended...)
	}
	if err != nil {
		return revoke.Entry{}, err
	}
	return s.killEntry(revoke.Subject, user, now), nil
}

// appendKills appends as the last thing in a transaction, and moves the user's
// last kill there.
func appendKills(ctx context.Context, tx Tx, user string, about ssf.About, entries ...revoke.Entry) (revoke.Position, error) {
	p, err := appendTold(ctx, tx, about, entries...)
	if err != nil {
		return p, err
	}
	return p, tx.Users.SetKilledSeq(ctx, user, p.Seq)
}

// appendTold appends to the log as the last thing in a transaction, and keeps what the
// entries mean for those who are told of events. A credential or factor that changes
// ends the trust in the user's devices: a second factor is asked for again.
func appendTold(ctx context.Context, tx Tx, about ssf.About, entries ...revoke.Entry) (revoke.Position, error) {
	if about.Change != "" {
		if err := tx.Devices.EndTrust(ctx, about.Subject); err != nil {
			return revoke.Position{}, err
		}
	}
	p, err := tx.Log.Append(ctx, entries...)
	if err != nil {
		return p, err
	}
	return p, tx.Signals.Append(ctx, ssf.Derive(p.Seq, about, entries...)...)
}

// about says to those who are told that something was done to the user, by whom, and
// why ("" = that says nothing to them).
func (o Origin) about(user, reason string) ssf.About {
	a := ssf.About{Subject: user, By: ssf.Admin, Reason: reason}
	switch o.Actor {
	case user:
		a.By = ssf.User
	case "", "system", "anonymous":
		a.By = ssf.System
	}
	return a
}

func (s *Service) log() *slog.Logger { return cmp.Or(s.Log, slog.Default()) }

// User returns the user with that id.
func (s *Service) User(ctx context.Context, id string) (u User, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { u, err = tx.Users.ByID(ctx, id); return err })
	return u, err
}

// Find returns the user with that id, user name or address. An address that
// several users have is [ErrAmbiguous], unless one of them has verified it.
func (s *Service) Find(ctx context.Context, nameOrID string) (u User, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { u, err = find(ctx, tx, nameOrID); return err })
	return u, err
}

func find(ctx context.Context, tx Tx, who string) (User, error) {
	if secret.IsID(userPrefix, who) { // no name begins like one
		return tx.Users.ByID(ctx, who)
	}
	id := parseIdentifier(who)
	switch {
	case id.username != "":
		return tx.Users.ByUsername(ctx, id.username)
	case id.email == "":
		return User{}, ErrNotFound
	}
	users, err := tx.Users.ByEmail(ctx, id.email)
	switch {
	case err != nil:
		return User{}, err
	case len(users) == 0:
		return User{}, ErrNotFound
	case len(users) > 1 && !users[0].EmailVerified:
		return User{}, ErrAmbiguous
	}
	return users[0], nil
}

// A Member is a user with the names of the roles that they have now.
type Member struct {
	User
	Roles []string
}

// Members returns users in order of id, all as they were at one moment.
func (s *Service) Members(ctx context.Context, f UserFilter) (ms []Member, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		users, err := tx.Users.List(ctx, f)
		if err != nil {
			return err
		}
		ms = make([]Member, len(users))
		for i, u := range users {
			roles, err := tx.Roles.Assigned(ctx, u.ID, "")
			if err != nil {
				return err
			}
			ms[i] = Member{u, roles}
		}
		return nil
	})
	return ms, err
}

// Audit returns entries of the audit log, newest first.
func (s *Service) Audit(ctx context.Context, f audit.Filter) (es []audit.Entry, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { es, err = tx.Audit.List(ctx, f); return err })
	return es, err
}

// Assigned returns the names of the roles that the subject has now.
func (s *Service) Assigned(ctx context.Context, subject, org string) (roles []string, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { roles, err = tx.Roles.Assigned(ctx, subject, org); return err })
	return roles, err
}

// Roles returns all role definitions, by name.
func (s *Service) Roles(ctx context.Context) (roles []authz.Role, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { roles, err = tx.Roles.Roles(ctx); return err })
	return roles, err
}

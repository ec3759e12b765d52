package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// An Elsewhere is who somebody has just proved to be, at a provider that we believe.
// Issuer and Subject say who; an address says nothing unless EmailVerified does.
type Elsewhere struct {
	Provider      string
	Issuer        string
	Subject       string
	Email         string
	EmailVerified bool
	Name          string
	Username      string // what they might like to be called
}

// ErrAddressTaken means that an account has that address and has proved it: its owner
// signs in there as always, and connects the provider then.
var ErrAddressTaken = errors.New("an account has this address already")

// ErrUnproved means that there are accounts with that address that never proved it.
// Who has proved it now may have them closed, but never gets them.
var ErrUnproved = errors.New("an account that never proved it has this address")

// A Begun is when a sign-in began: before anything of it was verified.
type Begun struct {
	Position revoke.Position
	At       time.Time
}

// Begin marks the begin of a sign-in that is verified by others.
func (s *Service) Begin(ctx context.Context) (b Begun, err error) {
	b.Position, b.At, err = s.position(ctx)
	return b, err
}

// elsewhere is the proof of an identity.
func (b Begun) elsewhere() proof {
	return proof{AMR: []string{"fed"}, AAL: 1, Way: "fed", Position: b.Position, At: b.At}
}

// SignInElsewhere signs in the user who has connected the identity: nobody else, also
// if their addresses are the same. Errors: [ErrNotConnected], [ErrInvalidCredentials]
// for an account that cannot be used, [NeedsFactorError], [org.ErrNotMember].
func (s *Service) SignInElsewhere(ctx context.Context, b Begun, who Elsewhere, in SignIn, o Origin) (*SignedIn, error) {
	var c outcome
	refused := false
	err := s.Store.Update(ctx, func(tx Tx) error {
		refused = false
		i, u, err := lockIdentity(ctx, tx, who)
		if err != nil {
			return err
		}
		head, err := tx.Log.Head(ctx)
		if err != nil {
			return err
		}
		if refused = !u.began(b.Position, head.Position); refused { // and the refusal is kept
			e := o.Entry("user.sign_in", u.ID, b.At)
			e.Outcome, e.Detail = audit.Failure, map[string]string{"method": "fed", "provider": who.Provider}
			return tx.Audit.Append(ctx, e)
		}
		if err := tx.Identities.Used(ctx, i.ID, who.Email, who.Name, b.At); err != nil {
			return err
		}
		c, err = s.conclude(ctx, tx, u, in, b.elsewhere(), o)
		return err
	})
	if err == nil && refused {
		err = ErrInvalidCredentials
	}
	return s.finish(c, err)
}

// lockIdentity returns the identity and its user, whose row is held from here on. The
// identity is looked up again then: it may have been disconnected meanwhile.
func lockIdentity(ctx context.Context, tx Tx, who Elsewhere) (i Identity, u User, err error) {
	if i, err = tx.Identities.BySubject(ctx, who.Issuer, who.Subject); err != nil {
		return i, u, err
	}
	if u, err = tx.Users.Lock(ctx, i.User); err != nil {
		if errors.Is(err, ErrNotFound) {
			err = ErrNotConnected
		}
		return i, u, err
	}
	again, err := tx.Identities.BySubject(ctx, who.Issuer, who.Subject)
	if err == nil && again.ID != i.ID {
		err = ErrNotConnected
	}
	return i, u, err
}

// RegisterElsewhere makes an account for who has proved to be somebody at a provider,
// and signs them in. It never is an account that exists, whatever its address. claim
// says what to do about accounts that have the address and never proved it: to close
// them, see [ErrUnproved]. Errors: [InvalidError], [ErrTaken] of the user name,
// [ErrAddressTaken], [ErrUnproved], [ErrConnected] if they have an account meanwhile,
// and those of [Service.SignInElsewhere].
func (s *Service) RegisterElsewhere(ctx context.Context, b Begun, who Elsewhere, username string, claim bool, in SignIn, o Origin) (*SignedIn, error) {
	if _, err := foldEmail(who.Email); err != nil {
		who.Email, who.EmailVerified = "", false
	}
	d, err := s.prepare(ctx, Registration{
		Username: username, Email: who.Email, EmailVerified: who.EmailVerified, Roles: s.DefaultRoles,
	}, b.At)
	if err != nil {
		return nil, err
	}
	d.user.DisplayName = who.Name
	o.Actor = d.user.ID
	var c outcome
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		closed, err := s.unproved(ctx, tx, d.user, claim, o, b.At)
		if err != nil {
			return p, err
		}
		if _, err := tx.Users.ByUsername(ctx, d.user.UsernameNorm); !errors.Is(err, ErrNotFound) {
			return p, cmp.Or(err, ErrTaken)
		}
		if err := d.create(ctx, tx, "user.register", o); err != nil {
			return p, err
		}
		if err := s.connect(ctx, tx, d.user, who, o, b.At); err != nil {
			return p, err
		}
		if c, err = s.conclude(ctx, tx, d.user, in, b.elsewhere(), o); err != nil || len(closed) == 0 {
			return p, err
		}
		return endAll(ctx, tx, closed, o.about(d.user.ID, "address proved by somebody else"))
	})
	return s.finish(c, err)
}

// unproved returns the kills of the accounts that have u's address without having
// proved it, if u has. Whoever made one may have known the address and nothing else:
// they must not be in the account that its owner comes to use (a hijack before the
// fact), and its owner must not be in theirs.
func (s *Service) unproved(ctx context.Context, tx Tx, u User, claim bool, o Origin, now time.Time) (dead []revoke.Entry, err error) {
	if !u.EmailVerified {
		return nil, nil
	}
	others, err := namesakes(ctx, tx, u.EmailNorm)
	if err != nil {
		return nil, err
	}
	if len(others) > 0 && !claim {
		return nil, ErrUnproved
	}
	slices.SortFunc(others, func(a, b User) int { return cmp.Compare(a.ID, b.ID) }) // the order in which everybody locks
	for _, other := range others {
		if other, err = tx.Users.Lock(ctx, other.ID); err != nil {
			return nil, err
		}
		e, err := s.disown(ctx, tx, other, o, now)
		if err != nil {
			return nil, err
		}
		dead = append(dead, e)
	}
	return dead, nil
}

// disownOthers closes the accounts that have the address which u has just proved by
// mail, and never proved it themselves (security rule: the true owner's proof ends what
// somebody else began in their name). Administrators stay, who can mend that themselves.
// It returns the kills. u's row is held.
func (s *Service) disownOthers(ctx context.Context, tx Tx, u User, o Origin, now time.Time) (dead []revoke.Entry, err error) {
	others, err := tx.Users.ByEmail(ctx, u.EmailNorm)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(others, func(a, b User) int { return cmp.Compare(a.ID, b.ID) }) // the order in which everybody locks
	for _, other := range others {
		if other.ID == u.ID {
			continue
		}
		if other, err = tx.Users.Lock(ctx, other.ID); err != nil {
			return nil, err
		}
		roles, err := tx.Roles.Assigned(ctx, other.ID, "")
		if err != nil {
			return nil, err
		}
		if other.EmailNorm != u.EmailNorm || other.EmailVerified || slices.Contains(roles, AdminRole) {
			continue
		}
		e, err := s.disown(ctx, tx, other, o, now)
		if err != nil {
			return nil, err
		}
		dead = append(dead, e)
	}
	return dead, nil
}

// namesakes returns the accounts that have an address and never proved it, or
// [ErrAddressTaken] if one cannot be closed: it has proved it, or administers.
func namesakes(ctx context.Context, tx Tx, norm string) ([]User, error) {
	others, err := tx.Users.ByEmail(ctx, norm)
	for _, other := range others {
		if other.EmailVerified {
			return nil, ErrAddressTaken
		}
		roles, err := tx.Roles.Assigned(ctx, other.ID, "")
		if err != nil {
			return nil, err
		}
		if slices.Contains(roles, AdminRole) {
			return nil, ErrAddressTaken
		}
	}
	return others, err
}

// Unproved reports whether accounts have the address that who has proved, and have not
// proved it themselves. [ErrAddressTaken] if one has, or cannot be closed.
func (s *Service) Unproved(ctx context.Context, who Elsewhere) (there bool, err error) {
	norm, err := foldEmail(who.Email)
	if err != nil || !who.EmailVerified {
		return false, nil
	}
	err = s.Store.View(ctx, func(tx Tx) error {
		others, err := namesakes(ctx, tx, norm)
		there = len(others) > 0
		return err
	})
	return there, err
}

// endAll appends kills of several subjects as the last thing in a transaction.
func endAll(ctx context.Context, tx Tx, dead []revoke.Entry, about ssf.About) (revoke.Position, error) {
	p, err := appendTold(ctx, tx, about, dead...)
	for _, e := range dead {
		if err == nil {
			err = tx.Users.SetKilledSeq(ctx, e.ID, p.Seq)
		}
	}
	return p, err
}

// disown takes u's unproved address, and with it every way into the account: password,
// sessions, passkeys, factors, API keys, certificates, identities, devices, what other
// programs were let do and what was mailed.
// What the account holds stays, for an administrator to hand over. The row is held; the
// entry that it returns ends what goes on outside of the store.
func (s *Service) disown(ctx context.Context, tx Tx, u User, o Origin, now time.Time) (revoke.Entry, error) {
	dead, err := s.kill(ctx, tx, u.ID, "address proved by somebody else", now)
	if err != nil {
		return dead, err
	}
	address := u.Email
	u.Email, u.EmailNorm, u.EmailVerified, u.UpdatedAt = "", "", false, now
	for _, step := range []func() error{
		func() error { return tx.Credentials.SetPassword(ctx, u.ID, "", now) },
		func() error { return tx.Passkeys.RemoveAll(ctx, u.ID) },
		func() error { return tx.Certificates.RemoveAll(ctx, u.ID) },
		func() error { _, err := tx.APIKeys.RevokeAll(ctx, u.ID); return err },
		func() error { _, err := tx.Factors.RemoveAll(ctx, u.ID); return err },
		func() error { return tx.Recovery.RemoveAll(ctx, u.ID) },
		func() error { _, err := tx.Identities.RemoveAll(ctx, u.ID); return err },
		func() error { return removeClients(ctx, tx, u.ID) },
		func() error { return tx.Devices.RemoveOthers(ctx, u.ID, "") },
		func() error { return tx.OneTime.EndAll(ctx, u.ID) },
		func() error { return tx.Users.SetProfile(ctx, u) },
	} {
		if err := step(); err != nil {
			return dead, fmt.Errorf("closing %s: %w", u.ID, err)
		}
	}
	e := o.Entry("user.disown", u.ID, now)
	e.Detail = map[string]string{"email": address}
	return dead, tx.Audit.Append(ctx, e)
}

const identityPrefix = "idn"

// connect makes the identity u's, whose row this transaction holds.
func (s *Service) connect(ctx context.Context, tx Tx, u User, who Elsewhere, o Origin, now time.Time) error {
	i := Identity{
		ID: secret.NewID(identityPrefix), User: u.ID, Provider: who.Provider, Issuer: who.Issuer, Subject: who.Subject,
		Email: who.Email, Name: who.Name, CreatedAt: now, LastUsedAt: now,
	}
	if err := tx.Identities.Create(ctx, i); err != nil {
		return err
	}
	e := o.Entry("identity.connect", u.ID, now)
	e.Detail = map[string]string{"provider": who.Provider, "identity": i.ID}
	return tx.Audit.Append(ctx, e)
}

// Spend reports true to the first who brings that hash, on whichever node, and false to
// everybody after, until then: of an answer of a provider, an assertion of a client, a
// proof of a key.
func (s *Service) Spend(ctx context.Context, hash []byte, until time.Time) (first bool, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		first, err = tx.Identities.Spend(ctx, hash, until)
		return err
	})
	return first, err
}

// Identities returns what the user has connected, oldest first.
func (s *Service) Identities(ctx context.Context, user string) (all []Identity, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { all, err = tx.Identities.Of(ctx, user); return err })
	return all, err
}

// Connect lets p's subject sign in by the identity from now on. The session goes on
// under a new cookie. Errors: [ErrConnected] if it is somebody else's, or if the user
// has another one of that provider; [ErrNoSession], [ErrWeakSession].
func (s *Service) Connect(ctx context.Context, p *sallyport.Principal, who Elsewhere, o Origin) (r Renewed, err error) {
	now := present()
	err = s.change(ctx, func(tx Tx) (pos revoke.Position, err error) {
		u, _, err := s.strongSession(ctx, tx, p, now)
		if err != nil {
			return pos, err
		}
		all, err := tx.Identities.Of(ctx, u.ID)
		if err != nil {
			return pos, err
		}
		if slices.ContainsFunc(all, func(i Identity) bool { return i.Provider == who.Provider }) {
			return pos, ErrConnected
		}
		if err := s.connect(ctx, tx, u, who, o, now); err != nil {
			return pos, err
		}
		r, pos, err = s.identityChanged(ctx, tx, p, u, who.Provider, ssf.Create, o, now)
		return pos, err
	})
	return r, err
}

// Disconnect ends that p's subject can sign in by a provider. The session goes on under
// a new cookie. Errors: [ErrNotConnected], [ErrLastWayIn], [ErrNoSession],
// [ErrWeakSession].
func (s *Service) Disconnect(ctx context.Context, p *sallyport.Principal, provider string, o Origin) (r Renewed, err error) {
	now := present()
	err = s.change(ctx, func(tx Tx) (pos revoke.Position, err error) {
		u, _, err := s.strongSession(ctx, tx, p, now)
		if err != nil {
			return pos, err
		}
		all, err := tx.Identities.Of(ctx, u.ID)
		if err != nil {
			return pos, err
		}
		removed := false
		for _, i := range all {
			if i.Provider != provider {
				continue
			}
			if removed, err = tx.Identities.Remove(ctx, i.ID); err != nil {
				return pos, err
			}
			e := o.Entry("identity.disconnect", u.ID, now)
			e.Detail = map[string]string{"provider": provider, "identity": i.ID}
			if err := tx.Audit.Append(ctx, e); err != nil {
				return pos, err
			}
		}
		if !removed {
			return pos, ErrNotConnected
		}
		if err := s.keepsWayIn(ctx, tx, u); err != nil {
			return pos, err
		}
		r, pos, err = s.identityChanged(ctx, tx, p, u, provider, ssf.Revoke, o, now)
		return pos, err
	})
	return r, err
}

// identityChanged tells the owner of an identity that came or went, ends what could go
// on with it, and gives the session a new cookie.
func (s *Service) identityChanged(ctx context.Context, tx Tx, p *sallyport.Principal, u User, provider string, c ssf.Change, o Origin, now time.Time) (r Renewed, pos revoke.Position, err error) {
	told, reason := outbox.FactorAdded, "sign-in connected"
	if c == ssf.Revoke {
		told, reason = outbox.FactorRemoved, "sign-in disconnected"
	}
	if err := s.notify(ctx, tx, u, told, map[string]string{"factor": "federated", "name": provider}); err != nil {
		return r, pos, err
	}
	if r, err = renewSession(ctx, tx, p.Session); err != nil {
		return r, pos, err
	}
	about := o.about(u.ID, reason)
	about.Change, about.Credential, about.Name = c, ssf.Federated, provider
	pos, err = appendTold(ctx, tx, about, s.notice(revoke.Session, p.Session, now))
	return r, pos, err
}

package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// ErrNotYours means that whoever brings a link has not shown that the account which
// it is for is theirs: they sign in, or say a new password, which makes it theirs.
var ErrNotYours = errors.New("sign in to confirm this address, or set a new password")

// RegisterByEmail begins to make an account whose name is an address: it is made when
// somebody proves the address. Nothing tells whether there is one already but the mail
// to its owner. The ticket is for whoever registers: with it the password stands that
// they chose; whoever brings the link alone says a new one, because they are not
// known to be the same. Errors: [InvalidError], [password.WeakError], [LimitError].
func (s *Service) RegisterByEmail(ctx context.Context, in Registration, o Origin) (ticket string, err error) {
	p, now, err := s.position(ctx)
	if err != nil {
		return "", err
	}
	if in.Password == "" {
		return "", invalid("password", "is missing")
	}
	norm, err := foldEmail(in.Email)
	if err != nil {
		return "", err
	}
	if err := s.checkPassword(ctx, User{EmailNorm: norm}, in.Password); err != nil {
		return "", err
	}
	phc, err := s.Passwords.Hash(ctx, in.Password)
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	proof := secret.NewToken()
	owner := s.nobody(norm)
	m := mailing{
		purpose: forRegister, kind: outbox.Verify, path: verifyPath, owner: owner, target: norm, lifetime: outbox.CodeLifetime,
		data:   mailedData{Email: in.Email, PHC: phc, Ticket: secret.Hash(proof), Locale: in.Locale},
		letter: outbox.Letter{To: in.Email, Locale: in.Locale},
	}
	var wait time.Duration
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, err := s.locked(ctx, tx, identifier{counted: norm, email: norm})
		if err != nil {
			return err
		}
		many, err := s.tooMany(ctx, tx, norm, o, now, &wait)
		if err != nil || many || wait > 0 {
			return errors.Join(err, s.asked(ctx, tx, "user.register", u.ID, "limit", o, now))
		}
		m := m
		if u.ID != "" { // its owner hears of it; the token is none that works
			m.kind, m.path, m.target = outbox.Registered, "/login", ""
			m.letter = outbox.Letter{User: u.ID, To: u.Email, Locale: u.Locale, Data: map[string]string{"link": s.Pages + "/login", "code": ""}}
		}
		if err := s.post(ctx, tx, m, p, now); err != nil {
			return err
		}
		return s.asked(ctx, tx, "user.register_ask", u.ID, "", o, now)
	})
	if err == nil && wait > 0 {
		err = &LimitError{Wait: wait}
	}
	return owner + "." + proof, err
}

// verifyNew sends the mail by which a new user proves their address.
func (s *Service) verifyNew(ctx context.Context, tx Tx, u User, p revoke.Position, now time.Time) error {
	if u.Email == "" || s.Sealer == nil {
		return nil
	}
	pause, err := s.Asked.Spend(ctx, tx.Failures, u.EmailNorm, now)
	if err != nil || pause > 0 {
		return err
	}
	return s.post(ctx, tx, s.verification(u, u.Email, u.EmailNorm), p, now)
}

// SendVerification sends a link and a code to an address that p's subject says is
// theirs: the one that the account has, to prove it, or another in its place. Whether
// it is somebody else's, nothing tells. Errors: [InvalidError], [LimitError],
// [ErrNoSession], [ErrWeakSession].
func (s *Service) SendVerification(ctx context.Context, p *sallyport.Principal, email string, o Origin) error {
	norm, err := foldEmail(email)
	if err != nil {
		return err
	}
	at, now, err := s.position(ctx)
	if err != nil {
		return err
	}
	var wait time.Duration
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, _, err := s.strongSession(ctx, tx, p, now)
		if err != nil {
			return err
		}
		pause, err := s.Asked.Spend(ctx, tx.Failures, norm, now)
		if wait = max(wait, pause); err != nil || pause > 0 {
			return errors.Join(err, s.asked(ctx, tx, "email.change_ask", u.ID, "limit", o, now))
		}
		if err := s.post(ctx, tx, s.verification(u, email, norm), at, now); err != nil {
			return err
		}
		return s.asked(ctx, tx, "email.change_ask", u.ID, "", o, now)
	})
	if err == nil && wait > 0 {
		err = &LimitError{Wait: wait}
	}
	return err
}

// verification is the mail by which u proves an address: the one that they have, or
// another.
func (s *Service) verification(u User, email, norm string) mailing {
	m := mailing{
		purpose: forVerify, kind: outbox.Verify, path: verifyPath, owner: u.ID, target: norm, data: mailedData{Email: email},
		letter: outbox.Letter{User: u.ID, To: email, Locale: u.Locale}, lifetime: outbox.CodeLifetime,
	}
	if u.EmailNorm != norm {
		m.purpose, m.kind = forChange, outbox.EmailChange
	}
	return m
}

// A Verification is what somebody brings to prove an address.
type Verification struct {
	Mailed
	Ticket   string // of [Service.RegisterByEmail]
	Password string // to make the account theirs who has the link alone; "" = none
}

// VerifyEmail proves an address by a link or a code out of the mail. p is who brings
// it. Who is signed in to the account proves its address, or gives it another; the old
// one is told. Who registered has the account made; who brings that link without the
// ticket says a new password, for they may not be the same.
//
// Who is not signed in gets [ErrNotYours]: a mail that went to somebody else's mailbox
// by mistake must not give them the account, and an owner whose address somebody else
// named must not be led into that account (security.md 14). Other errors: [ErrMailed],
// [LimitError], [password.WeakError].
func (s *Service) VerifyEmail(ctx context.Context, p *sallyport.Principal, v Verification, o Origin) error {
	owner, proof := v.owner(p)
	if v.Token == "" && owner == "" {
		return ErrNotYours
	}
	return s.redeem(ctx, v.Mailed, owner, "email.verify", o, func() error {
		now := present()
		t, err := s.brought(ctx, v.Mailed, owner, now)
		if err != nil {
			return err
		}
		var d mailedData
		if err := json.Unmarshal(t.Data, &d); err != nil {
			return fmt.Errorf("reading token: %w", err)
		}
		phc := ""
		switch known := d.known(t, p, proof); {
		case known:
		case v.Password == "" || t.Purpose != forRegister:
			return ErrNotYours
		default:
			if err := s.checkPassword(ctx, User{EmailNorm: t.Target}, v.Password); err != nil {
				return err
			}
			if phc, err = s.Passwords.Hash(ctx, v.Password); err != nil {
				return fmt.Errorf("hashing: %w", err)
			}
		}
		return s.change(ctx, func(tx Tx) (revoke.Position, error) {
			if t.Purpose == forRegister {
				return s.registered(ctx, tx, t, d, phc, now, o)
			}
			return s.verified(ctx, tx, v.Mailed, owner, now, o)
		})
	})
}

// brought looks at what somebody brings to prove an address, and uses nothing up.
func (s *Service) brought(ctx context.Context, k Mailed, owner string, now time.Time) (t onetime.Token, err error) {
	err = s.Store.View(ctx, func(tx Tx) (err error) {
		t, err = s.mailed(ctx, tx, k, owner, now, forVerify, forChange, forRegister)
		if err == nil && t.Target == "" {
			err = ErrMailed
		}
		return err
	})
	return t, err
}

// owner is whose codes count for who brings one, and the proof that they registered.
func (v *Verification) owner(p *sallyport.Principal) (owner, proof string) {
	if owner, proof, _ = strings.Cut(v.Ticket, "."); owner == "" && p.Session != "" {
		owner = p.Subject
	}
	return owner, proof
}

// known reports whether who brings the token is whoever asked for it.
func (d *mailedData) known(t onetime.Token, p *sallyport.Principal, proof string) bool {
	if t.Purpose == forRegister {
		return secret.Equal(d.Ticket, secret.Hash(proof))
	}
	return p.Session != "" && p.Subject == t.User
}

// LookAtVerification is [Service.VerifyEmail] without doing anything: nil if nothing
// is missing. password says that a new password would do in place of [ErrNotYours].
func (s *Service) LookAtVerification(ctx context.Context, p *sallyport.Principal, token, ticket string) (password bool, err error) {
	v := Verification{Mailed: Mailed{Token: token}, Ticket: ticket}
	owner, proof := v.owner(p)
	t, err := s.brought(ctx, v.Mailed, owner, present())
	if err != nil {
		return false, err
	}
	var d mailedData
	if err := json.Unmarshal(t.Data, &d); err != nil {
		return false, fmt.Errorf("reading token: %w", err)
	}
	if d.known(t, p, proof) {
		return false, nil
	}
	return t.Purpose == forRegister, ErrNotYours
}

// registered makes the account of an address that is proved. phc replaces the password
// of whoever registered.
func (s *Service) registered(ctx context.Context, tx Tx, t onetime.Token, d mailedData, phc string, now time.Time, o Origin) (p revoke.Position, err error) {
	if err := s.consume(ctx, tx, t, now); err != nil {
		return p, err
	}
	if phc == "" {
		phc = d.PHC
	}
	n := &draft{phc: phc, roles: sorted(s.DefaultRoles), user: User{
		ID: secret.NewID(userPrefix), Email: d.Email, EmailNorm: t.Target, EmailVerified: true, Locale: d.Locale,
		Status: Active, CreatedAt: now, UpdatedAt: now,
	}}
	o.Actor = n.user.ID
	err = n.create(ctx, tx, "user.register", o)
	if errors.Is(err, ErrTaken) { // somebody else has proved it meanwhile
		err = ErrMailed
	}
	if err != nil {
		return p, err
	}
	dead, err := s.disownOthers(ctx, tx, n.user, o, now)
	if err != nil || len(dead) == 0 {
		return p, err
	}
	return endAll(ctx, tx, dead, o.about(n.user.ID, "address proved by somebody else"))
}

// verified writes the address that was proved into the account.
func (s *Service) verified(ctx context.Context, tx Tx, k Mailed, owner string, now time.Time, o Origin) (p revoke.Position, err error) {
	t, d, u, err := s.take(ctx, tx, k, owner, now, forVerify, forChange)
	if err != nil {
		return p, err
	}
	if t.Purpose == forVerify && t.Target != u.EmailNorm { // it has another by now
		return p, ErrMailed
	}
	before := u
	u.Email, u.EmailNorm, u.EmailVerified, u.UpdatedAt = d.Email, t.Target, true, now
	if err := tx.Users.SetProfile(ctx, u); err != nil {
		if errors.Is(err, ErrTaken) { // its owner has an account, and has just been here
			err = ErrMailed
		}
		return p, err
	}
	if err := s.tellOldAddress(ctx, tx, before, u, now, o); err != nil {
		return p, err
	}
	dead, err := s.disownOthers(ctx, tx, u, o, now)
	if err != nil {
		return p, err
	}
	action := "email.verify"
	if t.Purpose == forChange {
		action = "email.change"
	}
	o.Actor = u.ID
	if err := tx.Audit.Append(ctx, o.Entry(action, u.ID, now)); err != nil || len(dead) == 0 {
		return p, err
	}
	return endAll(ctx, tx, dead, o.about(u.ID, "address proved by somebody else"))
}

// tellOldAddress tells an address that was proved that it is not the account's any
// more, and how to take that back.
func (s *Service) tellOldAddress(ctx context.Context, tx Tx, before, u User, now time.Time, o Origin) error {
	if !before.EmailVerified || before.EmailNorm == u.EmailNorm {
		return nil
	}
	head, err := tx.Log.Head(ctx)
	if err != nil {
		return err
	}
	return s.post(ctx, tx, mailing{
		purpose: forUndo, kind: outbox.EmailChanged, path: undoPath, owner: u.ID, target: before.EmailNorm,
		data: mailedData{Email: before.Email}, lifetime: undoLifetime,
		letter: outbox.Letter{User: u.ID, To: before.Email, Locale: before.Locale, Data: map[string]string{"email": u.Email, "code": ""}},
	}, head.Position, now)
}

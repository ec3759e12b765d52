package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// What mailed tokens are good for.
const (
	forReset    onetime.Purpose = "reset"        // a new password
	forLink     onetime.Purpose = "link"         // a sign-in
	forVerify   onetime.Purpose = "verify"       // the address of an account is proved
	forChange   onetime.Purpose = "email_change" // an account gets another address
	forRegister onetime.Purpose = "register"     // an account is made
	forUndo     onetime.Purpose = "email_undo"   // an account gets back the address that it had
)

// The paths of their pages, below [Service.Pages].
const (
	resetPath  = "/password/reset"
	linkPath   = "/link/redeem"
	verifyPath = "/email/verify"
	undoPath   = "/email/undo"
)

// undoLifetime is how long somebody has to notice that their address was changed.
const undoLifetime = 7 * 24 * time.Hour

// ErrMailed means that a link or a code does not work, or no longer: it was used,
// has expired, a newer one was asked for, or it never was one for this.
var ErrMailed = errors.New("link or code does not work, or no longer")

// Mailed is what somebody has out of a message: the token of its link, or its code
// and who they say they are.
type Mailed struct {
	Token            string
	Code, Identifier string
}

// mailedData is what the store keeps with a token.
type mailedData struct {
	Email    string `json:"email,omitempty"`     // as it was typed
	PHC      string `json:"phc,omitempty"`       // of the password of a new account
	Ticket   []byte `json:"ticket,omitempty"`    // hash of what whoever registered was given
	Locale   string `json:"locale,omitempty"`    // of whoever registered
	ReturnTo string `json:"return_to,omitempty"` // where the page leads afterwards
}

// A mailing is a one-time token that goes out as a link and as a code.
type mailing struct {
	purpose  onetime.Purpose
	kind     outbox.Kind
	path     string
	owner    string // whose token it is: a user's, or of a name that is nobody's
	target   string // what it is about
	data     mailedData
	letter   outbox.Letter // To "" = to nobody: the same is done, and nothing goes out
	lifetime time.Duration
}

// post writes the token and its message, in place of any token that the owner had
// for this: each change of an address is undone by a link of its own. It takes the same
// work whether anybody gets the message.
func (s *Service) post(ctx context.Context, tx Tx, m mailing, p revoke.Position, now time.Time) error {
	if m.purpose != forUndo {
		if err := tx.OneTime.EndAll(ctx, m.owner, m.purpose); err != nil {
			return err
		}
	}
	token, code := secret.NewToken(), onetime.NewCode(random)
	data, err := json.Marshal(m.data)
	if err != nil {
		return err
	}
	err = tx.OneTime.Create(ctx, onetime.Token{
		ID: secret.NewID("otk"), Hash: secret.Hash(token), CodeMAC: s.codes().MAC(m.purpose, m.owner, code),
		User: m.owner, Purpose: m.purpose, Target: m.target, Data: data, Position: p, CreatedAt: now, ExpiresAt: now.Add(m.lifetime),
	})
	if err != nil {
		return err
	}
	values := map[string]string{"link": s.page(m.path, token), "code": onetime.ShowCode(code)}
	for name, value := range m.letter.Data {
		values[name] = value
	}
	m.letter.Data = values
	msg, err := outbox.New(s.Sealer, m.kind, m.letter, now)
	if err != nil {
		return err
	}
	if m.letter.To == "" {
		msg.DoneAt, msg.Problem = now, "nobody has this name"
	}
	return tx.Outbox.Add(ctx, msg)
}

// page is the address of a page, with a token that is good for it.
func (s *Service) page(path, token string) string {
	return s.Pages + path + "?" + url.Values{"token": {token}}.Encode()
}

func random(b []byte) { _, _ = rand.Read(b) } // it never fails

func (s *Service) codes() onetime.Codes { return onetime.Codes{Key: s.Sealer.Derive("one-time codes")} }

// nobody stands for a name that is no account's, where tokens are kept by user. It is
// always the same for a name.
func (s *Service) nobody(name string) string {
	h := hmac.New(sha256.New, s.Sealer.Derive("names that are nobody's"))
	h.Write([]byte(name))
	return secret.IDFromBytes("nob", [16]byte(h.Sum(nil)))
}

// ask posts what somebody asks for who is not signed in, by a name that may be
// nobody's. Whether it is somebody's shows in nothing but the mail: not in the
// answer, and not in the work. Too many for one name are answered alike, and not
// sent; from one address, they are a [LimitError].
func (s *Service) ask(ctx context.Context, identifier, action string, m mailing, o Origin) error {
	id := parseIdentifier(identifier)
	p, now, err := s.position(ctx)
	if err != nil {
		return err
	}
	var wait time.Duration
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, err := s.locked(ctx, tx, id)
		if err != nil {
			return err
		}
		m.owner, m.letter.User, m.letter.To, m.letter.Locale = u.ID, u.ID, u.Email, u.Locale
		if u.Status != Active || !u.EmailVerified {
			m.owner, m.letter = s.nobody(id.counted), outbox.Letter{}
		}
		many, err := s.tooMany(ctx, tx, id.counted, o, now, &wait)
		if err != nil || many || wait > 0 {
			return errors.Join(err, s.asked(ctx, tx, action, u.ID, "limit", o, now))
		}
		m.target = u.EmailNorm
		if err := s.post(ctx, tx, m, p, now); err != nil {
			return err
		}
		return s.asked(ctx, tx, action, u.ID, "", o, now)
	})
	if err == nil && wait > 0 {
		err = &LimitError{Wait: wait}
	}
	return err
}

// locked returns the user whom a name means, and holds their row. It is the zero user,
// after the same statements, if there is none.
func (s *Service) locked(ctx context.Context, tx Tx, id identifier) (User, error) {
	u, err := id.find(ctx, tx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return User{}, err
	}
	who := u.ID
	if err != nil {
		who = s.nobody(id.counted)
	}
	u, err = tx.Users.Lock(ctx, who)
	if errors.Is(err, ErrNotFound) {
		return User{}, nil
	}
	return u, err
}

// tooMany counts a message to a name, and sets wait if one client asks for too many.
func (s *Service) tooMany(ctx context.Context, tx Tx, name string, o Origin, now time.Time, wait *time.Duration) (bool, error) {
	var err error
	if o.Address.IsValid() {
		if *wait, err = s.AskedFrom.Spend(ctx, tx.Failures, o.Address.String(), now); err != nil || *wait > 0 {
			return false, err
		}
	}
	pause, err := s.Asked.Spend(ctx, tx.Failures, name, now)
	return pause > 0, err
}

// asked records that a message was asked for.
func (s *Service) asked(ctx context.Context, tx Tx, action, user, reason string, o Origin, now time.Time) error {
	e := o.Entry(action, user, now)
	if reason != "" {
		e.Outcome, e.Detail = audit.Failure, map[string]string{"reason": reason}
	}
	return tx.Audit.Append(ctx, e)
}

// redeem runs f for somebody who brings a link or a code. Wrong codes are counted by
// the name that comes with them, whether it is somebody's or not: f looks only if
// there is something left to spend, and what was right costs nothing.
func (s *Service) redeem(ctx context.Context, k Mailed, name, action string, o Origin, f func() error) error {
	now := present()
	if k.Token != "" {
		return s.unredeemed(ctx, f(), action, o, now)
	}
	var wait time.Duration
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		wait, err = s.MailedCodes.Spend(ctx, tx.Failures, name, now)
		if err == nil && wait > 0 {
			err = s.asked(ctx, tx, action, "", "limit", o, now)
		}
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("counting a code: %w", err)
	case wait > 0:
		return &LimitError{Wait: wait}
	}
	err = f()
	if errors.Is(err, ErrMailed) {
		return s.unredeemed(ctx, err, action, o, now)
	}
	back := s.MailedCodes.Forgive
	if err != nil {
		back = s.MailedCodes.Refund
	}
	return errors.Join(err, s.Store.Update(context.WithoutCancel(ctx), func(tx Tx) error { return back(ctx, tx.Failures, name) }))
}

// unredeemed records that a link or a code did not work.
func (s *Service) unredeemed(ctx context.Context, err error, action string, o Origin, now time.Time) error {
	if !errors.Is(err, ErrMailed) {
		return err
	}
	return errors.Join(err, s.Store.Update(context.WithoutCancel(ctx), func(tx Tx) error {
		return s.asked(ctx, tx, action, "", "link or code", o, now)
	}))
}

// mailed returns the token that somebody brings for one of the purposes, or
// [ErrMailed]. owner is whose code it would have to be; links say that themselves.
func (s *Service) mailed(ctx context.Context, tx Tx, k Mailed, owner string, now time.Time, purposes ...onetime.Purpose) (onetime.Token, error) {
	code, isCode := onetime.ParseCode(k.Code)
	for _, p := range purposes {
		var t onetime.Token
		var err error
		if k.Token != "" {
			t, err = tx.OneTime.ByHash(ctx, p, secret.Hash(k.Token))
		} else {
			t, err = tx.OneTime.Newest(ctx, owner, p)
		}
		switch {
		case errors.Is(err, onetime.ErrNotFound):
			continue
		case err != nil:
			return t, err
		case t.Alive(now) && (k.Token != "" || isCode && s.codes().Match(&t, code)):
			return t, nil
		}
	}
	return onetime.Token{}, ErrMailed
}

// owner is whose codes count for who brings one.
func (s *Service) owner(ctx context.Context, tx Tx, k Mailed) (string, error) {
	if k.Token != "" {
		return "", nil
	}
	id := parseIdentifier(k.Identifier)
	u, err := id.find(ctx, tx)
	if errors.Is(err, ErrNotFound) {
		return s.nobody(id.counted), nil
	}
	return u.ID, err
}

// take uses up the token that somebody brings for a user, whose row is held from here
// on: of those who try at once one gets it. What ended the user's credentials after
// the message was asked for ended it, too.
func (s *Service) take(ctx context.Context, tx Tx, k Mailed, owner string, now time.Time, purposes ...onetime.Purpose) (t onetime.Token, d mailedData, u User, err error) {
	if t, err = s.mailed(ctx, tx, k, owner, now, purposes...); err != nil {
		return t, d, u, err
	}
	if err = json.Unmarshal(t.Data, &d); err != nil {
		return t, d, u, fmt.Errorf("reading token: %w", err)
	}
	u, err = tx.Users.Lock(ctx, t.User)
	if errors.Is(err, ErrNotFound) {
		err = ErrMailed
	}
	if err != nil {
		return t, d, u, err
	}
	head, err := tx.Log.Head(ctx)
	if err == nil && !u.began(t.Position, head.Position) {
		err = ErrMailed
	}
	if err != nil {
		return t, d, u, err
	}
	return t, d, u, s.consume(ctx, tx, t, now)
}

func (s *Service) consume(ctx context.Context, tx Tx, t onetime.Token, now time.Time) error {
	ours, err := tx.OneTime.Consume(ctx, t.ID, now)
	if err == nil && !ours {
		err = ErrMailed
	}
	return err
}

package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

var (
	// ErrPasskeyRefused is the one answer to a passkey that does not sign in: of a
	// wrong page, used twice, copied, or of an account that is closed.
	ErrPasskeyRefused = errors.New("passkey does not sign in here")
	// ErrPasskeyUnknown means that nobody has it, or nobody has it any more: the
	// browser may be told to offer it no more. Who does not hold the passkey cannot
	// ask, as nobody guesses its id.
	ErrPasskeyUnknown = errors.New("passkey belongs to no account")
)

// A PasskeySignIn is what a browser brings back of the passkey that a person chose.
type PasskeySignIn struct {
	Ticket     string // of BeginPasskeySignIn
	Credential []byte // AuthenticationResponseJSON
	SignIn            // without Identifier and Password
}

// BeginPasskeySignIn returns what a browser needs to use a passkey of whoever sits
// there, and the ticket that it must bring along with the answer. Anybody may ask, so
// nothing is kept of it.
func (s *Service) BeginPasskeySignIn() (o passkey.RequestOptions, ticket string, err error) {
	if s.Passkeys == nil {
		return o, "", ErrNoPasskeys
	}
	ticket = secret.NewToken()
	value := signInChallenge(s.Sealer.Derive(signInPurpose), ticket, present().Add(passkey.Lifetime))
	return s.Passkeys.Request(value, nil), ticket, nil
}

const signInPurpose = "passkey sign-in"

// signInChallenge is the challenge to whoever holds that ticket, until expires: nobody
// else can make one, or say beforehand what it will be.
func signInChallenge(key []byte, ticket string, expires time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(expires.UnixMilli()))
	h := hmac.New(sha256.New, key)
	h.Write(b)
	h.Write([]byte(ticket))
	return base64.RawURLEncoding.EncodeToString(h.Sum(b))
}

// until returns when the challenge to that ticket expires, or [passkey.ErrRefused] if it
// has, or is none of ours, or is to another ticket.
func (s *Service) until(challenge, ticket string, now time.Time) (expires time.Time, err error) {
	b, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil || len(b) < 8 {
		return expires, fmt.Errorf("%w: another challenge", passkey.ErrRefused)
	}
	expires = time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	ours := slices.ContainsFunc(s.Sealer.DeriveAll(signInPurpose), func(key []byte) bool {
		return hmac.Equal([]byte(signInChallenge(key, ticket, expires)), []byte(challenge))
	})
	switch {
	case !ours:
		err = fmt.Errorf("%w: another challenge", passkey.ErrRefused)
	case !now.Before(expires):
		err = fmt.Errorf("%w: the challenge has expired", passkey.ErrRefused)
	}
	return expires, err
}

// SignInByPasskey signs in whoever the passkey belongs to. A device that has made
// sure of its user is two factors; otherwise the account may ask for another, which
// is a [NeedsFactorError]. Errors beside: [passkey.ErrMalformed], [ErrPasskeyRefused],
// [ErrPasskeyUnknown], [org.ErrNotMember].
func (s *Service) SignInByPasskey(ctx context.Context, in PasskeySignIn, o Origin) (*SignedIn, error) {
	if s.Passkeys == nil {
		return nil, ErrNoPasskeys
	}
	a, err := passkey.ParseAssertion(in.Credential)
	if err != nil {
		return nil, err
	}
	t := &passkeyTry{assertion: a}
	if t.position, t.now, err = s.position(ctx); err != nil {
		return nil, err
	}
	out, err := s.tryPasskey(ctx, t, in, o)
	switch {
	case errors.Is(err, passkey.ErrNotFound):
		return nil, s.passkeyFailed(ctx, t, "unknown", ErrPasskeyUnknown, o)
	case errors.Is(err, passkey.ErrCopied):
		return nil, s.passkeyFailed(ctx, t, "copied", ErrPasskeyRefused, o)
	case errors.Is(err, passkey.ErrRefused):
		return nil, s.passkeyFailed(ctx, t, err.Error(), ErrPasskeyRefused, o)
	case errors.Is(err, org.ErrNotMember):
		return nil, s.passkeyFailed(ctx, t, "organization", err, o)
	}
	return out, err
}

// A begun proof has the position and the time that were read before it.
type begun struct {
	position revoke.Position
	now      time.Time
}

// A passkeyTry is one try to sign in by a passkey.
type passkeyTry struct {
	begun
	assertion *passkey.Assertion
	key       passkey.Passkey // zero until it is known
}

func (s *Service) tryPasskey(ctx context.Context, t *passkeyTry, in PasskeySignIn, o Origin) (*SignedIn, error) {
	challenge := t.assertion.Challenge()
	expires, err := s.until(challenge, in.Ticket, t.now)
	if err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx Tx) (err error) {
		t.key, err = tx.Passkeys.ByCredential(ctx, t.assertion.CredentialID())
		return err
	})
	if err != nil {
		return nil, err
	}
	use, err := s.Passkeys.Verify(challenge, t.assertion, &t.key)
	if err != nil {
		return nil, err
	}
	var c outcome
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, err := tx.Users.Lock(ctx, t.key.User)
		if errors.Is(err, ErrNotFound) {
			return passkey.ErrNotFound
		}
		if err != nil {
			return err
		}
		head, err := tx.Log.Head(ctx)
		if err != nil {
			return err
		}
		if !u.began(t.position, head.Position) {
			return fmt.Errorf("%w: the account is closed, or was meanwhile", passkey.ErrRefused)
		}
		// Once, and by one of those who try at once.
		first, err := tx.Identities.Spend(ctx, secret.Hash(signInPurpose+" "+challenge), expires)
		if err == nil && !first {
			err = fmt.Errorf("%w: the challenge was used", passkey.ErrRefused)
		}
		if err != nil {
			return err
		}
		if err := s.usePasskey(ctx, tx, u, t.assertion, use, t.now); err != nil {
			return err
		}
		c, err = s.conclude(ctx, tx, u, in.SignIn, byPasskey(&t.key, use, t.begun), o)
		return err
	})
	return s.finish(c, err)
}

// usePasskey records the use of a passkey of u, whose row this transaction holds, if
// u still has it and its counter has not gone past this use meanwhile.
func (s *Service) usePasskey(ctx context.Context, tx Tx, u User, a *passkey.Assertion, use passkey.Use, now time.Time) error {
	k, err := tx.Passkeys.ByCredential(ctx, a.CredentialID())
	switch {
	case err != nil:
		return err
	case k.User != u.ID:
		return passkey.ErrNotFound
	case !k.Counted(use.SignCount):
		return passkey.ErrCopied
	}
	return tx.Passkeys.Use(ctx, k.ID, use, now)
}

// byPasskey is the proof of a passkey: something that one has, and something that one
// knows or is if the device has made sure of it (RFC 8176 §2).
func byPasskey(k *passkey.Passkey, use passkey.Use, b begun) proof {
	p := proof{AMR: []string{"hwk"}, AAL: 1, Way: string(ByPasskey), Position: b.position, At: b.now}
	if k.Synced {
		p.AMR[0] = "swk"
	}
	if use.Verified {
		p.AMR, p.AAL = append(p.AMR, "user", "mfa"), 2
	}
	return p
}

// passkeyFailed records a failure and returns the answer to it.
func (s *Service) passkeyFailed(ctx context.Context, t *passkeyTry, reason string, answer error, o Origin) error {
	e := o.Entry("user.sign_in", t.key.User, t.now)
	e.Outcome, e.Detail = audit.Failure, map[string]string{"method": string(ByPasskey), "reason": stripControls(reason)}
	if t.key.ID != "" {
		e.Detail["passkey"] = t.key.ID
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.Store.Update(ctx, func(tx Tx) error { return tx.Audit.Append(ctx, e) }); err != nil {
		return fmt.Errorf("auditing: %w", err)
	}
	return answer
}

// PasskeyFactor returns what a browser needs to use a passkey of the one whose
// sign-in the ticket stands for. Errors: [ErrTicket], [passkey.ErrNotFound] if they
// have none.
func (s *Service) PasskeyFactor(ctx context.Context, ticket string) (passkey.RequestOptions, error) {
	now := present()
	return s.ownRequest(ctx, func(tx Tx) (user, target string, err error) {
		t, u, err := s.lockTicket(ctx, tx, ticket, now)
		if err != nil {
			return "", "", err
		}
		return u.ID, t.ID, nil
	}, now)
}

// PasskeyStepUp returns what a browser needs to use a passkey of p's subject, to
// confirm the session. Errors: [ErrNoSession], [passkey.ErrNotFound].
func (s *Service) PasskeyStepUp(ctx context.Context, p *sallyport.Principal) (passkey.RequestOptions, error) {
	now := present()
	return s.ownRequest(ctx, func(tx Tx) (user, target string, err error) {
		u, _, err := s.ownSession(ctx, tx, p, now)
		return u.ID, "", err
	}, now)
}

// ownRequest asks for a passkey of the user that of finds.
func (s *Service) ownRequest(ctx context.Context, of func(Tx) (user, target string, err error), now time.Time) (o passkey.RequestOptions, err error) {
	if s.Passkeys == nil {
		return o, ErrNoPasskeys
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		user, target, err := of(tx)
		if err != nil {
			return err
		}
		all, err := tx.Passkeys.List(ctx, user)
		if err == nil && len(all) == 0 {
			err = passkey.ErrNotFound
		}
		if err != nil {
			return err
		}
		value, err := s.challenge(ctx, tx, onetime.Token{Purpose: passkeyFactor, User: user, Target: target}, now)
		o = s.Passkeys.Request(value, all)
		return err
	})
	return o, err
}

// checkPasskey looks at an answer of u, whose row this transaction holds, as a second
// factor for the sign-in that t stands for, or within a session if t is nil. ok is
// false for whatever is not right: no answer at all, a passkey of somebody else, a
// challenge of another ticket.
func (s *Service) checkPasskey(ctx context.Context, tx Tx, u User, t *onetime.Token, credential []byte, now time.Time) (p proof, ok bool, err error) {
	if s.Passkeys == nil {
		return p, false, ErrNoPasskeys
	}
	a, err := passkey.ParseAssertion(credential)
	if err != nil {
		return p, false, err
	}
	want := onetime.Token{Purpose: passkeyFactor, User: u.ID}
	if t != nil {
		want.Target = t.ID
	}
	if err = answered(ctx, tx, a.Challenge(), want, now); err == nil {
		var k passkey.Passkey
		if k, err = tx.Passkeys.ByCredential(ctx, a.CredentialID()); err == nil {
			p, err = s.verifyPasskey(ctx, tx, u, a, &k, now)
		}
	}
	if errors.Is(err, passkey.ErrRefused) || errors.Is(err, passkey.ErrNotFound) || errors.Is(err, passkey.ErrCopied) {
		s.log().InfoContext(ctx, "passkey refused as a second factor", "user", u.ID, "cause", err)
		return proof{}, false, nil
	}
	return p, err == nil, err
}

func (s *Service) verifyPasskey(ctx context.Context, tx Tx, u User, a *passkey.Assertion, k *passkey.Passkey, now time.Time) (proof, error) {
	use, err := s.Passkeys.Verify(a.Challenge(), a, k)
	if err != nil {
		return proof{}, err
	}
	return byPasskey(k, use, begun{now: now}), s.usePasskey(ctx, tx, u, a, use, now)
}

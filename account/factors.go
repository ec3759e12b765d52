package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// What may happen to a code, and to factors.
var (
	// ErrUsedCode means that a code of an authenticator app was right and was used
	// before.
	ErrUsedCode = errors.New("the code was used already")
	// ErrNoFactor means that nobody has begun to set up what is to be confirmed, or that
	// there is no such factor.
	ErrNoFactor = errors.New("there is no such factor")
	// ErrWeakSession means that a session was begun, or confirmed, without a second factor
	// that the user has.
	ErrWeakSession = errors.New("the session is too weak")
	// ErrFactorNeeded means that the account may not be without a second factor.
	ErrFactorNeeded = errors.New("the account needs a second factor")
)

// OwnFactors is what a person has set up, and could set up.
type OwnFactors struct {
	Factors   []otp.Factor // confirmed ones
	CodesLeft int          // recovery codes
	Methods   []Method     // by which they can show a second factor now
	Possible  []otp.Kind   // what can be set up here at all
	Email     string       // where codes by mail go; "" = no address is verified
	Phone     string       // where text messages go; "" = no number is verified
}

// Any reports whether there is a second factor: recovery codes only stand in for one.
func (own *OwnFactors) Any() bool { return hasFactor(own.Methods) }

// Hint is where codes of that kind go: its owner knows it, nobody else does.
func (own *OwnFactors) Hint(kind otp.Kind) string {
	switch kind {
	case otp.Email:
		return otp.HintEmail(own.Email)
	case otp.SMS:
		return otp.HintPhone(own.Phone)
	}
	return ""
}

// Factors returns what the user has set up.
func (s *Service) Factors(ctx context.Context, user string) (own OwnFactors, err error) {
	own.Possible = s.possible()
	err = s.Store.View(ctx, func(tx Tx) error {
		u, err := tx.Users.ByID(ctx, user)
		if err != nil {
			return err
		}
		own.Email, own.Phone = u.contact(otp.Email), u.contact(otp.SMS)
		if own.Methods, err = s.methods(ctx, tx, u); err != nil {
			return err
		}
		if own.Factors, err = confirmedFactors(ctx, tx, user); err != nil {
			return err
		}
		own.CodesLeft, err = tx.Recovery.Left(ctx, user)
		return err
	})
	return own, err
}

// possible are the kinds that people can set up here.
func (s *Service) possible() []otp.Kind {
	if s.FactorKinds != nil {
		return s.FactorKinds
	}
	return []otp.Kind{otp.TOTP, otp.Email, otp.SMS}
}

func (s *Service) checkKind(kind otp.Kind) error {
	if !slices.Contains(s.possible(), kind) {
		return invalid("kind", "%q is none that can be set up here", kind)
	}
	return nil
}

// methodsOfCodes returns those methods of u that are codes.
func (s *Service) methodsOfCodes(ctx context.Context, tx Tx, u User) (ms []Method, err error) {
	all, err := confirmedFactors(ctx, tx, u.ID)
	if err != nil {
		return nil, err
	}
	left, err := tx.Recovery.Left(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	has := func(kind otp.Kind) bool {
		return slices.ContainsFunc(all, func(f otp.Factor) bool { return f.Kind == kind })
	}
	for _, m := range []struct {
		method Method
		usable bool
	}{
		{ByTOTP, has(otp.TOTP)},
		{ByRecovery, left > 0},
		{ByEmail, has(otp.Email) && u.contact(otp.Email) != ""},
		{BySMS, has(otp.SMS) && u.contact(otp.SMS) != ""},
	} {
		if m.usable {
			ms = append(ms, m.method)
		}
	}
	return ms, nil
}

// hasFactor reports whether there is more among methods than recovery codes, which
// only stand in for a factor.
func hasFactor(methods []Method) bool {
	return slices.ContainsFunc(methods, func(m Method) bool { return m != ByRecovery })
}

// proofBy is what somebody has shown by one of these methods, beside something else:
// that is level 2 together, except that a code in a mail adds nothing to a link in one
// (both "otp"), which [proof.and] tells apart.
func proofBy(m Method, now time.Time) proof {
	p := proof{AMR: []string{"otp"}, AAL: 2, Way: string(m), At: now}
	switch m {
	case ByEmail:
		p.AAL = 1
	case BySMS:
		p.AMR = []string{"sms"}
	}
	return p
}

// showCode looks at a code by one of these methods, and returns what it proves.
func (s *Service) showCode(ctx context.Context, tx Tx, u User, m Method, code string, now time.Time) (p proof, ok bool, err error) {
	switch m {
	case ByTOTP:
		ok, err = s.checkTOTP(ctx, tx, u, code, now)
	case ByRecovery:
		ok, err = s.checkRecovery(ctx, tx, u, code, now)
	case ByEmail:
		ok, err = s.checkCode(ctx, tx, u, otp.Email, code, now)
	case BySMS:
		ok, err = s.checkCode(ctx, tx, u, otp.SMS, code, now)
	}
	return proofBy(m, now), ok, err
}

func confirmedFactors(ctx context.Context, tx Tx, user string) ([]otp.Factor, error) {
	all, err := tx.Factors.Of(ctx, user)
	return slices.DeleteFunc(all, func(f otp.Factor) bool { return !f.Confirmed() }), err
}

// factor returns the user's confirmed factor of that kind, or ErrNoFactor.
func factor(ctx context.Context, tx Tx, user string, kind otp.Kind) (otp.Factor, error) {
	all, err := confirmedFactors(ctx, tx, user)
	if err != nil {
		return otp.Factor{}, err
	}
	i := slices.IndexFunc(all, func(f otp.Factor) bool { return f.Kind == kind })
	if i < 0 {
		return otp.Factor{}, ErrNoFactor
	}
	return all[i], nil
}

// checkTOTP reports whether code is what the user's authenticator app shows now.
// One that was used before is ErrUsedCode.
func (s *Service) checkTOTP(ctx context.Context, tx Tx, u User, code string, now time.Time) (bool, error) {
	f, err := factor(ctx, tx, u.ID, otp.TOTP)
	if errors.Is(err, ErrNoFactor) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	k, err := s.totpKey(&f)
	if err != nil {
		return false, err
	}
	typed, err := otp.ParseCode(code, k.Digits)
	if err != nil {
		return false, err
	}
	step, ok := k.Match(typed, now, f.LastStep)
	if ok {
		ok, err = tx.Factors.Use(ctx, f.ID, step, now)
	}
	if err == nil && !ok && step != 0 {
		err = ErrUsedCode
	}
	return ok, err
}

const totpPurpose = "totp"

func (s *Service) totpKey(f *otp.Factor) (otp.Key, error) {
	uri, err := s.Sealer.Open(totpPurpose, f.ID, f.KeySealed)
	if err != nil {
		return otp.Key{}, fmt.Errorf("opening key of factor %s: %w", f.ID, err)
	}
	k, err := otp.Parse(string(uri))
	if err != nil {
		return otp.Key{}, fmt.Errorf("reading key of factor %s: %w", f.ID, err)
	}
	return k, nil
}

// newTOTP returns a factor of the user that waits for its first code.
func (s *Service) newTOTP(user string, k otp.Key, now time.Time) otp.Factor {
	id := secret.NewID("fac")
	return otp.Factor{ID: id, User: user, Kind: otp.TOTP, KeySealed: s.Sealer.Seal(totpPurpose, id, []byte(k.URI("", ""))), CreatedAt: now}
}

// checkRecovery reports whether code is one of the user's recovery codes, and uses
// it up.
func (s *Service) checkRecovery(ctx context.Context, tx Tx, u User, code string, now time.Time) (bool, error) {
	typed, err := otp.ParseRecoveryCode(code)
	if err != nil {
		return false, err
	}
	for _, key := range s.Sealer.DeriveAll(recoveryPurpose) {
		ok, err := tx.Recovery.Use(ctx, u.ID, recoveryMAC(key, u.ID, typed), now)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		left, err := tx.Recovery.Left(ctx, u.ID)
		if err != nil {
			return false, err
		}
		return true, s.notify(ctx, tx, u, outbox.RecoveryUsed, map[string]string{"left": fmt.Sprint(left)})
	}
	return false, nil
}

const recoveryPurpose = "recovery codes"

// recoveryMAC is what is kept of a recovery code: the database alone does not give
// away 50 bits. It is bound to the user.
func recoveryMAC(key []byte, user, code string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(user + "\x00" + code)) // no id holds NUL
	return h.Sum(nil)
}

// newRecoveryCodes gives the user a new set in place of the old one. Who calls it
// shows the codes; nobody can again.
func (s *Service) newRecoveryCodes(ctx context.Context, tx Tx, user string) ([]string, error) {
	codes := otp.NewRecoveryCodes()
	key := s.Sealer.Derive(recoveryPurpose)
	macs := make([][]byte, len(codes))
	for i, code := range codes {
		typed, err := otp.ParseRecoveryCode(code)
		if err != nil {
			return nil, err
		}
		macs[i] = recoveryMAC(key, user, typed)
	}
	return codes, tx.Recovery.Replace(ctx, user, macs)
}

// firstRecoveryCodes gives the user recovery codes with their first factor: nil if
// they have some.
func (s *Service) firstRecoveryCodes(ctx context.Context, tx Tx, user string) ([]string, error) {
	if left, err := tx.Recovery.Left(ctx, user); err != nil || left > 0 {
		return nil, err
	}
	return s.newRecoveryCodes(ctx, tx, user)
}

// checkCode reports whether code is the one that was sent to the user last, and
// uses it up.
func (s *Service) checkCode(ctx context.Context, tx Tx, u User, channel otp.Kind, code string, now time.Time) (bool, error) {
	typed, err := otp.ParseCode(code, otp.SentDigits)
	if err != nil {
		return false, err
	}
	f, err := factor(ctx, tx, u.ID, channel)
	if errors.Is(err, ErrNoFactor) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, ok, err := s.useSent(ctx, tx, u.ID, challenge(channel), typed, now)
	if err != nil || !ok {
		return false, err
	}
	return tx.Factors.Use(ctx, f.ID, f.LastStep+1, now)
}

// useSent uses up the newest code of that purpose, if it is this one.
func (s *Service) useSent(ctx context.Context, tx Tx, user string, p onetime.Purpose, code string, now time.Time) (t onetime.Token, ok bool, err error) {
	t, err = tx.OneTime.Newest(ctx, user, p)
	if errors.Is(err, onetime.ErrNotFound) {
		return t, false, nil
	}
	if err != nil || !t.Alive(now) || !s.codes().Match(&t, code) {
		return t, false, err
	}
	if ok, err = tx.OneTime.Consume(ctx, t.ID, now); err != nil || !ok {
		return t, false, err
	}
	return t, true, s.sends().Forgive(ctx, tx.Failures, user+" "+string(p))
}

// ssfCredential is what others call a factor of that kind.
func ssfCredential(kind otp.Kind) string {
	switch kind {
	case otp.SMS:
		return ssf.PhoneSMS
	case otp.Email:
		return ssf.Email
	}
	return ssf.App
}

// RemoveFactor removes p's factor of that kind. The recovery codes go with the last
// one. The session goes on under a new cookie, whose value is returned. Errors:
// [ErrNoFactor], [ErrFactorNeeded], [ErrNoSession].
func (s *Service) RemoveFactor(ctx context.Context, p *sallyport.Principal, kind otp.Kind, o Origin) (r Renewed, err error) {
	now := present()
	err = s.change(ctx, func(tx Tx) (pos revoke.Position, err error) {
		u, sess, err := s.strongSession(ctx, tx, p, now)
		if err != nil {
			return pos, err
		}
		f, err := factor(ctx, tx, u.ID, kind)
		if err != nil {
			return pos, err
		}
		if _, err := tx.Factors.Remove(ctx, f.ID); err != nil {
			return pos, err
		}
		if err := s.leftWith(ctx, tx, u); err != nil {
			return pos, err
		}
		if err := s.changedFactor(ctx, tx, u, "factor.remove", kind, o, now); err != nil {
			return pos, err
		}
		if r, err = renewSession(ctx, tx, sess.ID); err != nil {
			return pos, err
		}
		about := o.about(u.ID, "factor removed")
		about.Change, about.Credential = ssf.Revoke, ssfCredential(kind)
		return appendTold(ctx, tx, about, s.notice(revoke.Session, p.Session, now))
	})
	return r, err
}

// leftWith looks at what is left after a factor was removed: nothing is an error if
// the policy asks for one, and the recovery codes are removed with the last one.
func (s *Service) leftWith(ctx context.Context, tx Tx, u User) error {
	left, err := s.methods(ctx, tx, u)
	if err != nil || hasFactor(left) {
		return err
	}
	required, err := s.factorRequired(ctx, tx, u)
	if err != nil {
		return err
	}
	if required {
		return ErrFactorNeeded
	}
	return tx.Recovery.RemoveAll(ctx, u.ID)
}

// changedFactor audits a change, and tells the user.
func (s *Service) changedFactor(ctx context.Context, tx Tx, u User, action string, kind otp.Kind, o Origin, now time.Time) error {
	e := o.Entry(action, u.ID, now)
	e.Detail = map[string]string{"factor": string(kind)}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return err
	}
	told := outbox.FactorAdded
	if action == "factor.remove" {
		told = outbox.FactorRemoved
	}
	return s.notify(ctx, tx, u, told, map[string]string{"factor": string(kind)})
}

// strongSession locks the user of p's session, which must be as strong as the user's
// factors allow, or it is [ErrWeakSession]. Whatever adds, replaces or removes a way to
// sign in asks for it, since who took over a session that never saw the second factor
// (begun before there was one, or on a trusted device) must not get round that factor
// for good:
//
//   - passkeys: to begin one, add, name and remove; names are by what the owner knows
//     which one to remove
//   - connected sign-ins: to begin to connect one, connect, disconnect
//   - authenticator apps, sent codes, recovery codes
//   - the password, also with the current one in hand: it ends the other sessions
//   - the address: links to sign in and for a new password go there
//   - API keys: nobody is asked for a second factor with one
//   - the deletion of the account, which removes all of these
//
// What only takes something away does not, because who sees that somebody else is in
// their account must be quick: to sign out, end sessions, revoke API keys, forget
// devices. Names of certificates are for administrators, and not in anybody's own hand.
func (s *Service) strongSession(ctx context.Context, tx Tx, p *sallyport.Principal, now time.Time) (User, session.Session, error) {
	u, sess, err := s.ownSession(ctx, tx, p, now)
	if err != nil || sess.AAL >= 2 {
		return u, sess, err
	}
	own, err := s.methods(ctx, tx, u)
	if err == nil && len(proof{AMR: sess.AMR}.unshown(own)) > 0 {
		err = ErrWeakSession
	}
	return u, sess, err
}

// Strong reports with [ErrWeakSession] that p's session may not change how its subject
// signs in: for what is begun here and ends elsewhere. [ErrNoSession] if there is none.
func (s *Service) Strong(ctx context.Context, p *sallyport.Principal) error {
	now := present()
	return s.Store.Update(ctx, func(tx Tx) error {
		_, _, err := s.strongSession(ctx, tx, p, now)
		return err
	})
}

// NewRecoveryCodes gives p's subject a new set of recovery codes; the old ones are
// worth nothing. [ErrNoFactor] if there is no factor that they could stand in for.
func (s *Service) NewRecoveryCodes(ctx context.Context, p *sallyport.Principal, o Origin) (codes []string, r Renewed, err error) {
	now := present()
	err = s.change(ctx, func(tx Tx) (pos revoke.Position, err error) {
		u, sess, err := s.strongSession(ctx, tx, p, now)
		if err != nil {
			return pos, err
		}
		own, err := s.methods(ctx, tx, u)
		if err != nil {
			return pos, err
		}
		if !hasFactor(own) {
			return pos, ErrNoFactor
		}
		if codes, err = s.newRecoveryCodes(ctx, tx, u.ID); err != nil {
			return pos, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("recovery_codes.make", u.ID, now)); err != nil {
			return pos, err
		}
		if err := s.notify(ctx, tx, u, outbox.RecoveryMade, nil); err != nil {
			return pos, err
		}
		if r, err = renewSession(ctx, tx, sess.ID); err != nil {
			return pos, err
		}
		about := o.about(u.ID, "recovery codes made")
		about.Change, about.Credential = ssf.Update, ssf.RecoveryCodes
		return appendTold(ctx, tx, about, s.notice(revoke.Session, p.Session, now))
	})
	if err != nil {
		return nil, Renewed{}, err
	}
	return codes, r, nil
}

// ResetFactors removes everything that a user could show beside a password, on an
// administrator's behalf, for somebody who has lost it. It ends all of the user's
// sessions and tokens, since nobody knows who has it now; API keys stay.
func (s *Service) ResetFactors(ctx context.Context, user string, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := tx.Users.Lock(ctx, user)
		if err != nil {
			return p, err
		}
		dead, err := s.kill(ctx, tx, user, "factors reset", now)
		if err != nil {
			return p, err
		}
		if err := removeFactors(ctx, tx, user); err != nil {
			return p, err
		}
		// Passkeys are a factor of who has a password, and of who has none the way in.
		if phc, err := tx.Credentials.Password(ctx, user); err != nil {
			return p, err
		} else if phc != "" {
			if err := tx.Passkeys.RemoveAll(ctx, user); err != nil {
				return p, err
			}
		}
		if err := tx.OneTime.EndAll(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Audit.Append(ctx, o.Entry("factors.reset", user, now)); err != nil {
			return p, err
		}
		if err := s.notify(ctx, tx, u, outbox.FactorsReset, nil); err != nil {
			return p, err
		}
		about := o.about(user, "factors reset")
		about.Change, about.Credential = ssf.Revoke, ssf.App
		return appendKills(ctx, tx, user, about, dead, s.notice(revoke.Subject, user, now))
	})
}

// removeFactors removes what the user could show as a second factor.
func removeFactors(ctx context.Context, tx Tx, user string) error {
	if _, err := tx.Factors.RemoveAll(ctx, user); err != nil {
		return err
	}
	return tx.Recovery.RemoveAll(ctx, user)
}
